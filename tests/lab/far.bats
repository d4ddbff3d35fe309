#!/usr/bin/env bats
# `measure` with `respond` at the other end: both directions, and what only two ends can tell.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

# PROFILE FAMILY SECONDS [ARGUMENT...]: what respond tells of it, which is an answer
measured() {
	lab run --profile "$1" --timeout "$3" --server respond -- "measure --max-idle 60 ${*:4} \$TESTBED_TARGET$2"
	tell run "$BATS_TEST_DESCRIPTION"
	tell_ends run
	exits 0
}

# OUTBOUND INBOUND: each "OUTCOME SIGNAL FROM"; either may be a regular expression
directions() {
	holds run '[$r.directions | .outbound, .inbound | "\(.outcome) \(.signal) \(.signal_from)"] as [$o, $i] |
		($o | test("^\($out)$")) and ($i | test("^\($in)$"))' --arg out "$1" --arg in "$2"
}

# SECONDS [LATE]: the whole is a timeout, and each direction's interval contains the truth and is as narrow as asked
both_contain() {
	contains run "$@"
	holds run '$r.outcome == "timeout" and $r.reason == null and $warnings == []'
	holds run '[$r.directions[] | select(.outcome == "timeout")] | length >= 1 and all(.[];
		.survived_s <= $t + $late and .expired_s >= $t - $jiffy and .expired_s - .survived_s < 1.002 and
		.timeout_s >= .survived_s and .timeout_s <= .expired_s)' \
		--argjson t "$1" --argjson jiffy "$jiffy" --argjson late "${2-0}"
}

# SECONDS: in neither direction anything else than the truth, or honestly nothing
never_wrong_each() {
	never_wrong run "$1"
	holds run '[$r.directions[] | select(. != null)] | length >= 1 and all(.[]; .outcome == "inconclusive" or
		.outcome == "timeout" and .survived_s <= $t and .expired_s >= $t - $jiffy)' --argjson t "$1" --argjson jiffy "$jiffy"
}

# NAME: the figures of each direction, and what only two ends can tell, for the reader of the test's output
tell_ends() {
	say "  $(jq -r '.result as $r | ($r.directions | to_entries[] | select(.value) | "\(.key) \(.value.outcome) \(.value.survived_s) to " +
		"\(.value.expired_s) s, \(.value.signal) from \(.value.signal_from)"), "revived \($r.revived_by_probe), payload " +
		"\($r.payload_refreshes), outbound \($r.outbound_refreshes), learned \($r.learned_by), nat \(.path.nat.detected) " +
		"\(.path.nat.remapped), proxy \(.path.proxy)"' "$results/$1.json" | tr '\n' ';')"
}

# KEY VALUE: of the result, in JSON
result() { holds run '$r | has($key) and .[$key] == $value' --arg key "$1" --argjson value "$2"; }

# DETECTED ADDRESS REMAPPED: path.nat, and that there is no proxy
nat() {
	holds run '.path.nat.detected == $detected and .path.nat.observed_address == $address and .path.nat.observed_port > 0' \
		--argjson detected "$1" --arg address "$2"
	holds run '.path.nat | has("remapped") and .remapped == $remapped' --argjson remapped "$3"
	holds run '.path | has("proxy") and .proxy == false'
}

declare -gA mapped=([4]=203.0.113.1 [6]=2001:db8:2::1) # by family, where the gateway translates

both_silent='timeout silent null'

# FAMILY: the acceptance test of both directions
revived() {
	measured nat-loose "$1" 10
	both_contain 10
	directions 'no_timeout null null' 'timeout silent null'
	result revived_by_probe true
	result keepalive_refreshes true
	result learned_by '"none"'
	holds run '$r.directions as $d | [$r.timeout_s, $r.survived_s, $r.expired_s] ==
		[$d.inbound.timeout_s, $d.inbound.survived_s, $d.inbound.expired_s] and $d.outbound.survived_s > $r.expired_s'
	nat true "${mapped[$1]}" false
	holds run '.method.directions == ["outbound", "inbound"] and .method.connections == 96 and .path.connections_opened <= 130'
	# On a machine that was busy just then, once more.
	holds run '.elapsed_s <= 1.4 * 10' >/dev/null || { measured nat-loose "$1" 10 && holds run '.elapsed_s <= 1.4 * 10'; }
}

