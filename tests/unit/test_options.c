/* The command lines of `measure` and of `respond`. */
#include "core/options.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ARGUMENTS = 24 };

/* The arguments are words apart by one blank. argv must outlive the options. */
struct line {
	char text[400];
	char *argv[ARGUMENTS];
	struct options options;
	struct failure failure;
	int status;
};

static void parse(struct line *line, const char *words)
{
	int argc = 0;

	snprintf(line->text, sizeof line->text, "measure %s", words);
	for (char *word = strtok(line->text, " "); word && argc < ARGUMENTS - 1; word = strtok(NULL, " "))
		line->argv[argc++] = word;
	line->argv[argc] = NULL;
	options_default(&line->options);
	line->status = options_parse(&line->options, measure_options, argc, line->argv, &line->failure);
	if (line->status == 0)
		line->status = options_check(&line->options, &line->failure);
}

static void defaults_are_the_contracts(void **state)
{
	struct line line;

	(void)state;
	parse(&line, "h:1");
	assert_int_equal(line.status, 0);
	assert_true(line.options.min_idle == 1 && line.options.max_idle == 7500);
	assert_true(line.options.precision == 0.01 && line.options.resolution == 1);
	assert_int_equal(line.options.connections, 96);
	assert_int_equal(line.options.strategy, STRATEGY_SWEEP);
	assert_int_equal(line.options.direction, DIRECTIONS_AUTO);
	assert_int_equal(line.options.engine, ENGINE_AUTO);
	assert_true(isnan(line.options.minimum));
	assert_null(line.options.output);
	assert_int_equal(line.options.target_count, 1);
	assert_string_equal(line.options.targets[0], "h:1");
}

static void every_option_is_stored(void **state)
{
	struct line line;

	(void)state;
	parse(&line, "--min-idle 500ms --max-idle=20m --precision 0.5% --resolution=250ms --connections 4 --strategy ladder");
	assert_string_equal(line.failure.text, "which target? Expected is HOST:PORT or [IPV6]:PORT, or --targets FILE");
	assert_true(line.options.min_idle == 0.5 && line.options.max_idle == 1200);
	assert_true(fabs(line.options.precision - 0.005) < 1e-12 && line.options.resolution == 0.25);
	assert_int_equal(line.options.connections, 4);
	assert_int_equal(line.options.strategy, STRATEGY_LADDER);

	parse(&line, "--direction out --engine raw --min 15m --token s --json -o file --events=e -i eth0 -6 -q -v h");
	assert_int_equal(line.status, 0);
	assert_int_equal(line.options.direction, DIRECTIONS_OUT);
	assert_int_equal(line.options.engine, ENGINE_RAW);
	assert_true(line.options.minimum == 900);
	assert_string_equal(line.options.token, "s");
	assert_string_equal(line.options.output, "file");
	assert_string_equal(line.options.events, "e");
	assert_string_equal(line.options.interface, "eth0");
	assert_int_equal(line.options.ip_version, IP_V6);
	assert_true(line.options.json && line.options.quiet && line.options.verbose);
}

static void forms_that_people_use(void **state)
{
	struct line line;

	(void)state;
	parse(&line, "-4qofile h");
	assert_int_equal(line.status, 0);
	assert_int_equal(line.options.ip_version, IP_V4);
	assert_true(line.options.quiet);
	assert_string_equal(line.options.output, "file");
	parse(&line, "h --prec 2 --res 2s"); /* shortened names, options after the target, a percentage without its sign */
	assert_int_equal(line.status, 0);
	assert_true(line.options.precision == 0.02 && line.options.resolution == 2);
	parse(&line, "-q -- -h");
	assert_int_equal(line.status, 0);
	assert_string_equal(line.options.targets[0], "-h");
	parse(&line, "--min=10 h"); /* a full name wins over longer ones */
	assert_int_equal(line.status, 0);
	assert_true(line.options.minimum == 10);
	parse(&line, "-h");
	assert_true(line.options.help);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *words, *message;
	} cases[] = {
		{ "", "which target" },
		{ "h --nonsense", "--nonsense: no such option" },
		{ "h -x", "-x: no such option" },
		{ "h --m 5", "--m: is this --min-idle or --max-idle" },
		{ "h --max-idle", "--max-idle: a value is missing" },
		{ "h -o", "--output: a value is missing" },
		{ "h --json=yes", "--json: takes no value" },
		{ "h --output=", "--output: the value is empty" },
		{ "h --min-idle -5", "--min-idle: '-5' is not a duration" },
		{ "h --max-idle nan", "--max-idle: 'nan' is not a duration" },
		{ "h --max-idle inf", "--max-idle: 'inf' is not a duration" },
		{ "h --max-idle 999999999999999999999d", "--max-idle: 999999999999999999999d is out of range" },
		{ "h --max-idle 31d", "from 0.2s to 30d" },
		{ "h --min-idle 0", "--min-idle: 0 is out of range" },
		{ "h --min-idle 199ms", "--min-idle: 199ms is out of range" },
		{ "h --min-idle 5 --max-idle 5", "--min-idle (5 s) must be less than --max-idle (5 s)" },
		{ "h --min-idle 3h", "--min-idle (3 h) must be less than --max-idle (2 h 5 min)" },
		{ "h --min 3h", "--min (3 h) is beyond --max-idle" },
		{ "h --min 0", "--min: 0 is out of range" },
		{ "h --precision 0", "--precision: 0 is out of range" },
		{ "h --precision 50%", "--precision: 50% is out of range" },
		{ "h --precision -1", "--precision: '-1' is not a percentage" },
		{ "h --precision 1%%", "is not a percentage" },
		{ "h --precision nan", "is not a percentage" },
		{ "h --precision %", "is not a percentage" },
		{ "h --precision 1s", "is not a percentage" },
		{ "h --resolution 9ms", "--resolution: 9ms is out of range" },
		{ "h --connections 1", "--connections: 1 is out of range" },
		{ "h --connections 10001", "--connections: 10001 is out of range" },
		{ "h --connections 99999999999999999999", "is out of range" },
		{ "h --connections 4294967298", "is out of range" },
		{ "h --connections 4.5", "is not a whole number" },
		{ "h --connections -4", "is not a whole number" },
		{ "h --strategy guess", "--strategy: 'guess' is not known; expected is one of sweep|ladder" },
		{ "h --strategy swee", "is not known" },
		{ "h --engine cooked", "--engine: 'cooked' is not known; expected is one of auto|raw|socket" },
		{ "h --direction inward", "--direction: 'inward' is not known; expected is one of auto|out|in|both" },
		{ "h --direction both --connections 3", "--direction both needs at least 4 --connections" },
	};
	struct line line;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		parse(&line, cases[i].words);
		if (line.status == 0)
			fail_msg("'%s' was taken", cases[i].words);
		assert_int_equal(line.failure.code, EXIT_USAGE);
		if (!strstr(line.failure.text, cases[i].message))
			fail_msg("'%s': \"%s\" does not say \"%s\"", cases[i].words, line.failure.text, cases[i].message);
	}
}

