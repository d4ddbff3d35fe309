#!/usr/bin/env bats
# Somebody has taken the program over, which breakout.c plays, and tries to get further.
# shellcheck disable=SC2016,SC2086,SC2030,SC2031,SC2154 # as in faults.bats; and the lists are lists

bats_require_minimum_version 1.5.0

setup_file() {
	cc -D_GNU_SOURCE -Wall -Wextra -Werror -shared -fPIC -o "$BATS_FILE_TMPDIR/breakout.so" \
		"$BATS_TEST_DIRNAME/breakout.c"
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
	export breakout=$BATS_FILE_TMPDIR/breakout.so
	export quick="$idleprobe measure --direction out --connections 4 --max-idle 1.5"
}

anything='execute start trace look_into signal_other capture forge ask_kernel listen_tcp overwrite empty permit'
anything+=' run_data become dump'

# COMMAND ATTEMPT...: runs the command once for each attempt, all at once, and prints "ATTEMPT EXIT-STATUS" of
# each. The command may name $dir, which is its own.
attempts='attempts() {
	local command=$1 attempt
	shift
	for attempt; do
		(
			dir=$results/$attempt
			mkdir -p "$dir/reports"; echo precious >"$dir/victim"
			export BREAKOUT=$attempt BREAKOUT_FILE=$dir/victim BREAKOUT_NEW=$dir/new
			export LD_PRELOAD=$breakout
			eval "$command" >"$dir/out" 2>"$dir/err"
			echo "$attempt $?"
		) &
	done
	wait
}
'

# What each attempt came to: killed (128 + SIGSYS), or refused; and nothing done.
none_succeeds() { # ATTEMPT...
	local attempt
	cat "$results/run.out" "$results"/*/err
	run ! grep -h 'breakout: .*: done' "$results"/*/err
	for attempt; do
		grep -qx "$attempt 159" "$results/run.out" ||
			grep -qE 'refused, (Permission denied|Operation not)' "$results/$attempt/err"
		[[ $(<"$results/$attempt/victim") == precious && ! -e $results/$attempt/new ]]
		[[ $(stat -c %a "$results/$attempt/victim") != 4755 ]]
	done
	# The object itself disturbs nothing: who tries nothing gets to the end.
	grep -qx 'nothing 0' "$results/run.out"
	grep -q 'breakout: nothing: refused' "$results/nothing/err"
}

@test "measure: who takes it over can do nothing else" {
	lab run --profile router -- "$attempts"'
		attempts "$quick $TESTBED_TARGET4" nothing '"$anything"' peek create displace delete widen'
	none_succeeds $anything peek create displace delete widen
	[[ $(grep -c ' 159$' "$results/run.out") == 19 ]]
}

@test "measure -o: nor anything outside of the report's directory" {
	lab run --profile router -- "$attempts"'
		attempts "$quick -o \$dir/reports/r $TESTBED_TARGET4" nothing '"$anything"' \
			peek create displace delete'
	none_succeeds $anything peek create displace delete
	jq -e '.result.outcome == "no_timeout"' "$results/nothing/reports/r"
}

@test "respond: who takes it over can do nothing else" {
	lab run --profile router -- "$attempts"'
		serve="timeout --preserve-status 2 $idleprobe respond"
		attempts "$serve --listen 127.0.0.1:\$((20000 + BASHPID % 20000))" nothing '"$anything"' \
			peek create displace delete'
	none_succeeds $anything peek create displace delete
}

# [ARGUMENT...]: of a report that was saved before
in_report() {
	lab run --profile router -- "$attempts"'
		$quick --json $TESTBED_TARGET4 >$results/saved
		attempts "$idleprobe report '"$*"' $results/saved" nothing '"$anything"' \
			create displace delete'
	none_succeeds $anything create displace delete
}

@test "report: who takes it over can only read" {
	in_report --format html
	grep -q '</html>' "$results/nothing/out"
}

@test "report -o: and write in the directory that was named" {
	in_report -o '\$dir/reports/r'
	[[ -s $results/nothing/reports/r ]]
}
