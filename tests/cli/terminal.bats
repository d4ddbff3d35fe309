#!/usr/bin/env bats
# What is seen on a terminal while a measurement runs: tmux plays the terminal.
# shellcheck disable=SC2016,SC2154 # what is in single quotes expands inside of alone(); bats sets output

bats_require_minimum_version 1.5.0
load helpers

# COLUMNS ROWS TARGET...: what stands on a terminal of that size, and above it where it has scrolled, after
# some seconds and then once Ctrl-C has ended the run.
watched() {
	local size="-x $1 -y $2" options='--json --max-idle 60 --connections 4'
	shift 2
	run alone "${hold/127.0.0.1/0.0.0.0}"'
		export TMUX_TMPDIR=$PWD
		screen() { tmux capture-pane -p -S - >$1; }
		tmux -f /dev/null new-session -d '"$size"' \
			"echo begun; $idleprobe measure '"$options $*"' >reports; echo over; sleep 20"
		sleep 3.6; screen running
		tmux send-keys C-c
		until screen ended; grep -q over ended; do sleep 0.05; done
		tmux kill-server'
	[ "$status" = 0 ]
	cd "$BATS_TEST_TMPDIR" || return
	cat running ended
}

@test "a line of progress" {
	watched 80 24 127.0.0.1
	grep -qE '^searching: idle [0-9.]+ s, 4 alive, 0 ended' running
	[ "$(grep -c . running)" = 2 ]
	[ "$(grep . ended | tr '\n' ' ')" = 'begun over ' ]
}

@test "more targets than the terminal has lines, and longer ones than it is wide" {
	watched 50 6 127.0.0.{1,2,3,4,5,6,7,8}
	for host in 1 2 3 4; do
		grep -qE "^127.0.0.$host: searching: idle [0-9.]+ s, 4 alive, 0 e" running
	done
	grep -qx '\.\.\. and 4 more' running
	[ "$(grep -c . running)" = 6 ] # drawn three times, and nothing has scrolled
	[ "$(wc -L <running)" = 49 ]
	[ "$(grep . ended | tr '\n' ' ')" = 'begun over ' ]
	[ "$(jq -r .result.reason reports | uniq -c | xargs)" = '8 interrupted' ]
}
