#!/usr/bin/env bats
# `measure` with few connections. It takes its time, so this file's name sees to it that it is begun first.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

@test "ladder" {
	lab run --profile nat-silent --timeout 6 -- 'measure --strategy ladder --max-idle 20 $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	exits 0
	holds run '$r.outcome == "timeout"'
	contains run 6
	holds run '$r.signal == "silent" and .method.strategy == "ladder"'
}

@test "two connections" {
	lab run --profile nat-reset --timeout 6 -- 'measure --connections 2 --max-idle 20 $TESTBED_TARGET6'
	tell run "$BATS_TEST_DESCRIPTION"
	exits 0
	holds run '$r.outcome == "timeout"'
	contains run 6
	holds run '$r.signal == "reset_on_probe" and $r.signal_from == "path"'
}
