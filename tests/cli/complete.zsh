# zsh -f complete.zsh DIRECTORY LINE: what zsh offers where Tab is pressed at the end of LINE, a match a line. In DIRECTORY
# lies _idleprobe. Completion works in the line editor only, hence the pseudo-terminal.
emulate -L zsh
zmodload zsh/zpty
matches=$1/matches
: >$matches
zpty shell zsh -f -i
zpty -w shell "PS1= PS2="
zpty -w shell "fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -D"
# Calls with -O, -A or -D are the completion system's own sorting; the others are what would be shown.
zpty -w shell "compadd() {
	local -a found
	if [[ \${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
		builtin compadd -A found \"\$@\"
		print -rl -- \$found >>${(q)matches}
	fi
	builtin compadd \"\$@\"
}"
zpty -w shell "complete-and-leave() { zle complete-word; exit }; zle -N complete-and-leave; bindkey '^I' complete-and-leave"
zpty -w -n shell "$2"$'\t'
while zpty -r shell shown; do :; done
sort -u $matches | grep .
