#!/usr/bin/env bats
# `report`: saved reports in other formats, read by the programs that they are for.
# shellcheck disable=SC2016,SC2094,SC2154 # what is in single quotes expands inside of alone(); cmp only reads; bats sets stderr

bats_require_minimum_version 1.5.0
load helpers

# Two reports that `measure` wrote, in json, and the events of the first: one target that keeps connections for the
# 2 s that were looked at, and one where nobody listens.
setup_file() {
	export results=$BATS_FILE_TMPDIR
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR alone "$hold"'
		$idleprobe measure --json --max-idle 2 --min 1 --connections 8 --events events 127.0.0.1:7440 >answer.json
		$idleprobe measure --json 127.0.0.1:7441 2>/dev/null >refused.json
		cat answer.json refused.json >both.jsonl'
}

report() { "$idleprobe" report "$@"; }

@test "report: JSON as it was, from files, from several, from standard input" {
	report --format json "$results/answer.json" | cmp - "$results/answer.json"
	report --format json "$results/answer.json" "$results/refused.json" | cmp - "$results/both.jsonl"
	report --format json - <"$results/both.jsonl" | cmp - "$results/both.jsonl"
	jq . "$results/both.jsonl" | report --format json - | cmp - "$results/both.jsonl"
}

@test "report: text is the default" {
	run report "$results/answer.json"
	expect 0 '^Idle connections to 127.0.0.1:7440 keep working for at least'
	run report "$results/refused.json"
	expect 0 'could not be reached, so nothing was measured.
127.0.0.1 port 7441: connection refused'
}

@test "report: metrics that promtool and the text format's own rules find nothing wrong with" {
	report --format prometheus -o "$BATS_TEST_TMPDIR/idleprobe.prom" "$results/both.jsonl"
	promtool check metrics <"$BATS_TEST_TMPDIR/idleprobe.prom"
	grep -qx 'idleprobe_outcome{target="127.0.0.1:7440",address="127.0.0.1",outcome="no_timeout"} 1' \
		"$BATS_TEST_TMPDIR/idleprobe.prom"
	grep -qx 'idleprobe_outcome{target="127.0.0.1:7441",address="127.0.0.1",outcome="unreachable"} 1' \
		"$BATS_TEST_TMPDIR/idleprobe.prom"
	[ "$(grep -c '^# HELP' "$BATS_TEST_TMPDIR/idleprobe.prom")" = "$(sort -u <(grep '^# HELP' "$BATS_TEST_TMPDIR/idleprobe.prom") | wc -l)" ]
}

@test "report: a metrics file is replaced whole, and stays where there is nothing to write" {
	local file=$BATS_TEST_TMPDIR/old.prom before
	echo old >"$file"
	before=$(stat -c %i "$file")
	run report --format prometheus -o "$file" /dev/null
	expect 4 '/dev/null line 1: this is empty'
	[ "$(cat "$file")" = old ]
	report --format prometheus -o "$file" "$results/answer.json"
	[ "$(stat -c %i "$file")" != "$before" ]
	[ "$(find "$BATS_TEST_TMPDIR" -name 'old.prom*')" = "$file" ]
}

# Debian's python3 is the one that has its packages.
@test "report: JUnit that an existing reader takes" {
	report --format junit "$results/both.jsonl" >"$BATS_TEST_TMPDIR/junit.xml"
	xmllint --noout "$BATS_TEST_TMPDIR/junit.xml"
	/usr/bin/python3 -c '
import sys
from junitparser import JUnitXml, Error
suites = JUnitXml.fromfile(sys.argv[1])
cases = [case for suite in suites for case in suite]
assert [case.name for case in cases] == ["127.0.0.1:7440", "127.0.0.1:7441"], cases
assert not cases[0].result and "keep working" in cases[0].system_out, cases[0]
assert isinstance(cases[1].result[0], Error) and "refused" in cases[1].result[0].message
assert suites.tests == 2 or sum(suite.tests for suite in suites) == 2' "$BATS_TEST_TMPDIR/junit.xml"
}

@test "report: JUnit of a bound that was not met is a failure" {
	jq -c '.check.min_s = 9 | .result.outcome = "timeout" | .result.timeout_s = 3 | .result.expired_s = 4' "$results/answer.json" |
		report --format junit - >"$BATS_TEST_TMPDIR/junit.xml"
	[ "$(xmllint --xpath 'count(//failure)' "$BATS_TEST_TMPDIR/junit.xml")" = 1 ]
	[ "$(xmllint --xpath 'string(/testsuites/testsuite/@failures)' "$BATS_TEST_TMPDIR/junit.xml")" = 1 ]
}

