#!/usr/bin/env bats
# `measure` where the host fails it: no descriptors, no memory, no disk, clocks that jump, kill -9. What a lab cannot do is done by
# fault.c, preloaded.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # single quotes: it expands in the testbed, or in jq; report.bash sets variables

bats_require_minimum_version 1.5.0

setup_file() {
	export fault=$BATS_FILE_TMPDIR/fault.so
	cc -shared -fPIC -O1 -o "$fault" "$BATS_TEST_DIRNAME/fault.c"
	# The sanitizers would have their own allocator be the first; fault.so hands on to it.
	export ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS-}
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	load report
}

# SECONDS SCRIPT: a measurement through a silent NAT, and what happens meanwhile
meanwhile() {
	lab run --profile nat-silent --timeout "$1" -- "begin --max-idle 40 --events \$results/events \$TESTBED_TARGET4
		$2
		wait \$run"
	tell run "$BATS_TEST_DESCRIPTION"
}

# SECONDS FAULT: the same, with the fault that the environment names
faulty() {
	lab run --profile nat-silent --timeout "$1" -- "LD_PRELOAD=\$fault $2 \
		\$idleprobe measure --json --max-idle 40 --events \$results/events \$TESTBED_TARGET4 >\$results/run.json"
	tell run "$BATS_TEST_DESCRIPTION"
}

right() { # SECONDS
	exits 0
	holds run '$r.outcome == "timeout"'
	contains run "$1"
}

@test "no descriptors from the start: EMFILE" {
	lab run --profile router -- 'ulimit -n 40; measure --max-idle 3 $TESTBED_TARGET4'
	[[ $status == 4 && ! -s $results/run.json ]]
	grep -q '96 connections need 128 file descriptors and 40 are allowed; raise the limit with' "$results/run.err"
	noted="no report; $(<"$results/run.err"); exit 4"
}

@test "hardly a descriptor at all: EMFILE" {
	lab run --profile router -- 'ulimit -n 6; measure --max-idle 3 $TESTBED_TARGET4'
	cat "$results/run.err"
	[[ $status == 4 && ! -s $results/run.json ]]
	grep -q '^idleprobe: .*ulimit -n' "$results/run.err"
	noted="no report; $(tail -n 1 "$results/run.err"); exit 4"
}

@test "descriptors run out while the connections are opened: EMFILE" {
	meanwhile 6 'connected; prlimit --pid $run --nofile=50:50'
	never_wrong run 6
	jq -es 'map(select(.event == "open_failed" and .error == "Too many open files")) | length > 5' "$results/events"
}

@test "descriptors run out in the middle: EMFILE" {
	meanwhile 6 'sleep 4; prlimit --pid $run --nofile=20:20'
	right 6
	holds run '$warnings | contains(["open_failed"])'
}

# NUMBER: what is said of the run whose allocation of that number was refused: a right answer, or none, or an error. libpcap's
# compiler ends the program by itself or crashes, and getaddrinfo() may abort, all before anything is sent.
bears() {
	local code
	code=$(<"$results/$1.code")
	case $code in
	134 | 139) [[ ! -s $results/$1.events && ! -s $results/$1.json ]] && ((++unborne)) ;;
	0 | 3) never_wrong "$1" 3 ;;
	4) grep -qE '^idleprobe: .*(memory|Memory|malloc|core|event loop|capture on)' "$results/$1.err" ;;
	2) grep -q '^out of dynamic memory in yy' "$results/$1.err" && [[ ! -s $results/$1.json ]] ;;
	*) false ;;
	esac || { echo "allocation $1: exit status $code"; cat "$results/$1.err"; return 1; }
	[[ ! -s $results/$1.json ]] || jq -e .result "$results/$1.json" >/dev/null
}