@test "nat-loose, IPv4" { revived 4; }
@test "nat-loose, IPv6" { revived 6; }

silent() { # FAMILY
	measured nat-silent "$1" 8
	both_contain 8
	directions "$both_silent" "$both_silent"
	result revived_by_probe false
	result keepalive_refreshes true
	result outbound_refreshes true
	result learned_by '"none"'
	nat true "${mapped[$1]}" null
	holds run '.path.unanswered_received == 0 and .path.unanswered_missed >= 5' # silence begins with the probe
}

@test "nat-silent, IPv4" { silent 4; }
@test "nat-silent, IPv6" { silent 6; }

# FAMILY ADDRESS: nothing is translated
firewall_silent() {
	measured firewall-silent "$1" 8
	both_contain 8
	directions "$both_silent" "$both_silent"
	result revived_by_probe false
	nat false "$2" null
}

@test "firewall-silent, IPv4" { firewall_silent 4 192.0.2.10; }
@test "firewall-silent, IPv6" { firewall_silent 6 2001:db8:1::10; }

# PROFILE FAMILY: whoever sends late is told
reset_on_probe() {
	measured "$1" "$2" 8
	both_contain 8
	directions 'timeout reset_on_probe path' 'timeout reset_on_probe path'
	result revived_by_probe false
	result learned_by '"none"' # by itself
}

@test "nat-reset, IPv4" { reset_on_probe nat-reset 4; }
@test "nat-reset, IPv6" { reset_on_probe nat-reset 6; }
@test "firewall-reset, IPv4" { reset_on_probe firewall-reset 4; }
@test "firewall-reset, IPv6" { reset_on_probe firewall-reset 6; }

# FAMILY: most late probes of this side draw no ICMP error (net.ipv4.icmp_ratelimit), and those of the far side's reach its kernel
icmp() {
	measured nat-icmp "$1" 8
	contains run 8
	directions 'timeout (silent null|icmp path)' 'timeout (silent null|icmp path)'
	result revived_by_probe false
	result learned_by '"none"'
}

@test "nat-icmp, IPv4" { icmp 4; }
@test "nat-icmp, IPv6" { icmp 6; }

# FAMILY: this side's late probe leaves from another port, where the server knows no connection
remapped() {
	measured nat-remap "$1" 8
	both_contain 8
	directions 'timeout reset_on_probe endpoint' "$both_silent"
	result revived_by_probe false
	result learned_by '"none"'
	nat true "${mapped[$1]}" true
}

@test "nat-remap, IPv4" { remapped 4; }
@test "nat-remap, IPv6" { remapped 6; }

# WHOM PROFILE FAMILY: an RST that comes by itself tells the moment, whoever gets it. The program at the gateway may have to wait.
reset_at_expiry() {
	measured "$2" "$3" 8
	both_contain 8 0.5
	directions 'timeout reset_at_expiry path' 'timeout reset_at_expiry path'
	result learned_by "\"$1\""
	holds run '$r.timeout_s > 7.8 and $r.timeout_s < 8.5 and .elapsed_s < 11'
}

@test "nat-reset-both, IPv4" { reset_at_expiry both nat-reset-both 4; }
@test "nat-reset-both, IPv6" { reset_at_expiry both nat-reset-both 6; }
@test "nat-reset-near, IPv4" { reset_at_expiry near nat-reset-near 4; }
@test "nat-reset-near, IPv6" { reset_at_expiry near nat-reset-near 6; }
@test "nat-reset-far, IPv4" { reset_at_expiry far nat-reset-far 4; }
@test "nat-reset-far, IPv6" { reset_at_expiry far nat-reset-far 6; }

