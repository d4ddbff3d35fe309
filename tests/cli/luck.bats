#!/usr/bin/env bats
# Bad luck: what cannot be reached, opened or written. Each has its exit code and says what to do.
# shellcheck disable=SC2016,SC2154 # what is in single quotes expands inside of alone(); bats sets stderr

bats_require_minimum_version 1.5.0
load helpers

@test "connection refused: exit 4, told at once, with a report" {
	run --separate-stderr alone '$idleprobe measure --json 127.0.0.1:7440'
	[ "$status" = 4 ]
	[[ $stderr == *'127.0.0.1 port 7440: connection refused: nothing listens'* ]]
	jq -e '.result.outcome == "unreachable" and .target.address == "127.0.0.1" and .result.timeout_s == null' <<<"$output"
	jq -e '.elapsed_s < 5 and (.error | contains("refused"))' <<<"$output"
}

@test "connection refused, as text" {
	run --separate-stderr alone '$idleprobe measure 127.0.0.1:7440'
	[ "$status" = 4 ]
	[ "$output" = '127.0.0.1:7440 could not be reached, so nothing was measured.' ]
}

@test "refused over IPv6" {
	run alone '$idleprobe measure [::1]:7440'
	expect 4 '::1 port 7440: connection refused'
}

@test "no route" {
	run alone '$idleprobe measure 192.0.2.1:7440'
	expect 4 '192.0.2.1.*([Nn]o route|unreachable)'
}

# The address has a route, and so the target; its connections have another.
@test "connections that routing rules keep from leaving" {
	run alone '
		ip link add wan type veth peer name far
		ip link set wan up; ip link set far up
		ip address add 192.0.2.1/24 dev wan
		ip rule add ipproto tcp dport 7440 prohibit
		ip rule add ipproto tcp dport 7441 unreachable
		ip rule add ipproto tcp dport 7442 blackhole
		for port in 7440 7441 7442; do $idleprobe measure 192.0.2.2:$port; done'
	expect 4 "192.0.2.2 port 7440: not permitted: a rule of this host's firewall or routing forbids the connection"
	expect 4 '192.0.2.2 port 7441: no route: check the address, and what `ip route get` says of it'
	expect 4 '192.0.2.2 port 7442: Invalid argument: check host and port'
}

@test "a host that answers nothing: bounded time" {
	run --separate-stderr alone '
		ip link add wan type veth peer name far
		ip link set wan up; ip link set far up
		ip address add 192.0.2.1/24 dev wan
		ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 dev wan
		$idleprobe measure --json 192.0.2.2:7440'
	echo "$stderr"
	[ "$status" = 4 ]
	[[ $stderr == *'192.0.2.2 port 7440: no answer to any connection attempt'* ]]
	jq -e '.result.outcome == "unreachable" and .elapsed_s < 45' <<<"$output"
}

@test "a check of a host that answers nothing: in its time" {
	run --separate-stderr alone '
		ip link add wan type veth peer name far
		ip link set wan up; ip link set far up
		ip address add 192.0.2.1/24 dev wan
		ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 dev wan
		$idleprobe check --min 1 --json 192.0.2.2:7440'
	echo "$stderr"
	[ "$status" = 4 ]
	[[ $stderr == *'192.0.2.2 port 7440: no answer to any connection attempt'* ]]
	jq -e '.result.outcome == "unreachable" and .check == {min_s: 1, passed: null} and .elapsed_s < 1 + 4' <<<"$output"
}

@test "a name that is not known: exit 4, with a report" {
	run --separate-stderr alone '
		mount --bind /dev/null /etc/resolv.conf
		$idleprobe measure --json no-such-host.invalid:80'
	[ "$status" = 4 ]
	[[ $stderr == *no-such-host.invalid* ]]
	jq -e '.result.outcome == "unreachable" and .target.address == null and .target.host == "no-such-host.invalid"' <<<"$output"
}

@test "the wrong family" {
	run alone '$idleprobe measure -6 127.0.0.1:80'
	expect 4 '127.0.0.1'
}

