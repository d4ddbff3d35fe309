#!/usr/bin/env bats
# Many targets in one process: what it costs, how long it takes, and at what rate connections are opened.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
	load closings
}

@test "200 targets with 48 connections each: at most 10 % of a core and 96 MiB, and every verdict right" {
	lab run --profile nat-silent --timeout 60 -- '
		servers 200 >$results/list
		closings_watch client
		tests/lab/cost.py $results/cost $idleprobe measure --connections 48 --targets $results/list --json >$results/all.json
		code=$?
		closings_seen
		exit $code'
	exits 0
	local cpu wall resident
	read -r cpu wall resident <"$results/cost"
	say "$cpu s of CPU in $wall s, $resident KiB; $(jq -rs 'map(.result) | "survived \(map(.survived_s) | "\(min) to \(max)") s, " +
		"expired \(map(.expired_s) | "\(min) to \(max)") s"' "$results/all.json"), $(jq -rs '"\(map(.path.probes_sent) | add) probes"' "$results/all.json")"
	cat "$results/run.err"
	[[ ! -s $results/run.err ]] # libpcap would say that the kernel does not take the filter
	jq -es --argjson jiffy "$jiffy" 'length == 200 and (map(.target.input) | unique | length) == 200 and
		all(.[]; .path.connections_opened >= 48 and .warnings == [] and (.result | .outcome == "timeout" and .signal == "silent" and
			.survived_s <= 60 and .expired_s >= 60 - $jiffy and .expired_s - .survived_s < 1.5))' "$results/all.json" >/dev/null || {
		jq -c '[.target.input, .path.connections_opened, .result.outcome, .result.reason, .result.survived_s, .result.expired_s, .warnings]' "$results/all.json"
		false
	}
	closings '.opened >= 9600 and .left == 0 and .reset == 0 and .opened_a_second <= 1000'
	[[ $idleprobe != *asan* ]] || return 0 # the sanitizers have their price
	((resident <= 96 * 1024))
	jq -en "$cpu <= 0.1 * $wall"
}

@test "check, 50 targets at once take no longer" {
	for bound in '5 2 0 no_timeout' '12 4 1 timeout'; do
		read -r min more code outcome <<<"$bound"
		for _ in 1 2 3; do # on a machine that was busy just then, again
			lab run --profile nat-silent --timeout 8 --server hold -- "
				servers 50 >\$results/list
				begun=\$EPOCHREALTIME
				\$idleprobe check --min $min --targets \$results/list --json >\$results/all.json; code=\$?
				echo \$(((\${EPOCHREALTIME/./} - \${begun/./}) / 1000))
				exit \$code"
			exits "$code"
			say "check --min $min, 50 targets through 8 s: $(<"$results/run.out") ms"
			(($(<"$results/run.out") > (min + more) * 1000)) || break
		done
		(($(<"$results/run.out") <= (min + more) * 1000))
		jq -es --arg outcome "$outcome" 'length == 50 and all(.[]; .result.outcome == $outcome) and
			(map(.target.input) | unique | length) == 50' "$results/all.json"
	done
}

@test "too many connections for one process, or for this one: told before anything is sent" {
	lab run --profile nat-silent -- '
		servers 200 >$results/list
		$idleprobe measure --connections 121 --targets $results/list; echo $?
		ulimit -n 4000
		$idleprobe measure --connections 48 --targets $results/list; echo $?
		sysctl -qw net.ipv4.ip_local_port_range="40000 40029"
		$idleprobe measure --connections 48 $TESTBED_TARGET4; echo $?
		$idleprobe measure --connections 28 --max-idle 2 $TESTBED_TARGET4 >/dev/null; echo $?'
	cat "$results"/run.*
	[[ $(<"$results/run.out") == $'2\n4\n4\n0' ]]
	grep -q '200 targets with 121 connections each are more than the 24000 .*--connections 120' "$results/run.err"
	grep -q 'file descriptors and 4000 are allowed; .*ulimit -n' "$results/run.err"
	grep -q '48 connections to one target need as many local ports, and there are 30; .*ip_local_port_range' "$results/run.err"
}