@test "one allocation is refused, whichever: ENOMEM" {
	lab all --profile nat-silent --timeout 3 -- '
		try() {
			LD_PRELOAD=$fault FAULT_MEMORY=$1 $idleprobe measure --json --max-idle 12 --connections 24 \
				--events $results/$1.events $TESTBED_TARGET4 >$results/$1.json 2>$results/$1.err
			echo $? >$results/$1.code
		}
		LD_PRELOAD=$fault FAULT_COUNT=$results/count try 0
		for ((i = 1; i <= 60; i++)); do try $(($(<$results/count) * i / 60)) & done
		wait'
	cat "$results/all.out" "$results/all.err"
	[[ $status == 0 ]]
	local code number told=0 unborne=0
	for code in "$results"/*.code; do
		number=$(basename "$code" .code)
		bears "$number"
		# What was measured is in the events, from the first of them on.
		[[ ! -s $results/$number.events ]] || { $idleprobe report "$results/$number.events" >/dev/null && ((++told)); }
	done
	((told >= 20))
	noted="61 runs, exit $(cat "$results"/*.code | sort | uniq -c | awk '{ printf "%s%s: %s times", n++ ? ", " : "", $2, $1 }'); $(
		)$unborne in a library that does not bear it, before anything was sent; wrong intervals 0; \`report\` reads the $(
		)events of the $told that began"
	rm "$results"/*.json
	say "$BATS_TEST_DESCRIPTION: $noted"
}

@test "one allocation is refused to report, whichever: all of a file, or an error" {
	lab run --profile router -- 'measure --max-idle 3 --connections 6 --events $results/events $TESTBED_TARGET4'
	local format whole number count all=0 refused=0
	seen() { tr -d 0-9.e- | cksum; } # one round trip may be missing among those that the median is of
	for format in text json html prometheus junit; do
		whole=$($idleprobe report --format $format "$results/run.json" "$results/events" | seen)
		LD_PRELOAD=$fault FAULT_COUNT=$results/count $idleprobe report --format $format "$results/run.json" "$results/events" >/dev/null
		count=$(<"$results/count")
		for ((number = 1 + count % 7; number <= count; number += 1 + count / 40)); do
			status=0
			LD_PRELOAD=$fault FAULT_MEMORY=$number $idleprobe report --format $format "$results/run.json" "$results/events" \
				>"$results/out" 2>"$results/err" || status=$?
			case $status in
			0) [[ $(seen <"$results/out") == "$whole" ]] ;;
			4) grep -q '^idleprobe: ' "$results/err" && ((++refused)) ;;
			*) false ;;
			esac && ((++all)) || { echo "$format, allocation $number: exit status $status"; cat "$results/err"; false; }
		done
	done
	noted="of $all runs $refused ended with an error and exit 4, the others had all"
	say "$BATS_TEST_DESCRIPTION: $noted"
}

# The report is by the clock as it stands at the end.
sane_times() { # SHIFT
	holds run 'def seconds: sub("\\.[0-9]+Z"; "Z") | fromdate; (.finished_at | seconds) as $last | (.started_at | seconds) as $first |
		($last - $first - .elapsed_s | fabs) < 2 and .elapsed_s < 30 and ($last - now - $shift | fabs) < 60' --argjson shift "$1"
}

@test "the wall clock is set back a day" {
	faulty 8 FAULT_WALL=4:-86400
	right 8
	sane_times -86400
	holds run '$warnings == []'
}

@test "the wall clock is set a day ahead while connections expire" {
	faulty 8 FAULT_WALL=8.3:86400
	right 8
	sane_times 86400
}

@test "the machine sleeps for 7 s: CLOCK_MONOTONIC stands still" {
	faulty 12 FAULT_SUSPEND=4:7
	never_wrong run 12
	holds run '$warnings | contains(["clock_jump"])'
}

@test "the machine sleeps while connections expire" {
	faulty 8 FAULT_SUSPEND=7:7
	never_wrong run 8
	holds run '$warnings | contains(["clock_jump"])'
}

@test "kill -9: report tells what the events hold" {
	lab killed --profile nat-silent --timeout 20 -- 'begin --max-idle 60 --events $results/events $TESTBED_TARGET4
		sleep 7; kill -KILL $run; wait $run'
	[[ $status == 137 && ! -s $results/killed.json ]]
	status=0
	$idleprobe report --format json "$results/events" >"$results/run.json" || status=$?
	tell run "$BATS_TEST_DESCRIPTION"
	exits 0
	holds run '.interrupted and $r.outcome == "inconclusive" and $r.reason == "interrupted"'
	holds run '$r.survived_s > 4 and $r.survived_s < 7.5 and $r.expired_s == null and (.samples | length > 15)'
	$idleprobe report "$results/events" >"$results/text"
	grep -q '^No answer for 203.0.113.10:7440: the run was stopped' "$results/text"
	grep -q 'Connections survived [4-7]\.[0-9] s of idle time' "$results/text"
}

@test "the disk fills up in the middle: --events and --output" {
	lab run --profile nat-silent --timeout 8 -- '
		mkdir $TESTBED_DIR/small; mount -t tmpfs -o size=64k none $TESTBED_DIR/small
		begin --max-idle 40 --events $TESTBED_DIR/small/events --output $TESTBED_DIR/small/report $TESTBED_TARGET4
		sleep 5; dd if=/dev/zero of=$TESTBED_DIR/small/other bs=4k 2>/dev/null
		wait $run; code=$?; cp $TESTBED_DIR/small/events $results; ls $TESTBED_DIR/small; exit $code'
	tell run "$BATS_TEST_DESCRIPTION"
	cat "$results/run.err"
	exits 4
	holds run '$r.outcome == "timeout"'
	contains run 8
	[[ $(<"$results/run.out") == events$'\n'other ]] # no temporary file, no half of a report
	grep -q 'small/report cannot be written: No space left on device' "$results/run.err"
	grep -q 'small/events: not all events could be written: No space left on device' "$results/run.err"
	$idleprobe report --format json "$results/events" | jq -e '.interrupted and .result.survived_s > 2 and .result.expired_s == null'
}

@test "the table of faults names tests that are there" {
	local fault file name expected
	while IFS=$'\t' read -r fault file name expected; do
		[[ $fault != '#'* ]] || continue
		[[ $expected ]]
		grep -qF "@test \"$name\" {" "tests/lab/$file" || { echo "$file has no test '$name'"; false; }
	done <tests/lab/faults.tsv
}
