/* What to do about a timeout. */
#include "core/advice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct keepalive linux_default = { 7200, 75, 9 };

static struct result timeout(double survived, enum tristate refreshes)
{
	return (struct result){ .outcome = OUTCOME_TIMEOUT, .survived = survived, .timeout = survived + 0.5,
				.expired = survived + 1, .keepalive_refreshes = refreshes, .signal = SIGNAL_SILENT };
}

static struct advice advise(struct result result, struct keepalive host)
{
	struct advice advice;

	advice_give(&result, &host, &advice);
	return advice;
}

static void the_usual_timeouts(void **state)
{
	static const struct {
		double survived;
		int time, intvl;
	} cases[] = {
		{ 4.5, 2, 1 }, { 11.6, 5, 1 }, { 59.8, 25, 4 }, { 239, 110, 18 }, { 349, 170, 25 }, { 899.8, 440, 70 },
		{ 3595, 1740, 290 }, { 7400, 3660, 600 }, { 431000, 43200, 7200 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct advice advice = advise(timeout(cases[i].survived, YES), linux_default);

		assert_int_equal(advice.helps, YES);
		assert_int_equal(advice.use.time, cases[i].time);
		assert_int_equal(advice.use.intvl, cases[i].intvl);
		assert_int_equal(advice.use.probes, 9);
	}
}

static void three_probes_before_the_end(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		double survived = 0.2 * pow(10, 7.0 * rand() / RAND_MAX);
		struct keepalive use = advise(timeout(survived, YES), linux_default).use;

		if (use.time == 0) {
			assert_true(survived <= 4.0); /* whole seconds do not fit */
			continue;
		}
		assert_true(use.intvl >= 1 && use.probes >= 3);
		assert_true(use.time + 2.0 * use.intvl < survived);
		assert_true(use.time < survived / 2 + 1e-9);
	}
}

static void this_host_is_compared(void **state)
{
	struct advice advice = advise(timeout(900, YES), linux_default);

	(void)state;
	assert_int_equal(advice.protects, NO);
	assert_non_null(strstr(advice.summary, "after 2 h, which is too late"));
	assert_string_equal(advice.linux_text, "net.ipv4.tcp_keepalive_time = 450\nnet.ipv4.tcp_keepalive_intvl = 70\n"
					       "net.ipv4.tcp_keepalive_probes = 9\n");
	assert_int_equal(advise(timeout(900, YES), (struct keepalive){ 300, 75, 9 }).protects, YES);
	assert_int_equal(advise(timeout(900, YES), (struct keepalive){ 800, 75, 9 }).protects, NO);
	assert_int_equal(advise(timeout(7400, YES), linux_default).protects, YES); /* 7200, 7275, 7350 */
	assert_int_equal(advise(timeout(7300, YES), linux_default).protects, NO);
	assert_int_equal(advise(timeout(7400, YES), (struct keepalive){ 0 }).protects, UNKNOWN);
}

static void where_keepalives_do_not_help(void **state)
{
	struct advice advice = advise(timeout(600, NO), linux_default);

	(void)state;
	assert_int_equal(advice.helps, NO);
	assert_int_equal(advice.protects, NO);
	assert_int_equal(advice.use.time, 0);
	assert_int_equal(advice.heartbeat, 300);
	assert_string_equal(advice.linux_text, "");
	assert_non_null(strstr(advice.summary, "do not help"));
	assert_non_null(strstr(advice.summary, "every 5 min"));

	advice = advise(timeout(2, YES), linux_default);
	assert_int_equal(advice.helps, NO);
	assert_non_null(strstr(advice.summary, "too short"));
}

static void not_tested_is_not_promised(void **state)
{
	struct advice advice = advise(timeout(600, UNKNOWN), linux_default);

	(void)state;
	assert_int_equal(advice.helps, UNKNOWN);
	assert_int_equal(advice.use.time, 300);
	assert_non_null(strstr(advice.summary, "should hold"));
}

static void no_settings_without_a_timeout(void **state)
{
	static const enum outcome outcomes[] = { OUTCOME_NO_TIMEOUT, OUTCOME_INCONCLUSIVE, OUTCOME_UNREACHABLE };

	(void)state;
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		struct result result = timeout(60, UNKNOWN);

		result.outcome = outcomes[i];
		struct advice advice = advise(result, linux_default);
		assert_int_equal(advice.helps, UNKNOWN);
		assert_int_equal(advice.use.time, 0);
		assert_int_equal(advice.host.time, 7200);
		assert_true(advice.summary[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_timeouts),	       cmocka_unit_test(three_probes_before_the_end),
		cmocka_unit_test(this_host_is_compared),       cmocka_unit_test(where_keepalives_do_not_help),
		cmocka_unit_test(not_tested_is_not_promised),  cmocka_unit_test(no_settings_without_a_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
