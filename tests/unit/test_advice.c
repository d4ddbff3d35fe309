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
		{ 4.5, 1, 1 }, { 7.9, 3, 1 }, { 11.6, 5, 1 }, { 59.8, 25, 4 }, { 239, 110, 18 }, { 349, 170, 25 }, { 899.8, 440, 70 },
		{ 3595, 1740, 290 }, { 7400, 3660, 600 }, { 431000, 32400, 5400 },
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

static double between(double low, double high)
{
	return low * pow(high / low, rand() / (double)RAND_MAX);
}

/* With a margin for a timeout that was seen as a zone, and what a socket takes (include/net/tcp.h). */
static void three_probes_before_the_end(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 10000; i++) {
		struct result result = timeout(between(0.2, 2.5e6), i % 3 ? YES : UNKNOWN);
		result.expired = result.survived * (1 + between(1e-3, 1));
		struct advice advice = advise(result, linux_default);
		double survived = result.survived, zone = result.expired - survived;
		double margin = fmin(fmax(zone, 0.1 * survived), 0.3 * survived);

		if (advice.use.time == 0) {
			assert_true(survived - margin < 3 + 1e-9); /* three whole seconds do not fit */
			assert_int_equal(advice.helps, NO);
			continue;
		}
		assert_true(advice.use.intvl >= 1 && advice.use.probes >= 3);
		assert_true(advice.use.time + 2.0 * advice.use.intvl < survived);
		assert_true(advice.use.time + 2.0 * advice.use.intvl <= survived - margin + 1e-9 * survived);
		assert_true(fabs(survived - advice.use.time - 2 * advice.use.intvl - advice.margin) < 1e-6);
		assert_true(advice.use.time <= 32767 && advice.use.intvl <= 32767 && advice.use.probes <= 127);
		assert_true(strlen(advice.summary) < sizeof advice.summary - 1); /* so that nothing was cut off */
	}
}