@test "a name with several addresses: one is measured, and that is said" {
	run --separate-stderr alone "$hold"'
		printf "127.0.0.1 two.test\n127.0.0.2 two.test\n" >hosts
		mount --bind hosts /etc/hosts
		$idleprobe measure --json -4 --max-idle 3 --connections 8 two.test:7440'
	echo "$stderr"
	[ "$status" = 0 ]
	jq -e '[.warnings[].code] | contains(["several_addresses", "outbound_only"])' <<<"$output"
	jq -e '.target.address == "127.0.0.1" and .target.host == "two.test" and .result.outcome == "no_timeout"' <<<"$output"
}

@test "no permission: says how to get it" {
	[ "$(id -u)" = 0 ] || skip 'only root can become nobody'
	directory=$(mktemp -d /tmp/idleprobe-cli.XXXXXX)
	install -m 755 "$idleprobe" "$directory/idleprobe"
	chmod 755 "$directory"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$directory/idleprobe" measure --engine raw 127.0.0.1:7440
	rm -r "$directory"
	expect 4 'cap_net_raw'
	[[ $output == *"setcap cap_net_raw+ep"* && $output == *sudo* && $output == *'--engine socket'* ]]
}

@test "no permission: goes on as the copy that has it, where that may be executed" {
	[ "$(id -u)" = 0 ] || skip 'only root can give a file capabilities'
	measure='setpriv --reuid=65534 --regid=65534 --clear-groups /mnt/bin/idleprobe measure --engine raw 127.0.0.1:7440'
	run alone "
		mount -t tmpfs -o mode=755 none /mnt
		install -D -m 755 $idleprobe /mnt/bin/idleprobe
		$measure; echo code \$?
		install -D -m 755 $idleprobe /mnt/libexec/idleprobe
		setcap cap_net_raw+ep /mnt/libexec/idleprobe
		$measure; echo code \$?
		chmod 700 /mnt/libexec/idleprobe
		$measure; echo code \$?"
	[[ $output == *'setcap cap_net_raw+ep /mnt/bin/idleprobe'*'code 4'*'connection refused'*'code 4'*'for members of the group root. Join it'*'code 4' ]]
}

@test "too few descriptors: says how many are needed" {
	run alone 'ulimit -n 60; $idleprobe measure --connections 500 127.0.0.1:7440'
	expect 4 '(descriptor|open files)'
	[[ $output =~ [0-9]{3} ]]
}

@test "a soft limit that is too low is raised" {
	run --separate-stderr alone "$hold"'ulimit -Sn 40; $idleprobe measure --json --max-idle 3 --connections 96 127.0.0.1:7440'
	echo "$stderr"
	[ "$status" = 0 ]
	jq -e '.result.outcome == "no_timeout"' <<<"$output"
}

@test "output that cannot be written: told before time is spent" {
	for name in /nonexistent/report.json "$BATS_TEST_TMPDIR" /proc/report.json; do
		run "$idleprobe" measure -o "$name" 127.0.0.1:1
		expect 4 "$name cannot be written: .*; name another file"
	done
	run "$idleprobe" measure --events /nonexistent/events 127.0.0.1:1
	expect 4 '/nonexistent/events cannot be written'
	for length in 250 5000; do # of the name; and of the path
		run "$idleprobe" measure -o "$(printf "%0${length}d" 0)" 127.0.0.1:1
		expect 4 '0000 cannot be written: File name too long'
	done
}

@test "output into a pipe that has a name" {
	run alone 'mkfifo pipe; cat pipe >got & $idleprobe measure -o pipe 127.0.0.1:7440; wait; [ -p pipe ] && jq -c .result.outcome got'
	expect 0 '"unreachable"$'
}

@test "the report file is whole, replaces the old one and keeps its mode; links are followed" {
	run alone '
		echo old >real; chmod 600 real; ln -s real link
		$idleprobe measure -o link 127.0.0.1:7440'
	[ "$status" = 4 ]
	cd "$BATS_TEST_TMPDIR"
	jq -e '.kind == "idleprobe.report"' real
	[ -L link ]
	[ "$(stat -c %a real)" = 600 ]
	[ "$(ls)" = $'link\nreal' ]
}

