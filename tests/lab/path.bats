#!/usr/bin/env bats
# `measure` while the path misbehaves: heavy loss, duplicates, reordering, other routes, a gateway that restarts; and
# several targets of which one is in trouble.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

# PROFILE SECONDS FAMILY BEFORE [MEANWHILE]
meanwhile() {
	lab run --profile "$1" --timeout "$2" -- "$4
		begin --max-idle 40 --events \$results/events \$TESTBED_TARGET$3
		${5-}
		wait \$run"
	tell run "$BATS_TEST_DESCRIPTION"
	[[ $status == 0 || $status == 3 ]]
}

# [SECONDS]: and the endpoint is not blamed
only_the_path() {
	never_wrong run "${1-7}" "${2-0}"
	holds run '$r.reason != "endpoint_keepalive" and $r.reason != "endpoint_restarted"'
}

lossy() { # PERCENT PROFILE FAMILY
	lab run --profile "$2" --timeout 7 --loss "$1" -- "measure --max-idle 20 \$TESTBED_TARGET$3"
	tell run "$BATS_TEST_DESCRIPTION"
	only_the_path
}

@test "loss of 30 %: nat-silent" { lossy 30 nat-silent 4; }
@test "loss of 30 %: nat-reset" { lossy 30 nat-reset 6; }
@test "loss of 30 % where nothing expires" {
	lab run --profile router --loss 30 -- 'measure --max-idle 10 $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	holds run '$r.outcome == "no_timeout" and $r.survived_s >= 10 or $r.outcome == "inconclusive"'
}

# What the wire holds up counts as activity to the gateway when it arrives there, hence LATE.
@test "each segment arrives twice, those of the handshake too" {
	meanwhile nat-silent 7 4 'wire_insert --duplicate 100 --delay 0.03'
	only_the_path 7 0.1
}

@test "each segment arrives twice, and RST tells the expiry" {
	meanwhile nat-reset 7 6 'wire_insert --duplicate 100 --delay 0.03'
	only_the_path 7 0.1
}

@test "30 % of the segments are overtaken by others" {
	meanwhile nat-silent 7 6 'wire_insert --reorder 30 --delay 0.05'
	only_the_path 7 0.15
}

@test "30 % of the segments are overtaken by others, and RST comes by itself" {
	meanwhile nat-reset-both 7 4 'wire_insert --reorder 30 --delay 0.05'
	only_the_path 7 0.6
}

@test "duplicates, reordering and loss of 5 %, in both directions" {
	lab run --profile nat-silent --timeout 7 --loss 5 --server respond -- 'wire_insert --duplicate 30 --reorder 30 --delay 0.05
		measure --max-idle 40 $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	only_the_path 7 0.15
}

@test "duplicates and reordering where nothing expires" {
	lab run --profile router -- 'wire_insert --duplicate 50 --reorder 30
		measure --max-idle 15 $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	holds run '$r.outcome == "no_timeout" and $r.survived_s >= 14.5'
}

@test "the route is gone for 2 s, IPv4" {
	meanwhile nat-silent 10 4 '' 'sleep 4; ip route delete default; sleep 2; ip route add default via 192.0.2.1'
	only_the_path 10
	jq -es 'map(select(.event == "send_failed" and .error == "Network is unreachable")) | length > 0' "$results/events"
}

@test "the route is gone for 2 s, IPv6" {
	meanwhile nat-reset 10 6 '' 'sleep 4; ip -6 route delete default; sleep 2; ip route add default via 2001:db8:1::1'
	only_the_path 10
}

@test "the route is gone for good" {
	limit=180
	meanwhile nat-silent 10 4 '' 'sleep 4; ip route delete default'
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.reason != null and $r.timeout_s == null and $r.expired_s == null'
}

@test "the route leads elsewhere, through another interface and another NAT" {
	limit=240
	meanwhile nat-silent 10 4 '' 'sleep 4; route_detour'
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.reason != null and $r.timeout_s == null and $r.expired_s == null'
}

# As on machines with several addresses. (IPv6's connect() does not ask for the route again once it has the source.)
@test "the route depends on the source" {
	lab run --profile nat-silent --timeout 7 -- '
		ip route add default via 192.0.2.1 table 100
		ip rule add from 192.0.2.10 lookup 100
		ip route replace default via 192.0.2.99 # which nobody has
		measure --max-idle 20 $TESTBED_TARGET4'
	exits 0
	contains run 7
}

@test "the gateway restarts, and is away for 3 s" {
	meanwhile nat-silent 12 4 '' 'sleep 5; gateway_reboot 3'
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.timeout_s == null'
}

@test "the gateway restarts, and is away for 3 s: RST" {
	meanwhile nat-reset 12 6 '' 'sleep 5; gateway_reboot 3'
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.timeout_s == null'
}

@test "the gateway restarts while connections expire" {
	meanwhile nat-silent 8 4 '' 'sleep 8.2; gateway_reboot 3'
	only_the_path 8
}

# SCRIPT: two targets, of which the second, on port 81, meets with it
two_targets() {
	lab both --profile nat-silent --timeout 10 -- '
		setsid ip netns exec server scripts/testbed-server --port 81 --pid-file $TESTBED_DIR/81.pid >/dev/null 2>&1 &
		until [[ -s $TESTBED_DIR/81.pid ]]; do sleep 0.02; done
		begin --max-idle 40 $TESTBED_TARGET4 $TESTBED_SERVER4:81
		'"$1"'
		wait $run; code=$?; kill $(<$TESTBED_DIR/81.pid); exit $code'
	jq -c 'select(.target.port == 7440)' "$results/both.json" >"$results/run.json"
	jq -c 'select(.target.port == 81)' "$results/both.json" >"$results/other.json"
	rm "$results/both.json"
	tell run "$BATS_TEST_DESCRIPTION, the one"
	tell other "$BATS_TEST_DESCRIPTION, the other"
	holds run '$r.outcome == "timeout"'
	contains run 10
}

@test "two targets: the server of one is restarted" {
	two_targets 'sleep 5; kill -KILL $(<$TESTBED_DIR/81.pid); rm $TESTBED_DIR/81.pid
		setsid ip netns exec server scripts/testbed-server --port 81 --pid-file $TESTBED_DIR/81.pid >/dev/null 2>&1 &
		until [[ -s $TESTBED_DIR/81.pid ]]; do sleep 0.02; done'
	exits 3
	holds other '$r.outcome == "inconclusive" and $r.reason == "endpoint_restarted" and $r.timeout_s == null'
}

@test "two targets: the path to one is cut for good" {
	limit=180
	two_targets 'sleep 5; ip netns exec gateway nft "add table inet cut
		add chain inet cut pre { type filter hook prerouting priority raw; }
		add rule inet cut pre tcp dport 81 drop"'
	exits 3
	holds other '$r.outcome == "inconclusive" and $r.reason != null and $r.timeout_s == null'
}
