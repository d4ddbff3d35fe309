/* Both directions side by side: the survey, its companions and what they come to, in the model of the world. */
#include "core/companion.h"
#include "core/findings.h"
#include "../sim/play.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define T 50.0

static struct survey_config both(void)
{
	return (struct survey_config){
		.search = {
			.strategy = STRATEGY_SWEEP,
			.min_idle = 1,
			.max_idle = 200,
			.precision = 0.01,
			.resolution = 1,
			.connections = 96,
		},
		.outbound = true,
		.inbound = true,
	};
}

static struct world_config world(void)
{
	return (struct world_config){ .seed = 7, .rtt = 0.03, .jitter = 0.001, .timeout = T, .responder = true };
}

static struct findings measure(const struct survey_config *survey, const struct world_config *config)
{
	struct played played = play(survey, config);

	assert_true(played.ended);
	return played.findings;
}

static void contains(const struct result *result, double timeout)
{
	assert_int_equal(result->outcome, OUTCOME_TIMEOUT);
	assert_true(result->survived <= timeout && timeout <= result->expired);
	assert_true(result->expired - result->survived <= 1.001);
}

static void one_timer_shows_in_both_directions(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings = measure(&survey, &config);

	(void)state;
	contains(&findings.outbound, T);
	contains(&findings.inbound, T);
	contains(&findings.whole, T);
	assert_int_equal(findings.whole.revived_by_probe, NO);
	assert_int_equal(findings.whole.keepalive_refreshes, YES);
	assert_int_equal(findings.whole.outbound_refreshes, YES);
	assert_int_equal(findings.whole.payload_refreshes, UNKNOWN);
	assert_int_equal(findings.learned, LEARNED_NONE);
	assert_int_equal(findings.proxy, NO);
}

/* A control and a worker in each direction. */
static void four_connections_are_enough(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings;

	(void)state;
	survey.search.connections = 4;
	survey.search.max_idle = 3;
	findings = measure(&survey, &config);
	assert_int_equal(findings.outbound.outcome, OUTCOME_NO_TIMEOUT);
	assert_int_equal(findings.inbound.outcome, OUTCOME_NO_TIMEOUT);
}

/* nf_conntrack_tcp_loose=1. The outbound direction is not waited for: the inbound one is the answer. */
static void only_the_far_side_sees_what_a_probe_revives(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct played played;

	(void)state;
	config.late = LATE_REVIVE;
	played = play(&survey, &config);
	contains(&played.findings.inbound, T);
	contains(&played.findings.whole, T);
	assert_int_equal(played.findings.outbound.outcome, OUTCOME_NO_TIMEOUT);
	assert_true(played.findings.outbound.survived > played.findings.inbound.expired);
	assert_int_equal(played.findings.whole.revived_by_probe, YES);
	assert_true(played.elapsed < 1.4 * T);
}

static void each_direction_is_measured_to_its_end_where_asked(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings;

	(void)state;
	survey.thorough = true;
	config.inbound_timeout = 30;
	findings = measure(&survey, &config);
	contains(&findings.outbound, T);
	contains(&findings.inbound, 30);
	contains(&findings.whole, 30);
	assert_int_equal(findings.whole.revived_by_probe, YES);
}

static void inbound_alone(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings;

	(void)state;
	survey.outbound = false;
	findings = measure(&survey, &config);
	assert_false(findings.has_outbound);
	contains(&findings.inbound, T);
	contains(&findings.whole, T);
	assert_int_equal(findings.whole.revived_by_probe, UNKNOWN);
}

static void what_this_side_sends_may_not_refresh(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings;

	(void)state;
	config.refreshed_by = REFRESHED_INBOUND;
	findings = measure(&survey, &config);
	contains(&findings.whole, T);
	assert_int_equal(findings.whole.outbound_refreshes, NO);
}

