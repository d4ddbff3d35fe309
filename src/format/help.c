#include "format/help.h"

#include <ctype.h>
#include <string.h>

/* Flags with short texts share their lines, two by two, so that the whole fits a terminal of 24 lines and 80
 * columns. */
enum { HALF = 40, FLAG_NAME = 9, FLAG_TEXT = HALF - FLAG_NAME - 8, EXAMPLE = 48, FLAGS = 32 };

void help_sentence(FILE *stream, const char *phrase)
{
	fprintf(stream, "%c%s.", toupper((unsigned char)*phrase), phrase + 1);
}

static bool is_short(const struct option_row *row)
{
	return row->kind == OPTION_FLAG && strlen(row->name) + 2 <= FLAG_NAME &&
	       strlen(row->help) <= FLAG_TEXT;
}

static void print_flag(FILE *stream, const struct option_row *row, bool padded)
{
	char letter[] = "    ", name[FLAG_NAME + 1];

	if (row->letter)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	snprintf(name, sizeof name, "--%s", row->name);
	fprintf(stream, "  %-4.4s%-*s  %-*s", letter, FLAG_NAME, name, padded ? FLAG_TEXT : 0, row->help);
}

static void print_options(FILE *stream, const struct option_row *row)
{
	const struct option_row *flags[FLAGS];
	int count = 0, half;

	for (; row->name; row++)
		if (is_short(row) && count < FLAGS)
			flags[count++] = row;
		else
			fprintf(stream, "%s\n", option_line(row).text);
	half = (count + 1) / 2;
	for (int i = 0; i < half; i++) {
		print_flag(stream, flags[i], i + half < count);
		if (i + half < count)
			print_flag(stream, flags[i + half], false);
		putc('\n', stream);
	}
}

void help_print(FILE *stream, const struct usage *usage)
{
	fprintf(stream, "usage: idleprobe %s [OPTION...]%s%s\n", usage->name, usage->operands ? " " : "",
		usage->operands ? usage->operands : "");
	help_sentence(stream, usage->summary);
	fprintf(stream, "\n%s\n\n", usage->note);
	print_options(stream, usage->options);
	fprintf(stream, "Exit codes: %s.\n", usage->exits);
	for (const struct example *example = usage->examples; example->line; example++)
		fprintf(stream, "  %-*s  # %s\n", EXAMPLE, example->line, example->does);
}

void help_print_all(FILE *stream)
{
	fputs("usage: idleprobe COMMAND [OPTION...] [TARGET]\n\n"
	      "Finds after which idle time connections on a path stop working.\n\ncommands:\n", stream);
	for (const struct usage *usage = usages; usage->name; usage++)
		fprintf(stream, "  %-12s%s\n", usage->name, usage->summary);
	fprintf(stream, "  %-12s%s\n", "help", "this text, or, with a command's name, that command's");
	fputs("\n'idleprobe COMMAND --help' tells a command's options, 'idleprobe --version' the\n"
	      "version, and 'man idleprobe' how to read the answer.\n", stream);
}
