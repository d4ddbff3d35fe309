#!/usr/bin/env bats
# Packets of those who mean ill: from off the path, where nothing can be seen, they change no verdict; from on
# the path they can, but crash nothing.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

# TESTBED-ARGUMENT... -- FAMILY "NODE..." [MEASURE-ARGUMENT...]: a measurement under floods on these nodes,
# which begin after 2.5 s, and in a network of its own one that is left alone.
besieged() {
	local testbed=() family floods script='' node
	while [[ $1 != -- ]]; do testbed+=("$1"); shift; done
	family=$2 floods=$3
	shift 3
	for node in $floods; do script+="flood $node $family 10000 10 & floods+=(\$!); "; done
	lab alone "${testbed[@]}" -- "measure --connections 12 --max-idle 40 $* \$TESTBED_TARGET$family" &
	lab run "${testbed[@]}" -- ". tests/lab/hostile.bash
		begin --connections 12 --max-idle 40 --events \$results/events $* \$TESTBED_TARGET$family
		sleep 2.5; $script
		wait \${floods[@]}; wait \$run"
	wait $!
	tell alone "$BATS_TEST_DESCRIPTION: left alone"
	tell run "$BATS_TEST_DESCRIPTION: $(tr '\n' ' ' <"$results/run.out")"
	exits 0
	[[ $(grep -c 'packets, 10000 for each of [1-9]' "$results/run.out") == $(wc -w <<<"$floods") ]]
	[[ $(verdict run) == "$(verdict alone)" ]]
}

verdict() { # NAME
	jq -c '.result | [.outcome, .reason, .signal, .signal_from, .keepalive_refreshes,
		(.directions[] | .outcome?, .signal?, .signal_from?)]' "$results/$1.json"
}

@test "a blind flood on a NAT's connections, IPv4" {
	besieged --profile nat-silent --timeout 8 -- 4 client
	contains run 8
}

@test "a blind flood on connections that the path resets, IPv6" {
	besieged --profile nat-reset --timeout 8 -- 6 client
	contains run 8
}

@test "a blind flood on connections that the endpoint resets, IPv4" {
	besieged --profile router --server rst:8 -- 4 client
	holds run '$r.outcome == "closed_by_endpoint" and $r.signal_from == "endpoint"'
}

@test "a blind flood on both ends, with a responder, IPv4" {
	besieged --profile nat-silent --timeout 8 --server respond -- 4 "client server" --direction both
	contains run 8
}

@test "a blind flood on both ends, with a responder, IPv6" {
	besieged --profile nat-silent --timeout 8 --server respond -- 6 "client server" --direction both
	contains run 8
	holds run '.path.unanswered_received == 0'
}

@test "RSTs in this end's name, which the far kernel counts, are not taken for probes that arrived" {
	lab run --profile nat-silent --timeout 6 --server respond -- '. tests/lab/hostile.bash
		begin --connections 24 --max-idle 40 --direction both $TESTBED_TARGET4
		sleep 3; flood server 4 2000 20 quiet & flood=$!
		wait $run; status=$?
		kill $flood; exit $status'
	tell run "$BATS_TEST_DESCRIPTION"
	exits 0
	contains run 6
	holds run '.path.unanswered_received == 0'
}

@test "damaged segments from on the path crash nobody" {
	lab run --profile nat-silent --timeout 4 --server respond -- '
		nice -n 19 ip netns exec gateway tests/lab/hostile.py on-path lan $TESTBED_PORT 9 & lan=$!
		begin --connections 16 --max-idle 7 --direction both $TESTBED_TARGET4
		four=$run name=6
		begin --connections 16 --max-idle 7 $TESTBED_TARGET6
		wait $lan; sleep 6 # some time to recover; there need not be an answer
		kill -INT $four $run
		wait $four; echo "exit $?"; wait $run; echo "exit $?"
		kill -0 $(<$TESTBED_DIR/server.pid) && cat $TESTBED_DIR/server.log >&2'
	cat "$results/run.out" "$results/run.err"
	exits 0
	[[ $(grep -cE '^exit [03]$' "$results/run.out") == 2 ]]
	say "$(grep damaged "$results/run.out")"
	(($(grep -oE '^[0-9]+ damaged' "$results/run.out" | cut -d' ' -f1) > 1000))
	holds run '$r.outcome != null'
	holds 6 '$r.outcome != null'
	run ! grep -i 'sanitizer\|runtime error' "$results/run.err"
}