# PROFILE FAMILY REFRESHES: each probe is answered, so both directions refresh; but for what draws no answer
one_way() {
	measured "$1" "$2" 8
	both_contain 8
	directions "$both_silent" "$both_silent"
	result outbound_refreshes "$3"
	result keepalive_refreshes true
	result revived_by_probe false
}

@test "outbound-refresh, IPv4" { one_way outbound-refresh 4 true; }
@test "outbound-refresh, IPv6" { one_way outbound-refresh 6 true; }
@test "inbound-refresh, IPv4" { one_way inbound-refresh 4 false; }
@test "inbound-refresh, IPv6" { one_way inbound-refresh 6 false; }

# FAMILY: an age is tried once only, so the interval may stay wider than asked
payload_only() {
	measured payload-refresh "$1" 16
	contains run 16
	holds run '$r.outcome == "timeout" and $r.expired_s - $r.survived_s < 3 and $warnings - ["wide_interval"] == []'
	directions "$both_silent" "$both_silent"
	result keepalive_refreshes false
	result payload_refreshes true
	result learned_by '"none"'
	holds run '.advice.keepalive_helps == false'
}

@test "payload-refresh, IPv4" { payload_only 4; }
@test "payload-refresh, IPv6" { payload_only 6; }

filter() { # FAMILY
	measured inbound-filter "$1" 8
	both_contain 8
	directions 'no_timeout null null' "$both_silent"
	result revived_by_probe true
	nat true "${mapped[$1]}" false
}

@test "inbound-filter, IPv4" { filter 4; }
@test "inbound-filter, IPv6" { filter 6; }

# FAMILY: it hands the banner on, but each keepalive is answered by the end that it came to
proxied() {
	measured proxy "$1" 8
	holds run '[$r.outcome, $r.signal, $r.signal_from, $r.keepalive_refreshes, $r.reason] ==
		["closed_by_endpoint", "fin_at_expiry", "endpoint", false, null]'
	contains run 8 0.5
	holds run '.path | has("proxy") and .proxy == true'
}

@test "proxy, IPv4" { proxied 4; }
@test "proxy, IPv6" { proxied 6; }

routed() { # FAMILY ADDRESS
	lab run --profile router --server respond -- "measure --max-idle 8 \$TESTBED_TARGET$1"
	tell run "$BATS_TEST_DESCRIPTION"
	exits 0
	directions 'no_timeout null null' 'no_timeout null null'
	holds run '$r.outcome == "no_timeout" and $r.survived_s >= 8 and $r.timeout_s == null and $r.expired_s == null'
	holds run '$warnings == []' # both directions were probed
	result revived_by_probe null
	result learned_by null
	nat false "$2" null
	holds run '.elapsed_s < 8 + 4'
}

@test "router, IPv4" { routed 4 192.0.2.10; }
@test "router, IPv6" { routed 6 2001:db8:1::10; }

@test "the tests above know every profile" {
	local profile
	for profile in $(scripts/testbed --list | cut -d' ' -f1); do
		grep -q "^@test \"$profile, IPv4\"" "$BATS_TEST_FILENAME"
		grep -q "^@test \"$profile, IPv6\"" "$BATS_TEST_FILENAME"
	done
}

lossy() { # PERCENT PROFILE FAMILY
	lab run --profile "$2" --timeout 8 --loss "$1" --server respond -- "measure --max-idle 60 \$TESTBED_TARGET$3"
	tell run "$BATS_TEST_DESCRIPTION"
	tell_ends run
	never_wrong_each 8
	holds run '$r.reason != "endpoint_keepalive" and $r.reason != "endpoint_restarted"'
}

@test "loss of 5 %: nat-silent, IPv4" { lossy 5 nat-silent 4; }
@test "loss of 5 %: nat-silent, IPv6" { lossy 5 nat-silent 6; }
@test "loss of 5 %: nat-reset" { lossy 5 nat-reset 6; }
@test "loss of 5 %: outbound-refresh" { lossy 5 outbound-refresh 4; }
@test "loss of 5 %: inbound-refresh" { lossy 5 inbound-refresh 6; }
@test "loss of 5 %: payload-refresh" { lossy 5 payload-refresh 4; }
@test "loss of 20 %: nat-silent" { lossy 20 nat-silent 6; }