static void this_host_is_compared(void **state)
{
	static const struct {
		double survived;
		struct keepalive host;
		enum tristate protects;
		double margin;
		const char *words;
	} cases[] = {
		{ 900, { 7200, 75, 9 }, NO, -6450, "settings send the first after 2 h, and the third 1 h 48 min too late." },
		{ 900, { 800, 75, 9 }, NO, -50, "settings send the first after 13 min 20 s, and the third 50 s too late." },
		{ 900, { 300, 75, 9 }, YES, 450, "settings do that, with 7 min 30 s to spare." },
		{ 900, { 300, 75, 2 }, NO, 450, "settings give a connection up after 2 unanswered probes," },
		{ 900, { 300, 75, 1 }, NO, 450, "settings give a connection up after 1 unanswered probe," },
		{ 7400, { 7200, 75, 9 }, YES, 50, "settings do that, with 50 s to spare." }, /* 7200, 7275, 7350 */
		{ 7300, { 7200, 75, 9 }, NO, -50, "settings send the first after 2 h, and the third 50 s too late." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct advice advice = advise(timeout(cases[i].survived, YES), cases[i].host);

		assert_int_equal(advice.protects, cases[i].protects);
		assert_true(fabs(advice.host_margin - cases[i].margin) < 1e-9);
		if (!strstr(advice.summary, cases[i].words))
			fail_msg("\"%s\" is not in: %s", cases[i].words, advice.summary);
	}
	struct advice advice = advise(timeout(7400, YES), (struct keepalive){ 0 });
	assert_int_equal(advice.protects, UNKNOWN);
	assert_true(isnan(advice.host_margin));
	assert_null(strstr(advice.summary, "This host"));
}

static void a_dead_peer_is_found(void **state)
{
	struct advice advice = advise(timeout(900, YES), linux_default);

	(void)state;
	assert_true(keepalive_gives_up(&linux_default) == 7875);
	assert_true(keepalive_gives_up(&advice.use) == 450 + 9 * 70);
	assert_non_null(strstr(advice.summary, "A dead peer is then found within 18 min."));
}

static void where_keepalives_do_not_help(void **state)
{
	struct advice advice = advise(timeout(600, NO), linux_default);

	(void)state;
	assert_int_equal(advice.helps, NO);
	assert_int_equal(advice.protects, NO);
	assert_int_equal(advice.use.time, 0);
	assert_int_equal(advice.heartbeat, 300);
	assert_non_null(strstr(advice.summary, "do not help"));
	assert_non_null(strstr(advice.summary, "every 5 min"));

	advice = advise(timeout(2, YES), linux_default);
	assert_int_equal(advice.helps, NO);
	assert_int_equal(advice.heartbeat, 1);
	assert_non_null(strstr(advice.summary, "too short"));
}

/* What it was not tested to do, an endpoint that closes by itself is not thought to do. */
static void an_endpoint_counts_what_is_sent_to_the_application(void **state)
{
	struct result result = timeout(600, UNKNOWN);
	struct advice advice;

	(void)state;
	result.outcome = OUTCOME_CLOSED_BY_ENDPOINT;
	advice = advise(result, linux_default);
	assert_int_equal(advice.helps, UNKNOWN);
	assert_int_equal(advice.protects, UNKNOWN);
	assert_int_equal(advice.use.time, 0);
	assert_int_equal(advice.heartbeat, 300);
	assert_non_null(strstr(advice.summary, "not tested"));

	result.keepalive_refreshes = YES;
	advice = advise(result, linux_default);
	assert_int_equal(advice.helps, YES);
	assert_int_equal(advice.use.time, 300);
}

static void nothing_survived(void **state)
{
	struct advice advice = advise(timeout(NAN, YES), linux_default);

	(void)state;
	assert_int_equal(advice.helps, UNKNOWN);
	assert_int_equal(advice.use.time, 0);
	assert_int_equal(advice.heartbeat, 0);
	assert_non_null(strstr(advice.summary, "--min-idle"));
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
	static const enum outcome outcomes[] = { OUTCOME_NO_TIMEOUT, OUTCOME_UNREACHABLE };

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

static struct result without_answer(double survived, double expired)
{
	return (struct result){ .outcome = OUTCOME_INCONCLUSIVE, .reason = REASON_INTERRUPTED, .timeout = NAN,
				.survived = survived, .expired = expired, .keepalive_refreshes = UNKNOWN };
}

static void cautious_without_an_answer(void **state)
{
	struct advice advice = advise(without_answer(600, NAN), linux_default);

	(void)state;
	assert_int_equal(advice.helps, UNKNOWN);
	assert_int_equal(advice.use.time, 300);
	assert_true(advice.margin > 0);
	assert_non_null(strstr(advice.summary, "cautious: it goes by the 10 min of idle time that every connection survived"));
	assert_non_null(strstr(advice.summary, "not tested"));
	for (int i = 0; i < 10000; i++) {
		struct result result = without_answer(between(0.2, 2.5e6), i % 2 ? NAN : between(1, 1e7));

		advice = advise(result, linux_default);
		assert_true(strlen(advice.summary) < sizeof advice.summary - 1);
		assert_true(advice.use.time == 0 || advice.use.time + 2.0 * advice.use.intvl < result.survived);
		assert_true(result.survived < 4.3 || advice.use.time > 0);
		assert_int_equal(advice.heartbeat, 0);
	}
}

static void no_advice_without_any_idle_time(void **state)
{
	struct result useless = without_answer(600, NAN);

	(void)state;
	assert_false(advice_has_settings(&(struct advice){ 0 }));
	assert_string_equal(advise(without_answer(NAN, 5), linux_default).summary, "No advice without an answer.");
	assert_non_null(strstr(advise(without_answer(2, NAN), linux_default).summary, "did survive 2 s"));
	useless.keepalive_refreshes = NO;
	assert_int_equal(advise(useless, linux_default).use.time, 0);
}

/* Whether settings that come after what was survived come too late is only known of what nothing survived. */
static void the_host_is_compared_without_an_answer(void **state)
{
	static const struct {
		double expired;
		struct keepalive host;
		enum tristate protects;
		double margin;
		const char *words;
	} cases[] = {
		{ NAN, { 7200, 75, 9 }, UNKNOWN, NAN, "settings send the first after 2 h; whether that is soon enough is not known" },
		{ 7500, { 7200, 75, 9 }, UNKNOWN, NAN, "is not known" },
		{ 7300, { 7200, 75, 9 }, NO, -6750, "the third 1 h 53 min too late" },
		{ NAN, { 300, 75, 9 }, YES, 150, "settings do that, with 2 min 30 s to spare" },
		{ NAN, { 300, 75, 2 }, NO, 150, "give a connection up after 2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct advice advice = advise(without_answer(600, cases[i].expired), cases[i].host);

		assert_int_equal(advice.protects, cases[i].protects);
		assert_true(isnan(cases[i].margin) ? isnan(advice.host_margin) : fabs(advice.host_margin - cases[i].margin) < 1e-9);
		if (!strstr(advice.summary, cases[i].words))
			fail_msg("\"%s\" is not in: %s", cases[i].words, advice.summary);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_timeouts),
		cmocka_unit_test(three_probes_before_the_end),
		cmocka_unit_test(this_host_is_compared),
		cmocka_unit_test(a_dead_peer_is_found),
		cmocka_unit_test(where_keepalives_do_not_help),
		cmocka_unit_test(an_endpoint_counts_what_is_sent_to_the_application),
		cmocka_unit_test(nothing_survived),
		cmocka_unit_test(not_tested_is_not_promised),
		cmocka_unit_test(no_settings_without_a_timeout),
		cmocka_unit_test(cautious_without_an_answer),
		cmocka_unit_test(no_advice_without_any_idle_time),
		cmocka_unit_test(the_host_is_compared_without_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
