#!/usr/bin/env bats
# `check`, and several targets at once.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

# PROFILE SECONDS [SERVER]: for checked() and others
gateway() {
	at=(--profile "$1" --timeout "$2" --server "${3-hold}")
}

# ARGUMENT...: check's; its report is run.json.
checked() {
	lab run "${at[@]}" -- "\$idleprobe check --json $* >\$results/run.json"
	tell run "$BATS_TEST_DESCRIPTION"
}

# SECONDS ARGUMENT...: takes no longer than so; on a machine that was busy just then, again.
checked_within() {
	for _ in 1 2 3; do
		checked "${@:2}"
		! holds run ".elapsed_s <= $1" >/dev/null || return 0
	done
	holds run ".elapsed_s <= $1"
}

passes() { # FAMILY
	gateway nat-silent 8
	checked_within 5+2 --min 5 "\$TESTBED_TARGET$1"
	exits 0
	holds run '.check == {min_s: 5, passed: true} and $r.outcome == "no_timeout" and $r.survived_s >= 5 and $r.survived_s < 5.5'
	holds run '.path.connections_opened <= 24 and .method.strategy == "once" and $warnings == ["outbound_only"]'
}

@test "passes, IPv4" { passes 4; }
@test "passes, IPv6" { passes 6; }

fails() { # FAMILY
	gateway nat-silent 8
	checked_within 12+4 --min 12 "\$TESTBED_TARGET$1"
	exits 1
	holds run '.check == {min_s: 12, passed: false} and $r.outcome == "timeout" and $warnings == ["seen_once"]'
	contains run 8
	holds run '$r.survived_s >= 4 and $r.signal == "silent" and .advice.tcp_keepalive_time_s >= 1'
}

@test "fails, IPv4" { fails 4; }
@test "fails, IPv6" { fails 6; }

@test "what dies early is seen again, and the rest is not waited for" {
	gateway nat-silent 4
	checked --min 60 '$TESTBED_TARGET4'
	exits 1
	contains run 4
	holds run '$warnings == [] and .elapsed_s < 30 and $r.keepalive_refreshes == true'
}

@test "a proxy that closes" {
	gateway proxy 8
	checked_within 12+4 --min 12 '$TESTBED_TARGET4'
	exits 1
	holds run '$r.outcome == "closed_by_endpoint" and .check.passed == false'
	contains run 8 0.5
}

@test "payload only restarts the timer" {
	gateway payload-refresh 8
	checked_within 16+4 --min 16 '$TESTBED_TARGET4'
	exits 1
	contains run 8
	holds run '$r.keepalive_refreshes == false'
}

@test "both directions: only what comes from the far end is lost" {
	gateway nat-loose 8 respond
	checked_within 12+4 --min 12 '$TESTBED_TARGET4'
	exits 1
	holds run '$r.directions.outbound.outcome == "no_timeout" and $r.directions.inbound.outcome == "timeout"'
	contains run 8
}

@test "both directions pass" {
	gateway nat-loose 8 respond
	checked_within 5+2 --min 5 '$TESTBED_TARGET6'
	exits 0
	holds run '$warnings == [] and .check.passed and ([$r.directions[].outcome] == ["no_timeout", "no_timeout"])'
}

@test "the path breaks meanwhile: no verdict, and in time" {
	gateway nat-silent 60
	lab run "${at[@]}" -- '
		$idleprobe check --json --min 6 $TESTBED_TARGET4 >$results/run.json & run=$!
		connected 12; sleep 2; outage_begin
		wait $run'
	exits 3
	holds run '.check.passed == null and $r.outcome == "inconclusive" and $r.reason == "path_outage" and .elapsed_s <= 6 + 4'
}

