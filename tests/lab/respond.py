#!/usr/bin/python3
"""Tests of `idleprobe respond`, what it does for a near side: the real program over the loopback interface of a network
namespace of its own. respond.py NAME runs one of the functions below in the namespace that it finds itself in."""
import os
import re
import signal
import socket
import subprocess
import sys
import time

from far import *

ACK = 0x10


def keepalive_exactly_one():
    """Each KEEPALIVE sends one zero-length segment just below SND.NXT, answered or not, and nothing else ever leaves."""
    responder, capture = Responder(), Capture()
    channel, test = control(source="127.0.0.9"), Connection()
    channel.ask(f"ADOPT {test.id}")
    time.sleep(0.2)
    following = max(segment.seq + segment.length for segment in capture.segments(test))

    def keepalive():
        answer = channel.ask(f"KEEPALIVE {test.id}")
        assert answer.startswith(f"SENT {test.id} "), answer
        time.sleep(0.1)
        sent = capture.segments(test)
        assert [(s.seq, s.length, s.flags) for s in sent] == [(following - 1, 0, ACK)], [vars(s) for s in sent]
        return sent[0].at - clock(answer)

    offsets = [keepalive()]  # the kernel waits until a second has passed since the banner's ACK
    for pause in 1, 1.5:
        time.sleep(pause)
        offsets.append(keepalive())
    time.sleep(1)
    unanswered()
    offsets += [keepalive() for _ in range(5)]
    answered()
    offsets.append(keepalive())
    assert state(channel.ask(f"REPORT {test.id}")) == (test.id, "open")
    time.sleep(2.5)
    assert capture.segments(test) == []
    # The clock of SENT runs with the capture's: it is read at most two looks after the segment left.
    print(f"SENT's clock is up to {(max(offsets) - min(offsets)) * 1000:.1f} ms late")
    assert max(offsets) - min(offsets) < 0.2  # on a busy machine; were it of when it was asked for, it would be a second
    responder.stop()


def keepalive_refused():
    """What cannot leave within two seconds does not leave later either."""
    responder, capture = Responder(), Capture()
    channel, test = control(source="127.0.0.9"), Connection()
    channel.ask(f"ADOPT {test.id}")
    capture.segments(test)
    unanswered()
    assert channel.ask(f"BYTE {test.id}").startswith("SENT")
    begun = time.monotonic()
    channel.say(f"KEEPALIVE {test.id}")
    assert channel.ask(f"KEEPALIVE {test.id}").startswith(f"ERROR {test.id} not_sent")
    assert time.monotonic() < begun + 0.5  # one is under way
    assert channel.hear().startswith(f"ERROR {test.id} not_sent")
    assert 1.8 < time.monotonic() - begun < 2.8
    # The asker goes away in the middle.
    channel.say(f"KEEPALIVE {test.id}")
    channel.close()
    time.sleep(2.5)
    answered()
    time.sleep(2)
    assert not [s for s in capture.segments(test) if s.length == 0]
    # The other end goes away in the middle.
    channel, other = control(), Connection()
    channel.say(f"KEEPALIVE {other.id}\nADOPT {other.id}")
    assert state(channel.hear()) == (other.id, "open")
    other.reset()
    assert channel.hear().startswith(f"ERROR {other.id} not_sent")
    assert state(channel.hear()) == (other.id, "reset")
    responder.stop()


def byte():
    """One octet; and no more than one of them waits to be sent."""
    responder, capture = Responder("--commands", "100000"), Capture()
    channel, test, mute, deaf = control(source="127.0.0.9"), Connection(), Connection(), Connection(receive_buffer=1)
    time.sleep(0.1)
    capture.segments(test)
    assert channel.ask(f"BYTE {test.id}").startswith(f"SENT {test.id} ")
    assert test.socket.recv(100) == b"\n"
    assert sum(s.length for s in capture.segments(test)) == 1
    answers = []
    while not answers or answers[-1].startswith("SENT"):
        answers.append(channel.ask(f"BYTE {deaf.id}"))
        assert len(answers) < 100000
    print(f"{len(answers) - 1} octets for an end that does not read")
    assert "not_sent" in answers[-1]
    assert state(channel.ask(f"CLOSE {deaf.id}"))[1] == "closed"
    assert deaf.socket.recv(1 << 20) and deaf.hear() == "reset"  # it would have lingered

    unanswered()
    seconds = []
    while len(seconds) < 3:
        begun = time.monotonic()
        if "not_sent" in channel.ask(f"BYTE {mute.id}"):
            seconds.append(time.monotonic() - begun)
    assert 1.8 < seconds[0] < 2.5 and max(seconds[1:]) < 0.5, seconds
    responder.stop()


