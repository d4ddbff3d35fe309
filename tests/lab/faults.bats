#!/usr/bin/env bats
# `measure` and bad luck in the middle of a run, at the host it runs on; its rights and its cost.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

right() { # SECONDS [LATE]
	exits 0
	holds run '$r.outcome == "timeout"'
	contains run "$@"
}

# PROFILE SECONDS FAMILY SCRIPT: a measurement, and what happens meanwhile
meanwhile() {
	lab run --profile "$1" --timeout "$2" -- "begin --max-idle 60 --events \$results/events \$TESTBED_TARGET$3
		$4
		wait \$run"
	tell run "$BATS_TEST_DESCRIPTION"
}

@test "the interface goes down and up, IPv4" {
	meanwhile nat-silent 10 4 'sleep 4; interface_bounce 2'
	never_wrong run 10
}

@test "the interface goes down and up, IPv6: the address leaves and comes back" {
	meanwhile nat-silent 10 6 'sleep 4; interface_bounce 2'
	never_wrong run 10
}

@test "the interface goes down and up while connections expire" {
	meanwhile nat-reset 8 4 'sleep 7.5; interface_bounce 2'
	never_wrong run 8
}

@test "the cable is pulled at the gateway, and put back" {
	meanwhile nat-silent 10 4 'sleep 4; ip -n gateway link set lan down; sleep 2; ip -n gateway link set lan up'
	never_wrong run 10
}

not_sent() { # SECONDS: some probes were not sent, which was seen, and the answer is right
	jq -es 'map(select(.event == "send_failed" and .error == "No buffer space available")) | length > 3' "$results/events"
	never_wrong run "$1"
}

@test "the transmit queue is full for 3 s: ENOBUFS" {
	meanwhile nat-silent 10 4 'sleep 4; queue_full 3'
	not_sent 10
}

@test "the transmit queue is full while connections expire" {
	meanwhile nat-reset 8 6 'sleep 7; queue_full 3'
	not_sent 8
}

@test "the interface is slower than the measurement" {
	lab run --profile nat-silent --timeout 8 -- 'tc qdisc add dev eth0 root tbf rate 20kbit burst 200 limit 300
		measure --max-idle 60 --events $results/events $TESTBED_TARGET4'
	tell run "$BATS_TEST_DESCRIPTION"
	not_sent 8
}

address_changed() {
	exits 3
	holds run '$r.outcome == "inconclusive" and $r.reason == "address_changed" and .elapsed_s < 12'
}

@test "the address changes, IPv4" {
	meanwhile nat-silent 10 4 'sleep 4; ip address del 192.0.2.10/24 dev eth0
		ip address add 192.0.2.11/24 dev eth0; ip route add default via 192.0.2.1'
	address_changed
}

@test "the address changes, IPv6" {
	meanwhile nat-reset 10 6 'sleep 4; ip address del 2001:db8:1::10/64 dev eth0
		ip address add 2001:db8:1::11/64 dev eth0'
	address_changed
}

@test "stopped for 7 s, as by a suspend: the answer is right, and the jump is told" {
	meanwhile nat-silent 12 4 'sleep 3; kill -STOP $run; sleep 7; kill -CONT $run'
	never_wrong run 12
	holds run '$warnings | contains(["clock_jump"])'
}

@test "stopped while connections expire" {
	meanwhile nat-reset 8 4 'sleep 6; kill -STOP $run; sleep 7; kill -CONT $run'
	never_wrong run 8
	holds run '$warnings | contains(["clock_jump"])'
}

