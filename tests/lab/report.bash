# For the tests of `measure` in scripts/testbed: running it, and looking at its report.
# shellcheck shell=bash disable=SC2016,SC2034 # single quotes: it expands in the testbed, or in jq; bats uses what is set

idleprobe=${IDLEPROBE:-$PWD/build/idleprobe}
[[ $idleprobe == /* ]] || idleprobe=$PWD/$idleprobe
export idleprobe results=$BATS_TEST_TMPDIR

# A Linux connection tracking entry ends up to one jiffy before its time (scripts/testbed, load_rules).
jiffy=0.004

begun=$EPOCHREALTIME

# What is said on descriptor 3 is shown even where the test passes.
say() { echo "# $*" >&3; }

# NAME TESTBED-ARGUMENT... -- SCRIPT: runs a bash script on the client. In it `measure ARGUMENT...` is idleprobe's, with
# NAME.json as its standard output; `begin ARGUMENT...` does the same in the background, and sets run to its process
# id. Sets status to that of the script; what is written on standard error is in NAME.err. It is ended after 120 s, or $limit.
lab() {
	local name=$1 arguments=()
	shift
	while [[ $1 != -- ]]; do arguments+=("$1"); shift; done
	status=0
	name=$name timeout "${limit-120}" scripts/testbed "${arguments[@]}" -- bash -c '
		. tests/lab/helpers.bash
		measure() { $idleprobe measure --json "$@" >$results/$name.json; }
		begin() { $idleprobe measure --json "$@" >$results/$name.json & run=$!; }
		'"$2" >"$results/$name.out" 2>"$results/$name.err" 3>&- || status=$?
}

# STATUS: the script's of the latest lab(), whose name is `run`
exits() { [[ $status == "$1" ]] || { echo "exit status $status"; holds run false; }; }

# NAME CONDITION [JQ-ARGUMENT...]: the report NAME.json meets a jq condition, in which $r is its result, and $warnings are
# the codes of its warnings.
holds() {
	local name=$1 condition=$2
	shift 2
	# Slurped, for jq is content with an empty file.
	jq -es "$@" "length == 1 and (.[0] | .result as \$r | [.warnings[].code] as \$warnings | $condition)" \
		"$results/$name.json" >/dev/null && return
	echo "not so: $condition $*"
	jq -c 'del(.advice, .samples, .consistent_with)' "$results/$name.json"
	jq -r '"connection idle_s age_s outcome", (.samples[] | "\(.connection) \(.idle_s) \(.age_s) \(.outcome)")' \
		"$results/$name.json" | tail -n 120
	cat "$results/$name.err"
	return 1
}

# NAME SECONDS [LATE]: the interval contains the truth, which lies between a jiffy before SECONDS and LATE after. Where that is said,
# a program makes the truth, and it is as much later as the machine stood still (HAProxy's clock does too).
contains() {
	local late=${3-0}
	[[ $late == 0 || ! -s ${STANDSTILLS-} ]] ||
		late=$(awk -v begun="$begun" -v late="$late" '$1 >= begun { late += $2 } END { print late }' "$STANDSTILLS")
	holds "$1" '$r.survived_s <= $t + $late and $r.expired_s >= $t - $jiffy and $r.survived_s <= $r.expired_s' \
		--argjson t "$2" --argjson jiffy $jiffy --argjson late "$late" && return
	wrong=$late
	return 1
}

# NAME SECONDS [LATE]: the right answer, or honestly none.
never_wrong() {
	if holds "$1" '$r.outcome == "timeout"' >/dev/null; then
		contains "$@"
	else
		holds "$1" '$r.outcome == "inconclusive" and $r.reason != null and $r.timeout_s == null'
	fi
}

# NAME TITLE: the figures of a report, for the reader of the test's output
tell() {
	say "$2: $(jq -r '(.result | "\(.outcome) \(.reason // ""): \(.survived_s) to \(.expired_s) s, \(.signal) from " +
		"\(.signal_from), refreshes \(.keepalive_refreshes), "), "in \(.elapsed_s) s, \(.path.connections_opened) " +
		"connections, \(.path.probes_sent) probes, loss \(.path.loss), warnings \([.warnings[].code])"' \
		"$results/$1.json" | tr '\n' ' ')"
}

# Everything here shares one machine, the middlebox too. What failed while that stood still, of which STANDSTILLS tells
# (standstills.py), is tried again, twice at most; but for a wrong number where the kernel makes the truth, which has no excuse.
wrong=
failed_by_standstill() {
	local longest
	[[ ! ${BATS_TEST_COMPLETED-} && $wrong != 0 && -s ${STANDSTILLS-} ]] && ((BATS_TEST_TRY_NUMBER < 3)) || return
	longest=$(awk -v begun="$begun" '$1 >= begun && $2 > most { most = $2 } END { print most }' "$STANDSTILLS")
	[[ $longest ]] && say "tried again: $BATS_TEST_DESCRIPTION: the machine stood still for $longest s; $(
		grep -m 1 -E '^(not so|exit status)' "$BATS_OUT" || echo 'it failed')"
}

# Where FAULTS_SEEN names a file, what each test saw is appended to it, for scripts/faults: FILE, TEST, whether it passed, and its
# reports in a line, or what the test has noted instead.
noted=
teardown() {
	local report
	! failed_by_standstill || BATS_TEST_RETRIES=$BATS_TEST_TRY_NUMBER
	[[ ${FAULTS_SEEN-} ]] || return 0
	[[ $noted ]] || for report in "$results/run.json" "$results"/[!r]*.json; do
		[[ ! -s $report ]] || noted+=${noted:+; }$(jq -rs "$seen_in_short" "$report")${status:+, exit $status}
	done
	printf '%s\t%s\t%s\t%s\n' "$(basename "$BATS_TEST_FILENAME")" "$BATS_TEST_DESCRIPTION" \
		"${BATS_TEST_COMPLETED:-0}" "${noted:-no report}" >>"$FAULTS_SEEN"
}

seen_in_short='def s: if . == null then "?" else "\(. * 100 | round / 100)" end;
	map((.result | .outcome + (if .reason then " (\(.reason))" else "" end) +
		(if .survived_s == null then "" else ": survived \(.survived_s | s) s" end) +
		(if .expired_s == null then "" else ", expired by \(.expired_s | s) s" end)) +
		", in \(.elapsed_s | s) s" + (.warnings | map(", warning " + .code) | add // "")) | join("; ")'
