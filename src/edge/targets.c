#include "edge/targets.h"

#include "edge/input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPENINGS 800.0 /* connections a second, over all targets: below 1000 where a delay bunches them, too */
#define HASTE 0.2      /* seconds within which all targets of `check` begin: it has four for everything */

static const char blanks[] = " \t\r";

static int add(struct targets *targets, const char *name, struct failure *failure)
{
	for (size_t i = 0; i < targets->count; i++)
		if (strcmp(targets->names[i], name) == 0)
			return fail(failure, EXIT_USAGE, "'%.300s' is named twice; once is enough", name);
	if (targets->count == TARGETS_MOST)
		return fail(failure, EXIT_USAGE, "more than %d targets; split the list, and measure one part after the other",
			    TARGETS_MOST);
	targets->names[targets->count++] = name;
	return 0;
}

/* Takes the text apart. */
static int add_lines(struct targets *targets, char *text, struct failure *failure)
{
	char *rest = text;

	for (char *line; (line = strsep(&rest, "\n"));) {
		line[strcspn(line, "#")] = '\0';
		line += strspn(line, blanks);
		for (size_t length = strlen(line); length > 0 && strchr(blanks, line[length - 1]); length--)
			line[length - 1] = '\0';
		if (*line && add(targets, line, failure) < 0)
			return -1;
	}
	return 0;
}

static int add_all(struct targets *targets, const struct options *options, struct failure *failure)
{
	size_t length;

	*targets = (struct targets){ .names = calloc(TARGETS_MOST, sizeof *targets->names) };
	if (!targets->names)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	for (int i = 0; i < options->target_count; i++)
		if (add(targets, options->targets[i], failure) < 0)
			return -1;
	if (!options->targets_file)
		return 0;
	targets->text = input_read(options->targets_file, &length, failure);
	if (!targets->text || add_lines(targets, targets->text, failure) < 0)
		return -1;
	if (targets->count == 0)
		return fail(failure, EXIT_USAGE, "%.300s lists no target; expected is a HOST:PORT on each line",
			    options->targets_file);
	return 0;
}

int targets_gather(struct targets *targets, const struct options *options, struct failure *failure)
{
	if (add_all(targets, options, failure) < 0)
		return -1;
	if ((int)targets->count * options->connections > CONNECTIONS_MOST)
		return fail(failure, EXIT_USAGE, "%zu targets with %d connections each are more than the %d that one process may "
			    "have open; use --connections %d, or split the list", targets->count, options->connections,
			    CONNECTIONS_MOST, CONNECTIONS_MOST / (int)targets->count);
	return 0;
}

double targets_gap(const struct options *options, size_t count)
{
	double gap = options->connections / OPENINGS;

	return options->strategy == STRATEGY_ONCE ? fmin(gap, HASTE / (double)count) : gap;
}

void targets_free(struct targets *targets)
{
	free(targets->names);
	free(targets->text);
}
