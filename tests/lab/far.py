"""For the tests of `idleprobe respond`: the program itself, and the connections of a near side to it."""
import hashlib
import hmac
import os
import re
import signal
import socket
import struct
import subprocess
import time

IDLEPROBE = os.environ["IDLEPROBE"]
SANITIZED = "asan" in IDLEPROBE
PORT = 7440


def mac(token, nonce, connection):
    key = hashlib.blake2b(token.encode(), digest_size=32).digest()
    return hmac.new(key, f"{nonce} {connection}".encode(), hashlib.sha256).hexdigest()


def until(condition, seconds=5, what="it"):
    """Waits for the condition; what it returned."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)
    return result


class Responder:
    """`idleprobe respond` with these options, in this network namespace."""

    def __init__(self, *options, env=None):
        self.log_file = open(f"respond.{time.monotonic_ns()}.log", "w+")
        self.options, self.env = options, {**os.environ, **(env or {})}
        self.start()

    def start(self):
        before = len(self.log())
        self.process = subprocess.Popen([IDLEPROBE, "respond", *self.options], stderr=self.log_file, env=self.env)
        until(lambda: "[::]" in self.log()[before:] or self.process.poll() is not None, what="listening")
        assert self.process.poll() is None, self.log()

    def log(self):
        with open(self.log_file.name) as file:
            return file.read()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident(self):
        """KiB"""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def cpu(self):
        """seconds"""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, number=signal.SIGTERM):
        """Ends it; it ends cleanly, and the sanitizers have nothing to say."""
        self.process.send_signal(number)
        assert self.process.wait(10) == 0, (self.process.returncode, self.log())
        assert "Sanitizer" not in self.log() and "runtime error" not in self.log(), self.log()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Connection:
    """One connection, with its banner read."""

    def __init__(self, host="127.0.0.1", source=None, receive_buffer=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(5)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, PORT))
        self.lines = b""
        self.banner = self.hear()
        _, self.id, self.address, port, self.nonce = self.banner.split()
        self.port = int(port)

    def hear(self, seconds=5):
        """The next line; "" where the other end has closed, and "reset" where it has reset."""
        self.socket.settimeout(seconds)
        while b"\n" not in self.lines:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return "reset"
            if not more:
                assert not self.lines, self.lines
                return ""
            self.lines += more
        line, self.lines = self.lines.split(b"\n", 1)
        return line.decode()

    def silent(self, seconds):
        """Nothing comes for so long."""
        self.socket.settimeout(seconds)
        try:
            more = self.socket.recv(65536)
        except TimeoutError:
            return not self.lines
        raise AssertionError(f"not silent: {more}")

    def say(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode() + b"\n")

    def ask(self, text, seconds=5):
        self.say(text)
        return self.hear(seconds)

    def over(self, seconds=5):
        """The other end ends it, and has said nothing since the banner."""
        return self.hear(seconds) in ("", "reset")

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def control(token=None, **where):
    """A control channel."""
    channel = Connection(**where)
    answer = channel.ask(f"CONTROL 1 {mac(token, channel.nonce, channel.id) if token else '-'}")
    assert re.fullmatch(r"OK \d+", answer), answer
    return channel


def state(answer):
    """STATE's (id, state); the rest are numbers."""
    word, connection, how, segments, clock = answer.split()
    assert word == "STATE" and segments.isdigit() and clock.isdigit(), answer
    return connection, how


def clock(answer):
    return int(answer.split()[-1]) / 1000


class Segment:
    def __init__(self, packet, at):
        header = (packet[0] & 15) * 4
        self.source, self.destination, self.seq, _, offset, self.flags = struct.unpack_from("!HHIIBB", packet, header)
        self.length = struct.unpack_from("!H", packet, 2)[0] - header - (offset >> 4) * 4
        self.at = at  # seconds


class Capture:
    """TCP over IPv4 on the loopback interface."""

    TIMESTAMP = 35  # SO_TIMESTAMPNS

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind(("lo", 0x0800))
        self.socket.setsockopt(socket.SOL_SOCKET, self.TIMESTAMP, 1)
        self.socket.setblocking(False)

    def segments(self, connection):
        """What the responder has sent on it since the last call."""
        found = []
        while True:
            try:
                frame, extra, _, address = self.socket.recvmsg(65536, 256)
            except BlockingIOError:
                return found
            at = struct.unpack("qq", extra[0][2])
            # On the loopback each is seen twice.
            if address[2] == socket.PACKET_OUTGOING or frame[14 + 9] != socket.IPPROTO_TCP:
                continue
            segment = Segment(frame[14:], at[0] + at[1] * 1e-9)
            if (segment.source, segment.destination) == (PORT, connection.port):
                found.append(segment)


def nft(rules):
    subprocess.run(["nft", rules], check=True)


def unanswered():
    """From now on nothing that test connections say reaches the responder; control channels come from 127.0.0.9."""
    nft(f"add table ip t; add chain ip t i {{ type filter hook input priority 0; }}; "
        f"add rule ip t i tcp dport {PORT} ip saddr != 127.0.0.9 drop")


def answered():
    nft("delete table ip t")
