#!/usr/bin/python3
"""Runs a command and writes what it cost to FILE: "CPU-SECONDS WALL-SECONDS RESIDENT-KIB", the latter the most it ever held."""
import os
import sys
import time

begun = time.monotonic()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
resident = 0
while True:
    ended, status, usage = os.wait4(pid, os.WNOHANG)
    if ended:
        break
    with open(f"/proc/{pid}/status") as file:  # ru_maxrss would count what this process held before the exec
        resident = max([resident] + [int(line.split()[1]) for line in file if line.startswith("VmHWM")])
    time.sleep(0.2)
with open(sys.argv[1], "w") as file:
    print(f"{usage.ru_utime + usage.ru_stime:.3f} {time.monotonic() - begun:.1f} {resident}", file=file)
sys.exit(os.waitstatus_to_exitcode(status))