@test "as a Nagios plugin" {
	lab run --profile nat-silent --timeout 8 --server hold -- '
		$idleprobe check --nagios --min 3 $TESTBED_TARGET4; echo $?
		$idleprobe check --nagios --min 10 $TESTBED_TARGET4 $TESTBED_SERVER4:1; echo $?
		$idleprobe check --nagios --min 3 $TESTBED_SERVER4:1; echo $?
		$idleprobe check --nagios --min 3 a:b; echo $?'
	cat "$results/run.out"
	mapfile -t told <"$results/run.out"
	[[ ${told[0]} =~ ^'IDLEPROBE OK - 203.0.113.10:7440: idle connections work after 3.'[0-9]' s | '\''203.0.113.10:7440'\''=3.'[0-9]{3}'s;;3:;0'$ && ${told[1]} == 0 ]]
	[[ ${told[2]} =~ ^'IDLEPROBE CRITICAL - 1 of 2: 203.0.113.10:7440: idle connections stop working after '[0-9.]+' to 10.'[0-9]' s; 203.0.113.10:1: '.*refused.*' | '\''203.0.113.10:7440'\''='[0-9.]+'s;;10:;0 '\''203.0.113.10:1'\''=U'$ && ${told[3]} == 2 ]]
	[[ ${told[4]} =~ ^'IDLEPROBE UNKNOWN - 203.0.113.10:1: '.*refused && ${told[5]} == 3 ]]
	[[ ${told[6]} == "IDLEPROBE UNKNOWN - 'a:b': 'b' is no port"* && ${told[7]} == 3 ]]
}

# Three targets: two servers, and a port where nobody listens.
three='ip -n server address add 203.0.113.11/24 dev eth0
	targets="$TESTBED_SERVER4:$TESTBED_PORT 203.0.113.11:$TESTBED_PORT $TESTBED_SERVER4:1"'

@test "measure, three targets: a line of JSON for each, whatever becomes of the others" {
	lab run --profile nat-silent --timeout 6 --server hold -- "$three"'
		printf "%s # a comment\n\n" $targets >$results/list
		$idleprobe measure --max-idle 30 --json -o $results/saved.json --events $results/events --targets $results/list >$results/all.json'
	exits 4
	cmp "$results/all.json" "$results/saved.json"
	[[ $(jq -r '"\(.target.input) \(.result.outcome)"' "$results/all.json" | sort) == "203.0.113.10:1 unreachable
203.0.113.10:7440 timeout
203.0.113.11:7440 timeout" ]]
	jq -es 'map(select(.result.outcome == "timeout")) | all(.[]; .result.survived_s <= 6 and .result.expired_s >= 5.99)' "$results/all.json"
	grep -q '203.0.113.10:1: .*refused' "$results/run.err"
	# The events of all stand between each other, and each run is told from them as it was.
	$idleprobe report --format json "$results/events" >"$results/again.json"
	same='[.target.input, .result.outcome, .result.survived_s, .result.expired_s, .path.probes_sent, (.samples | length)]'
	diff <(jq -c "$same" "$results/all.json" | sort) <(jq -c "$same" "$results/again.json" | sort)
}

@test "measure, several targets: Ctrl-C tells of each what is known" {
	lab run --profile nat-silent --timeout 60 --server hold -- "$three"'
		$idleprobe measure --json $targets >$results/all.json & run=$!
		sleep 5; kill -INT $run; wait $run'
	exits 4
	[[ $(jq -r '"\(.target.input) \(.result.reason) \(.interrupted)"' "$results/all.json" | sort) == "203.0.113.10:1 null false
203.0.113.10:7440 interrupted true
203.0.113.11:7440 interrupted true" ]]
}

@test "measure, several targets on a terminal: a line of progress for each" {
	lab run --profile nat-silent --timeout 60 --server hold -- "$three"'
		script -qec "stty rows 24 cols 100; timeout -s INT 6 $idleprobe measure $targets" /dev/null >$results/screen </dev/null'
	grep -a 'refused' "$results/screen"
	for host in 10 11; do grep -aq "203.0.113.$host:7440: searching: idle" "$results/screen"; done
	grep -aq $'\033\\[1A' "$results/screen"
}