# PERCENT PROFILE FAMILY: where the banner was lost, this side is alone, and says what that may hide
revived_lossy() {
	limit=240 # with such loss it may search each direction for a minute and some times the timeout before it gives up
	lab run --profile "$2" --timeout 8 --loss "$1" --server respond -- "measure --max-idle 30 \$TESTBED_TARGET$3"
	tell run "$BATS_TEST_DESCRIPTION"
	tell_ends run
	holds run '$r.reason != "endpoint_keepalive" and $r.reason != "endpoint_restarted"'
	if holds run '.method.directions == ["outbound"] and $r.outcome == "no_timeout"' >/dev/null; then
		holds run '$warnings | contains(["outbound_only"])'
		return
	fi
	never_wrong run 8
	holds run '$r.directions.outbound.outcome | . == "no_timeout" or . == "inconclusive"'
	holds run '$r.revived_by_probe != false'
}

@test "loss of 5 %: nat-loose" { revived_lossy 5 nat-loose 4; }
@test "loss of 5 %: inbound-filter" { revived_lossy 5 inbound-filter 6; }
@test "loss of 20 %: nat-loose" { revived_lossy 20 nat-loose 6; }

# PROFILE FAMILY SCRIPT: a measurement of 10 s, and what happens meanwhile
meanwhile() {
	lab run --profile "$1" --timeout 10 --server respond -- "begin --max-idle 60 \$TESTBED_TARGET$2
		$3
		wait \$run; code=\$?; cat \$TESTBED_DIR/server.log; exit \$code"
	tell run "$BATS_TEST_DESCRIPTION"
	tell_ends run
	holds run '.elapsed_s < 90'
}

no_wrong_verdict() {
	never_wrong_each 10
	[[ $status == 0 || $status == 3 ]]
}

@test "the responder is restarted before anything expires" {
	meanwhile nat-silent 4 'sleep 5; server_stop; server_start'
	no_wrong_verdict
}

@test "the responder is restarted while connections expire" {
	meanwhile nat-silent 6 'sleep 10.5; server_stop; server_start'
	no_wrong_verdict
}

@test "the responder is restarted, and a late probe revives" {
	meanwhile nat-loose 4 'sleep 6; server_stop; server_start'
	never_wrong run 10
}

@test "the responder's machine is restarted" {
	meanwhile nat-silent 6 'sleep 5; server_reboot'
	no_wrong_verdict
}

@test "the responder's machine is restarted where an RST tells the expiry" {
	meanwhile nat-reset-both 4 'sleep 5; server_reboot'
	never_wrong run 10 0.5
}

@test "the responder is away for 4 s" {
	meanwhile nat-silent 4 'sleep 4; server_stop; sleep 4; server_start'
	no_wrong_verdict
}

@test "the responder is killed for good before anything expires" {
	meanwhile nat-silent 4 'sleep 5; server_stop'
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.reason != null and $r.timeout_s == null'
}

@test "the responder is killed for good while connections expire" {
	meanwhile nat-silent 6 'sleep 10.7; server_stop'
	no_wrong_verdict
}

@test "the responder is stopped for 3 s, as by a suspend" {
	meanwhile nat-silent 4 'sleep 4; kill -STOP $(<$TESTBED_DIR/server.pid); sleep 3; kill -CONT $(<$TESTBED_DIR/server.pid)'
	no_wrong_verdict
}

@test "the gateway's table is flushed half way" {
	meanwhile nat-silent 4 'sleep 6; gateway_flush'
	no_wrong_verdict
	holds run '$r.outcome == "inconclusive"'
}

# But for the channel: what is asked through one that was held up is no longer about those probes alone.
@test "what the far end sends is lost for 4 s: it did receive" {
	meanwhile nat-silent 4 'sleep 3; outage_begin wan $(control_port); sleep 4; outage_end'
	no_wrong_verdict
	holds run '.path.unanswered_received >= 3'
}