static void payload_may_refresh_what_keepalives_do_not(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings;

	(void)state;
	config.payload_only = true;
	findings = measure(&survey, &config);
	assert_int_equal(findings.whole.outcome, OUTCOME_TIMEOUT);
	assert_true(findings.whole.survived <= T && T <= findings.whole.expired);
	assert_int_equal(findings.whole.keepalive_refreshes, NO);
	assert_int_equal(findings.whole.payload_refreshes, YES);
}

static void either_end_or_both_learn_of_the_expiry(void **state)
{
	const enum learned expected[] = { LEARNED_NONE, LEARNED_NEAR, LEARNED_FAR, LEARNED_BOTH };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct survey_config survey = both();
		struct world_config config = world();
		struct findings findings;

		config.reset_at_expiry = i & 1;
		config.far_reset_at_expiry = i & 2;
		findings = measure(&survey, &config);
		assert_int_equal(findings.whole.outcome, OUTCOME_TIMEOUT);
		assert_true(findings.whole.survived <= T && T <= findings.whole.expired);
		assert_int_equal(findings.learned, expected[i]);
	}
}

/* It bears the endpoint's marks, but the far side says that its end is open. */
static void forged_reset_is_no_closing_by_the_endpoint(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings;

	(void)state;
	config.reset_at_expiry = config.reset_forged = true;
	findings = measure(&survey, &config);
	assert_int_equal(findings.whole.outcome, OUTCOME_TIMEOUT);
	assert_int_equal(findings.whole.signal, SIGNAL_RESET_AT_EXPIRY);
	assert_int_equal(findings.whole.signal_from, ORIGIN_PATH);
}

static void proxy_leaves_one_direction(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings;

	(void)state;
	config.proxy = true;
	config.close_after = T;
	config.timeout = INFINITY;
	findings = measure(&survey, &config);
	assert_int_equal(findings.proxy, YES);
	assert_false(findings.has_inbound);
	assert_int_equal(findings.whole.outcome, OUTCOME_CLOSED_BY_ENDPOINT);
	assert_true(findings.whole.survived <= T && T <= findings.whole.expired);
}

static void responder_that_restarts_is_no_timeout(void **state)
{
	(void)state;
	for (int silent = 0; silent < 2; silent++) {
		struct survey_config survey = both();
		struct world_config config = world();
		struct findings findings;

		config.restart_at = 20;
		config.restart_silent = silent;
		findings = measure(&survey, &config);
		assert_true(findings.whole.outcome == OUTCOME_INCONCLUSIVE ||
			    (findings.whole.survived <= T && T <= findings.whole.expired));
	}
}

/* Of a direction without an answer more may come: the other's timeout is the answer only where it is known to be shorter. */
static void unknown_direction_may_be_the_shorter(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct survey *interrupted = survey_new(&survey);
	struct findings findings;

	(void)state;
	assert_non_null(interrupted);
	findings_reach(interrupted, &(struct circumstances){ .interrupted = true }, &findings);
	assert_int_equal(findings.whole.outcome, OUTCOME_INCONCLUSIVE);
	assert_int_equal(findings.whole.reason, REASON_INTERRUPTED);
	survey_free(interrupted);
	(void)config;
}

/* For so many seconds each of this side's connections opens and answers, and no other opens. */
static void live_outbound_only(struct survey *survey, double seconds)
{
	struct action action;

	for (double now = 0; now < seconds; now += 0.01)
		while (survey_next(survey, now, &action)) {
			struct observation seen = { OBSERVED_OPEN, action.conn, now, 0.001, ORIGIN_ENDPOINT, .ttl = 64 };

			if (action.direction != DIRECTION_OUTBOUND)
				continue;
			if (action.kind == ACTION_PROBE || action.kind == ACTION_CONFIRM) {
				survey_observe(survey, &(struct observation){ OBSERVED_SENT, action.conn, now, NAN });
				seen.what = OBSERVED_REPLY;
			}
			if (action.kind != ACTION_CLOSE)
				survey_observe(survey, &seen);
		}
}

