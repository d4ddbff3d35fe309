#!/usr/bin/env bats
# The command line of `respond`, and what it says where it cannot begin.
# shellcheck disable=SC2016,SC2154 # single quotes: it expands in alone(); helpers.bash sets idleprobe and hold

bats_require_minimum_version 1.5.0
load helpers

@test "--version and --help" {
	run "$idleprobe" respond --version
	expect 0 '^idleprobe [0-9a-f]'
	run "$idleprobe" respond --help
	expect 0 '^usage: idleprobe respond'
	for option in listen token connections per-address lifetime orphaned commands remember version help; do
		[[ $output == *"--$option"* ]]
	done
}

@test "wrong options" {
	run "$idleprobe" respond --listen
	expect 2 '--listen: a value is missing; expected is ADDR:PORT'
	run "$idleprobe" respond --max-idle 5
	expect 2 '--max-idle: no such option'
	run "$idleprobe" respond 192.0.2.1:7440
	expect 2 "'192.0.2.1:7440' is one argument too many; where to listen is told by --listen"
	run "$idleprobe" respond --connections 0
	expect 2 '--connections: 0 is out of range; expected is a number from 1 to 1000000'
	run "$idleprobe" respond --lifetime 31d
	expect 2 '--lifetime: 31d is out of range'
	run "$idleprobe" respond --token ''
	expect 2 '--token: the value is empty'
}

@test "addresses that are none" {
	for address in localhost:7440 192.0.2.256 192.0.2.1:0 '[::1' ::1 :7440 '[fe80::1%lo]:1' ''; do
		run alone '$idleprobe respond --listen '"'$address'"
		expect 2 '^(idleprobe: |[-0-9T:]*Z idleprobe: .*)--listen: '
	done
}

@test "an address of another host" {
	run alone '$idleprobe respond --listen 192.0.2.1'
	expect 4 'cannot listen on 192\.0\.2\.1: Cannot assign requested address\. This host has no such address'
}

@test "a port that is taken" {
	run alone "$hold"'
		$idleprobe respond --listen 127.0.0.1'
	expect 4 'cannot listen on 127\.0\.0\.1: Address already in use\. Another program has that port'
	run alone "$hold"'
		$idleprobe respond'
	expect 4 'cannot listen on 0\.0\.0\.0:7440: Address already in use'
}

@test "a port that needs root" {
	run alone 'setpriv --bounding-set=-all --inh-caps=-all $idleprobe respond --listen 127.0.0.1:80'
	expect 4 'cannot listen on 127\.0\.0\.1:80: Permission denied\. Ports below 1024 need root'
}

@test "too few descriptors" {
	run alone 'ulimit -n 300; $idleprobe respond'
	expect 4 'too few file descriptors: 8192 connections need 8240, and the limit is 300\..*--connections 252'
	run alone 'ulimit -n 300; timeout 1 $idleprobe respond --connections 252'
	expect 124 'listening on'
	run alone 'ulimit -Sn 300; timeout 1 $idleprobe respond --connections 1000'
	expect 124 'listening on'
}

@test "several addresses, and no IPv6" {
	run alone 'timeout 1 $idleprobe respond --listen 127.0.0.1:7441 --listen [::1]:7442'
	expect 124 'listening on 127\.0\.0\.1:7441.*listening on \[::1\]:7442.*terminated'
	run alone '
		$idleprobe respond --listen 127.0.0.1:7441 --listen [::1]:7442 2>/dev/null & pid=$!
		until [[ $(ss -Hltn | wc -l) == 2 ]]; do sleep 0.02; done
		ss -Hltn; read -r </dev/tcp/::1/7442 banner; echo "$banner"; kill $pid; wait $pid; echo "exit $?"'
	expect 0 'IDLEPROBE/1 [0-9a-f]{32} ::1 [0-9]+ [0-9a-f]{32}.*exit 0'
}