@test "what this end sends is lost for 4 s: the far end did not receive" {
	meanwhile nat-silent 4 'sleep 3; outage_begin lan $(control_port); sleep 4; outage_end'
	no_wrong_verdict
	holds run '.path.unanswered_missed >= 3'
	holds run '.path.unanswered_received == 0'
}

@test "an outage before the expiry" {
	meanwhile nat-silent 6 'sleep 4; outage_begin; sleep 3; outage_end'
	no_wrong_verdict
}

@test "an outage around the expiry" {
	meanwhile nat-silent 4 'sleep 8.5; outage_begin; sleep 4; outage_end'
	no_wrong_verdict
}

# COUNT: at least so many control channels were there
channels() { [[ $(grep -c 'session begins' "$results/run.out") -ge $1 ]] || { cat "$results/run.out"; return 1; }; }

right_after_a_cut() {
	exits 0
	both_contain 10
	directions 'timeout silent null' 'timeout silent null'
	channels 2
}

@test "the gateway forgets the control channel" {
	meanwhile nat-silent 4 'sleep 4; gateway_forget $(control_port)'
	right_after_a_cut
}

@test "the gateway forgets the control channel while connections expire" {
	meanwhile nat-silent 6 'sleep 10.2; gateway_forget $(control_port)'
	no_wrong_verdict
	channels 2
}

@test "the control channel is reset" {
	meanwhile nat-silent 4 'sleep 4; ss --kill --tcp sport = :$(control_port) >/dev/null'
	right_after_a_cut
}

@test "the control channel is reset again and again" {
	meanwhile nat-silent 6 'for n in {1..6}; do sleep 1.5; ss --kill --tcp sport = :$(control_port) >/dev/null; done'
	no_wrong_verdict
	channels 4
}

@test "two at once" {
	lab run --profile nat-silent --timeout 8 --server respond -- '
		begin --max-idle 60 $TESTBED_TARGET4
		$idleprobe measure --json --max-idle 60 $TESTBED_TARGET6 >$results/6.json; six=$?
		wait $run; exit $(($? + six))'
	tell run "$BATS_TEST_DESCRIPTION, IPv4"
	tell 6 "$BATS_TEST_DESCRIPTION, IPv6"
	exits 0
	both_contain 8
	contains 6 8
}

@test "the responder's token" {
	IDLEPROBE_TOKEN=secret lab run --profile router --server respond -- '
		measure --max-idle 3 $TESTBED_TARGET4 || exit
		unset IDLEPROBE_TOKEN
		$idleprobe measure --json --max-idle 3 --token secret $TESTBED_TARGET6 >$results/6.json || exit
		$idleprobe measure --json --max-idle 3 --token guess $TESTBED_TARGET4 >$results/wrong.json 2>$results/wrong; echo $?
		$idleprobe measure --json --max-idle 3 $TESTBED_TARGET4 >$results/none.json 2>$results/none; echo $?
		$idleprobe measure --json --max-idle 3 --direction out $TESTBED_TARGET4 >$results/out.json || exit'
	exits 0
	tell run "$BATS_TEST_DESCRIPTION"
	cat "$results/run.out" "$results/wrong" "$results/none"
	[[ $(<"$results/run.out") == 4$'\n'4 ]]
	holds run '$r.outcome == "no_timeout" and $r.directions.inbound.outcome == "no_timeout"'
	holds 6 '$r.outcome == "no_timeout" and $r.directions.inbound.outcome == "no_timeout"'
	grep -q '^idleprobe: the responder at 203.0.113.10 port 7440 refuses the token: --token or' "$results/wrong"
	grep -q '^idleprobe: the responder at 203.0.113.10 port 7440 wants a token: give it by --token or' "$results/none"
	holds out '$r.outcome == "no_timeout" and $r.directions.inbound == null'
}