static void parse_respond(struct line *line, const char *words)
{
	int argc = 0;

	snprintf(line->text, sizeof line->text, "respond %s", words);
	for (char *word = strtok(line->text, " "); word && argc < ARGUMENTS - 1; word = strtok(NULL, " "))
		line->argv[argc++] = word;
	line->argv[argc] = NULL;
	options_default(&line->options);
	line->status = options_parse(&line->options, respond_options, argc, line->argv, &line->failure);
	if (line->status == 0)
		line->status = options_check_respond(&line->options, &line->failure);
}

static void respond_has_options_of_its_own(void **state)
{
	static char listen[] = "--listen=a";
	struct line line;

	(void)state;
	parse_respond(&line, "");
	assert_int_equal(line.status, 0);
	assert_int_equal(line.options.listen.count, 0);
	assert_true(line.options.lifetime == 86400 && line.options.orphaned == 3600);
	assert_int_equal(line.options.respond_connections, 8192);
	assert_int_equal(line.options.per_address, 512);
	assert_int_equal(line.options.commands, 200);
	assert_int_equal(line.options.remember, 4096);

	parse_respond(&line, "--listen a --listen=b --conn 7 --per 3 --life 2h --orph 5m --comm 5 --rem 0 --token s");
	assert_int_equal(line.status, 0);
	assert_int_equal(line.options.listen.count, 2);
	assert_string_equal(line.options.listen.items[0], "a");
	assert_string_equal(line.options.listen.items[1], "b");
	assert_int_equal(line.options.respond_connections, 7);
	assert_int_equal(line.options.connections, 96); /* of measure */
	assert_int_equal(line.options.per_address, 3);
	assert_true(line.options.lifetime == 7200 && line.options.orphaned == 300);
	assert_int_equal(line.options.commands, 5);
	assert_int_equal(line.options.remember, 0);

	parse_respond(&line, "host:1");
	assert_non_null(strstr(line.failure.text, "'host:1' is one argument too many"));
	parse_respond(&line, "--listen=");
	assert_string_equal(line.failure.text, "--listen: the value is empty");
	parse_respond(&line, "--max-idle 5");
	assert_non_null(strstr(line.failure.text, "--max-idle: no such option"));
	parse_respond(&line, "--lifetime 0.5");
	assert_non_null(strstr(line.failure.text, "from 1s to 30d"));
	for (int i = 0; i < 17; i++)
		line.argv[i + 1] = listen;
	line.argv[18] = NULL;
	options_default(&line.options);
	assert_int_equal(options_parse(&line.options, respond_options, 18, line.argv, &line.failure), -1);
	assert_string_equal(line.failure.text, "--listen: given more than 16 times");
}

static void rows_are_sound(const struct option_row *rows)
{
	for (const struct option_row *row = rows; row->name; row++) {
		char name[40];

		snprintf(name, sizeof name, "--%s", row->name);
		assert_non_null(strstr(option_line(row).text, name));
		assert_true(strlen(option_line(row).text) <= 80);
		assert_true(row->kind == OPTION_FLAG || row->argument);
		assert_true((row->kind != OPTION_DURATION && row->kind != OPTION_PERCENT && row->kind != OPTION_NUMBER) ||
			    (row->expected && row->low < row->high));
	}
}

static void help_has_a_line_for_each(void **state)
{
	(void)state;
	rows_are_sound(measure_options);
	rows_are_sound(respond_options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_the_contracts), cmocka_unit_test(every_option_is_stored),
		cmocka_unit_test(forms_that_people_use),      cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(respond_has_options_of_its_own), cmocka_unit_test(help_has_a_line_for_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
