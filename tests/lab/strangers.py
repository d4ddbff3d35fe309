#!/usr/bin/python3
"""Tests of `idleprobe respond`, what it lets strangers do: the real program over the loopback interface of a network
namespace of its own. strangers.py NAME runs one of the functions below in the namespace that it finds itself in."""
import random
import re
import resource
import socket
import subprocess
import sys
import time

from far import *

MALFORMED = [
    b"\n", b"\0\n", b"\r\n", b" \n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
    b"SSH-2.0-x\r\n", b"PING\n", b"ADOPT " + b"0" * 32 + b"\n", b"CONTROL\n", b"CONTROL 1\n", b"CONTROL 1 -\r\n",
    b"CONTROL 1 " + b"a" * 63 + b"\n", b"CONTROL 1 " + b"A" * 64 + b"\n", b"CONTROL -1 -\n", b"CONTROL 1 - \n", b"control 1 -\n",
    b"CONTROL 99999999999999999999 -\n", b"CONTROL 1 -\0\n", b"CONTROL\t1 -\n", b"x" * 255 + b"\n", b"x" * 256, b"x" * 257,
    b"CONTROL 2 " + b"x" * 246, b"\xff" * 300, b"IDLEPROBE/1 x\n",
]
MALFORMED_COMMANDS = [
    b"", b"\0", b"PING\r", b"PING ", b"ping", b"ADOPT", b"ADOPT x", b"KEEPALIVE -", b"BYTE " + b"0" * 31, b"CLOSE " + b"0" * 33,
    b"CONTROL 1 -", b"CONTROL 2 -", b"OK 1", b"x" * 255, b"\xff\xfe", b"%s%n%n%n",
]


def malformed():
    """Closed without a word, or answered where it is a control channel; then all goes on, and nothing is left open."""
    responder = Responder()
    before = responder.descriptors()
    for octets in MALFORMED:
        stranger = Connection()
        stranger.say(octets)
        assert stranger.over(), octets
        stranger.close()
    channel = control()
    for octets in MALFORMED_COMMANDS:
        channel.say(octets + b"\n")
        assert re.fullmatch(r"ERROR - bad_command \d+", channel.hear()), octets
    assert channel.ask("PING").startswith("PONG")
    channel.say(b"x" * 256)
    assert channel.over()
    until(lambda: responder.descriptors() == before, what="the closing of all descriptors")
    responder.stop()


def random_input():
    """Seeded; and the descriptors are given back."""
    source = random.Random(7440)
    responder = Responder("--commands", "100000")
    before = responder.descriptors()
    for _ in range(300):
        stranger = Connection()
        try:
            stranger.say(source.randbytes(source.randrange(257, 3000)))
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert stranger.over()
        stranger.close()
    words = [b"PING", b"ADOPT", b"CLOSE", b"REPORT", b"KEEPALIVE", b"BYTE", b"CONTROL", b"0" * 32, b" ", b" ", b"-", b"1", b"\n", b"\n"]
    for _ in range(100):
        channel = control()
        channel.say(b"".join(source.choice(words) for _ in range(1000)) + b"\n" + b"x" * 257)
        while (line := channel.hear()) not in ("", "reset"):
            assert re.fullmatch(r"PONG \d+|ERROR (-|0{32}) (bad_command|unknown_id) \d+", line), line
        channel.close()
    until(lambda: responder.descriptors() == before, what="the closing of all descriptors")
    responder.stop()


def random_doings():
    """Near sides that do everything in any order, with all bounds tight: nothing falls over, and nothing is left."""
    source = random.Random(5382)
    responder = Responder("--per-address", "40", "--remember", "9", "--lifetime", "2s", "--orphaned", "1s", "--commands", "900")
    before = responder.descriptors()
    channels, tests, ids, answers = [], [], ["0" * 32] * 40, 0
    words = ["ADOPT"] * 5 + ["REPORT", "KEEPALIVE", "KEEPALIVE", "BYTE", "BYTE", "BYTE", "CLOSE"]
    end = time.monotonic() + 8
    while time.monotonic() < end:
        many = source.choice((channels, tests))
        doing = source.randrange(1000)
        try:
            if doing < 100:
                many.append(Connection())
                if many is channels:
                    many[-1].say("CONTROL 1 -")
                ids[source.randrange(len(ids))] = many[-1].id
            elif many and doing < 150:
                connection = many.pop(source.randrange(len(many)))
                (Connection.close if doing < 125 else Connection.reset)(connection)
            elif tests and doing < 160:
                source.choice(tests).say(source.randbytes(20))
            elif channels and doing < 170:
                source.choice(channels).socket.shutdown(socket.SHUT_WR)
            elif channels:
                channel = source.choice(channels)
                channel.say("\n".join(f"{source.choice(words)} {source.choice(ids)}" for _ in range(source.randrange(1, 8))))
                answers += len(channel.socket.recv(65536).splitlines()) if doing < 800 else 0
        except (OSError, ValueError):  # one too many, or its time has come
            many = channels if many is channels or doing >= 160 else tests
            if many:
                many.pop(source.randrange(len(many))).close()
    print(f"{answers} answers read")
    assert answers > 2000
    for connection in channels + tests:
        connection.close()
    until(lambda: responder.descriptors() == before, what="the closing of all descriptors")
    control().close()
    responder.stop()


