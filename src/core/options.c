#include "core/options.h"

#include "core/duration.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS 86400.0
#define FIELD(name) offsetof(struct options, name)

/* Of `measure`: what is searched, and how. `check` takes these too, but they mean nothing to it. */
#define SEARCH_ROWS \
	{ "min-idle", 0, OPTION_DURATION, FIELD(min_idle), "DURATION", "shortest idle time searched [1s]", \
	  0.2, 30 * DAYS, "from 0.2s to 30d" }, \
	{ "max-idle", 0, OPTION_DURATION, FIELD(max_idle), "DURATION", "longest idle time searched [2h5m]", \
	  0.2, 30 * DAYS, "from 0.2s to 30d" }, \
	{ "precision", 0, OPTION_PERCENT, FIELD(precision), "PERCENT", "how exact, as a share of the timeout [1%]", \
	  0.0001, 0.4999, "from 0.01% to less than 50%" }, \
	{ "resolution", 0, OPTION_DURATION, FIELD(resolution), "DURATION", "how exact in time; the wider one counts [1s]", \
	  0.01, DAYS, "from 10ms to 1d" }, \
	{ "strategy", 0, OPTION_CHOICE, FIELD(strategy), "sweep|ladder", "one fast pass, or few connections [sweep]" },

/* Of both. */
#define COMMON_ROWS \
	{ "connections", 0, OPTION_NUMBER, FIELD(connections), "N", "test connections open at once [96]", \
	  2, 10000, "from 2 to 10000" }, \
	{ "direction", 0, OPTION_CHOICE, FIELD(direction), "auto|out|in|both", "who sends the probes [auto]" }, \
	{ "engine", 0, OPTION_CHOICE, FIELD(engine), "auto|raw|socket", "how probes are sent [auto]" }, \
	{ "token", 0, OPTION_TEXT, FIELD(token), "SECRET", "the responder's token [$IDLEPROBE_TOKEN]" }, \
	{ "targets", 0, OPTION_TEXT, FIELD(targets_file), "FILE", "also the targets in FILE, one on each line" }, \
	{ "dry-run", 0, OPTION_FLAG, FIELD(dry_run), NULL, "tell the plan only", .value = 1 }, \
	{ "json", 0, OPTION_FLAG, FIELD(json), NULL, "the report as JSON", .value = 1 }, \
	{ "output", 'o', OPTION_TEXT, FIELD(output), "FILE", "also write the JSON report to FILE" }, \
	{ "events", 0, OPTION_TEXT, FIELD(events), "FILE", "append a JSON line to FILE as things happen" }, \
	{ "interface", 'i', OPTION_TEXT, FIELD(interface), "IFACE", "leave through this interface" }, \
	{ "ipv4", '4', OPTION_FLAG, FIELD(ip_version), NULL, "IPv4 only", .value = IP_V4 }, \
	{ "ipv6", '6', OPTION_FLAG, FIELD(ip_version), NULL, "IPv6 only", .value = IP_V6 }, \
	{ "quiet", 'q', OPTION_FLAG, FIELD(quiet), NULL, "no progress", .value = 1 }, \
	{ "verbose", 'v', OPTION_FLAG, FIELD(verbose), NULL, "tell probes and replies", .value = 1 }, \
	{ "help", 'h', OPTION_FLAG, FIELD(help), NULL, "this text", .value = 1 },

const struct option_row measure_options[] = {
	SEARCH_ROWS
	{ "min", 0, OPTION_DURATION, FIELD(minimum), "DURATION", "exit 1 if the timeout found is shorter",
	  0.001, 30 * DAYS, "above 0, up to 30d" },
	COMMON_ROWS
	{ NULL },
};

static const struct option_row search_options[] = { SEARCH_ROWS { NULL } };

const struct option_row check_options[] = {
	{ "min", 0, OPTION_DURATION, FIELD(minimum), "DURATION", "idle time that is to be survived",
	  0.001, 30 * DAYS, "above 0, up to 30d" },
	{ "nagios", 0, OPTION_FLAG, FIELD(nagios), NULL, "be a Nagios plugin", .value = 1 },
	COMMON_ROWS
	{ NULL, .unlisted = search_options },
};

