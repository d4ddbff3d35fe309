#!/usr/bin/env bats
# Single quotes: what expands inside of the testbed. Unreachable: bats calls the functions.
# shellcheck disable=SC2016,SC2317
# The lab itself: is what scripts/testbed builds what it says? idle.py is the measuring device, and no part of idleprobe.
# All testbeds run at once, from setup_file on, which is itself a test; the tests look at what they wrote.

bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	local profile family
	for profile in $(scripts/testbed --list | cut -d' ' -f1); do
		for family in 4 6; do
			start "$profile-$family" --profile "$profile" --timeout 3 -- \
				bash -c "$(declare -f capture); capture; tests/lab/idle.py \$TESTBED_TARGET$family 1.3 4.6; kill %1; wait"
		done
	done
	for profile in nat-reset-{both,near,far}; do
		start "$profile-server" --profile "$profile" --timeout 3 -- bash -c '
			count() { echo "$1 $(ip netns exec server ss -Htn state established | wc -l)"; }
			# Two are probed, and live the longer for it: a keepalive does not bear the next sequence number.
			tests/lab/idle.py 203.0.113.10:7440 1.2 6.2 & tests/lab/idle.py [2001:db8:2::10]:7440 1.2 6.2 &
			until [[ $(count before) == "before 4" ]]; do sleep 0.02; done; count before; sleep 6; count after; wait'
	done
	# Only one end is heard until some two seconds before the last probe, which leaves a busy machine time to set that up.
	for profile in {outbound,inbound}-refresh; do
		for family in 4 6; do
			start "$profile-inbound-$family" --profile "$profile" --timeout 3 --server keepalive:1 -- bash -c "
				tests/lab/idle.py \$TESTBED_TARGET$family 7 & $(declare -f mute); mute client; wait"
			start "$profile-outbound-$family" --profile "$profile" --timeout 3 -- bash -c "
				tests/lab/refresh.py \$TESTBED_TARGET$family 7 & $(declare -f mute); mute server; wait"
		done
	done
	for family in 4 6; do
		start "payload-$family" --profile payload-refresh --timeout 3 -- \
			bash -c "tests/lab/refresh.py \$TESTBED_TARGET$family 6"
	done
	start filter --profile inbound-filter --timeout 3 --server keepalive:4 -- \
		bash -c "$(declare -f capture); capture; tests/lab/idle.py 203.0.113.10:7440 4.6; kill %1; wait"
	start fin --profile router --server fin:2 -- tests/lab/idle.py 203.0.113.10:7440 1.2 3.2
	start rst --profile router --server rst:2 -- tests/lab/idle.py 203.0.113.10:7440 1.2 3.2
	start keepalive --profile router --server keepalive:1 -- \
		bash -c "$(declare -f capture); capture; tests/lab/idle.py 203.0.113.10:7440 2.5; kill %1; wait"
	start none --profile router --server none --port 81 -- bash -c 'exec 3<>/dev/tcp/203.0.113.10/$TESTBED_PORT'
	start loss --profile router --loss 30 -- bash -c "$(declare -f echo_datagrams); echo_datagrams 203.0.113.10"
	start loss6 --profile router --loss 30 -- bash -c "$(declare -f echo_datagrams); echo_datagrams 2001:db8:2::10"
	start reboot --profile nat-silent -- bash -c '. tests/lab/helpers.bash
		tests/lab/idle.py 203.0.113.10:7440 3 & connected; server_reboot; wait $!; tests/lab/idle.py 203.0.113.10:7440 1.1'
	start stop --profile nat-silent -- bash -c '. tests/lab/helpers.bash
		tests/lab/idle.py 203.0.113.10:7440 1.5 & connected; server_stop; wait $!'
	start flush --profile nat-silent -- bash -c '. tests/lab/helpers.bash
		tests/lab/idle.py 203.0.113.10:7440 1.5 & connected; gateway_flush; wait $!'
	start outage --profile nat-silent -- bash -c '. tests/lab/helpers.bash
		tests/lab/idle.py 203.0.113.10:7440 2.5 6 & connected 2; outage_begin; sleep 3; outage_end; wait $!'
	wait
}

start() { # NAME ARGUMENT...: a testbed in the background, its output and exit status in files
	local file=$BATS_FILE_TMPDIR/$1
	shift
	{ timeout 20 scripts/testbed "$@" >"$file" 2>&1 && echo 0 || echo $?; } 3>&- >"$file.status" &
}

# NODE: once there are connections it says nothing on them, for 4 s.
mute() {
	. tests/lab/helpers.bash
	connected 1
	sleep 0.3
	ip netns exec "$1" nft 'add table inet mute
		add chain inet mute out { type filter hook output priority 0; meta l4proto tcp drop; }'
	sleep 4
	ip netns exec "$1" nft delete table inet mute
}

