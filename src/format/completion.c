#include "format/completion.h"

#include "core/usage.h"

#include <string.h>

/* Text for the inside of single quotes; before each of `special` comes a backslash. `quote` is how the shell
 * writes a single quote there. */
static void put_quoted(FILE *stream, const char *text, const char *special, const char *quote)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fputs(quote, stream);
			continue;
		}
		if (strchr(special, *text))
			putc('\\', stream);
		putc(*text, stream);
	}
}

/* "a|b|c", as "a b c" */
static void put_words(FILE *stream, const char *choices)
{
	for (; *choices; choices++)
		putc(*choices == '|' ? ' ' : *choices, stream);
}

static void put_commands(FILE *stream)
{
	for (const struct usage *usage = usages; usage->name; usage++)
		fprintf(stream, "%s ", usage->name);
}

/* bash. Words are parted at "=" too, so that "--name=value" is three. */

static void bash_reply(FILE *stream, const char *argument)
{
	switch (value_kind(argument)) {
	case VALUE_FREE:
		fputs(";;\n", stream);
		return;
	case VALUE_CHOICE:
		fputs("_idleprobe_reply -W '", stream);
		put_words(stream, argument);
		fputs("' ;;\n", stream);
		return;
	case VALUE_FILE:
		fputs("compopt -o filenames 2>/dev/null; _idleprobe_reply -f ;;\n", stream);
		return;
	case VALUE_HOST:
		fputs("compopt -o nospace 2>/dev/null; _idleprobe_reply -A hostname ;;\n", stream);
		return;
	case VALUE_INTERFACE:
		fputs("_idleprobe_reply -W \"$(command ls /sys/class/net)\" ;;\n", stream);
		return;
	}
}

static void bash_command(FILE *stream, const struct usage *usage)
{
	for (const struct option_row *row = usage->options; row->name; row++) {
		if (!row->argument)
			continue;
		fprintf(stream, "\t%s,*,--%s", usage->name, row->name);
		if (row->letter)
			fprintf(stream, " | %s,*,-%c", usage->name, row->letter);
		fputs(") ", stream);
		bash_reply(stream, row->argument);
	}
	fprintf(stream, "\t%s,-*,*) _idleprobe_reply -W '", usage->name);
	for (const struct option_row *row = usage->options; row->name; row++) {
		fprintf(stream, "--%s ", row->name);
		if (row->letter)
			fprintf(stream, "-%c ", row->letter);
	}
	fprintf(stream, "' ;;\n\t%s,*,*) ", usage->name);
	bash_reply(stream, usage->operands ? usage->operands : "");
}

void completion_bash(FILE *stream)
{
	fputs("# bash completion for idleprobe; made by `idleprobe generate bash`\n"
	      "_idleprobe_reply()\n{\n\tmapfile -t COMPREPLY < <(compgen \"$@\" -- \"$word\")\n}\n\n"
	      "_idleprobe()\n{\n"
	      "\tlocal command=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]}\n"
	      "\tlocal last=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tCOMPREPLY=()\n"
	      "\t[[ $last != = ]] || last=${COMP_WORDS[COMP_CWORD - 2]}\n"
	      "\t[[ $word != = ]] || word=\n"
	      "\t((COMP_CWORD > 1)) || command=help\n"
	      "\tcase $command,$word,$last in\n", stream);
	for (const struct usage *usage = usages; usage->name; usage++)
		bash_command(stream, usage);
	fputs("\thelp,-*,*) _idleprobe_reply -W '--help --version' ;;\n\thelp,*,*) _idleprobe_reply -W '",
	      stream);
	put_commands(stream);
	fputs("help' ;;\n\tesac\n}\n\ncomplete -F _idleprobe idleprobe\n", stream);
}

/* zsh. In an option's text brackets are special to _arguments, in the name of a value colons are. */

static void zsh_value(FILE *stream, const char *argument)
{
	putc(':', stream);
	put_quoted(stream, argument, ":", "'\\''");
	putc(':', stream);
	switch (value_kind(argument)) {
	case VALUE_FREE:
		break;
	case VALUE_CHOICE:
		putc('(', stream);
		put_words(stream, argument);
		putc(')', stream);
		break;
	case VALUE_FILE:
		fputs("_files", stream);
		break;
	case VALUE_HOST:
		fputs("_hosts", stream);
		break;
	case VALUE_INTERFACE:
		fputs("_net_interfaces", stream);
		break;
	}
}

