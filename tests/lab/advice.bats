#!/usr/bin/env bats
# The advice is followed by an ordinary client program, advice.py: what a report says is pasted, and must hold for five
# timeouts, in which the host's defaults do not.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

# PROFILE SCRIPT: measures, and then runs the script. `setting NAME` gives what is to be pasted, `idle KIND...` tells what
# became of connections after five timeouts of 8 s.
advised() {
	lab run --profile "$1" --timeout 8 --server none -- '
		setting() { jq -er --arg name "$1" ".advice.settings[] | select(.for == \$name).text" "$results/run.json"; }
		idle() { tests/lab/advice.py idle "$TESTBED_TARGET4" 40 "$@"; }
		ip netns exec server tests/lab/advice.py serve "$TESTBED_PORT" &
		until ip netns exec server ss -Htln | grep -q .; do sleep 0.02; done
		measure --max-idle 20 "$TESTBED_TARGET4" || exit
		'"$2"
	say "$BATS_TEST_DESCRIPTION: $(jq -c '.advice | del(.settings, .summary)' "$results/run.json") $(tr '\n' ' ' <"$results/run.out")"
	exits 0
}

became() { # LINE...
	[[ $(<"$results/run.out") == "$(printf '%s\n' "$@")" ]] || { cat "$results/run.out" "$results/run.err"; return 1; }
}

@test "the options for a Python socket" {
	advised nat-silent 'setting python >"$results/settings.py" || exit
		idle defaults pasted:"$results/settings.py"'
	holds run '.advice.keepalive_helps and .advice.margin_s > 0 and .advice.host_now.protects == false and
		.advice.tcp_keepalive_time_s + 2 * .advice.tcp_keepalive_intvl_s < $r.survived_s'
	became 'defaults dead' 'pasted alive'
}

@test "the sysctl lines" {
	advised nat-silent 'setting linux >"$results/sysctl.conf" && sysctl -qp "$results/sysctl.conf" || exit
		idle defaults nothing'
	became 'defaults alive' 'nothing dead'
}

@test "the heartbeat through a proxy" {
	advised proxy 'beat=$(jq .advice.heartbeat_s "$results/run.json")
		printf "sock.setsockopt(6, %s, 1)\n" socket.TCP_KEEPIDLE socket.TCP_KEEPINTVL >"$results/settings.py"
		printf "sock.setsockopt(1, socket.SO_KEEPALIVE, 1)\n" >>"$results/settings.py"
		idle pasted:"$results/settings.py" every:"$beat"'
	holds run '.advice.keepalive_helps == false and .advice.heartbeat_s >= 1 and .advice.heartbeat_s < $r.survived_s and
		([.advice.settings[].for] | index("haproxy") and (index("linux") | not))'
	became 'pasted dead' 'every alive'
}