@test "a capture that drops" { # its ring holds some 5000 segments, and 2000 connections make 14000
	meanwhile nat-silent 8 4 'sleep 4; kill -STOP $run
		python3 -c "
import socket
for n in range(2000):
    socket.create_connection((\"$TESTBED_SERVER4\", $TESTBED_PORT)).close()"
		kill -CONT $run'
	never_wrong run 8
	holds run '$warnings | contains(["capture_drops"])'
}

@test "killed: every line of --events is whole, and the samples are there" {
	meanwhile nat-silent 6 4 'sleep 6.5; kill -KILL $run'
	[[ $status == 137 && ! -s $results/run.json ]]
	# The last one may be cut short; write() puts out the others in one piece each.
	head -n -1 "$results/events" | jq -es 'length > 100 and all(.[]; (.event | type) == "string" and (.at_s | type) == "number")'
	head -n -1 "$results/events" | jq -es '[.[].event] | map(select(. == "reply")) | length > 15'
	head -n -1 "$results/events" | jq -es 'map(select(.event == "finding")) | last | .survived_s > 4'
}

@test "Ctrl-C: what is known, and exit 3" {
	meanwhile nat-silent 20 4 'sleep 6; kill -INT $run'
	exits 3
	holds run '.interrupted and $r.outcome == "inconclusive" and $r.reason == "interrupted"'
	holds run '$r.survived_s > 4 and $r.survived_s < 6.5 and $r.expired_s == null and .elapsed_s < 9 and (.samples | length > 15)'
}

@test "Ctrl-C on a terminal: it reaches the command through the testbed" {
	mkfifo "$BATS_TEST_TMPDIR/typed"
	script -qec "scripts/testbed --profile nat-silent --timeout 20 -- $idleprobe measure --max-idle 60 203.0.113.10:7440" \
		/dev/null <"$BATS_TEST_TMPDIR/typed" >"$BATS_TEST_TMPDIR/screen" 3>&- &
	exec 4>"$BATS_TEST_TMPDIR/typed"
	until grep -q 'idle .* alive' "$BATS_TEST_TMPDIR/screen"; do sleep 0.2; done
	printf '\003' >&4
	wait $! || status=$?
	exec 4>&-
	cat "$BATS_TEST_TMPDIR/screen"
	[[ $status == 3 ]]
	grep -q 'No answer for 203.0.113.10:7440: the run was stopped' "$BATS_TEST_TMPDIR/screen"
}

@test "Ctrl-C twice: ends, though nobody takes the report, which is saved" {
	lab run --profile nat-silent --timeout 20 -- '
		mkfifo $TESTBED_DIR/pipe
		python3 -c "
import os, time
pipe = os.open(\"$TESTBED_DIR/pipe\", os.O_RDWR | os.O_NONBLOCK)
try:
    while True: os.write(pipe, bytes(4096))
except BlockingIOError:
    time.sleep(30)" &
		# The shell would have it ignore Ctrl-C, as a job in the background.
		env --default-signal=INT $idleprobe measure --json -o $results/run.json --max-idle 60 $TESTBED_TARGET4 >$TESTBED_DIR/pipe & run=$!
		sleep 6; kill -INT $run; sleep 2; kill -0 $run || exit 99
		kill -INT $run; wait $run'
	echo "status $status"
	[[ $status == 130 ]]
	holds run '.interrupted and $r.outcome == "inconclusive"'
}

@test "nohup: a hangup does not end it" {
	lab run --profile nat-silent --timeout 6 -- '
		nohup $idleprobe measure --json --max-idle 60 $TESTBED_TARGET4 >$results/run.json & run=$!
		sleep 3; kill -HUP $run; wait $run'
	right 6
}

@test "SIGUSR1: a line each time, and the run goes on" {
	meanwhile nat-silent 6 4 'sleep 3; kill -USR1 $run; sleep 2; kill -USR1 $run'
	cat "$results/run.err"
	right 6
	[[ $(grep -cE 'idle .* alive.*left' "$results/run.err") == 2 && $(wc -l <"$results/run.err") == 2 ]]
}

@test "the disk is full: the answer is still told, and what could not be written" {
	lab run --profile nat-silent --timeout 6 -- '
		mkdir $TESTBED_DIR/small; mount -t tmpfs -o size=8k none $TESTBED_DIR/small
		head -c 2000 /dev/zero >$TESTBED_DIR/small/report
		measure --max-idle 60 --events $TESTBED_DIR/small/events --output $TESTBED_DIR/small/report $TESTBED_TARGET4
		echo "exit $? size $(stat -c %s $TESTBED_DIR/small/report)"
		cp $TESTBED_DIR/small/events $results; ls $TESTBED_DIR/small'
	cat "$results/run.err" "$results/run.out"
	[[ $(<"$results/run.out") == 'exit 4 size 2000'$'\n''events'$'\n''report' ]]
	status=4 # of the measurement
	holds run '$r.outcome == "timeout"'
	contains run 6
	grep -q 'small/report cannot be written: No space left on device' "$results/run.err"
	grep -q 'small/events: not all events could be written: No space left on device' "$results/run.err"
	head -n -1 "$results/events" | jq -es 'length > 3'
}

@test "standard error is closed: no message goes astray" {
	lab run --profile nat-silent --timeout 6 -- '
		measure --verbose --max-idle 60 --events $results/events --output $results/report $TESTBED_TARGET4 2>&-'
	right 6
	jq -es 'length > 100' "$results/events"
	cmp "$results/report" "$results/run.json"
}

@test "standard output is closed: that is told, and --output is written" {
	lab run --profile nat-reset --timeout 6 -- '
		$idleprobe measure --max-idle 60 --events $results/events --output $results/run.json $TESTBED_TARGET4 >&-'
	exits 4
	jq -es 'length > 100' "$results/events"
	grep -q 'standard output cannot be written' "$results/run.err"
	holds run '$r.outcome == "timeout"'
}

@test "a target on the loopback interface" {
	lab run --profile router -- '
		scripts/testbed-server --port 80 --mode rst:6 >/dev/null & server=$!
		until ss -Hltn | grep -q :80; do sleep 0.05; done
		measure --max-idle 60 127.0.0.1:80; code=$?
		results=$results/6; mkdir $results; measure --max-idle 4 [::1]:80; six=$?
		kill $server; exit $((code + six))'
	tell run "$BATS_TEST_DESCRIPTION, IPv4"
	exits 0
	holds run '.target.interface == "lo" and $r.outcome == "closed_by_endpoint" and $r.signal == "reset_at_expiry"'
	contains run 6 0.5
	tell 6/run "$BATS_TEST_DESCRIPTION, IPv6"
	holds 6/run '.target.interface == "lo" and $r.outcome == "no_timeout"'
}

# USER: no capability is left, nor can one come back, while a measurement runs as USER
no_rights_left() {
	cat "$results/run.err" "$results/run.out"
	exits 0
	grep -qE "^Uid:\s+$1\s+$1\s+$1\s+$1$" "$results/run.out"
	[[ $(grep -cE '^Cap(Inh|Prm|Eff|Amb):\s+0+$' "$results/run.out") == 4 ]]
	grep -qE '^NoNewPrivs:\s+1$' "$results/run.out"
	grep -qE '^Max core file size +0 +0 ' "$results/run.out"
	[[ $idleprobe == *asan* ]] || grep -qE '^Seccomp:\s+2$' "$results/run.out" # edge/sandbox.c
	[[ $idleprobe == *asan* ]] || grep -qx 'memory of 0' "$results/run.out"
	holds run '$r.outcome == "no_timeout"'
}

# What no_rights_left looks at. In /proc a process belongs to its user only where that user may look into it.
show='show_rights() { cat /proc/$1/status /proc/$1/limits; echo "memory of $(stat -c %u /proc/$1/mem)"; }
'

@test "root: its rights are dropped" {
	lab run --profile router -- "$show"'
		begin --max-idle 4 $TESTBED_TARGET4; sleep 2; show_rights $run; wait $run'
	no_rights_left 0
	grep -qE '^CapBnd:\s+0+$' "$results/run.out"
}

@test "with cap_net_raw of its file, as an ordinary user" {
	((EUID == 0)) || skip "only root can give a file capabilities"
	lab run --profile router -- "$show"'
		mount -t tmpfs -o mode=755 none /mnt
		install -m 755 $idleprobe /mnt/idleprobe; setcap cap_net_raw+ep /mnt/idleprobe
		ASAN_OPTIONS=detect_leaks=0 setpriv --reuid=65534 --regid=65534 --clear-groups \
			/mnt/idleprobe measure --json --max-idle 4 $TESTBED_TARGET4 >$results/$name.json & run=$!
		sleep 2; show_rights $run; wait $run'
	no_rights_left 65534
}

@test "96 connections: at most 1 % of a core and 24 MiB" {
	lab run --profile nat-silent --timeout 20 -- '
		tests/lab/cost.py $results/cost $idleprobe measure --json $TESTBED_TARGET4 >$results/run.json'
	right 20
	local cpu wall resident
	read -r cpu wall resident <"$results/cost"
	say "$BATS_TEST_DESCRIPTION: $cpu s of CPU in $wall s, $resident KiB, $(jq -r '"\(.path.connections_opened) connections, " +
		"\(.path.probes_sent) probes sent"' "$results/run.json")"
	holds run '.path.connections_opened >= 96 and .path.probes_sent < 400'
	[[ $idleprobe != *asan* ]] || return 0 # the sanitizers have their price
	((resident <= 24 * 1024))
	jq -en "$cpu <= 0.01 * $wall"
}
