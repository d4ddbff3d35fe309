#!/usr/bin/env bats
# Neither memory nor descriptors are left behind, as valgrind sees it.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # single quotes: it expands in the testbed; report.bash sets and reads variables

bats_require_minimum_version 1.5.0

setup_file() {
	export fault=$BATS_FILE_TMPDIR/fault.so
	cc -shared -fPIC -O1 -o "$fault" "$BATS_TEST_DIRNAME/fault.c"
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

# NAME: valgrind found nothing, and at the end there were no descriptors but the standard ones and what it was given
nothing_left() {
	cat "$results/$1.valgrind"
	grep -q 'ERROR SUMMARY: 0 errors' "$results/$1.valgrind"
	[[ $(grep -cE 'Open (file descriptor|AF_)' "$results/$1.valgrind") == "$(grep -c '<inherited from parent>' "$results/$1.valgrind")" ]]
	grep -q 'All heap blocks were freed' "$results/$1.valgrind"
}

@test "valgrind: measure, check, respond and report leave neither memory nor descriptors" {
	lab all --profile nat-silent --timeout 4 --server none -- '
		checked() { # NAME ARGUMENT...: `exec`, so that $! is the process itself
			LD_PRELOAD=$fault FAULT_UNCONFINED=1 exec valgrind --log-file=$results/$1.valgrind --track-fds=yes \
				--leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all --suppressions=tests/lab/valgrind.supp $idleprobe "${@:2}"
		}
		ip link set lo up
		checked respond respond >/dev/null & responder=$!
		until ss -Hltn | grep -q :7440; do sleep 0.1; done
		checked interrupted measure --json --max-idle 60 --connections 12 127.0.0.1 >/dev/null & run=$!
		(checked measure measure --json --max-idle 3 --connections 12 --events $results/events -o $results/report 127.0.0.1)
		(checked unreachable measure --json --max-idle 3 127.0.0.1:9)
		(checked check check --min 2 --connections 12 127.0.0.1 127.0.0.1:9)
		kill -INT $run; wait $run
		for format in text json html prometheus junit; do
			(checked report-$format report --format $format $results/report $results/events >/dev/null)
		done
		kill -TERM $responder; wait $responder; true'
	cat "$results/all.out" "$results/all.err"
	local name
	for name in respond measure unreachable interrupted check report-{text,json,html,prometheus,junit}; do
		nothing_left "$name"
	done
	noted='10 processes: 0 errors, all memory freed, no descriptor open but those inherited'
}