def ends():
    """The end of an adopted connection is told at once; a new control channel learns what happened in between."""
    subprocess.run(["sysctl", "-qw", "net.ipv4.tcp_retries2=2"], check=True)
    responder = Responder()
    channel = control(source="127.0.0.9")
    tests = {how: Connection() for how in ("fin", "reset", "timed_out", "closed", "later", "stranger")}
    ids = {how: test.id for how, test in tests.items()}
    for how in ("fin", "reset", "timed_out", "closed", "later"):
        assert state(channel.ask(f"ADOPT {ids[how]}")) == (ids[how], "open")
    for how, end in ("fin", Connection.close), ("reset", Connection.reset):
        now = clock(channel.ask("PING"))
        end(tests[how])
        answer = channel.hear()
        assert state(answer) == (ids[how], how) and clock(answer) - now < 0.2, answer
    assert state(channel.ask(f"CLOSE {ids['closed']}")) == (ids["closed"], "closed")
    assert tests["closed"].hear() == ""  # in order
    first = channel.ask(f"CLOSE {ids['closed']}")
    assert first == channel.ask(f"CLOSE {ids['closed']}") and state(first)[1] == "closed"
    for command in "KEEPALIVE", "BYTE":
        assert channel.ask(f"{command} {ids['closed']}").startswith(f"ERROR {ids['closed']} not_sent")
    unanswered()
    channel.say(f"BYTE {ids['timed_out']}")
    assert channel.hear().startswith("SENT")
    answer = channel.hear(10)
    assert state(answer) == (ids["timed_out"], "timed_out")
    answered()

    channel.reset()
    tests["later"].close()
    tests["stranger"].close()
    time.sleep(0.3)
    channel = control()
    for how in "fin", "reset", "timed_out", "closed":
        assert state(channel.ask(f"ADOPT {ids[how]}")) == (ids[how], how)
    assert channel.ask(f"REPORT {ids['timed_out']}") == answer
    assert state(channel.ask(f"ADOPT {ids['later']}")) == (ids["later"], "fin")
    assert channel.ask(f"ADOPT {ids['stranger']}").startswith(f"ERROR {ids['stranger']} unknown_id")
    responder.stop()


def adoption():
    """The one that adopted last is told; control channels cannot be commanded; who speaks late is closed."""
    responder = Responder()
    first, second, test, quiet = control(), control(), Connection(), Connection()
    for channel in first, second:
        assert state(channel.ask(f"ADOPT {test.id}")) == (test.id, "open")
    test.close()
    assert state(second.hear()) == (test.id, "fin")
    assert first.silent(0.3)
    for command in "ADOPT", "REPORT", "KEEPALIVE", "BYTE", "CLOSE":
        for channel in first, second:
            assert first.ask(f"{command} {channel.id}").startswith(f"ERROR {channel.id} unknown_id"), command
    first.ask(f"ADOPT {quiet.id}")
    quiet.say("CONTROL 1 -")
    assert state(first.hear()) == (quiet.id, "closed") and quiet.over()
    half = Connection()
    half.say(b"CONTR")
    time.sleep(0.1)
    assert "unknown_id" in first.ask(f"ADOPT {half.id}")
    half.say("OL 1 -")
    assert half.hear().startswith("OK")
    responder.stop()


def lifetime():
    """Everything ends at its lifetime, control channels too."""
    responder = Responder("--lifetime", "1500ms")
    channel, test, stranger = control(), Connection(), Connection()
    begun = time.monotonic()
    channel.ask(f"ADOPT {test.id}")
    assert test.hear() == "" and stranger.hear() == ""
    assert 1.2 < time.monotonic() - begun < 2.2
    assert channel.hear() in ("", "reset") or channel.hear() == ""
    assert "its lifetime is over" in responder.log()
    channel = control()
    assert state(channel.ask(f"ADOPT {test.id}")) == (test.id, "closed")
    responder.stop()


def orphans():
    """What a lost control channel had adopted has some time left, and all of its own again once the next adopts it."""
    responder = Responder("--orphaned", "2s")
    channel, left, taken, stranger = control(), Connection(), Connection(), Connection()
    for test in left, taken:
        channel.ask(f"ADOPT {test.id}")
    channel.close()
    begun = time.monotonic()
    time.sleep(1)
    channel = control()
    assert state(channel.ask(f"ADOPT {taken.id}")) == (taken.id, "open")
    assert left.hear() == "" and 1.8 < time.monotonic() - begun < 2.5
    assert taken.silent(1.5) and stranger.silent(0.1)
    assert state(channel.ask(f"REPORT {left.id}")) == (left.id, "closed")
    responder.stop()


