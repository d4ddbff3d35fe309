#!/usr/bin/env bats
# --help, the manual and the completions: all tell the same commands and options, and each is right for who reads it.
# shellcheck disable=SC2016,SC1003,SC2154 # what is in single quotes is for other shells; bats sets output

bats_require_minimum_version 1.5.0
load helpers

root=$BATS_TEST_DIRNAME/../..

commands() { "$idleprobe" help | sed -n '/^commands:/,/^$/s/^  \([a-z]\+\) .*/\1/p'; }

# As --help lists them: "--name", and "-n" too.
options() { # COMMAND
	"$idleprobe" "$1" --help | grep -oE '  (-., |    )--[a-z0-9-]+' | grep -oE -- '-[a-zA-Z0-9-]+' | sort -u
}

# The option's argument as --help shows it; nothing for a flag.
argument() { # COMMAND OPTION
	"$idleprobe" "$1" --help | sed -nE "s/^  (-., |    )?$2(, --[a-z0-9-]+)? ([^ ]+)( .*)?\$/\3/p"
}

manual() { "$idleprobe" generate man <"$root/src/idleprobe.1"; }

bash_offers() { # LINE, complete but for the last word
	"$idleprobe" generate bash >"$BATS_TEST_TMPDIR/bash"
	bash --norc -c '
		source "$1"
		read -ra COMP_WORDS <<<"${2//=/ = }"
		[[ $2 != *[\ =] ]] || COMP_WORDS+=("")
		[[ $2 != *= ]] || unset "COMP_WORDS[-1]"
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_idleprobe idleprobe
		printf "%s\n" "${COMPREPLY[@]}"' bash "$BATS_TEST_TMPDIR/bash" "$1" | sort -u
}

zsh_offers() { # LINE
	"$idleprobe" generate zsh >"$BATS_TEST_TMPDIR/_idleprobe"
	timeout 30 zsh -f "$BATS_TEST_DIRNAME/complete.zsh" "$BATS_TEST_TMPDIR" "$1"
}

fish_offers() { # LINE
	"$idleprobe" generate fish >"$BATS_TEST_TMPDIR/fish"
	HOME=$BATS_TEST_TMPDIR fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$BATS_TEST_TMPDIR/fish" "$1" |
		cut -f 1 | sort -u
}

same() { # WHAT EXPECTED GOT
	[[ $2 == "$3" ]] && return
	echo "$1: expected (<) is not what came (>):"
	diff <(echo "$2") <(echo "$3")
}

@test "--help fits a terminal of 24 lines and 80 columns, and has examples" {
	[ "$(commands | wc -l)" -ge 3 ]
	run "$idleprobe" help
	[ "${#lines[@]}" -le 24 ]
	for command in $(commands | grep -v '^help$'); do
		"$idleprobe" "$command" --help >"$BATS_TEST_TMPDIR/help"
		echo "$command: $(wc -l <"$BATS_TEST_TMPDIR/help") lines, $(wc -L <"$BATS_TEST_TMPDIR/help") columns"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/help")" -le 24 ]
		[ "$(wc -L <"$BATS_TEST_TMPDIR/help")" -le 80 ]
		grep -q "^  .*idleprobe $command" "$BATS_TEST_TMPDIR/help"
	done
}

@test "every option of --help is taken" {
	for command in $(commands | grep -v '^help$'); do
		for option in $(options "$command"); do
			# One that is not known would be told before the wrong one that follows.
			value=$(argument "$command" "$option")
			case $value in *'|'*) value=${value%%|*} ;; DURATION | PERCENT | N) value=5 ;; esac
			code=2
			[ "$option" != --nagios ] || code=3 # a plugin's "unknown"
			run "$idleprobe" "$command" "$option" ${value:+"$value"} --no-such
			expect $code '--no-such: no such option'
		done
	done
}

