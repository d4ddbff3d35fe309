/* Durations as people write and read them. */
#include "core/duration.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void takes_what_people_write(void **state)
{
	static const struct {
		const char *text;
		double seconds;
	} cases[] = {
		{ "90", 90 },	      { "1.5", 1.5 },	 { ".5", 0.5 },	      { "0", 0 },	  { "250ms", 0.25 },
		{ "1.5s", 1.5 },      { "15m", 900 },	 { "2h4m", 7440 },    { "2h5m", 7500 },	  { "1d", 86400 },
		{ "1h30m15s", 5415 }, { "1.5h", 5400 },	 { "1s250ms", 1.25 }, { "1d2h3m4s5ms", 93784.005 },
		{ "007", 7 },	      { "5.", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double seconds = NAN;

		if (duration_parse(cases[i].text, &seconds) < 0 || fabs(seconds - cases[i].seconds) > 1e-9)
			fail_msg("%s: %g, not %g", cases[i].text, seconds, cases[i].seconds);
	}
}

static void refuses_the_rest_and_leaves_the_value(void **state)
{
	static const char *const cases[] = {
		"", " ", "-1", "+1", "1 s", " 1", "1s ", "nan", "inf", "infinity", "0x10", "1e3", "s", ".", "ms", "5x", "1sec",
		"4m2h", "1s1s", "2h4", "4 2h", "1..5", "1.5.2", "1,5", "1m-2s", "m5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double seconds = 42;

		if (duration_parse(cases[i], &seconds) == 0 || seconds != 42)
			fail_msg("'%s' was taken as %g", cases[i], seconds);
	}
}

static void refuses_what_is_no_number_any_more(void **state)
{
	char digits[401];
	double seconds = 42;

	(void)state;
	for (int i = 0; i < 400; i++)
		digits[i] = '9';
	digits[400] = '\0';
	assert_int_equal(duration_parse(digits, &seconds), -1);
	assert_true(seconds == 42);
}

static void reads_well(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 ms" },		 { 0.25, "250 ms" },	{ 0.9994, "999 ms" },  { 0.9996, "1.0 s" },   { 5, "5 s" },
		{ 12.34, "12.3 s" },	 { 59.4, "59.4 s" },	{ 59.6, "1 min" },     { 60, "1 min" },	      { 90, "1 min 30 s" },
		{ 900.3, "15 min" },	 { 3599, "59 min 59 s" }, { 3599.7, "1 h" },  { 3571, "59 min 31 s" },   { 7440, "2 h 4 min" }, { 7500, "2 h 5 min" },
		{ 86399, "24 h" },	 { 86400, "1 d" },	{ 93600, "1 d 2 h" },  { 432000, "5 d" },     { NAN, "nan s" },
		{ 4.4444e48, "4.44e+48 s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(duration_text(cases[i].seconds).text, cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_people_write),
		cmocka_unit_test(refuses_the_rest_and_leaves_the_value),
		cmocka_unit_test(refuses_what_is_no_number_any_more),
		cmocka_unit_test(reads_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