def slow():
    """Octet by octet is fine; a first line that is never finished is not."""
    responder = Responder()
    dawdler = Connection()
    dawdler.say(b"CONTROL")
    channel, test = Connection(), Connection()
    for octet in f"CONTROL 1 -\nADOPT {test.id}\nPING\n".encode():
        channel.say(bytes([octet]))
        time.sleep(0.02)
    assert channel.hear().startswith("OK")
    assert state(channel.hear())[0] == test.id and channel.hear().startswith("PONG")
    begun = time.monotonic()
    assert dawdler.over(15) and 5 < time.monotonic() - begun < 11
    assert channel.ask("PING").startswith("PONG")
    responder.stop()


def huge():
    """Much input, and answers that nobody reads, are bounded."""
    responder = Responder("--commands", "100000")
    before = responder.resident()
    for octets in b"x" * (8 << 20), b"PING\n" * (1 << 20):
        stranger = Connection()
        try:
            stranger.say(octets)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert stranger.over()
    deaf = control(receive_buffer=1)
    deaf.socket.settimeout(10)
    try:
        while True:
            deaf.say(b"PING\n" * 4096)
    except (ConnectionResetError, BrokenPipeError):
        pass
    assert "it does not read its answers" in responder.log()
    print(f"grown by {responder.resident() - before} KiB")
    assert SANITIZED or responder.resident() - before < 1024
    responder.stop()


def held():
    """5,000 idle connections."""
    count = 5000
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    responder = Responder("--per-address", "6000")
    before = responder.descriptors()
    connections = [Connection() for _ in range(count)]
    channel = control(source="127.0.0.9")
    begun = responder.cpu()
    time.sleep(5)
    used = responder.cpu() - begun
    print(f"{count} connections: {responder.resident()} KiB, {used:.2f} s of CPU in 5 s, {begun:.2f} s to accept them")
    assert responder.descriptors() == before + count + 1
    assert SANITIZED or responder.resident() <= 40 * 1024
    assert used <= 0.05
    for test in connections[0], connections[-1]:
        assert channel.ask(f"KEEPALIVE {test.id}").startswith("SENT")
        assert test.silent(0.1)
    for connection in connections:
        connection.close()
    channel.close()
    until(lambda: responder.descriptors() == before, 20, "the closing of all descriptors")
    responder.stop()


FLOOD = """
import resource, select, socket
most = 512
resource.setrlimit(resource.RLIMIT_NOFILE, (most + 100,) * 2)
held = []
for i in range(20000):
    s = socket.socket()
    s.bind(("127.0.0.2", 0))
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", 7440))
    held.append(s)
    if len(held) > most:
        oldest = held.pop(0)
        select.select([], [oldest], [], 2)  # until it is open, or refused
        oldest.close()
"""


def flood():
    """20,000 connections from one address; another is served meanwhile."""
    responder = Responder()
    before = responder.descriptors()
    # Its own work is another host's: it must not take the processor from the responder.
    flood = subprocess.Popen(["nice", "-n", "19", sys.executable, "-c", FLOOD])
    channel, banners, pings, tests = control(), [], [], []
    begun = time.monotonic()
    while flood.poll() is None:
        at = time.monotonic()
        tests.append(Connection())
        banners.append(time.monotonic() - at)
        at = time.monotonic()
        assert channel.ask(f"ADOPT {tests[-1].id}").startswith("STATE")
        pings.append(time.monotonic() - at)
        if len(tests) > 100:
            tests.pop(0).close()
            assert channel.hear().startswith("STATE")
        time.sleep(0.02)
    print(f"flood of {time.monotonic() - begun:.1f} s; meanwhile {len(banners)} banners within {max(banners) * 1000:.0f} ms, "
          f"commands within {max(pings) * 1000:.0f} ms, {responder.cpu():.2f} s of CPU, {responder.resident()} KiB")
    with open("/proc/net/snmp") as file:
        names, values = [line.split() for line in file if line.startswith("Tcp:")]
    assert int(values[names.index("PassiveOpens")]) > 20000
    assert flood.returncode == 0 and len(banners) > 5
    assert max(banners) < 1 and max(pings) < 0.5
    assert re.search(r"a connection from 127\.0\.0\.2:\d+ was refused: its address holds as many", responder.log())
    assert len(responder.log().splitlines()) < 20
    channel.say("PING")
    assert channel.hear().startswith("PONG")
    until(lambda: responder.descriptors() == before + 1 + len(tests), what="the closing of all descriptors")
    responder.stop()


