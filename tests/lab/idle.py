#!/usr/bin/python3
"""Leaves one connection to ADDRESS:PORT idle for each of the times given (seconds), then sends a zero-length keepalive
on it and tells what came of it: a line "TIME alive|silent|ended|ERROR" each, ERROR being an errno's name.

"ended" is a connection closed by FIN; "(early)" is added to what ended before its keepalive was sent.

The kernel sends the keepalive at once when TCP_KEEPIDLE is set below the time that the connection has been idle
(net/ipv4/tcp.c, tcp_sock_set_keepidle_locked); so no privileges are needed.
"""
import errno
import heapq
import select
import socket
import struct
import sys
import time

FAR = 30000  # seconds: later than any test ends
REPLY_TIME = 0.4
IP_RECVERR, IPV6_RECVERR = 11, 25
MSEC_SINCE_ACK = 56  # offset of tcpi_last_ack_recv in struct tcp_info


def connect(target):
    host, port = target.rsplit(":", 1)
    sock = socket.create_connection((host.strip("[]"), int(port)), timeout=3)
    opened = time.monotonic()
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, FAR)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setblocking(False)
    return sock, opened


def ending(sock):
    """What ended the connection, or None."""
    if not select.select([sock], [], [], 0)[0]:
        return None
    try:
        return "ended" if sock.recv(1) == b"" else None
    except OSError as error:
        return errno.errorcode[error.errno]


def since_ack(sock):
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, MSEC_SINCE_ACK)[0] / 1000


def tell(line):
    print(line + "\n", end="", flush=True)  # in one write, as others may write to the same file


def main():
    target, times = sys.argv[1], [float(word) for word in sys.argv[2:]]
    steps, held = [], []  # held: none is closed before the last has been judged
    for idle in times:
        sock, opened = connect(target)
        held.append(sock)
        heapq.heappush(steps, (opened + idle, idle, sock.fileno(), sock, None))
    while steps:
        when, idle, _, sock, sent = heapq.heappop(steps)
        time.sleep(max(0, when - time.monotonic()))
        fate = ending(sock)
        if sent:
            answered = since_ack(sock) < time.monotonic() - sent + 0.1
            tell(f"{idle:g} {fate or ('alive' if answered else 'silent')}")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, FAR)
        elif fate:
            tell(f"{idle:g} {fate} (early)")
        else:
            sent = time.monotonic()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
            heapq.heappush(steps, (sent + REPLY_TIME, idle, sock.fileno(), sock, sent))


main()