const struct option_row respond_options[] = {
	{ "listen", 0, OPTION_LIST, FIELD(listen), "ADDR:PORT", "where to listen; repeatable [all, port 7440]" },
	{ "token", 0, OPTION_TEXT, FIELD(token), "SECRET", "secret of who may command [$IDLEPROBE_TOKEN]" },
	{ "connections", 0, OPTION_NUMBER, FIELD(respond_connections), "N", "connections held at once [8192]",
	  1, 1000000, "from 1 to 1000000" },
	{ "per-address", 0, OPTION_NUMBER, FIELD(per_address), "N", "connections held per IPv4 or IPv6 /64 [512]",
	  1, 1000000, "from 1 to 1000000" },
	{ "lifetime", 0, OPTION_DURATION, FIELD(lifetime), "DURATION", "how long a connection may live [1d]",
	  1, 30 * DAYS, "from 1s to 30d" },
	{ "orphaned", 0, OPTION_DURATION, FIELD(orphaned), "DURATION", "how long without its control channel [1h]",
	  1, 30 * DAYS, "from 1s to 30d" },
	{ "commands", 0, OPTION_NUMBER, FIELD(commands), "N", "commands a second per control channel [200]",
	  1, 100000, "from 1 to 100000" },
	{ "remember", 0, OPTION_NUMBER, FIELD(remember), "N", "ended connections remembered an hour [4096]",
	  0, 1000000, "from 0 to 1000000" },
	{ "version", 'V', OPTION_FLAG, FIELD(version), NULL, "the version", .value = 1 },
	{ "help", 'h', OPTION_FLAG, FIELD(help), NULL, "this text", .value = 1 },
	{ NULL },
};

const struct option_row report_options[] = {
	{ "format", 0, OPTION_CHOICE, FIELD(format), "text|html|prometheus|junit|json", "what to write [text]" },
	{ "output", 'o', OPTION_TEXT, FIELD(output), "FILE", "write to FILE, atomically [standard output]" },
	{ "help", 'h', OPTION_FLAG, FIELD(help), NULL, "this text", .value = 1 },
	{ NULL },
};

const struct option_row platforms_options[] = {
	{ "json", 0, OPTION_FLAG, FIELD(json), NULL, "the list as JSON", .value = 1 },
	{ "help", 'h', OPTION_FLAG, FIELD(help), NULL, "this text", .value = 1 },
	{ NULL },
};

void options_default(struct options *options)
{
	*options = (struct options){
		.min_idle = 1,
		.max_idle = 7500,
		.precision = 0.01,
		.resolution = 1,
		.minimum = NAN,
		.connections = 96,
		.strategy = STRATEGY_SWEEP,
		.direction = DIRECTIONS_AUTO,
		.engine = ENGINE_AUTO,
		.lifetime = DAYS,
		.orphaned = 3600,
		.respond_connections = 8192,
		.per_address = 512,
		.commands = 200,
		.remember = 4096,
		.near = NAN,
	};
}

static int bad_value(const struct option_row *row, const char *value, const char *expected, struct failure *failure)
{
	return fail(failure, EXIT_USAGE, "--%s: '%.60s' is not %s", row->name, value, expected);
}

static int store_limited(const struct option_row *row, const char *value, double number, const char *kind,
			 struct failure *failure)
{
	if (number >= row->low && number <= row->high)
		return 0;
	return fail(failure, EXIT_USAGE, "--%s: %.60s is out of range; expected is %s %s", row->name, value, kind,
		    row->expected);
}

static int store_percent(const struct option_row *row, const char *value, double *share, struct failure *failure)
{
	size_t length = strcspn(value, "%");
	char number[32];
	double percent;

	/* A percentage is written as a duration without units is: digits and a point. */
	if (length >= sizeof number || (value[length] == '%' && value[length + 1]) || length == 0 ||
	    strspn(value, "0123456789.") != length)
		return bad_value(row, value, "a percentage; expected is, for example, 1% or 0.5", failure);
	memcpy(number, value, length);
	number[length] = '\0';
	if (duration_parse(number, &percent))
		return bad_value(row, value, "a percentage; expected is, for example, 1% or 0.5", failure);
	*share = percent / 100;
	return store_limited(row, value, *share, "a percentage", failure);
}

static int store_choice(const struct option_row *row, const char *value, int *choice, struct failure *failure)
{
	const char *word = row->argument;
	size_t length = strlen(value);

	for (int i = 0;; i++) {
		size_t end = strcspn(word, "|");
		if (length == end && strncmp(word, value, end) == 0) {
			*choice = i;
			return 0;
		}
		if (!word[end])
			return fail(failure, EXIT_USAGE, "--%s: '%.60s' is not known; expected is one of %s", row->name,
				    value, row->argument);
		word += end + 1;
	}
}

