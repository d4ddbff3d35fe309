#!/usr/bin/env bats
# `respond`, on its own: what it does for a near side, and what it lets a stranger do. See respond.py.

bats_require_minimum_version 1.5.0

# The test of that name in respond.py, in a network of its own, which ends with every process in it; what it prints is shown.
far() {
	local idleprobe=${IDLEPROBE:-$BATS_TEST_DIRNAME/../../build/idleprobe} user=--map-root-user
	[[ $(id -u) != 0 ]] || user=--net
	cd "$BATS_TEST_TMPDIR" || return
	IDLEPROBE=$(realpath "$idleprobe") PATH=$PATH:/usr/sbin:/sbin PYTHONDONTWRITEBYTECODE=1 \
		timeout 90 unshare --net --mount --pid --fork --kill-child --mount-proc "$user" bash -c "
			ip link set lo up
			python3 '$BATS_TEST_DIRNAME/respond.py' $1" >said 2>&1 3>&- || { cat said ./*.log; return 1; }
	sed "s/^/# $1: /" said >&3
}

@test "a flood of 20,000 connections from one address" { far flood; }
@test "5,000 connections held" { far held; }
@test "each KEEPALIVE sends exactly one" { far keepalive_exactly_one; }
@test "a KEEPALIVE that cannot be sent" { far keepalive_refused; }
@test "BYTE" { far byte; }
@test "the end of a connection is told" { far ends; }
@test "adoption" { far adoption; }
@test "malformed input" { far malformed; }
@test "random input" { far random_input; }
@test "random doings" { far random_doings; }
@test "slow input" { far slow; }
@test "huge input" { far huge; }
@test "bounds on connections" { far bounds; }
@test "lifetime" { far lifetime; }
@test "orphans" { far orphans; }
@test "control channels are kept alive, test connections are not" { far keeping_alive; }
@test "half-closed" { far half_closed; }
@test "bound on commands" { far rate; }
@test "bound on what is remembered" { far memory; }
@test "token" { far token; }
@test "another version" { far version; }
@test "killed and started again" { far restart; }
@test "no descriptors left" { far no_descriptors; }
@test "signals" { far signals; }
@test "log" { far log; }
