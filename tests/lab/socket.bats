#!/usr/bin/env bats
# The socket engine: the same answer as the raw engine's through every profile of the testbed, and without privileges.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

# ENGINE PROFILE FAMILY SECONDS LONGEST
by() {
	lab "$1" --profile "$2" --timeout "$4" -- "measure --engine $1 --max-idle $5 \$TESTBED_TARGET$3"
	tell "$1" "$1 engine, $2, IPv$3"
	[[ $status == 0 ]] || holds "$1" '"exit status" == 0'
	holds "$1" '.method.engine == $engine' --arg engine "$1"
}

# PROFILE FAMILY SECONDS LONGEST: one engine's report in raw.json, the other's in socket.json
both() {
	by raw "$@" & local raw=$!
	by socket "$@"
	wait $raw
}

# PROFILE FAMILY SIGNAL FROM REFRESHES WARNINGS [LATE]: what the socket engine says; the interval is the raw engine's, but for a
# second, and as near to the truth
ends() {
	both "$1" "$2" 20 60
	holds socket '[$r.outcome, $r.signal, $r.signal_from, $r.keepalive_refreshes, $r.reason, .path.reply_ttl] ==
		["timeout", $signal, $from, $refreshes, null, null]' --arg signal "$3" --argjson from "$4" --argjson refreshes "$5"
	holds socket '$warnings == $expected' --argjson expected "$6"
	contains raw 20 "${7-0}"
	contains socket 20 "${7-0}"
	holds socket '$r.survived_s > $t - 1.01 and $r.expired_s < $t + 1.01' --argjson t 20
	holds socket '[$r.survived_s, $r.expired_s, $raw[0].result.survived_s, $raw[0].result.expired_s] |
		(.[0] - .[2] | fabs) <= 1 and (.[1] - .[3] | fabs) <= 1' --slurpfile raw "$results/raw.json"
}

# FAMILY: where only payload counts each connection comes to an age but once, and may be asked there but once a second
ends_less_exactly() {
	both payload-refresh "$1" 20 60
	holds socket '[$r.outcome, $r.signal, $r.keepalive_refreshes, $r.reason] == ["timeout", "silent", false, null]'
	contains raw 20
	contains socket 20
	holds socket '$r.expired_s - $r.survived_s < 2.5 and
		$warnings == if $r.expired_s - $r.survived_s < 1.002 then [] else ["wide_interval"] end'
}

lives() { # PROFILE FAMILY
	local engine
	both "$1" "$2" 7440 8
	for engine in raw socket; do
		holds $engine '$r.outcome == "no_timeout" and $r.survived_s >= 8 and $warnings == ["outbound_only"]'
	done
}

unknown='["reset_origin_unknown"]'

@test "nat-silent, IPv4" { ends nat-silent 4 silent null true '[]'; }
@test "nat-silent, IPv6" { ends nat-silent 6 silent null true '[]'; }
@test "nat-reset, IPv4" { ends nat-reset 4 reset_on_probe '"unknown"' true '[]'; }
@test "nat-reset, IPv6" { ends nat-reset 6 reset_on_probe '"unknown"' true '[]'; }
@test "nat-remap, IPv4" { ends nat-remap 4 reset_on_probe '"unknown"' true '[]'; }
@test "nat-remap, IPv6" { ends nat-remap 6 reset_on_probe '"unknown"' true '[]'; }
# The kernel keeps the ICMP errors to itself.
@test "nat-icmp, IPv4" { ends nat-icmp 4 silent null true '[]'; }
@test "nat-icmp, IPv6" { ends nat-icmp 6 silent null true '[]'; }
@test "nat-reset-both, IPv4" { ends nat-reset-both 4 reset_at_expiry '"unknown"' true "$unknown" 0.5; }
@test "nat-reset-both, IPv6" { ends nat-reset-both 6 reset_at_expiry '"unknown"' true "$unknown" 0.5; }
@test "nat-reset-near, IPv4" { ends nat-reset-near 4 reset_at_expiry '"unknown"' true "$unknown" 0.5; }
@test "nat-reset-near, IPv6" { ends nat-reset-near 6 reset_at_expiry '"unknown"' true "$unknown" 0.5; }
@test "nat-reset-far, IPv4" { ends nat-reset-far 4 silent null true '[]'; }
@test "nat-reset-far, IPv6" { ends nat-reset-far 6 silent null true '[]'; }
@test "outbound-refresh, IPv4" { ends outbound-refresh 4 silent null true '[]'; }
@test "outbound-refresh, IPv6" { ends outbound-refresh 6 silent null true '[]'; }
@test "inbound-refresh, IPv4" { ends inbound-refresh 4 silent null true '[]'; }
@test "inbound-refresh, IPv6" { ends inbound-refresh 6 silent null true '[]'; }
@test "payload-refresh, IPv4" { ends_less_exactly 4; }
@test "payload-refresh, IPv6" { ends_less_exactly 6; }
@test "firewall-silent, IPv4" { ends firewall-silent 4 silent null true '[]'; }
@test "firewall-silent, IPv6" { ends firewall-silent 6 silent null true '[]'; }
@test "firewall-reset, IPv4" { ends firewall-reset 4 reset_on_probe '"unknown"' true '[]'; }
@test "firewall-reset, IPv6" { ends firewall-reset 6 reset_on_probe '"unknown"' true '[]'; }
# That it was the endpoint is told by the TTL alone.
@test "proxy, IPv4" { ends proxy 4 fin_at_expiry '"unknown"' false "$unknown" 0.5; }
@test "proxy, IPv6" { ends proxy 6 fin_at_expiry '"unknown"' false "$unknown" 0.5; }
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