static int store_item(const struct option_row *row, const char *value, struct option_list *list,
		      struct failure *failure)
{
	const int most = sizeof list->items / sizeof *list->items;

	if (list->count == most)
		return fail(failure, EXIT_USAGE, "--%s: given more than %d times", row->name, most);
	list->items[list->count++] = value;
	return 0;
}

static int store(const struct option_row *row, struct options *options, const char *value, struct failure *failure)
{
	void *field = (char *)options + row->field;
	char *end;
	long number;

	switch (row->kind) {
	case OPTION_FLAG:
		*(int *)field = row->value;
		return 0;
	case OPTION_DURATION:
		if (duration_parse(value, field))
			return bad_value(row, value, "a duration; expected is, for example, 90, 250ms, 15m or 2h4m", failure);
		return store_limited(row, value, *(double *)field, "a duration", failure);
	case OPTION_PERCENT:
		return store_percent(row, value, field, failure);
	case OPTION_NUMBER:
		errno = 0;
		number = strtol(value, &end, 10);
		if (!*value || *end || strspn(value, "0123456789") != strlen(value))
			return bad_value(row, value, "a whole number", failure);
		*(int *)field = (int)number;
		return store_limited(row, value, errno ? INFINITY : (double)number, "a number", failure);
	case OPTION_CHOICE:
		return store_choice(row, value, field, failure);
	case OPTION_TEXT:
		if (!*value)
			return fail(failure, EXIT_USAGE, "--%s: the value is empty", row->name);
		*(const char **)field = value;
		return 0;
	case OPTION_LIST:
		if (!*value)
			return fail(failure, EXIT_USAGE, "--%s: the value is empty", row->name);
		return store_item(row, value, field, failure);
	}
	return -1;
}

/* Those that are not listed come last. */
static const struct option_row *first_of(const struct option_row *rows)
{
	return rows->name ? rows : rows->unlisted ? first_of(rows->unlisted) : NULL;
}

static const struct option_row *find_letter(const struct option_row *rows, char letter)
{
	for (rows = first_of(rows); rows; rows = first_of(rows + 1))
		if (rows->letter == letter)
			return rows;
	return NULL;
}

/* By full name, or by a beginning that fits one row only. */
static const struct option_row *find_name(const struct option_row *rows, const char *name, size_t length,
					  struct failure *failure)
{
	const struct option_row *found = NULL;

	for (rows = first_of(rows); rows; rows = first_of(rows + 1)) {
		if (strncmp(rows->name, name, length) != 0)
			continue;
		if (strlen(rows->name) == length)
			return rows;
		if (found) {
			fail(failure, EXIT_USAGE, "--%.*s: is this --%s or --%s?", (int)length, name, found->name, rows->name);
			return NULL;
		}
		found = rows;
	}
	if (!found)
		fail(failure, EXIT_USAGE, "--%.*s: no such option; --help lists them", (int)(length < 60 ? length : 60), name);
	return found;
}

static int value_missing(const struct option_row *row, struct failure *failure)
{
	return fail(failure, EXIT_USAGE, "--%s: a value is missing; expected is %s", row->name, row->argument);
}

/* "--name", "--name=value" or "--name value": takes one or two arguments at *argument. */
static int parse_long(struct options *options, const struct option_row *rows, char ***argument, struct failure *failure)
{
	const char *name = **argument + 2;
	size_t length = strcspn(name, "=");
	const char *value = name[length] ? name + length + 1 : NULL;
	const struct option_row *row = find_name(rows, name, length, failure);

	if (!row)
		return -1;
	if (row->kind == OPTION_FLAG && value)
		return fail(failure, EXIT_USAGE, "--%s: takes no value, but '%.60s' was given", row->name, value);
	if (row->kind != OPTION_FLAG && !value && !(value = *++*argument))
		return value_missing(row, failure);
	return store(row, options, value, failure);
}

