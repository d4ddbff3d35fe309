#!/usr/bin/env bats
# `platforms`: the documented timeouts, as people and as scripts read them.
# shellcheck disable=SC2154 # bats sets stderr

bats_require_minimum_version 1.5.0
load helpers

documented=$BATS_TEST_DIRNAME/../../src/platforms.json

platforms() { "$idleprobe" platforms "$@"; }

# The file's own rows that jq's filter lets pass, in the order in which they are listed.
rows() { # FILTER
	jq -c ".platforms | map(select($1)) | sort_by(.timeout_s, .platform)" "$documented"
}

@test "platforms: JSON has every row of the file, in ascending order, with the same keys and words" {
	platforms --json >"$BATS_TEST_TMPDIR/platforms.json"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/platforms.json")" = 1 ]
	jq -e '.kind == "idleprobe.platforms" and .schema_version == 1' "$BATS_TEST_TMPDIR/platforms.json"
	[ "$(jq -cS .platforms "$BATS_TEST_TMPDIR/platforms.json")" = "$(rows true | jq -cS .)" ]
}

@test "platforms: text has every platform with its timeout, each followed by its source" {
	platforms >"$BATS_TEST_TMPDIR/text"
	jq -r '.platforms[] | [.platform, .source] | @tsv' "$documented" | while IFS=$'\t' read -r name source; do
		grep -A 2 -F -e "  $name" "$BATS_TEST_TMPDIR/text" | grep -qxF "    $source" || { echo "$name"; exit 1; }
	done
	grep -qx '5 min 50 s  AWS NAT gateway                  RST on probe  restart it  no' "$BATS_TEST_TMPDIR/text"
	grep -qx '1 min       AWS Classic Load Balancer        FIN           no effect   yes' "$BATS_TEST_TMPDIR/text"
	grep -qx '15 min      Alibaba Cloud NAT gateway        -             -           -' "$BATS_TEST_TMPDIR/text"
	tail -n 2 "$BATS_TEST_TMPDIR/text" | tr '\n' ' ' | grep -q 'consistent with a platform, never proof of it: vendors share values'
	# A source cannot be broken; all else fits the screen.
	[ "$(grep -v '^    [^ ]' "$BATS_TEST_TMPDIR/text" | wc -L)" -le 80 ]
}

@test "platforms: those that one timeout is consistent with, to within 1 %" {
	platforms --json 350 >"$BATS_TEST_TMPDIR/350.json"
	[ "$(jq -cS .platforms "$BATS_TEST_TMPDIR/350.json")" = "$(rows '.timeout_s == 350' | jq -cS .)" ]
	[ "$(platforms --json 353.4 | jq '.platforms | length')" = "$(rows '.timeout_s == 350' | jq length)" ]
	[ "$(platforms --json 353.6 | jq '.platforms | length')" = 0 ]
	run platforms 5m50s
	expect 0 '^Consistent with 350 s \(within 1 %\):'
	[[ $output == *'AWS NAT gateway'* && $output != *'Azure'* && $output == *'never proof'* ]]
}

@test "platforms: nothing that a timeout is consistent with is said so" {
	run platforms 17m
	[ "$output" = 'No documented timeout is consistent with 1020 s (within 1 %).' ]
	[ "$status" = 0 ]
	platforms --json 17m >"$BATS_TEST_TMPDIR/none.json"
	[ "$(jq -c .platforms "$BATS_TEST_TMPDIR/none.json")" = '[]' ]
}

@test "platforms: colours only on a terminal, and not where NO_COLOR is set" {
	[[ $(platforms) != *$'\e'* ]]
	[[ $(TERM=xterm script -qec "$idleprobe platforms 350" /dev/null) == *$'\e[1mTIMEOUT'* ]]
	[[ $(TERM=xterm NO_COLOR=1 script -qec "$idleprobe platforms 350" /dev/null) != *$'\e[1m'* ]]
	[[ $(TERM=dumb script -qec "$idleprobe platforms 350" /dev/null) != *$'\e[1m'* ]]
}

@test "platforms: wrong command lines" {
	run platforms soon
	expect 2 "platforms: 'soon' is not a duration; expected is, for example, 350, 15m or 2h4m"
	run platforms 350 351
	expect 2 "platforms: '351' is one argument too many"
	run platforms --format json
	expect 2 '--format: no such option'
	run platforms --help
	expect 0 '^usage: idleprobe platforms \[OPTION...\] \[DURATION\]'
}

@test "platforms: nobody reads the output" {
	for option in '' --json; do
		run bash -c '"$0" platforms $1 >/dev/full' "$idleprobe" "$option"
		expect 4 'standard output cannot be written: No space left on device'
	done
}
