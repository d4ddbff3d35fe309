#!/usr/bin/env bats
# What `measure` says where it is not a middlebox's timer that ends connections: servers and proxies that close them or
# speak themselves, restarts, outages, loss.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

lossy() { # PERCENT PROFILE FAMILY [LATE]
	lab run --profile "$2" --timeout 7 --loss "$1" -- "measure --max-idle 20 \$TESTBED_TARGET$3"
	tell run "$BATS_TEST_DESCRIPTION"
	never_wrong run 7 "${4-0}"
	holds run '$r.reason != "endpoint_keepalive" and $r.reason != "endpoint_restarted"'
}

@test "loss of 5 %: nat-silent, IPv4" { lossy 5 nat-silent 4; }
@test "loss of 5 %: nat-silent, IPv6" { lossy 5 nat-silent 6; }
@test "loss of 5 %: nat-reset" { lossy 5 nat-reset 4; }
@test "loss of 5 %: nat-reset-both" { lossy 5 nat-reset-both 6 0.5; }
@test "loss of 20 %: nat-silent, IPv4" { lossy 20 nat-silent 4; }
@test "loss of 20 %: nat-silent, IPv6" { lossy 20 nat-silent 6; }
@test "loss of 20 %: nat-reset" { lossy 20 nat-reset 6; }
@test "loss of 20 %: nat-icmp" { lossy 20 nat-icmp 4; }
@test "loss of 20 % where nothing expires" {
	lab run --profile router --loss 20 -- 'measure --max-idle 10 $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	holds run '$r.outcome == "no_timeout" and $r.survived_s >= 10 or $r.outcome == "inconclusive"'
}

# SECONDS SIGNAL: the endpoint closed what was idle for so long. It counts payload, and from its own accept() on.
closed_by_endpoint() {
	tell run "$BATS_TEST_DESCRIPTION"
	exits 0
	holds run '[$r.outcome, $r.signal, $r.signal_from, $r.keepalive_refreshes, $r.reason] ==
		["closed_by_endpoint", $signal, "endpoint", false, null]' --arg signal "$2"
	contains run "$1" 0.5
	holds run '$r.timeout_s >= $t - 0.5 and $r.timeout_s <= $t + 1' --argjson t "$1"
}

@test "HAProxy, timeout client 8s" {
	lab run --profile proxy --timeout 8 -- 'measure --max-idle 60 $TESTBED_TARGET4'
	closed_by_endpoint 8 fin_at_expiry
}

@test "a server that closes by FIN" {
	lab run --profile router --server fin:8 -- 'measure --max-idle 60 $TESTBED_TARGET4'
	closed_by_endpoint 8 fin_at_expiry
}

@test "a server that closes by RST" {
	lab run --profile router --server rst:8 -- 'measure --max-idle 60 $TESTBED_TARGET6'
	closed_by_endpoint 8 reset_at_expiry
}

@test "a server that closes by FIN before the NAT's timeout" {
	lab run --profile nat-silent --timeout 14 --server fin:7 -- 'measure --max-idle 60 $TESTBED_TARGET4'
	closed_by_endpoint 7 fin_at_expiry
}

@test "a server that would close by FIN after the NAT's timeout" {
	lab run --profile nat-reset --timeout 7 --server fin:14 -- 'measure --max-idle 60 $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	holds run '[$r.outcome, $r.signal, $r.signal_from] == ["timeout", "reset_on_probe", "path"]'
	contains run 7
}

@test "a server with SO_KEEPALIVE of 4 s, and a NAT of 9 s" {
	lab run --profile nat-silent --timeout 9 --server keepalive:4 -- 'measure --max-idle 60 $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.reason == "endpoint_keepalive" and $r.timeout_s == null'
	holds run '$r.survived_s > 3.5 and $r.survived_s < 4.5 and $r.expired_s == null'
}

# REASON: something ended all connections in the middle: that is no timeout.
no_timeout_reported() {
	tell run "$BATS_TEST_DESCRIPTION"
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.reason == $reason and $r.timeout_s == null' --arg reason "$1"
}

@test "the server is restarted half way" {
	lab run --profile nat-silent --timeout 12 -- '
		begin --max-idle 60 $TESTBED_TARGET4; sleep 6; server_stop; server_start; wait $run'
	no_timeout_reported endpoint_restarted
}

@test "the server's machine is restarted half way" {
	lab run --profile nat-silent --timeout 12 -- '
		begin --max-idle 60 $TESTBED_TARGET4; sleep 6; server_reboot; wait $run'
	no_timeout_reported endpoint_restarted
}

@test "the server is restarted on a path without a timeout" {
	lab run --profile router -- 'begin --max-idle 12 $TESTBED_TARGET6; sleep 5; server_stop; server_start; wait $run'
	no_timeout_reported endpoint_restarted
}

@test "the gateway's table is flushed half way: silence" {
	lab run --profile nat-silent --timeout 12 -- 'begin --max-idle 60 $TESTBED_TARGET4; sleep 6; gateway_flush; wait $run'
	no_timeout_reported state_lost
}

@test "the gateway's table is flushed half way: RST" {
	lab run --profile nat-reset --timeout 12 -- 'begin --max-idle 60 $TESTBED_TARGET6; sleep 6; gateway_flush; wait $run'
	no_timeout_reported state_lost
}

outage() { # BEGIN SECONDS PROFILE MAX-IDLE
	lab run --profile "$3" --timeout 10 -- "begin --max-idle $4 \$TESTBED_TARGET4
		sleep $1; outage_begin; sleep $2; outage_end; wait \$run"
	tell run "$BATS_TEST_DESCRIPTION"
}

@test "an outage before the expiry" { outage 4 3 nat-silent 60; never_wrong run 10; }
@test "an outage that ends just before the expiry" { outage 7 2.5 nat-silent 60; never_wrong run 10; }
@test "an outage around the expiry" { outage 8.5 4 nat-silent 60; never_wrong run 10; }
@test "an outage after the first death" { outage 10.4 3 nat-silent 60; never_wrong run 10; }
@test "an outage around the expiry, and RST" { outage 9 3 nat-reset 60; never_wrong run 10; }
@test "an outage while the connections are opened" { outage 0.3 2 nat-silent 60; never_wrong run 10; }
@test "a short outage before the expiry" { outage 6 0.4 nat-silent 60; never_wrong run 10; }
@test "an outage where nothing expires" {
	outage 4 3 router 12
	holds run '$r.outcome == "no_timeout" and $r.survived_s >= 12 or $r.outcome == "inconclusive"'
}
