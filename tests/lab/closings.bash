# For the tests of how connections are closed: what tests/lab/closings.py saw.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # single quotes: it expands in the testbed, or in jq

# CONDITION: of what closings_seen() wrote last
closings() {
	say "$BATS_TEST_DESCRIPTION: $(tail -n 1 "$results/run.out")"
	tail -n 1 "$results/run.out" | jq -es 'length == 1 and (.[0] | '"$1"')' >/dev/null || { echo "not so: $1"; cat "$results"/run.*; false; }
}
