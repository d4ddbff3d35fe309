#include "format/manual.h"

#include "core/usage.h"
#include "format/help.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is typed: a hyphen there is to stay one, for searching and for pasting. */
static void put_literal(FILE *stream, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stream);
		else if (*text == '-')
			fputs("\\-", stream);
		else
			putc(*text, stream);
	}
}

/* "sweep|ladder" are words to be typed, everything else stands for a value. */
static void put_argument(FILE *stream, const char *argument)
{
	if (value_kind(argument) != VALUE_CHOICE) {
		fprintf(stream, " Ar %s", argument);
		return;
	}
	fputs(" Cm ", stream);
	for (; *argument; argument++)
		if (*argument == '|')
			fputs(" | ", stream);
		else
			putc(*argument, stream);
}

/* What a row says. The default stands in brackets at the end of its text. */
static void put_text(FILE *stream, const struct option_row *row)
{
	size_t length = strlen(row->help);
	const char *bracket = length && row->help[length - 1] == ']' ? strrchr(row->help, '[') : NULL;
	char text[160];

	if (bracket)
		length = (size_t)(bracket - row->help);
	while (length && row->help[length - 1] == ' ')
		length--;
	snprintf(text, sizeof text, "%.*s", (int)length, row->help);
	if (text[0]) {
		help_sentence(stream, text);
		putc('\n', stream);
	}
	if (row->expected) {
		help_sentence(stream, row->expected);
		putc('\n', stream);
	}
	if (bracket)
		fprintf(stream, "The default is %.*s.\n", (int)strlen(bracket) - 2, bracket + 1);
}

static void put_option(FILE *stream, const struct option_row *row)
{
	fputs(".It", stream);
	if (row->letter)
		fprintf(stream, " Fl %c ,", row->letter);
	fputs(" Fl ", stream);
	put_literal(stream, "-");
	put_literal(stream, row->name);
	if (row->argument)
		put_argument(stream, row->argument);
	putc('\n', stream);
	put_text(stream, row);
}

static void put_command(FILE *stream, const struct usage *usage)
{
	fprintf(stream, ".Ss idleprobe %s\n", usage->name);
	help_sentence(stream, usage->summary);
	fputs("\n.Bl -tag -width Ds\n", stream);
	for (const struct option_row *row = usage->options; row->name; row++)
		put_option(stream, row);
	fputs(".El\n.Pp\n", stream);
}

static void put_synopsis(FILE *stream)
{
	for (const struct usage *usage = usages; usage->name; usage++)
		fprintf(stream, ".Nm\n.Cm %s\n.Op Ar OPTION ...\n%s%s%s", usage->name,
			usage->operands ? ".Ar " : "", usage->operands ? usage->operands : "",
			usage->operands ? "\n" : "");
}

static void put_examples(FILE *stream)
{
	for (const struct usage *usage = usages; usage->name; usage++)
		for (const struct example *example = usage->examples; example->line; example++) {
			fputs(".Dl ", stream);
			put_literal(stream, example->line);
			fprintf(stream, "   # %s\n", example->does);
		}
}

static int put_directive(FILE *stream, const char *directive, bool told[], struct failure *failure)
{
	static const char command[] = "command ";
	const struct usage *usage;

	if (strcmp(directive, "synopsis") == 0) {
		put_synopsis(stream);
		return 0;
	}
	if (strcmp(directive, "examples") == 0) {
		put_examples(stream);
		return 0;
	}
	if (strncmp(directive, command, strlen(command)) != 0 ||
	    !(usage = usage_of(directive + strlen(command))))
		return fail(failure, EXIT_USAGE,
			    "the manual's template has a line '@%.60s' that means nothing", directive);
	put_command(stream, usage);
	told[usage - usages] = true;
	return 0;
}

int manual_print(FILE *stream, FILE *template, struct failure *failure)
{
	enum { COMMANDS = 32 };
	bool told[COMMANDS] = { false };
	char *line = NULL;
	size_t size = 0;
	int status = 0;

	while (status == 0 && getline(&line, &size, template) >= 0) {
		if (line[0] != '@') {
			fputs(line, stream);
			continue;
		}
		line[strcspn(line, "\n")] = '\0';
		status = put_directive(stream, line + 1, told, failure);
	}
	free(line);
	for (int i = 0; status == 0 && usages[i].name; i++)
		if (!told[i])
			status = fail(failure, EXIT_USAGE, "the manual's template has no line '@command %s'",
				      usages[i].name);
	return status;
}