@test "a full disk: the old report stays, and the new one is not lost" {
	run --separate-stderr alone '
		mkdir small; mount -t tmpfs -o size=4k,nr_inodes=8 none small
		head -c 3000 /dev/zero >small/report.json
		$idleprobe measure -o small/report.json 127.0.0.1:7440
		echo "code $? size $(stat -c %s small/report.json) files $(ls small | wc -l)"'
	echo "$stderr"
	[[ $output == *'code 4 size 3000 files 1' ]]
	[[ $stderr == *'small/report.json cannot be written: No space left on device'* ]]
	grep '^{' <<<"$stderr" | tee "$BATS_TEST_TMPDIR.told" | jq -e '.kind == "idleprobe.report"'
}

@test "a full device" {
	run --separate-stderr alone '$idleprobe measure -o /dev/full 127.0.0.1:7440'
	[ "$status" = 4 ]
	[[ $stderr == *'/dev/full cannot be written: No space left on device'* ]]
	[ -c /dev/full ]
	run alone '$idleprobe measure 127.0.0.1:7440 >/dev/full'
	expect 4 'standard output cannot be written: No space left on device'
	run alone '$idleprobe measure --events /dev/full 127.0.0.1:7440'
	expect 4 '/dev/full: not all events could be written: No space left on device'
}

@test "Ctrl-C: a report with what is known, exit 3" {
	run --separate-stderr alone "$hold"'
		$idleprobe measure --json --max-idle 60 127.0.0.1:7440 & run=$!
		sleep 4; kill -INT $run; wait $run'
	echo "$stderr"
	[ "$status" = 3 ]
	jq -e '.interrupted and .result.outcome == "inconclusive" and .result.reason == "interrupted"' <<<"$output"
	jq -e '.result.survived_s > 0.9 and .elapsed_s < 5.5' <<<"$output"
}

@test "SIGTERM and SIGHUP likewise" {
	for signal in TERM HUP; do
		run --separate-stderr alone "$hold"'
			$idleprobe measure --json --max-idle 60 127.0.0.1:7440 & run=$!
			sleep 2; kill -'"$signal"' $run; wait $run'
		[ "$status" = 3 ]
		jq -e .interrupted <<<"$output"
	done
}

@test "SIGUSR1: a status line, and the run goes on" {
	run --separate-stderr alone "$hold"'
		$idleprobe measure --json --max-idle 4 --connections 8 127.0.0.1:7440 & run=$!
		sleep 2; kill -USR1 $run; wait $run'
	[ "$status" = 0 ]
	[[ $stderr =~ idle\ .*\ alive.*left ]]
	jq -e '.interrupted | not' <<<"$output"
}

@test "killed: the events are there, line by line" {
	run alone "$hold"'
		$idleprobe measure --events events --max-idle 60 127.0.0.1:7440 & run=$!
		sleep 3; kill -KILL $run; wait $run'
	jq -es '.[0].event == "start" and .[0].target.port == 7440 and ([.[] | select(.event == "opened")] | length > 10)
		and ([.[] | select(.event == "finding")] | length > 0)' "$BATS_TEST_TMPDIR/events"
}

@test "--min: met and not met" {
	run --separate-stderr alone "$hold"'$idleprobe measure --json --max-idle 3 --min 2 --connections 8 127.0.0.1:7440'
	[ "$status" = 0 ]
	jq -e '.check == {"min_s": 2, "passed": true}' <<<"$output"
}

@test "what is written is the same everywhere, and no progress where nobody looks" {
	run --separate-stderr alone "$hold"'$idleprobe measure --json -o report --max-idle 3 --connections 8 127.0.0.1:7440'
	[ "$status" = 0 ]
	[ -z "$stderr" ]
	[ "$output" = "$(<"$BATS_TEST_TMPDIR/report")" ]
}

@test "root that has dropped its rights still writes where it was asked to" {
	[ "$(id -u)" = 0 ] || skip 'only root has rights to drop'
	mkdir "$BATS_TEST_TMPDIR/home"
	chown 65534 "$BATS_TEST_TMPDIR/home"
	run "$idleprobe" measure -o "$BATS_TEST_TMPDIR/home/report.json" 127.0.0.1:1
	expect 4 'connection refused'
	jq -e '.result.outcome == "unreachable"' "$BATS_TEST_TMPDIR/home/report.json"
}
