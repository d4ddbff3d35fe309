#!/usr/bin/python3
"""Finds the idle timeout of the path to ADDRESS:PORT as simple scripts do: a new TCP connection for each
trial, idle times doubled until one does not survive, then halved between, to 1 % or 1 s. One keepalive to a
trial, waited for 2 s. Prints a JSON object.

The kernel sends the keepalive at once when TCP_KEEPIDLE is set below the time that the connection has been
idle (net/ipv4/tcp.c, tcp_sock_set_keepidle_locked); tcpi_last_ack_recv tells whether it was answered.
"""
import json
import socket
import struct
import sys
import time

SHORTEST, LONGEST = 1, 7500
FAR = 30000  # seconds: later than any trial ends
REPLY_WAIT = 2
MSEC_SINCE_ACK = 56  # offset of tcpi_last_ack_recv in struct tcp_info


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def answered_after(sock, sent):
    """Was an ACK received since? To 10 ms; none is before, for the connection was idle."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, MSEC_SINCE_ACK)[0] / 1000 < now() - sent + 0.01


def trial(address, idle):
    """Returns how long the connection was idle when probed, and whether it answered."""
    with socket.create_connection(address, timeout=6) as sock:
        opened = now()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, FAR)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        time.sleep(idle)
        sent = now()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        time.sleep(0.02)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, FAR)
        while not (alive := answered_after(sock, sent)) and now() < sent + REPLY_WAIT:
            time.sleep(0.02)
        # What has expired is not to be closed by FIN again and again.
        if not alive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return sent - opened, alive


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    address = host.strip("[]"), int(port)
    survived, expired, trials, idle = 0.0, None, 0, SHORTEST
    # 10 ms for what the kernel's timers add.
    while survived < LONGEST and (expired is None or expired - survived > max(0.01 * survived, 1) + 0.01):
        tried, alive = trial(address, idle)
        trials += 1
        if alive:
            survived = tried
        else:
            expired = tried
        idle = min(2 * idle, LONGEST) if expired is None else round(survived + expired) / 2
    print(json.dumps({"survived_s": survived, "expired_s": expired, "connections": trials, "probes": trials}))


main()