@test "report: HTML that is well made, and self-contained" {
	report --format html -o "$BATS_TEST_TMPDIR/report.html" "$results/both.jsonl"
	/usr/bin/python3 -c '
import html.parser, sys
void = {"meta", "br", "path", "rect"}
optional = {"p", "li", "dt", "dd", "tr", "td", "th"}
class Page(html.parser.HTMLParser):
    open = []
    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            assert name not in ("src", "srcset", "onload", "onclick"), (tag, name)
            assert name != "href" or value.startswith("#"), value
        assert tag not in ("script", "link", "iframe", "img", "object"), tag
        if tag not in void | optional: self.open.append(tag)
    def handle_endtag(self, tag):
        if tag not in void | optional: assert self.open.pop() == tag, (tag, self.open)
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
assert not page.open, page.open' "$BATS_TEST_TMPDIR/report.html"
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/report.html")" -lt 204800 ]
	grep -q '<strong>unreachable</strong>' "$BATS_TEST_TMPDIR/report.html"
}

@test "report: the page can be read in light and in dark (WCAG 2, 1.4.3: contrast of at least 4.5)" {
	report --format html "$results/answer.json" >"$BATS_TEST_TMPDIR/report.html"
	/usr/bin/python3 -c '
import re, sys
def luminance(colour):
    assert len(colour) == 6, colour
    parts = [int(colour[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
modes = [dict(re.findall(r"--(\w+): #(\w+)", block)) for block in
         re.findall(r":root \{(.*?)\}", open(sys.argv[1], encoding="utf-8").read(), re.S)]
assert len(modes) == 2
for colours in modes:
    pairs = [(text, ground) for text in ("text", "soft", "accent") for ground in ("card", "page")]
    pairs += [("text", ground) for ground in ("good", "bad", "warn")]
    for text, ground in pairs:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground, colours)
    for mark in ("alive", "dead", "lost"):  # 1.4.11: 3 is enough for what is no text
        assert contrast(colours[mark], colours["card"]) >= 3, (mark, colours)' "$BATS_TEST_TMPDIR/report.html"
}

@test "report: the events of a run that ended, and of one that was killed" {
	run report "$results/events"
	expect 0 '^Idle connections to 127.0.0.1:7440 keep working for at least'
	local same='{target, method, result, advice: .advice | del(.summary), consistent_with, rfc5382, check, warnings, nat: .path.nat}'
	[ "$(report --format json "$results/events" | jq -cS "$same")" = "$(jq -cS "$same" "$results/answer.json")" ]
	head -c -200 "$results/events" | grep -v '"event":"end"' >"$BATS_TEST_TMPDIR/killed"
	run report --format json "$BATS_TEST_TMPDIR/killed"
	[ "$status" = 0 ]
	jq -e '.result.outcome == "inconclusive" and .result.reason == "interrupted" and .interrupted and .result.survived_s > 0
		and (.samples | length) > 0' <<<"$output"
}

@test "report: what is no report is refused, and the others are written all the same" {
	head -c 500 "$results/answer.json" >"$BATS_TEST_TMPDIR/broken-half.json"
	run --separate-stderr report --format json "$BATS_TEST_TMPDIR/broken-half.json" "$results/answer.json" /nowhere
	[ "$status" = 4 ]
	[ "$output" = "$(cat "$results/answer.json")" ]
	[[ $stderr == *'broken-half.json line 1: the report ends in the middle'* ]]
	[[ $stderr == *'/nowhere cannot be read: No such file or directory'* ]]
	run report "$BATS_TEST_TMPDIR"
	expect 4 'cannot be read: Is a directory'
	run report "$idleprobe"
	expect 4 'line 1: this is no JSON'
	jq -c '.schema_version = 2' "$results/answer.json" >"$BATS_TEST_TMPDIR/broken-newer.json"
	run report "$BATS_TEST_TMPDIR/broken-newer.json"
	expect 4 'schema_version is 2, and this version reads 1 only'
}

@test "report: a file that is too large is refused before it fills the memory" {
	truncate -s 100M "$BATS_TEST_TMPDIR/large.json"
	run report "$BATS_TEST_TMPDIR/large.json"
	expect 4 'large.json is larger than 64 MiB'
}

# Of a fleet, or made by somebody: what takes the square of their number takes minutes.
@test "report: tens of thousands of reports, and hundreds of thousands of samples, take seconds" {
	jq -c '.samples = [] | .advice.settings = [] | range(20000) as $_ | .' "$results/answer.json" |
		timeout 60 "$idleprobe" report --format prometheus - >"$BATS_TEST_TMPDIR/many.prom"
	[ "$(grep -c '^idleprobe_outcome{' "$BATS_TEST_TMPDIR/many.prom")" = 5 ]
	jq -c '.samples[0] as $one | .samples = [range(300000) as $number | $one | .connection = $number | .outcome = "silent"]' \
		"$results/answer.json" | timeout 60 "$idleprobe" report - | grep -q '  ended        300000 connections'
}

@test "report: wrong command lines" {
	run report
	expect 2 'report: which files\?'
	run report --format pdf x
	expect 2 "'pdf' is not known; expected is one of text\|html\|prometheus\|junit\|json"
	run report -o /nowhere/x "$results/answer.json"
	expect 4 '/nowhere/x cannot be written'
	run report --help
	expect 0 '^usage: idleprobe report'
	[ "${#lines[@]}" -le 24 ]
}

@test "report: nobody reads the output" {
	run bash -c '"$0" report --format html "$1" >/dev/full' "$idleprobe" "$results/answer.json"
	expect 4 'standard output cannot be written: No space left on device'
}
