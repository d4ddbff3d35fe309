#!/usr/bin/python3
"""An ordinary client and its server, which follow the advice or do not.

advice.py serve PORT               sends back what it is sent, over IPv4
advice.py idle TARGET SECONDS KIND...
    opens a connection of each kind to ADDRESS:PORT, leaves it alone for so long, and then sends it a word: a line
    "KIND alive" where the word comes back within 3 seconds, "KIND dead" where it does not. A KIND is
        defaults       SO_KEEPALIVE, with the host's times
        pasted:FILE    what FILE says, which is Python that sets options of a socket named sock
        every:SECONDS  an octet is sent so often
        nothing        neither
"""
import selectors
import socket
import sys
import time

ANSWER_TIME = 3


def serve(port):
    listener = socket.create_server(("", port), backlog=256)
    connections = selectors.DefaultSelector()
    connections.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in connections.select():
            if key.fileobj is listener:
                connections.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(100)
                key.fileobj.sendall(data)
            except OSError:
                data = b""
            if not data:
                connections.unregister(key.fileobj)
                key.fileobj.close()


def connect(target, kind):
    host, port = target.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), timeout=ANSWER_TIME)
    name, _, argument = kind.partition(":")
    if name == "defaults":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    elif name == "pasted":
        with open(argument) as file:
            exec(file.read(), {"sock": sock, "socket": socket})
    return sock, float(argument) if name == "every" else None


def beat(sock):
    """Sends an octet, and takes what has come back; False where the connection has ended."""
    try:
        sock.sendall(b"x")
        return sock.recv(100) != b""
    except OSError:
        return False


def alive(sock):
    try:
        sock.sendall(b"word\n")
        answer = b""
        while not answer.endswith(b"word\n"):
            data = sock.recv(100)
            if not data:
                return False
            answer += data
        return True
    except OSError:
        return False


def idle(target, seconds, kinds):
    connections = {kind: connect(target, kind) for kind in kinds}
    begun = time.monotonic()
    beats = {kind: begun + period for kind, (_, period) in connections.items() if period}
    while time.monotonic() < begun + seconds:
        for kind, at in list(beats.items()):
            if at > time.monotonic():
                continue
            sock, period = connections[kind]
            beats[kind] = at + period
            if not beat(sock):
                del beats[kind]
        time.sleep(0.05)
    for kind, (sock, _) in connections.items():
        print(kind.partition(":")[0], "alive" if alive(sock) else "dead")


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    idle(sys.argv[2], float(sys.argv[3]), sys.argv[4:])
