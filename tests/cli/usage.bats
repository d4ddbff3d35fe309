#!/usr/bin/env bats
# What the command line takes, and what it says of what it does not take.
# shellcheck disable=SC2154 # bats sets stderr

bats_require_minimum_version 1.5.0
load helpers

@test "--version tells name and version on standard output" {
	run "$idleprobe" --version
	expect 0 '^idleprobe [0-9a-f]'
}

@test "--help and help tell the same, and each option is there" {
	run "$idleprobe" measure --help
	expect 0 '^usage: idleprobe measure'
	help=$output
	for option in min-idle max-idle precision resolution connections strategy direction engine min token dry-run json output \
		events interface ipv4 ipv6 quiet verbose help; do
		[[ $help == *"--$option"* ]]
	done
	[ "${#lines[@]}" -le 30 ]
	run "$idleprobe" help measure
	[ "$output" = "$help" ]
	run "$idleprobe" --help
	expect 0 'commands:'
}

@test "without a command: usage on standard error, exit 2" {
	run --separate-stderr "$idleprobe"
	[ "$status" = 2 ]
	[ -z "$output" ]
	[[ $stderr == usage:* ]]
}

@test "a command that is none" {
	run "$idleprobe" frobnicate
	expect 2 "'frobnicate' is not a command; 'idleprobe help' lists them"
	run "$idleprobe" 192.0.2.1:80
	expect 2 'idleprobe measure 192.0.2.1:80'
}

@test "what this version cannot do is refused at once" {
	run "$idleprobe" measure --direction both --connections 3 h:1
	expect 2 'direction both needs at least 4 --connections'
}

@test "check: what is to be survived must be told" {
	run "$idleprobe" check h:1
	expect 2 'which idle time is to be survived\? Expected is, for example, --min 10m'
	run "$idleprobe" check --min 5
	expect 2 'which target\?'
	run "$idleprobe" check --min 5 --max-idle 1h --precision 5% --strategy ladder --min-idle 3 --resolution 2s
	expect 2 'which target\?' # the options of `measure` are taken
}

@test "a list of targets: each once, and some" {
	list=$BATS_TEST_TMPDIR/list
	run "$idleprobe" measure --targets "$list"
	expect 4 "$list.*No such file"
	printf '# none yet\n\n   # nor here\n' >"$list"
	run "$idleprobe" measure --targets "$list"
	expect 2 'lists no target; expected is a HOST:PORT on each line'
	printf 'h:1\n  i:2\t# the other\r\nh:1\n' >"$list"
	run "$idleprobe" measure --targets "$list"
	expect 2 "'h:1' is named twice"
	run "$idleprobe" measure --targets "$list" i:2
	expect 2 "'i:2' is named twice"
	seq -f 'h:%g' 300 >"$list"
	run "$idleprobe" check --min 5 --targets "$list"
	expect 2 'more than 250 targets'
	seq -f 'h:%g' 201 >"$list"
	run "$idleprobe" measure --connections 120 --targets "$list"
	expect 2 '201 targets with 120 connections each are more than the 24000 .*use --connections 119'
	printf 'h:1\nh:x\n' >"$list"
	run "$idleprobe" measure --targets "$list"
	expect 2 "'h:x': 'x' is no port"
}

@test "wrong options name option, value and what is expected" {
	run "$idleprobe" measure --max-idle -5 h:1
	expect 2 "--max-idle: '-5' is not a duration; expected is"
	run "$idleprobe" measure --max-idle nan h:1
	expect 2 "--max-idle: 'nan' is not a duration"
	run "$idleprobe" measure --max-idle inf h:1
	expect 2 "--max-idle: 'inf' is not a duration"
	run "$idleprobe" measure --min-idle 10 --max-idle 5 h:1
	expect 2 '--min-idle \(10 s\) must be less than --max-idle \(5 s\)'
	run "$idleprobe" measure --precision 0 h:1
	expect 2 '--precision: 0 is out of range; expected is a percentage from 0.01% to less than 50%'
	run "$idleprobe" measure --resolution 1ms h:1
	expect 2 '--resolution: 1ms is out of range'
	run "$idleprobe" measure --connections 1 h:1
	expect 2 '--connections: 1 is out of range; expected is a number from 2 to 10000'
	run "$idleprobe" measure --strategy guess h:1
	expect 2 'expected is one of sweep\|ladder'
	run "$idleprobe" measure --nonsense h:1
	expect 2 '--nonsense: no such option'
	run "$idleprobe" measure
	expect 2 'which target'
}

@test "targets that are none" {
	for target in :80 h:0 h:65536 h:x h: '[::1' '[::1]x' ''; do
		run "$idleprobe" measure "$target"
		expect 2 '^idleprobe: '
	done
}

@test "an interface that is not there" {
	run "$idleprobe" measure -i nosuch0 127.0.0.1:1
	expect 2 'nosuch0'
}
