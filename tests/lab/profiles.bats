#!/usr/bin/env bats
# `measure` through every profile of the testbed, IPv4 and IPv6, three timeouts each: the answer must be right.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

timeouts='6 11 20'

# PROFILE FAMILY SCRIPT: with each of the timeouts, all at once
measured() {
	local timeout
	for timeout in $timeouts; do
		(
			lab "$timeout" --profile "$1" --timeout "$timeout" -- "target=\$TESTBED_TARGET$2; $3"
			echo $status >"$results/$timeout.status"
		) &
	done
	wait
	for timeout in $timeouts; do
		tell "$timeout" "$1 IPv$2 T=$timeout"
		[[ $(<"$results/$timeout.status") == 0 ]] || holds "$timeout" '"exit status" == 0'
	done
}

# PROFILE FAMILY: what is left of 1.3 T beyond the physics is a second; on a machine that was busy just then, once more.
in_time() {
	holds 20 '.elapsed_s <= 1.3 * 20' >/dev/null && return
	timeouts=20
	measured "$1" "$2" 'measure --max-idle 60 $target'
	holds 20 '.elapsed_s <= 1.3 * 20'
}

# PROFILE FAMILY OUTCOME SIGNAL FROM REFRESHES [LATE]: LATE is by how much what a program does at the gateway may come
# later than it should, where it has to wait for the CPU. The range searched gives nothing away.
ends() {
	local timeout
	measured "$1" "$2" 'measure --max-idle 60 $target'
	for timeout in $timeouts; do
		holds "$timeout" '[$r.outcome, $r.signal, $r.signal_from, $r.keepalive_refreshes, $r.reason] ==
			[$outcome, $signal, $from, $refreshes, null]' \
			--arg outcome "$3" --arg signal "$4" --argjson from "$5" --argjson refreshes "$6"
		holds "$timeout" '$warnings == []'
		contains "$timeout" "$timeout" "${7-0}"
		holds "$timeout" '$r.expired_s - $r.survived_s < 1.002' # the resolution asked for, and rounding
	done
	in_time "$1" "$2"
}

lives() { # PROFILE FAMILY
	local timeout
	measured "$1" "$2" 'measure --max-idle 8 $target'
	for timeout in $timeouts; do
		holds "$timeout" '$r.outcome == "no_timeout" and $r.survived_s >= 8 and $warnings == ["outbound_only"]'
		holds "$timeout" '[$r.timeout_s, $r.expired_s, $r.signal, $r.signal_from, $r.reason] | all(. == null)'
	done
}

# PROFILE FAMILY: the gateway sends an ICMP error for some late probes only (net.ipv4.icmp_ratelimit), so that most of the
# connections may end in silence: then that is the signal. Either way it is said that there were others.
ends_by_icmp() {
	local timeout
	measured "$1" "$2" 'measure --max-idle 60 $target'
	for timeout in $timeouts; do
		holds "$timeout" '[$r.outcome, $r.keepalive_refreshes, $r.reason] == ["timeout", true, null]'
		contains "$timeout" "$timeout"
		holds "$timeout" '[.samples | group_by(.connection)[] | map(.outcome) | if any(. == "icmp") then "icmp"
				elif last == "silent" then "silent" else empty end] | group_by(.) | map({(first): length}) | add |
			.icmp >= 3 and if $r.signal == "silent" then $r.signal_from == null and .silent > .icmp / 2
			else $r.signal == "icmp" and $r.signal_from == "path" and .icmp > .silent / 2 end'
		holds "$timeout" '$warnings == ["mixed_signals"] and (.warnings[0].message | test("ICMP"))'
	done
	in_time "$1" "$2"
}

# FAMILY: a gateway that spares no error
ends_by_every_icmp() {
	timeouts=6
	measured nat-icmp "$1" 'ip netns exec gateway sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
		ip netns exec gateway sysctl -qw net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=100000
		measure --max-idle 60 $target'
	holds 6 '[$r.outcome, $r.signal, $r.signal_from, $r.keepalive_refreshes] == ["timeout", "icmp", "path", true]'
	holds 6 '$warnings == []'
	contains 6 6
}

@test "nat-silent, IPv4" { ends nat-silent 4 timeout silent null true; }
@test "nat-silent, IPv6" { ends nat-silent 6 timeout silent null true; }
@test "nat-reset, IPv4" { ends nat-reset 4 timeout reset_on_probe '"path"' true; }
@test "nat-reset, IPv6" { ends nat-reset 6 timeout reset_on_probe '"path"' true; }
@test "nat-remap, IPv4" { ends nat-remap 4 timeout reset_on_probe '"endpoint"' true; }
@test "nat-remap, IPv6" { ends nat-remap 6 timeout reset_on_probe '"endpoint"' true; }
@test "nat-icmp, IPv4" { ends_by_icmp nat-icmp 4; }
@test "nat-icmp, IPv6" { ends_by_icmp nat-icmp 6; }
@test "nat-icmp without a limit, IPv4" { ends_by_every_icmp 4; }
@test "nat-icmp without a limit, IPv6" { ends_by_every_icmp 6; }
@test "nat-reset-both, IPv4" { ends nat-reset-both 4 timeout reset_at_expiry '"path"' true 0.5; }
@test "nat-reset-both, IPv6" { ends nat-reset-both 6 timeout reset_at_expiry '"path"' true 0.5; }
@test "nat-reset-near, IPv4" { ends nat-reset-near 4 timeout reset_at_expiry '"path"' true 0.5; }
@test "nat-reset-near, IPv6" { ends nat-reset-near 6 timeout reset_at_expiry '"path"' true 0.5; }
@test "nat-reset-far, IPv4" { ends nat-reset-far 4 timeout silent null true; }
@test "nat-reset-far, IPv6" { ends nat-reset-far 6 timeout silent null true; }
@test "outbound-refresh, IPv4" { ends outbound-refresh 4 timeout silent null true; }
@test "outbound-refresh, IPv6" { ends outbound-refresh 6 timeout silent null true; }
@test "inbound-refresh, IPv4" { ends inbound-refresh 4 timeout silent null true; }
@test "inbound-refresh, IPv6" { ends inbound-refresh 6 timeout silent null true; }
@test "payload-refresh, IPv4" { ends payload-refresh 4 timeout silent null false; }
@test "payload-refresh, IPv6" { ends payload-refresh 6 timeout silent null false; }
@test "firewall-silent, IPv4" { ends firewall-silent 4 timeout silent null true; }
@test "firewall-silent, IPv6" { ends firewall-silent 6 timeout silent null true; }
@test "firewall-reset, IPv4" { ends firewall-reset 4 timeout reset_on_probe '"path"' true; }
@test "firewall-reset, IPv6" { ends firewall-reset 6 timeout reset_on_probe '"path"' true; }
@test "proxy, IPv4" { ends proxy 4 closed_by_endpoint fin_at_expiry '"endpoint"' false 0.5; }
@test "proxy, IPv6" { ends proxy 6 closed_by_endpoint fin_at_expiry '"endpoint"' false 0.5; }
@test "nat-loose, IPv4" { lives nat-loose 4; }
@test "nat-loose, IPv6" { lives nat-loose 6; }
@test "inbound-filter, IPv4" { lives inbound-filter 4; }
@test "inbound-filter, IPv6" { lives inbound-filter 6; }
@test "router, IPv4" { lives router 4; }
@test "router, IPv6" { lives router 6; }

@test "the tests above know every profile" {
	local profile
	for profile in $(scripts/testbed --list | cut -d' ' -f1); do
		grep -q "^@test \"$profile, IPv4\"" "$BATS_TEST_FILENAME"
	done
}
