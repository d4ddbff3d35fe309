#!/usr/bin/python3
"""Holds every report, event line, list of platforms and plan that the tests left behind against the schemas. Prints TAP.

usage: tests/schema/validate.py DIRECTORY

It reads every file there, and of each the lines that are JSON objects: with `result` a report, with `event` an event,
with `platforms` a list of them, with `plans` a plan.
Files that are meant to be broken have that word in their name, and are passed over.
"""
import multiprocessing
import pathlib
import sys

sys.dont_write_bytecode = True  # the tree stays clean
from mutants import (CONTRADICTIONS, EVENT_TIES, OPEN_WORDS, OPTIONAL, PLAN_TIES, PLATFORM_TIES, TIES, WORDS, enlarged, lacking,
                     mistyped, misworded, opposed, places)
from schema import Schema, parse


class Found:
    """What lies in a directory: (where, value) of each report, event, list and plan, and what is unreadable."""

    def __init__(self, directory):
        self.reports, self.events, self.platforms, self.plans, self.unreadable = [], [], [], [], []
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink() and "broken" not in path.name:
                self.read(path)

    def read(self, path):
        for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
            if line.startswith(b"{"):
                self.take(f"{path}:{number}", line)

    def take(self, where, line):
        try:
            value = parse(line)
        except ValueError as error:
            # The last event of a run that was killed, or whose disk was full, may be cut short.
            cut = line.startswith(b'{"event":') and not line.endswith(b"\n")
            if line.startswith((b'{"event":', b'{"kind":"idleprobe.')) and not cut:
                self.unreadable.append(f"{where}: {error}: {line[-100:]}")
            return
        if "event" in value:
            self.events.append((where, value))
        elif "result" in value or value.get("kind") == "idleprobe.report":
            self.reports.append((where, value))
        elif "platforms" in value:
            self.platforms.append((where, value))
        elif "plans" in value:
            self.plans.append((where, value))


def in_order(what, *numbers):
    known = [number for number in numbers if number is not None]
    if known != sorted(known):
        yield f"{what}: {known} is out of order"


def contradictions(report):
    """What is wrong with a valid report and a schema cannot say."""
    result, method, path, advice = (report[key] for key in ("result", "method", "path", "advice"))
    sides = {name: side for name, side in result["directions"].items() if side}
    timeouts = [side["timeout_s"] for side in sides.values() if side["timeout_s"] is not None]

    for name, finding in [("result", result), *sides.items()]:
        yield from in_order(f"{name}: survived_s, timeout_s, expired_s", finding["survived_s"], finding["timeout_s"],
                            finding["expired_s"])
    yield from in_order("rtt_ms: min, median, max", *(path["rtt_ms"][key] for key in ("min", "median", "max")))
    yield from in_order("min_idle_s, max_idle_s", method["min_idle_s"], method["max_idle_s"])
    if list(sides) != method["directions"]:
        yield f"directions: method says {method['directions']}, result has {list(sides)}"
    if any(sample["direction"] not in sides for sample in report["samples"]):
        yield "samples: of a direction that was not measured"
    if result["timeout_s"] is not None and [result["timeout_s"]] != sorted(timeouts)[:1]:
        yield f"result: {result['timeout_s']} is not the shorter timeout of {timeouts}"
    if result["outcome"] == "unreachable" and (path["connections_opened"] or report["samples"]):
        yield "unreachable, though connections were opened"
    if report["check"] and result["timeout_s"] is not None and \
            report["check"]["passed"] != (result["timeout_s"] >= report["check"]["min_s"]):
        yield "check: the timeout tells otherwise"
    if advice["tcp_keepalive_time_s"] is not None and result["survived_s"] is not None and \
            advice["tcp_keepalive_time_s"] + 2 * advice["tcp_keepalive_intvl_s"] >= result["survived_s"]:
        yield "advice: fewer than three probes before the timeout"


class Tap:
    def __init__(self):
        self.count, self.failed = 0, False

    def tell(self, name, wrong):
        """One test; `wrong` says what is, and is empty where all is well."""
        wrong = list(wrong)
        self.count += 1
        self.failed |= bool(wrong)
        print("not ok" if wrong else "ok", self.count, name)
        for line in wrong[:20] + ([f"and {len(wrong) - 20} more"] if len(wrong) > 20 else []):
            print("#", line)

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} {name} # skip {why}")


work = None


def call(place):
    return work(place)


def mapped(function, values):
    """[function(value) for value in values], by all CPUs. The processes inherit both, for neither could be sent to them."""
    global work
    work = lambda place: function(values[place])
    with multiprocessing.get_context("fork").Pool() as pool:
        return pool.map(call, range(len(values)))