def bounds():
    """Connections per address, where an IPv6 /64 is one, and in all."""
    addresses = "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"
    for address in addresses:
        subprocess.run(["ip", "address", "add", f"{address}/64", "dev", "lo", "nodad"], check=True)
    until(lambda: all(subprocess.run(["ip", "route", "get", to, "from", to], capture_output=True).returncode == 0
                      for to in addresses), what="the routing of IPv6 addresses")
    responder = Responder("--per-address", "3", "--connections", "8")
    before = responder.descriptors()

    def refused(**where):
        try:
            Connection(**where)
        except (ConnectionResetError, ValueError):
            return True
        return False

    six = [Connection(host="2001:db8::1", source=f"2001:db8::{i}") for i in (1, 2, 1)]
    assert six[0].address == "2001:db8::1" and six[1].address == "2001:db8::2"
    assert refused(host="2001:db8::1", source="2001:db8::2")
    other = [Connection(host="2001:db8::1", source="2001:db8:0:1::1") for _ in range(2)]
    four = [Connection() for _ in range(3)]
    assert four[0].address == "127.0.0.1" and four[0].port == four[0].socket.getsockname()[1]
    assert refused(source="127.0.0.1")
    assert refused(source="127.0.0.5") and refused(host="2001:db8::1", source="2001:db8:0:1::1")
    six[0].close()
    until(lambda: responder.descriptors() == before + 7)
    Connection(source="127.0.0.5").close()
    for connection in six + other + four:
        connection.close()
    until(lambda: responder.descriptors() == before, what="the closing of all descriptors")
    until(lambda: "3 more connections were refused in the last 10 s" in responder.log(), 12, "the word about the refused")
    assert responder.log().count("refused") == 2
    responder.stop()


def channels():
    """Control channels of one address are bounded, and one that ends makes room."""
    responder = Responder()
    many = [control() for _ in range(32)]
    refused = Connection()
    assert refused.ask("CONTROL 1 -").startswith("ERROR - too_many ") and refused.over()
    assert "refused, there are 32 control channels, 32 of them of its address" in responder.log()
    other = control(source="127.0.0.9")
    many.pop().close()
    assert other.ask("PING").startswith("PONG")  # so the responder has seen that one end
    control()
    assert all(channel.ask("PING").startswith("PONG") for channel in many)
    responder.stop()


def late():
    """Who reads its answers late gets all of them."""
    responder = Responder("--commands", "100000")
    channel = control(receive_buffer=1)
    channel.say(b"PING\n" * 6500)
    time.sleep(0.5)
    answers = [channel.hear() for _ in range(6500)]
    assert all(answer.startswith("PONG") for answer in answers) and channel.ask("PING").startswith("PONG")
    responder.stop()


def rate():
    """Over its rate a channel is told so, and slowed down."""
    responder = Responder("--commands", "50")
    channel, other = control(), control()
    channel.say(b"PING\n" * 700)
    assert all(channel.hear().startswith("PONG") for _ in range(500))  # ten seconds' worth at once
    begun = time.monotonic()
    answers = [channel.hear() for _ in range(150)]
    seconds = time.monotonic() - begun
    served = sum(answer.startswith("PONG") for answer in answers)
    print(f"then {served} served and {len(answers) - served} refused in {seconds:.1f} s")
    assert all(re.fullmatch(r"PONG \d+|ERROR - too_many \d+", answer) for answer in answers)
    assert served < 150 and served / seconds < 60
    at = time.monotonic()
    assert other.ask("PING").startswith("PONG") and time.monotonic() < at + 0.2
    responder.stop()


def no_descriptors():
    """Where they run out it rests, keeps serving what it has, and comes back."""
    responder = Responder()
    limit = responder.descriptors() + 3
    channel = control()
    subprocess.run(["prlimit", "--pid", str(responder.process.pid), f"--nofile={limit}:20000"], check=True)
    tests = [Connection() for _ in range(2)]
    waiting = socket.create_connection(("127.0.0.1", PORT))
    begun = responder.cpu()
    for _ in range(20):
        assert channel.ask("PING").startswith("PONG")
        time.sleep(0.1)
    used = responder.cpu() - begun
    print(f"{used:.2f} s of CPU in 2 s")
    assert used < 0.2 and "no connection can be accepted for a second: Too many open files" in responder.log()
    tests[0].close()
    waiting.settimeout(3)
    assert waiting.recv(100).startswith(b"IDLEPROBE/1 ")
    responder.stop()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