# SERVER SCRIPT: and how much payload reached the server meanwhile, as seen there
watched() {
	lab run --profile router --server "$1" -- "payload_watch; $2; code=\$?; payload_seen; exit \$code"
	cat "$results/run.err" "$results/run.out"
	seen=$(<"$results/run.out")
	say "$BATS_TEST_DESCRIPTION: $seen"
}

no_payload() { [[ $seen =~ ^[1-9][0-9]*\ segments,\ 0\ octets\ of\ payload$ ]]; }

@test "a server without a banner receives no payload, IPv4" {
	watched hold 'measure --max-idle 5 $TESTBED_TARGET4'
	exits 0
	no_payload
	holds run '$r.outcome == "no_timeout" and .method.directions == ["outbound"] and .path.nat == null and $r.directions.inbound == null'
}

@test "a server without a banner receives no payload, IPv6" {
	watched hold 'measure --max-idle 5 --direction auto $TESTBED_TARGET6'
	exits 0
	no_payload
}

@test "a server without a banner that closes receives no payload" {
	watched fin:3 'measure --max-idle 60 $TESTBED_TARGET4'
	exits 0
	no_payload
	holds run '$r.outcome == "closed_by_endpoint"'
}

@test "a server with another banner receives no payload" {
	lab run --profile router --server none -- '
		ip netns exec server python3 -c "
import socket
server = socket.create_server((\"\", $TESTBED_PORT))
print(flush=True)
held = []
while True:
    held.append(server.accept()[0])
    held[-1].sendall(b\"SSH-2.0-OpenSSH_9.2p1\\r\\n\")" >$TESTBED_DIR/ready & server=$!
		until [[ -s $TESTBED_DIR/ready ]]; do sleep 0.02; done
		payload_watch; measure --max-idle 5 $TESTBED_TARGET4; code=$?; payload_seen; kill $server; exit $code'
	cat "$results/run.err" "$results/run.out"
	exits 0
	seen=$(<"$results/run.out")
	say "$BATS_TEST_DESCRIPTION: $seen"
	no_payload
	holds run '$r.outcome == "no_timeout" and .method.directions == ["outbound"]'
}

@test "--direction out sends a responder no payload" {
	watched respond 'measure --max-idle 5 --direction out $TESTBED_TARGET4'
	exits 0
	no_payload
	holds run '$r.outcome == "no_timeout" and .method.directions == ["outbound"] and .path.nat == null and $r.directions.inbound == null'
	holds run '$warnings == ["outbound_only"]'
}

@test "a responder receives payload: the three tests above would see it" {
	watched respond 'measure --max-idle 3 $TESTBED_TARGET4'
	exits 0
	[[ $seen =~ \ segments,\ [1-9][0-9]{3,}\ octets\ of\ payload$ ]]
}

# DIRECTION: no payload, and an error at once
needs_responder() {
	watched hold "measure --direction $1 \$TESTBED_TARGET4"
	exits 4
	no_payload
	grep -qx "idleprobe: 203.0.113.10 port 7440 shows no banner of \`idleprobe respond\` within a second; start it there, or probe \
from this side alone: --direction out" "$results/run.err"
	[[ ! -s $results/run.json ]]
}

@test "--direction both needs a responder" { needs_responder both; }
@test "--direction in needs a responder" { needs_responder in; }

@test "--direction in" {
	measured nat-loose 4 8 --direction in
	contains run 8
	holds run '$r.outcome == "timeout" and $r.signal == "silent" and $r.directions.outbound == null'
	holds run '.method.directions == ["inbound"] and $r.directions.inbound.timeout_s == $r.timeout_s'
	holds run 'all(.samples[]; .direction == "inbound")'
}

@test "--direction both: the longer one is measured to its end" {
	lab run --profile nat-loose --timeout 6 --server respond -- 'measure --max-idle 12 --direction both $TESTBED_TARGET6'
	tell run "$BATS_TEST_DESCRIPTION"
	tell_ends run
	exits 0
	both_contain 6
	directions 'no_timeout null null' "$both_silent"
	holds run '$r.directions.outbound.survived_s >= 12'
}
