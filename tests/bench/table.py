#!/usr/bin/python3 -B
"""Makes the table, the picture and the JSON of the benchmark from what the runs printed.
usage: table.py SIMULATED LIVE DIRECTORY VERSION"""
import datetime
import json
import math
import os
import platform
import sys

import picture

CLEAN, ONCE, RETRIES = "no loss", "5 % loss, one probe", "5 % loss, with retries"

HEAD = """# idleprobe against the methods in use today

Made by `make bench`: {version}, Linux {kernel}, {processors} processors, {date}. All numbers are of that one
run; what counts is how they compare with each other. Time is told as a multiple of the timeout T, before
which no method can answer.

![Time over T of each method](bench.svg)

## In virtual time

{scenarios} random paths, the same for every method: T log-uniform from 20 s to 7000 s, round trips of 1 ms to
400 ms with jitter, a middlebox that drops in silence. Searched from 1 s to 7500 s, until the interval is no
wider than 1 % or 1 s. Times and widths are those of the right answers; *wrong* are intervals that leave out
T. Connections and probes are means.
"""

METHODS = """
How the methods of today are played (`tests/bench/methods.c`):

- **k-section**: 16 (or 96) new connections each round, probed at idle times that cut the range into equal
  ratios. A round ends with the first that does not answer; no round takes more connections than it needs. The
  one with 96 has as many as idleprobe, and tells what comes of the number alone.
- **doubling, then binary**: 1 s, 2 s, 4 s ... until one does not survive, then halved between; a new
  connection for each trial. So libre (`natbd/lifetime.c`) finds the binding lifetime of RFC 5780, 4.6.
- **binary**: halves 1 s to 7500 s, a new connection for each trial; *plain* takes the arithmetic middle.
- **linear ladder**: one connection, probed at intervals that grow by 1 s or 1 %, until it does not answer.

*One probe*: a connection that does not answer within 2 s has expired. *With retries*: it has expired after
three unanswered probes a second apart; for doubling, as in STUN's transactions, after seven in 39.5 s (RFC
8489, 6.2.1). A connection may expire between the first probe, if that is lost, and the second: such answers
are wrong too. idleprobe asks again as it always does. An interval of these methods counts as wrong only if it
misses T by more than a round trip; those of idleprobe, if they miss it at all. idleprobe looks closely at
documented timeouts; the T here are not drawn from those.

## In the testbed

A real `nf_conntrack` NAT (`scripts/testbed --profile nat-silent`), all runs side by side, 96 connections for
the sweep and 4 for the ladder. Packets are all that passed the client's interface, both ways, the handshakes
among them; doubling sends one probe to a trial and waits 2 s for the reply (`tests/bench/doubling.py`).

"""


def read(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines]


def times(value):
    return "–" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def share(part, whole):
    percent = 100 * part / whole
    return "0" if part == 0 else f"{percent:.0f} %" if 10 <= percent <= 99 else f"{percent:.3g} %"


def simulated_table(rows, path):
    lines = [
        "| method | time/T, median | 95th percentile | width/asked, median | widest | connections | probes "
        "| wider than asked | wrong | no answer |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows:
        if row["path"] != path:
            continue
        few = row["right"] < 20  # too few to speak of quantiles
        cells = [row["method"]]
        cells += ["–" if few else times(row[key])
                  for key in ("time_median", "time_p95", "width_median", "width_most")]
        cells += [f"{row['connections']:.1f}", f"{row['probes']:.0f}"]
        cells += [share(row[key], row["scenarios"]) for key in ("wide", "wrong", "inconclusive")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def live_table(rows):
    lines = [
        "| T | method | elapsed | elapsed/T | interval | holds T | packets | processor "
        "| of one core | memory |",
        "| ---: | --- | ---: | ---: | --- | --- | ---: | ---: | ---: | ---: |"]
    for row in rows:
        own = row["method"].startswith("idleprobe")
        interval = f"{row['survived_s'] or 0:.2f} s to {row['expired_s'] or math.inf:.2f} s"
        lines.append("| " + " | ".join([
            f"{row['timeout_s']:g} s", row["method"], f"{row['elapsed_s']:.1f} s",
            f"{row['elapsed_s'] / row['timeout_s']:.2f}", interval, "yes" if row["right"] else "**no**",
            str(row["packets"]), f"{row['cpu_s']:.2f} s" if own else "",
            f"{100 * row['cpu_s'] / row['elapsed_s']:.2f} %" if own else "",
            f"{row['peak_rss_kib'] / 1024:.1f} MiB" if own else ""]) + " |")
    return "\n".join(lines) + "\n"


def ratios(rows):
    """How much longer than the sweep the others took, on the same path without loss."""
    clean = {row["method"]: row["time_median"] for row in rows if row["path"] == CLEAN}
    sweep = clean.pop("idleprobe sweep")
    return ("\nMedian time over that of `idleprobe sweep`: "
            + "; ".join(f"{name}: {median / sweep:.1f}" for name, median in clean.items()) + ".\n")


def main():
    simulated, live, directory, version = read(sys.argv[1]), read(sys.argv[2]), sys.argv[3], sys.argv[4]
    order = list(dict.fromkeys(row["method"] for row in simulated))
    live.sort(key=lambda row: (row["timeout_s"], order.index(row["method"])))
    about = {
        "version": version, "kernel": platform.release(), "processors": os.cpu_count(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "scenarios": simulated[0]["scenarios"],
    }
    with open(f"{directory}/bench.md", "w") as out:
        out.write(HEAD.format(**about))
        out.write("\n### No loss, one probe to a trial\n\n" + simulated_table(simulated, CLEAN))
        out.write(ratios(simulated))
        out.write("\n### 5 % loss each way, with retries\n\n" + simulated_table(simulated, RETRIES))
        out.write("\n### 5 % loss each way, one probe to a trial\n\n" + simulated_table(simulated, ONCE))
        out.write(METHODS + live_table(live))
    with open(f"{directory}/bench.json", "w") as out:
        rows = ",\n".join("  " + json.dumps(row) for row in simulated)
        runs = ",\n".join("  " + json.dumps(row) for row in live)
        out.write(f'{{"about": {json.dumps(about)},\n "simulated": [\n{rows}],\n "live": [\n{runs}]}}\n')
    with open(f"{directory}/bench.svg", "w") as out:
        out.write(picture.draw(simulated, about, CLEAN, ONCE, RETRIES))


main()
