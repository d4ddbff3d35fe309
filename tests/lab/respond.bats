#!/usr/bin/env bats
# `respond`, on its own: what it does for a near side, and what it lets a stranger do. See respond.py and strangers.py.

bats_require_minimum_version 1.5.0

# FILE NAME: the test of that name, in a network of its own, which ends with every process in it; what it prints is shown.
far() {
	local idleprobe=${IDLEPROBE:-$BATS_TEST_DIRNAME/../../build/idleprobe} user=--map-root-user
	[[ $(id -u) != 0 ]] || user=--net
	cd "$BATS_TEST_TMPDIR" || return
	IDLEPROBE=$(realpath "$idleprobe") PATH=$PATH:/usr/sbin:/sbin PYTHONDONTWRITEBYTECODE=1 \
		timeout 90 unshare --net --mount --pid --fork --kill-child --mount-proc "$user" bash -c "
			ip link set lo up
			python3 '$BATS_TEST_DIRNAME/$1.py' $2" >said 2>&1 3>&- || { cat said ./*.log; return 1; }
	sed "s/^/# $2: /" said >&3
}

@test "a flood of 20,000 connections from one address" { far strangers flood; }
@test "5,000 connections held" { far strangers held; }
@test "each KEEPALIVE sends exactly one" { far respond keepalive_exactly_one; }
@test "a KEEPALIVE that cannot be sent" { far respond keepalive_refused; }
@test "BYTE" { far respond byte; }
@test "the end of a connection is told" { far respond ends; }
@test "adoption" { far respond adoption; }
@test "malformed input" { far strangers malformed; }
@test "random input" { far strangers random_input; }
@test "random doings" { far strangers random_doings; }
@test "slow input" { far strangers slow; }
@test "huge input" { far strangers huge; }
@test "answers that are read late" { far strangers late; }
@test "bounds on connections" { far strangers bounds; }
@test "bounds on control channels" { far strangers channels; }
@test "lifetime" { far respond lifetime; }
@test "orphans" { far respond orphans; }
@test "control channels are kept alive, test connections are not" { far respond keeping_alive; }
@test "half-closed" { far respond half_closed; }
@test "bound on commands" { far strangers rate; }
@test "bound on what is remembered" { far respond memory; }
@test "token" { far respond token; }
@test "another version" { far respond version; }
@test "killed and started again" { far respond restart; }
@test "no descriptors left" { far strangers no_descriptors; }
@test "signals" { far respond signals; }
@test "log" { far respond log; }
