#!/usr/bin/python3
"""Reads what `tcpdump -nnttS` tells of the SYN, FIN and RST on the way to the port PORT, and writes what this end did as an
object of JSON: connections opened, closed by FIN, left without one, reset; and the most SYN within any one second."""
import json
import re
import sys

LINE = re.compile(r"^(\S+) IP6? (\S+) > (\S+): Flags \[([^]]*)\](?:, seq (\d+))?")

port = sys.argv[1]
opened, ended, resets, first = {}, {}, 0, 0
for line in sys.stdin:
    at, source, target, flags, seq = LINE.match(line).groups()
    if not target.endswith("." + port):
        continue
    if flags == "S":
        opened.setdefault((source, target, seq), float(at))  # what is sent again has the same number
    elif "F" in flags:
        ended.setdefault((source, target), set()).add(seq)
    elif "R" in flags:
        resets += 1

times = sorted(opened.values())
most = 0
for i, at in enumerate(times):
    while times[first] <= at - 1:
        first += 1
    most = max(most, i - first + 1)
ends = {(source, target) for source, target, _ in opened}
json.dump({
    "opened": len(opened),
    "closed": sum(len(numbers) for numbers in ended.values()),
    "left": len(ends - set(ended)),
    "reset": resets,
    "opened_a_second": most,
}, sys.stdout)
print()