/* "-4q", "-ofile" or "-o file". */
static int parse_letters(struct options *options, const struct option_row *rows, char ***argument,
			 struct failure *failure)
{
	for (const char *letter = **argument + 1; *letter; letter++) {
		const struct option_row *row = find_letter(rows, *letter);
		const char *value = letter + 1;

		if (!row)
			return fail(failure, EXIT_USAGE, "-%c: no such option; --help lists them", *letter);
		if (row->kind == OPTION_FLAG) {
			if (store(row, options, NULL, failure))
				return -1;
			continue;
		}
		if (!*value && !(value = *++*argument))
			return value_missing(row, failure);
		return store(row, options, value, failure);
	}
	return 0;
}

int options_parse(struct options *options, const struct option_row *rows, int argc, char **argv,
		  struct failure *failure)
{
	char **argument = argv + 1;
	(void)argc;

	/* Operands gather at the front of argv, which the scan has passed already. */
	options->targets = argv + 1;
	options->target_count = 0;
	for (; *argument; argument++) {
		const char *text = *argument;

		if (strcmp(text, "--") == 0) {
			while (*++argument)
				options->targets[options->target_count++] = *argument;
			break;
		}
		if (text[0] != '-' || !text[1])
			options->targets[options->target_count++] = *argument;
		else if ((text[1] == '-' ? parse_long : parse_letters)(options, rows, &argument, failure))
			return -1;
	}
	return 0;
}

int options_check(const struct options *options, struct failure *failure)
{
	if (options->target_count == 0 && !options->targets_file)
		return fail(failure, EXIT_USAGE, "which target? Expected is HOST:PORT or [IPV6]:PORT, or --targets FILE");
	if (options->min_idle >= options->max_idle)
		return fail(failure, EXIT_USAGE, "--min-idle (%s) must be less than --max-idle (%s)",
			    duration_text(options->min_idle).text, duration_text(options->max_idle).text);
	if (options->minimum > options->max_idle)
		return fail(failure, EXIT_USAGE, "--min (%s) is beyond --max-idle (%s), so the run could not show it; "
			    "give a longer --max-idle", duration_text(options->minimum).text,
			    duration_text(options->max_idle).text);
	if (options->direction == DIRECTIONS_BOTH && options->connections < 2 * FEWEST_CONNECTIONS)
		return fail(failure, EXIT_USAGE, "--direction both needs at least %d --connections, %d for each direction",
			    2 * FEWEST_CONNECTIONS, FEWEST_CONNECTIONS);
	return 0;
}

int options_settle_check(struct options *options, struct failure *failure)
{
	const int most = 48; /* for two directions */

	if (isnan(options->minimum))
		return fail(failure, EXIT_USAGE, "which idle time is to be survived? Expected is, for example, --min 10m");
	options->strategy = STRATEGY_ONCE;
	options->max_idle = options->minimum;
	options->min_idle = fmin(options->min_idle, options->minimum / 2);
	if (options->connections > most)
		options->connections = most;
	return options_check(options, failure);
}

int options_check_respond(const struct options *options, struct failure *failure)
{
	if (options->target_count > 0)
		return fail(failure, EXIT_USAGE, "respond: '%.60s' is one argument too many; where to listen is told by "
			    "--listen", options->targets[0]);
	return 0;
}

int options_check_report(const struct options *options, struct failure *failure)
{
	if (options->target_count == 0)
		return fail(failure, EXIT_USAGE, "report: which files? Expected are reports (`measure -o`) or events (`measure "
			    "--events`); - is standard input");
	return 0;
}

int options_check_platforms(struct options *options, struct failure *failure)
{
	const char *timeout = options->targets[0];

	if (options->target_count > 1)
		return fail(failure, EXIT_USAGE, "platforms: '%.60s' is one argument too many; expected is one "
			    "timeout", options->targets[1]);
	if (options->target_count == 1 && duration_parse(timeout, &options->near) < 0)
		return fail(failure, EXIT_USAGE, "platforms: '%.60s' is not a duration; expected is, for "
			    "example, 350, 15m or 2h4m", timeout);
	return 0;
}

struct option_line option_line(const struct option_row *row)
{
	struct option_line line;
	char names[48];
	char letter[5] = "    ";

	if (row->letter)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	snprintf(names, sizeof names, "%s--%s %s", letter, row->name, row->argument ? row->argument : "");
	if (strlen(names) > 33)
		snprintf(line.text, sizeof line.text, "  %s\n%36s%s", names, "", row->help);
	else
		snprintf(line.text, sizeof line.text, "  %-34s%s", names, row->help);
	return line;
}