# A short snapshot length: in immediate mode libpcap's ring holds few packets of the default one.
capture() {
	tcpdump --immediate-mode -s 128 -nnvli eth0 2>"$TESTBED_DIR/tcpdump.log" &
	until grep -q listening "$TESTBED_DIR/tcpdump.log"; do sleep 0.02; done
}

# ADDRESS: how many of 400 datagrams the server's echo brings back
echo_datagrams() {
	ip netns exec server python3 -c '
import socket, sys
udp = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], 7))
print(flush=True)
while True:
    udp.sendto(*udp.recvfrom(9))' "$1" >"$TESTBED_DIR/echo.log" &
	until [[ -s $TESTBED_DIR/echo.log ]]; do sleep 0.02; done
	python3 -c '
import socket, sys, time
udp = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
udp.connect((sys.argv[1], 7))
back = 0
for n in range(400):
    udp.send(b"x")
    time.sleep(0.002)
udp.settimeout(0.2)
try:
    while udp.recv(9):
        back += 1
except TimeoutError:
    print(back)' "$1"
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
}

seen() { # NAME LINE: exactly this line is in the output of NAME
	grep -qxF -- "$2" "$BATS_FILE_TMPDIR/$1" || { cat "$BATS_FILE_TMPDIR/$1"; return 1; }
}

# One line per packet, as tcpdump -v breaks IPv4 into two.
packets() { sed -z 's/\n    / /g' "$BATS_FILE_TMPDIR/$1"; }

both() { # PROFILE FATE-BEFORE FATE-AFTER
	seen "$1-4" "1.3 $2" && seen "$1-4" "4.6 $3" && seen "$1-6" "1.3 $2" && seen "$1-6" "4.6 $3"
}

@test "every profile and family gave an answer" {
	local profile
	for profile in $(scripts/testbed --list | cut -d' ' -f1); do
		[[ $(<"$BATS_FILE_TMPDIR/$profile-4.status") == 0 && $(<"$BATS_FILE_TMPDIR/$profile-6.status") == 0 ]]
	done
}

@test "nat-silent: alive before, silent after" { both nat-silent alive silent; }
@test "firewall-silent: alive before, silent after" { both firewall-silent alive silent; }
@test "nat-loose: revived" { both nat-loose alive alive; }
@test "router: alive" { both router alive alive; }
@test "proxy: ends by itself, whatever keepalives came" { both proxy alive 'ended (early)'; }

@test "nat-reset and firewall-reset: the gateway sends the RST (TTL 64, the server's is 63)" {
	local run
	for run in nat-reset firewall-reset; do
		both $run alive ECONNRESET
		packets $run-4 | grep 'ttl 63,.* 203.0.113.10.7440 > .*Flags \[S.\]'
		packets $run-4 | grep 'ttl 64,.* 203.0.113.10.7440 > .*Flags \[R\]'
		packets $run-6 | grep 'hlim 63,.* 2001:db8:2::10.7440 > .*Flags \[S.\]'
		packets $run-6 | grep 'hlim 64,.* 2001:db8:2::10.7440 > .*Flags \[R\]'
	done
}

@test "nat-remap: the server sends the RST" {
	both nat-remap alive ECONNRESET
	packets nat-remap-4 | grep 'ttl 63,.* 203.0.113.10.7440 > .*Flags \[R\]'
	packets nat-remap-6 | grep 'hlim 63,.* 2001:db8:2::10.7440 > .*Flags \[R\]'
}

@test "nat-reset-both: the gateway sends RST to both ends, unasked" {
	both nat-reset-both alive 'ECONNRESET (early)'
	packets nat-reset-both-4 | grep 'ttl 64,.* 203.0.113.10.7440 > .*Flags \[R\]'
	packets nat-reset-both-6 | grep 'hlim 64,.* 2001:db8:2::10.7440 > .*Flags \[R\]'
	seen nat-reset-both-server 'before 4' && seen nat-reset-both-server 'after 0'
}

@test "nat-reset-near and nat-reset-far: to one end" {
	both nat-reset-near alive 'ECONNRESET (early)'
	seen nat-reset-near-server 'before 4' && seen nat-reset-near-server 'after 4'
	both nat-reset-far alive silent
	seen nat-reset-far-server 'before 4' && seen nat-reset-far-server 'after 0'
}

@test "outbound-refresh and inbound-refresh: by segments of one end only" {
	both outbound-refresh alive silent && both inbound-refresh alive silent
	local family
	for family in 4 6; do
		seen outbound-refresh-inbound-$family '7 silent' && seen outbound-refresh-outbound-$family 'keepalive alive'
		seen inbound-refresh-inbound-$family '7 alive' && seen inbound-refresh-outbound-$family 'keepalive silent'
		seen outbound-refresh-outbound-$family 'quiet silent' && seen inbound-refresh-outbound-$family 'quiet silent'
	done
}

@test "payload-refresh: by payload, not by keepalives" {
	both payload-refresh alive silent
	local family
	for family in 4 6; do
		seen payload-$family 'quiet silent' && seen payload-$family 'keepalive silent' && seen payload-$family 'payload alive'
	done
}

