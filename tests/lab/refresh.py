#!/usr/bin/python3
"""Opens three connections to ADDRESS:PORT: one is left alone, one sends a zero-length keepalive each second, one an octet
of payload. After SECONDS an octet is sent on each; a line "quiet|keepalive|payload alive|silent" each tells whether
it was acknowledged.
"""
import fcntl
import socket
import struct
import sys
import termios
import time

REPLY_TIME = 0.4


def connect(target):
    host, port = target.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=3)


def unacknowledged(sock):
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def main():
    target, seconds = sys.argv[1], float(sys.argv[2])
    connections = {name: connect(target) for name in ("quiet", "keepalive", "payload")}
    end = time.monotonic() + seconds
    for option in socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL:
        connections["keepalive"].setsockopt(socket.IPPROTO_TCP, option, 1)
    connections["keepalive"].setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    while time.monotonic() < end - 1:
        time.sleep(1)
        connections["payload"].send(b"x")
    time.sleep(max(0, end - time.monotonic()))
    for sock in connections.values():
        sock.send(b"x")
    time.sleep(REPLY_TIME)
    for name, sock in connections.items():
        print(name, "silent" if unacknowledged(sock) else "alive")


main()
