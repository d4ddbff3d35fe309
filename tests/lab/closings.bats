#!/usr/bin/env bats
# How connections are left: each is closed by FIN, whatever ends the run.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
	load closings
}

# SERVER COUNT SCRIPT: $targets is so many; what opened and closed at the server
watched() {
	lab run --profile nat-silent --timeout 60 --server "$1" -- "
		targets=\$(servers $2)
		closings_watch server"'
		'"$3"'
		closings_seen'
}

# closings(): each connection was closed by FIN, and none reset
politely='.opened > 0 and .closed == .opened and .left == 0 and .reset == 0'

@test "closed by FIN: one target, at the end" {
	for engine in raw socket; do
		engine=$engine watched hold 1 '$idleprobe measure --engine $engine --json --max-idle 4 $targets >$results/run.json'
		holds run '$r.outcome == "no_timeout"'
		closings "$politely and .opened > 20"
	done
}

interrupted() { # SERVER
	for engine in raw socket; do
		engine=$engine watched "$1" 1 '$idleprobe measure --engine $engine $targets >$results/text & run=$!
			sleep 5; kill -INT $run; wait $run'
		grep -q 'the run was stopped' "$results/text"
		closings "$politely and .opened > 40"
	done
}

@test "closed by FIN: one target, after Ctrl-C" { interrupted hold; }
@test "closed by FIN: one target, a responder, after Ctrl-C" { interrupted respond; }

@test "closed by FIN: several targets, at the end" {
	watched hold 5 '$idleprobe check --min 4 $targets >$results/text'
	closings "$politely and .opened > 5 * 20"
}

@test "closed by FIN: several responders, at the end" {
	watched respond 5 '$idleprobe check --min 4 $targets >$results/text'
	closings "$politely and .opened > 5 * 20"
}

@test "closed by FIN: connections that the middlebox has forgotten" {
	lab run --profile nat-silent --timeout 4 -- '
		closings_watch client
		$idleprobe measure --max-idle 20 $TESTBED_TARGET4 >$results/text
		closings_seen'
	grep -q 'stop working' "$results/text"
	closings "$politely and .opened > 20"
}

@test "Ctrl-C while targets wait for their turn: each is told of, and what was opened is closed by FIN" {
	watched hold 100 '$idleprobe measure --json $targets >$results/all.json & run=$!
		sleep 4; kill -INT $run; wait $run'
	jq -es 'length == 100 and all(.[]; .interrupted and .result.reason == "interrupted") and
		(map(select(.path.connections_opened == 0)) | length) > 20' "$results/all.json" >/dev/null
	closings "$politely and .opened < 4500"
}