def errors(validator, values):
    for where, value in values:
        for error in validator.iter_errors(value):
            yield f"{where}: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"


def test_values(tap, schema, name, values):
    """Returns those with which nothing is wrong."""
    for what, validator in (("are valid", schema.published),
                            ("have no key and no word that is not described", schema.closed)):
        wrong = mapped(lambda value, validator=validator: list(errors(validator, [value])), values)
        tap.tell(f"{len(values)} {name} {what}", [line for lines in wrong for line in lines])
        values = [value for value, lines in zip(values, wrong) if not lines]
    return values


def pick(tap, name, values, fits):
    """Of those that fit, the one with the most keys; without one the test of that name is skipped."""
    fitting = [value for _, value in values if fits(value)]
    if not fitting:
        tap.skip(name, "none was made by these tests")
    return max(fitting, key=lambda value: len(list(places(value))), default=None)


def test_mutants(tap, schema, name, value, bad):
    """`bad` and others are invalid; what is new may be read, not written."""
    bad = [*bad, *mistyped(value), *misworded(value, WORDS)]
    new = [*enlarged(value), *misworded(value, OPEN_WORDS)]

    wrong = [f"taken for valid: {what}" for what, mutant in bad if schema.published.is_valid(mutant)]
    wrong += [f"not new: {what}" for what, mutant in new if schema.closed.is_valid(mutant)]
    wrong += errors(schema.published, new)
    tap.tell(f"{name}: {len(bad)} are invalid, {len(new)} are new", wrong)


def test_mutants_of_reports(tap, schema, reports):
    for outcome, ties in TIES.items():
        name = f"mutants of a report, {outcome}"
        report = pick(tap, name, reports, lambda r: r["result"]["outcome"] == outcome and not r["path"]["nat"] and
                      (outcome != "timeout" or r["advice"]["tcp_keepalive_time_s"]))
        if not report:
            continue
        test_mutants(tap, schema, name, report, [*lacking(report), *opposed(report, ties)])
        if outcome == "timeout":
            bad = opposed(report, CONTRADICTIONS)
            tap.tell(f"{name}: {len(bad)} contradict themselves",
                     [f"not seen: {what}" for what, mutant in bad if not list(contradictions(mutant))])


def test_mutants_of_events(tap, schema, events):
    for kind, ties in EVENT_TIES.items():
        name = f"mutants of an event, {kind}"
        event = pick(tap, name, events, lambda e: e["event"] == kind and
                     e.get("result", {}).get("outcome") != "unreachable")
        if event:
            test_mutants(tap, schema, name, event, [*lacking(event, OPTIONAL[kind] | OPTIONAL["any"]),
                                                    *opposed(event, ties)])


def test_mutants_of_platforms(tap, schema, lists):
    name = "mutants of a list of platforms"
    value = pick(tap, name, lists, lambda value: value["platforms"])
    if value:
        test_mutants(tap, schema, name, value, [*lacking(value), *opposed(value, PLATFORM_TIES)])


def test_mutants_of_plans(tap, schema, plans):
    name = "mutants of a plan"
    value = pick(tap, name, plans, lambda value: value["plans"])
    if value:
        test_mutants(tap, schema, name, value, [*lacking(value), *opposed(value, PLAN_TIES)])


def main():
    report, event, platforms, plan = (Schema(f"{name}.schema.json") for name in ("report", "event", "platforms", "plan"))
    found = Found(pathlib.Path(sys.argv[1]))
    tap = Tap()

    for schema in report, event, platforms, plan:
        schema.published.check_schema(schema.schema)
    tap.tell("all that was left can be read", found.unreadable)
    tap.tell("there are reports and events", [] if found.reports and found.events else ["the tests left too little"])
    reports = test_values(tap, report, "reports", found.reports)
    events = test_values(tap, event, "events", found.events)
    tap.tell(f"{len(reports)} reports do not contradict themselves",
             (f"{where}: {what}" for where, value in reports for what in contradictions(value)))
    lists = test_values(tap, platforms, "lists of platforms", found.platforms)
    plans = test_values(tap, plan, "plans", found.plans)
    test_mutants_of_reports(tap, report, reports)
    test_mutants_of_events(tap, event, events)
    test_mutants_of_platforms(tap, platforms, lists)
    test_mutants_of_plans(tap, plan, plans)
    print(f"1..{tap.count}")
    return tap.failed


if __name__ == "__main__":
    sys.exit(main())