@test "inbound-filter: a late packet of the server is kept out, one of the client passes" {
	both inbound-filter alive alive
	seen filter '4.6 alive' # after which the server would have spoken twice
	[[ $(packets filter | grep -c ' 203.0.113.10.7440 > .*Flags \[\.\],.* ack 1,') == 1 ]]
}

@test "nat-icmp: the gateway says administratively prohibited" {
	both nat-icmp alive silent
	packets nat-icmp-4 | grep '192.0.2.1 > 192.0.2.10: ICMP host 203.0.113.10 unreachable - admin prohibited'
	packets nat-icmp-6 | grep '2001:db8:1::1 > 2001:db8:1::10: .*ICMP6, destination unreachable,  *unreachable prohibited'
}

@test "server: closes by FIN" { seen fin '1.2 alive' && seen fin '3.2 ended (early)'; }
@test "server: closes by RST" { seen rst '1.2 alive' && seen rst '3.2 ECONNRESET (early)'; }
@test "server: keepalives of its own" {
	[[ $(packets keepalive | grep -c ' 203.0.113.10.7440 > .*Flags \[\.\]') -ge 2 ]]
}
@test "server: nobody listens" {
	grep -q 'Connection refused' "$BATS_FILE_TMPDIR/none"
	[[ $(<"$BATS_FILE_TMPDIR/none.status") == 1 ]]
}

@test "loss of 30 % each way: 49 % of the datagrams come back" {
	local run back
	for run in loss loss6; do
		back=$(<"$BATS_FILE_TMPDIR/$run")
		echo "$back of 400"
		((back > 146 && back < 246)) # 196, give or take five standard deviations
	done
}

@test "helpers: server rebooted, stopped; table flushed; outage" {
	seen reboot '3 ECONNRESET' && seen reboot '1.1 alive'
	seen stop '1.5 ended (early)'
	seen flush '1.5 silent'
	seen outage '2.5 silent' && seen outage '6 alive'
}

@test "passes on standard input, output and the exit status" {
	run bash -c 'echo word | scripts/testbed --profile router -- bash -c "cat; echo \$PWD; exit 42"'
	[[ $status == 42 && $output == word$'\n'$PWD ]]
}

@test "SIGTERM reaches the command, whose exit status counts" {
	scripts/testbed --profile router -- bash -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done' >"$BATS_TEST_TMPDIR/out" 3>&- &
	until [[ -s $BATS_TEST_TMPDIR/out ]]; do sleep 0.02; done
	kill -TERM $!
	wait $! || status=$?
	[[ $status == 5 ]]
}

@test "leaves no process behind, even when killed" {
	scripts/testbed --profile proxy -- bash -c 'trap "" TERM INT HUP; echo ready; exec sleep 654.321' >"$BATS_TEST_TMPDIR/out" 3>&- &
	until [[ -s $BATS_TEST_TMPDIR/out ]]; do sleep 0.02; done
	local inside # the process namespace of its children
	inside=$(readlink /proc/$!/ns/pid_for_children)
	[[ $(pids_in "$inside") ]]
	kill -KILL $!
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		[[ $(pids_in "$inside") ]] || return 0
		sleep 0.05
	done
	return 1
}

pids_in() {
	local process
	for process in /proc/[0-9]*; do
		[[ $(readlink "$process/ns/pid" 2>/dev/null) != "$1" ]] || echo "${process#/proc/}"
	done
}

@test "a wrong command line: what is wrong, and exit status 2" {
	local arguments
	while read -r arguments; do
		# shellcheck disable=SC2086
		run -2 scripts/testbed $arguments
		[[ $output == 'testbed: '* ]]
	done <<-END
		--profile none-such -- true
		--profile router
		--profile
		-- true
		--profile router --timeout 1.5 -- true
		--profile router --timeout 0 -- true
		--profile router --loss 101 -- true
		--profile router --port 65536 -- true
		--profile router --server fin -- true
		--profile router true
	END
}

@test "a rule set that nft refuses: exit status 125" {
	echo 'table inet gateway {' >"$BATS_TEST_TMPDIR/broken.nft"
	run -125 scripts/testbed --profile "$BATS_TEST_TMPDIR/broken.nft" -- true
}

@test "works without root" {
	((EUID == 0)) || skip "not root, so all of the above showed it"
	# A copy that everybody can read: the clone may lie in a directory of root's alone.
	local copy
	copy=$(mktemp -d)
	cp -r scripts "$copy" && chmod -R a+rX "$copy"
	cd "$copy"
	run -0 setpriv --reuid=65534 --regid=65534 --clear-groups scripts/testbed --profile nat-silent -- \
		bash -c 'exec 3<>/dev/tcp/203.0.113.10/7440 4<>/dev/tcp/2001:db8:2::10/7440; ip netns exec gateway conntrack -L | grep -c ESTAB'
	rm -rf "$copy"
}