static void zsh_option(FILE *stream, const struct option_row *row)
{
	const char *equals = row->argument ? "=" : "";

	fputs(" \\\n\t\t\t'", stream);
	if (row->letter)
		fprintf(stream, "(-%c --%s)'{-%c%s,--%s%s}'", row->letter, row->name, row->letter,
			row->argument ? "+" : "", row->name, equals);
	else
		fprintf(stream, "%s--%s%s", row->kind == OPTION_LIST ? "*" : "", row->name, equals);
	putc('[', stream);
	put_quoted(stream, row->help, "[]", "'\\''");
	putc(']', stream);
	if (row->argument)
		zsh_value(stream, row->argument);
	putc('\'', stream);
}

static void zsh_command(FILE *stream, const struct usage *usage)
{
	fprintf(stream, "\t%s)\n\t\t_arguments -s", usage->name);
	for (const struct option_row *row = usage->options; row->name; row++)
		zsh_option(stream, row);
	if (usage->operands) {
		fputs(" \\\n\t\t\t'*", stream);
		zsh_value(stream, usage->operands);
		putc('\'', stream);
	}
	fputs("\n\t\t;;\n", stream);
}

void completion_zsh(FILE *stream)
{
	fputs("#compdef idleprobe\n# zsh completion for idleprobe; made by `idleprobe generate zsh`\n"
	      "local curcontext=$curcontext state line\n"
	      "local -a commands=(\n", stream);
	for (const struct usage *usage = usages; usage->name; usage++) {
		fprintf(stream, "\t'%s:", usage->name);
		put_quoted(stream, usage->summary, ":", "'\\''");
		fputs("'\n", stream);
	}
	fputs("\t'help:tell how a command is used'\n)\n\n"
	      "_arguments -C '(- *)--help[the commands]' '(- *)--version[the version]' ':command:->command' "
	      "'*:: :->arguments' && return\n"
	      "case $state in\n"
	      "command) _describe -t commands command commands ;;\n"
	      "arguments)\n"
	      "\tcurcontext=${curcontext%:*}-$line[1]:\n"
	      "\tcase $line[1] in\n", stream);
	for (const struct usage *usage = usages; usage->name; usage++)
		zsh_command(stream, usage);
	fputs("\thelp) _describe -t commands command commands ;;\n\tesac\n\t;;\nesac\n", stream);
}

static void fish_value(FILE *stream, const char *argument)
{
	switch (value_kind(argument)) {
	case VALUE_FREE:
		fputs(" -x", stream);
		return;
	case VALUE_CHOICE:
		fputs(" -x -a '", stream);
		put_words(stream, argument);
		putc('\'', stream);
		return;
	case VALUE_FILE:
		fputs(" -r -F", stream);
		return;
	case VALUE_HOST:
		fputs(" -x -a '(__fish_print_hostnames)'", stream);
		return;
	case VALUE_INTERFACE:
		fputs(" -x -a '(command ls /sys/class/net)'", stream);
		return;
	}
}

static void fish_command(FILE *stream, const struct usage *usage)
{
	fprintf(stream, "\ncomplete -c idleprobe -n __fish_use_subcommand -a %s -d '", usage->name);
	put_quoted(stream, usage->summary, "\\", "\\'");
	fputs("'\n", stream);
	for (const struct option_row *row = usage->options; row->name; row++) {
		fprintf(stream, "complete -c idleprobe -n '__fish_seen_subcommand_from %s' -l %s",
			usage->name, row->name);
		if (row->letter)
			fprintf(stream, " -s %c", row->letter);
		if (row->argument)
			fish_value(stream, row->argument);
		fputs(" -d '", stream);
		put_quoted(stream, row->help, "\\", "\\'");
		fputs("'\n", stream);
	}
	if (usage->operands && value_kind(usage->operands) != VALUE_FREE) {
		fprintf(stream, "complete -c idleprobe -n '__fish_seen_subcommand_from %s'", usage->name);
		fish_value(stream, usage->operands);
		putc('\n', stream);
	}
}

void completion_fish(FILE *stream)
{
	fputs("# fish completion for idleprobe; made by `idleprobe generate fish`\n"
	      "complete -c idleprobe -f\n"
	      "complete -c idleprobe -n __fish_use_subcommand -l help -d 'the commands'\n"
	      "complete -c idleprobe -n __fish_use_subcommand -l version -d 'the version'\n"
	      "complete -c idleprobe -n __fish_use_subcommand -a help -d 'tell how a command is used'\n"
	      "complete -c idleprobe -n '__fish_seen_subcommand_from help' -a '", stream);
	put_commands(stream);
	fputs("'\n", stream);
	for (const struct usage *usage = usages; usage->name; usage++)
		fish_command(stream, usage);
}
