#!/usr/bin/python3
"""Runs COMMAND, which measures in the testbed and prints a JSON object, and prints what came out and what it
cost: a line of JSON. Packets are all that passed this network namespace's eth0, both ways; memory is the
highest VmHWM seen, looked at every 50 ms.

usage: live.py METHOD TIMEOUT COMMAND..."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time


def packets():
    with open("/proc/net/dev") as lines:
        for line in lines:
            if line.strip().startswith("eth0:"):
                columns = line.split(":")[1].split()
                return int(columns[1]) + int(columns[9])
    sys.exit("live.py: no eth0 here; run it by scripts/testbed")


def memory(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
            return int(found[1]) if found else 0
    except OSError:
        return 0


def main():
    method, timeout, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    packets_before, begun, peak = packets(), time.monotonic(), 0
    printed = tempfile.TemporaryFile("w+")  # a pipe holds less than a long report
    child = subprocess.Popen(command, stdout=printed)
    while not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        peak = max(peak, memory(child.pid))
        time.sleep(0.05)
    elapsed = time.monotonic() - begun
    usage = os.wait4(child.pid, 0)[2]
    printed.seek(0)
    text = printed.read()
    try:
        answer = json.loads(text)
    except ValueError:
        sys.exit(f"live.py: {' '.join(command)} printed no JSON: {text!r}")
    result = answer.get("result", answer)
    survived, expired = result["survived_s"], result["expired_s"]
    print(json.dumps({
        "method": method, "timeout_s": timeout, "elapsed_s": elapsed,
        "outcome": result.get("outcome", "timeout"), "survived_s": survived, "expired_s": expired,
        "right": None not in (survived, expired) and survived <= timeout <= expired,
        "packets": packets() - packets_before,
        "cpu_s": usage.ru_utime + usage.ru_stime, "peak_rss_kib": peak,
    }), flush=True)


main()
