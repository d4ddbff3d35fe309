#!/usr/bin/env bats
# --dry-run: the plan of a measurement, without a packet sent.
# shellcheck disable=SC2016,SC2154 # what is in single quotes is for jq; bats sets output

bats_require_minimum_version 1.5.0
load helpers

planned() { # what is left there is held against its schema
	cat >"$BATS_TEST_TMPDIR/plan.json" <<<"$output"
	jq -e "$1" <<<"$output"
}

@test "--dry-run needs no network, no name and no privileges" {
	run unshare --map-user=65534 --user --net "$idleprobe" measure --dry-run no-such-name.invalid:5432
	expect 0 '^Nothing was sent. This is the plan for no-such-name.invalid:5432\.'
	for row in takes 'at most' connections probes; do
		grep -q "^  $row " <<<"$output"
	done
	[[ $output == *'Where it is no responder'*'Where it is a responder'* ]]
	[ "$(wc -L <<<"$output")" -le 80 ]
}

# One raw socket is opened and closed, to see whether that is permitted.
@test "--dry-run sends nothing and looks nothing up" {
	run env ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=network "$idleprobe" measure --dry-run --max-idle 60 192.0.2.7:5432
	expect 0 'the plan for 192.0.2.7:5432'
	calls=$(grep -E '[a-z]+\(' <<<"$output" | grep -cv 'socket(AF_INET, SOCK_RAW|SOCK_CLOEXEC, IPPROTO_RAW)') || :
	[ "$calls" = 0 ]
}

@test "--dry-run --json: one object, and its figures go together" {
	run "$idleprobe" measure --dry-run --json --direction out --max-idle 20m a:1 b:2
	[ "$status" = 0 ]
	planned '.kind == "idleprobe.plan" and .schema_version == 1 and .targets == ["a:1", "b:2"]'
	planned '.method.max_idle_s == 1200 and .method.connections == 96 and (.method.engine | . == "raw" or . == "socket")'
	planned '(.plans | length) == 1 and .plans[0].responder == false'
	planned '[.plans[].paths[].timeout_s] == [1, 1176, null]'
	planned '.plans[0] as $plan | all($plan.paths[]; .connections >= .connections_at_once and .connections_at_once <= 96 and
		.probes >= .probes_first_minute and .elapsed_s < $plan.longest_s)'
	planned '.plans[0].paths[2].elapsed_s | . > 1200 and . < 1230'
	planned '.gap_s == 0.12'
	run "$idleprobe" measure --dry-run --connections 50 $(seq -f 'h:%g' 201) # 200 * 50 connections, 800 a second
	expect 0 '201 targets, the last of which begins after 12.5 s:'
	run "$idleprobe" check --dry-run --json --min 10m $(seq -f 'h:%g' 200)
	planned '.gap_s * 199 <= 0.2'
}

@test "--dry-run tells the engine, whose search may be another" {
	run "$idleprobe" measure --dry-run --engine raw --max-idle 20m a:1
	[[ $output == *'  engine       raw'* ]]
	run "$idleprobe" measure --dry-run --json --engine socket --direction out --max-idle 20m a:1
	planned '.method.engine == "socket" and .plans[0].paths[0].elapsed_s > 10'
}

@test "--dry-run of both directions plans for a responder alone" {
	for direction in both in; do
		run "$idleprobe" measure --dry-run --json --direction $direction --max-idle 60 h
		[ "$status" = 0 ]
		planned '[.plans[].responder] == [true]'
	done
}

@test "--dry-run onto a full device" {
	run -4 --separate-stderr bash -c '"$1" measure --dry-run --max-idle 60 h >/dev/full' - "$idleprobe"
	[[ $stderr == 'idleprobe: standard output cannot be written: No space left on device' ]]
}

@test "check --dry-run ends within --min and 4 seconds" {
	run "$idleprobe" check --dry-run --json --min 10m h:1
	[ "$status" = 0 ]
	planned '(.plans | length) == 2 and all(.plans[]; .longest_s <= 604)'
	planned 'all(.plans[].paths[]; .elapsed_s <= 604)'
}

@test "--dry-run still finds what is wrong with the command line" {
	run "$idleprobe" measure --dry-run
	expect 2 'which target'
	run "$idleprobe" measure --dry-run h:99999
	expect 2 '99999'
	run "$idleprobe" measure --dry-run h:1 h:1
	expect 2 'named twice'
}

@test "a measurement costs what --dry-run has foretold" {
	run "$idleprobe" measure --dry-run --json --direction out --min-idle 0.5 --max-idle 4 127.0.0.1:7440
	[ "$status" = 0 ]
	planned .plans >/dev/null
	plan=$output
	run alone "$hold
		\$idleprobe measure --direction out --min-idle 0.5 --max-idle 4 127.0.0.1:7440"
	[ "$status" = 0 ]
	read -r elapsed connections probes < <(sed -n 's/^  spent  *\([0-9.]*\) s, \([0-9]*\) connections, \([0-9]*\) probes$/\1 \2 \3/p' <<<"$output")
	echo "$elapsed s, $connections connections, $probes probes; foretold: $(jq -c '.plans[0].paths[2]' <<<"$plan")"
	jq -e "$elapsed <= .plans[0].longest_s and (.plans[0].paths[2] |
		$elapsed < .elapsed_s + 2 and $connections <= .connections + 2 and
		$probes > 0.75 * .probes and $probes < 1.25 * .probes)" <<<"$plan"
}
