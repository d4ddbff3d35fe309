/* Command lines and durations. The first byte chooses the command, the others are its arguments, one on each line. */
#include "core/duration.h"
#include "core/options.h"
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARGUMENTS = 40 };

static const struct {
	const char *name;
	const struct option_row *rows;
} commands[] = {
	{ "measure", measure_options }, { "check", check_options },         { "respond", respond_options },
	{ "report", report_options },   { "platforms", platforms_options },
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static int check(int command, struct options *options, struct failure *failure)
{
	switch (command) {
	case 0: return options_check(options, failure);
	case 1: return options_settle_check(options, failure);
	case 2: return options_check_respond(options, failure);
	case 3: return options_check_report(options, failure);
	default: return options_check_platforms(options, failure);
	}
}

/* What was accepted lies within the limits that --help tells. */
static void must_be_within(const struct option_row *rows, const struct options *options)
{
	for (; rows->name; rows++) {
		const void *field = (const char *)options + rows->field;
		double value;

		switch (rows->kind) {
		case OPTION_DURATION:
		case OPTION_PERCENT:
			value = *(const double *)field;
			must(isnan(value) ? rows->field == offsetof(struct options, minimum)
					  : value >= rows->low && value <= rows->high);
			break;
		case OPTION_NUMBER:
			must(*(const int *)field >= rows->low && *(const int *)field <= rows->high);
			break;
		case OPTION_FLAG:
		case OPTION_CHOICE:
		case OPTION_TEXT:
		case OPTION_LIST:
			break;
		}
	}
}

static void durations(const char *text)
{
	double seconds = NAN;

	if (duration_parse(text, &seconds) < 0) {
		must(isnan(seconds));
		return;
	}
	must(isfinite(seconds) && seconds >= 0 && !signbit(seconds));
	must(strlen(duration_text(seconds).text) < sizeof(struct duration_text) - 1);
}

static void parse(int command, int argc, char **argv)
{
	struct options options;
	struct failure failure = { .code = EXIT_ANSWER };

	options_default(&options);
	if (options_parse(&options, commands[command].rows, argc, argv, &failure) < 0) {
		must(failure.code == EXIT_USAGE && failure.text[0]);
		return;
	}
	must(options.target_count >= 0 && options.target_count < argc);
	must_be_within(commands[command].rows, &options);
	if (check(command, &options, &failure) < 0)
		must(failure.code == EXIT_USAGE && failure.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	char *argv[MOST_ARGUMENTS + 1] = { NULL };
	int argc = 1, command = count ? bytes[0] % COMMANDS : 0;

	if (count == 0)
		return 0;
	argv[0] = exact_copy(commands[command].name, strlen(commands[command].name) + 1);
	for (const uint8_t *at = bytes + 1, *end = bytes + count; at < end && argc < MOST_ARGUMENTS; argc++) {
		const uint8_t *line = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((line ? line : end) - at);

		argv[argc] = calloc(1, length + 1);
		if (!argv[argc])
			abort();
		memcpy(argv[argc], at, length);
		durations(argv[argc]);
		at += length + 1;
	}
	char *given[MOST_ARGUMENTS + 1];

	memcpy(given, argv, sizeof given); /* parsing reorders them */
	parse(command, argc, argv);
	while (argc > 0)
		free(given[--argc]);
	return 0;
}