def keeping_alive():
    """The kernel keeps control channels alive, and nothing else."""
    responder = Responder()
    channel, test = control(), Connection()
    channel.ask(f"ADOPT {test.id}")
    channel.ask(f"KEEPALIVE {test.id}")

    def timer(connection):
        command = ["ss", "-Htno", f"sport = :{PORT} and dport = :{connection.port}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    until(lambda: "timer:(keepalive" in timer(channel), what="the keepalive timer")
    assert "timer" not in timer(test)
    responder.stop()


def half_closed():
    """Who has said all it wanted is answered all the same."""
    responder = Responder()
    for _ in range(20):
        channel = Connection()
        channel.say("CONTROL 1 -\nPING\nPING")
        channel.socket.shutdown(socket.SHUT_WR)
        assert channel.hear().startswith("OK") and channel.hear().startswith("PONG") and channel.hear().startswith("PONG")
        assert channel.hear() == ""
    responder.stop()


def memory():
    """So many ended connections are remembered, and of one address no more than it may hold."""
    responder = Responder("--remember", "5", "--per-address", "4")
    tests = []
    for i in range(8):
        channel = control(source="127.0.0.9")
        test = Connection(source=f"127.0.0.{2 if i < 2 else 3}")
        channel.ask(f"ADOPT {test.id}")
        test.close()
        assert state(channel.hear())[1] == "fin"
        tests.append(test.id)
        channel.close()
    channel = control()
    known = [channel.ask(f"REPORT {test}").startswith("STATE") for test in tests]
    assert known == [False, True] + [False] * 2 + [True] * 4, known
    responder.stop()
    responder = Responder("--remember", "0")
    channel, test = control(), Connection()
    assert state(channel.ask(f"CLOSE {test.id}"))[1] == "closed"
    assert "unknown_id" in channel.ask(f"CLOSE {test.id}")
    responder.stop()


def token():
    """Without the token nobody commands, and what nobody adopted is closed in ten seconds."""
    responder = Responder(env={"IDLEPROBE_TOKEN": "swordfish"})
    adopted, stranger, begun = Connection(), Connection(), time.monotonic()
    channel = control("swordfish")
    assert state(channel.ask(f"ADOPT {adopted.id}")) == (adopted.id, "open")
    for wrong in "-", "0" * 64, mac("Swordfish", stranger.nonce, stranger.id), mac("swordfish", stranger.nonce, stranger.id):
        thief = Connection()  # the last of these is another connection's
        assert re.fullmatch(r"ERROR - bad_token \d+", thief.ask(f"CONTROL 1 {wrong}"))
        assert thief.hear() == ""
    assert "its token is another" in responder.log() and "it has no token" in responder.log()
    assert stranger.over(15) and 9 < time.monotonic() - begun < 12
    assert state(channel.ask(f"REPORT {adopted.id}")) == (adopted.id, "open")
    responder.stop()
    responder = Responder("--token", "other", env={"IDLEPROBE_TOKEN": "swordfish"})
    control("other")
    responder.stop()
    responder = Responder()  # one that needs none is content with one
    control("any")
    responder.stop()


def version():
    """Another version of the protocol is told so, and so is who runs the responder."""
    responder = Responder()
    later = Connection()
    assert later.banner.startswith("IDLEPROBE/1 ")
    assert re.fullmatch(r"ERROR - bad_version \d+", later.ask("CONTROL 2 something new"))
    assert later.hear() == ""
    assert "it speaks version 2 of the protocol, and this responder version 1" in responder.log()
    responder.stop()


def restart():
    """Killed, and started again on the same port at once: it knows nothing of before, and says so."""
    responder = Responder()
    channel, test = control(), Connection()
    channel.ask(f"ADOPT {test.id}")
    responder.kill()
    assert channel.over() and test.over()
    responder.start()
    channel = control()
    assert channel.ask(f"ADOPT {test.id}").startswith(f"ERROR {test.id} unknown_id")
    responder.stop()


def signals():
    """Both end it cleanly, and close what is open."""
    for number in signal.SIGTERM, signal.SIGINT:
        responder = Responder()
        channel, test, stranger = control(), Connection(), Connection()
        channel.ask(f"ADOPT {test.id}")
        responder.stop(number)
        assert channel.hear() == "" and test.hear() == "" and stranger.hear() == ""
        assert re.search(r"session ends after \d+ s, the responder ends: 1 connections adopted, 1 commands", responder.log())


def log():
    """With the time, but for the journal; and a reader that does not read holds up nothing."""
    responder = Responder()
    control().close()
    until(lambda: "session ends" in responder.log())
    for line in responder.log().splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ idleprobe: ", line), line
    responder.stop()
    file = os.fstat(responder.log_file.fileno())
    mark = len(responder.log())
    responder.env["JOURNAL_STREAM"] = f"{file.st_dev}:{file.st_ino}"
    responder.start()
    until(lambda: responder.log()[mark:].startswith("idleprobe: listening on"))
    responder.stop()
    reader, writer = os.pipe()
    process = subprocess.Popen([IDLEPROBE, "respond"], stderr=writer)
    os.set_blocking(writer, False)
    assert b"listening" in os.read(reader, 1000)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    until(lambda: subprocess.run(["ss", "-Hltn", f"sport = :{PORT}"], capture_output=True).stdout)
    for _ in range(60):
        control().close()
    process.terminate()
    assert process.wait(5) == 0


if __name__ == "__main__":
    globals()[sys.argv[1]]()