/* Whose timeout is the shorter one is not known then. */
static void the_whole_holds_both_where_intervals_overlap(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();

	(void)state;
	survey.thorough = true;
	config.loss = 0.1;
	for (config.seed = 1; config.seed <= 40; config.seed++) {
		struct findings findings = measure(&survey, &config);

		if (findings.outbound.outcome != OUTCOME_TIMEOUT || findings.inbound.outcome != OUTCOME_TIMEOUT)
			continue;
		assert_true(findings.whole.survived == fmin(findings.outbound.survived, findings.inbound.survived));
		assert_true(findings.whole.expired == fmin(findings.outbound.expired, findings.inbound.expired));
		assert_true(findings.whole.survived <= T && T <= findings.whole.expired);
	}
}

/* Of what is sent by a companion that is hours old, some may be lost: the shorter timeout must not run out between two. */
static void companions_that_are_old_keep_pace_with_the_shorter_timeout(void **state)
{
	struct companion companion;
	struct action action;
	double deadline = INFINITY;

	(void)state;
	companion_init(&companion, COMPANION_OUTBOUND);
	assert_true(companion_next(&companion, 0, INFINITY, &deadline, &action));
	companion_observe(&companion, &(struct observation){ .what = OBSERVED_OPEN, .at = 0.1 });
	assert_true(companion_next(&companion, 3600, INFINITY, &deadline, &action));
	assert_false(companion_next(&companion, 3601, INFINITY, &deadline, &action));
	assert_true(deadline > 3620);
	assert_true(companion_next(&companion, 3700, 30, &deadline, &action));
	deadline = INFINITY;
	assert_false(companion_next(&companion, 3700.1, 30, &deadline, &action));
	assert_true(deadline < 3702);
}

/* Not a timeout of 0 s: nothing was measured. */
static void inbound_alone_behind_a_proxy(void **state)
{
	struct survey_config survey = both();
	struct world_config config = world();
	struct findings findings;

	(void)state;
	survey.outbound = false;
	config.proxy = true;
	findings = measure(&survey, &config);
	assert_int_equal(findings.proxy, YES);
	assert_int_equal(findings.whole.outcome, OUTCOME_INCONCLUSIVE);
	assert_int_equal(findings.whole.reason, REASON_PROXY);
	assert_true(isnan(findings.whole.timeout) && isnan(findings.whole.survived) && isnan(findings.whole.expired));
}

/* What one direction survived is not what every connection survived. */
static void nothing_is_survived_where_one_direction_is_unknown(void **state)
{
	struct survey_config survey = both();
	struct survey *interrupted = survey_new(&survey);
	struct findings findings;

	(void)state;
	assert_non_null(interrupted);
	live_outbound_only(interrupted, 6);
	findings_reach(interrupted, &(struct circumstances){ .interrupted = true }, &findings);
	assert_int_equal(findings.whole.outcome, OUTCOME_INCONCLUSIVE);
	assert_true(findings.outbound.survived > 1);
	assert_true(isnan(findings.inbound.survived));
	assert_true(isnan(findings.whole.survived));
	survey_free(interrupted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_timer_shows_in_both_directions),
		cmocka_unit_test(four_connections_are_enough),
		cmocka_unit_test(only_the_far_side_sees_what_a_probe_revives),
		cmocka_unit_test(each_direction_is_measured_to_its_end_where_asked),
		cmocka_unit_test(inbound_alone),
		cmocka_unit_test(what_this_side_sends_may_not_refresh),
		cmocka_unit_test(payload_may_refresh_what_keepalives_do_not),
		cmocka_unit_test(either_end_or_both_learn_of_the_expiry),
		cmocka_unit_test(forged_reset_is_no_closing_by_the_endpoint),
		cmocka_unit_test(proxy_leaves_one_direction),
		cmocka_unit_test(the_whole_holds_both_where_intervals_overlap),
		cmocka_unit_test(companions_that_are_old_keep_pace_with_the_shorter_timeout),
		cmocka_unit_test(inbound_alone_behind_a_proxy),
		cmocka_unit_test(responder_that_restarts_is_no_timeout),
		cmocka_unit_test(unknown_direction_may_be_the_shorter),
		cmocka_unit_test(nothing_is_survived_where_one_direction_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