# PROFILE FAMILY SECONDS ARGUMENT...: a responder at the other end
with_responder() {
	lab run --profile "$1" --timeout "$3" --server respond -- "measure --engine socket --max-idle 60 ${*:4} \$TESTBED_TARGET$2"
	tell run "$BATS_TEST_DESCRIPTION"
	exits 0
	holds run '.method.engine == "socket" and $r.outcome == "timeout" and $warnings == []'
	contains run "$3"
	holds run '[$r.directions[] | select(.outcome == "timeout")] | length >= 1 and
		all(.[]; .survived_s <= $t and .expired_s >= $t - $jiffy and .expired_s - .survived_s < 1.002)' \
		--argjson t "$3" --argjson jiffy "$jiffy"
	holds run '$r.outbound_refreshes == null' # nothing that draws no answer can be sent
}

@test "a responder: what only the far side's probes see, IPv4" {
	with_responder nat-loose 4 12
	holds run '$r.revived_by_probe and $r.directions.outbound.outcome == "no_timeout"'
}

@test "a responder: what only the far side's probes see, IPv6" {
	with_responder nat-loose 6 12
	holds run '$r.revived_by_probe and $r.directions.outbound.outcome == "no_timeout"'
}

@test "a responder: both directions to their end" {
	with_responder nat-silent 4 12 --direction both
	holds run '[$r.directions[].outcome] == ["timeout", "timeout"]'
}

@test "the endpoint's own keepalives are seen" {
	lab run --profile nat-silent --timeout 12 --server keepalive:4 -- 'measure --engine socket --max-idle 60 $TESTBED_TARGET4'
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.reason == "endpoint_keepalive" and $r.survived_s > 3.5'
}

@test "5 % loss: the truth is not left out" {
	lab run --profile nat-silent --timeout 20 --loss 5 -- 'measure --engine socket --max-idle 60 $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	never_wrong run 20
}

@test "check passes and fails in time" {
	lab run --profile nat-silent --timeout 12 -- '
		check() { $idleprobe check --engine socket --json --min $1 $TESTBED_TARGET4 >$results/$2.json; }
		check 10 passed & passed=$!
		check 14 failed; echo failed: $?
		wait $passed; echo passed: $?'
	grep -qx 'failed: 1' "$results/run.out"
	grep -qx 'passed: 0' "$results/run.out"
	holds passed '.check.passed and $r.survived_s >= 10 and .elapsed_s < 10 + 4'
	holds failed '.check.passed == false and .elapsed_s < 14 + 4'
	contains failed 12
}

# SETPRIV-ARGUMENT...: so restricted, --engine auto measures by plain sockets and says so, and --engine raw says what to do
restricted() {
	((EUID == 0)) || skip "only root can give up what root has"
	lab run --profile nat-reset --timeout 12 -- "
		mount -t tmpfs -o mode=755 none /mnt
		install -m 755 \$idleprobe /mnt/idleprobe
		as() { ASAN_OPTIONS=detect_leaks=0 setpriv $* \"\$@\"; }
		as /mnt/idleprobe measure --engine raw --max-idle 60 \$TESTBED_TARGET4; echo raw: \$?
		as /mnt/idleprobe measure --max-idle 60 \$TESTBED_TARGET6 >\$results/text & text=\$!
		as /mnt/idleprobe measure --verbose --json --max-idle 60 \$TESTBED_TARGET4 >\$results/run.json || exit
		wait \$text"
	tell run "$BATS_TEST_DESCRIPTION"
	exits 0
	grep -qx 'raw: 4' "$results/run.out"
	grep -q 'needs the capability cap_net_raw' "$results/run.err"
	holds run '.method.engine == "socket" and $r.outcome == "timeout" and $r.signal == "reset_on_probe"'
	contains run 12
	grep -q 'the socket engine, for raw sockets are not permitted here' "$results/run.err"
	grep -q 'stop working after 1[12]\.[0-9] s' "$results/text"
	grep -q 'by plain sockets' "$results/text"
}

@test "user nobody without any capability" {
	restricted --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs
}

@test "root in a container without NET_RAW" {
	restricted --bounding-set=-net_raw --inh-caps=-net_raw
}