@test "the manual has a row for every option, in its command's section, and no other" {
	for command in $(commands | grep -v '^help$'); do
		told=$(manual | mandoc -T ascii | col -bx | sed -n "/^   idleprobe $command\$/,/^\(   [a-z]\|[A-Z]\)/p" |
			grep -oE '^     -[^ ]+( --[^ ]+)?' | grep -oE -- '-[a-zA-Z0-9-]+' | sort -u)
		same "$command" "$(options "$command")" "$told"
	done
	# Whatever the prose mentions is an option of some command.
	for option in $(manual | mandoc -T ascii | col -bx | grep -oE -- '--[a-z0-9-]+' | grep -v -e '--version' | sort -u); do
		for command in $(commands); do options "$command"; done | grep -qx -e "$option" || { echo "no option $option"; false; }
	done
}

@test "mandoc finds nothing to complain of" {
	# Which other manuals are installed here is not the page's matter.
	run bash -c '"$1" generate man <"$2" | mandoc -T lint 2>/dev/null | grep -v "referenced manual not found"' - "$idleprobe" "$root/src/idleprobe.1"
	echo "$output"
	[ -z "$output" ]
	for section in NAME SYNOPSIS DESCRIPTION COMMANDS ENVIRONMENT FILES 'EXIT STATUS' EXAMPLES 'SEE ALSO' STANDARDS; do
		manual | grep -qx ".Sh $section"
	done
}

@test "a template that forgets a command, or names one that there is not, makes no manual" {
	run bash -c 'grep -v "^@command measure" "$2" | "$1" generate man' - "$idleprobe" "$root/src/idleprobe.1"
	expect 2 "no line '@command measure'"
	run bash -c 'echo "@command nonsense" | "$1" generate man' - "$idleprobe"
	expect 2 "a line '@command nonsense' that means nothing"
}

@test "the shells take the completions" {
	for shell in bash zsh fish; do
		"$idleprobe" generate $shell >"$BATS_TEST_TMPDIR/$shell"
		run $shell -n "$BATS_TEST_TMPDIR/$shell"
		echo "$shell: $output"
		[ "$status" = 0 ]
		[ -z "$output" ]
	done
	shellcheck -s bash "$BATS_TEST_TMPDIR/bash"
	run "$idleprobe" generate tcsh
	expect 2 'usage: idleprobe generate bash'
	run bash -c '"$1" generate fish >/dev/full' - "$idleprobe"
	expect 4 'standard output cannot be written'
}

@test "each shell offers the commands, and every option of each" {
	for shell in bash zsh fish; do
		same "$shell" "$(commands | sort)" "$(${shell}_offers 'idleprobe ' | grep -v '^-')"
		for command in $(commands | grep -v '^help$'); do
			same "$shell, $command" "$(options "$command" | grep -e '^--')" "$(${shell}_offers "idleprobe $command --")"
			same "$shell, $command, letters" "$(options "$command" | grep -v -e '^--')" \
				"$(${shell}_offers "idleprobe $command -" | grep -oE '^-[^-=]+$')"
		done
	done
}

@test "choices complete to their words, interfaces to the host's, files to files" {
	mkdir "$BATS_TEST_TMPDIR/directory"
	cd "$BATS_TEST_TMPDIR/directory"
	touch 'a report.json' b.json
	for shell in bash zsh fish; do
		for command in $(commands | grep -v '^help$'); do
			for option in $(options "$command"); do
				value=$(argument "$command" "$option")
				case $value in
				*'|'*) expected=$(tr '|' '\n' <<<"$value" | sort) ;;
				FILE) expected=$'a report.json\nb.json' ;;
				IFACE) expected=$(find /sys/class/net -mindepth 1 -printf '%f\n' | sort) ;;
				*) continue ;;
				esac
				same "$shell, $command $option" "$expected" \
					"$(${shell}_offers "idleprobe $command $option " | tr -d '\\')"
			done
		done
		same "$shell, --strategy=" sweep "$(${shell}_offers 'idleprobe measure --strategy=s' | sed 's/.*=//')"
	done
}
