/* What a ledger proves about the timer. Connection 0 is a control, all others are workers that open at 0
 * (unless said otherwise) with a round trip of 20 ms. */
#include "core/bracket.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RTT 0.02
#define MARGIN 0.1 /* round trip and jitter, generously */

static void see(struct ledger *ledger, enum observed what, int conn, double at)
{
	const struct observation seen = {
		.what = what,
		.conn = conn,
		.at = at,
		.rtt = what == OBSERVED_OPEN || what == OBSERVED_REPLY ? RTT : NAN,
		.from = ORIGIN_PATH,
	};

	assert_true(ledger_observe(ledger, &seen));
}

static void open_one(struct ledger *ledger, double at)
{
	size_t count;
	int conn;

	ledger_lives(ledger, &count);
	conn = (int)count;
	assert_true(ledger_open(ledger, conn, conn == 0, at - RTT));
	see(ledger, OBSERVED_OPEN, conn, at);
	see(ledger, OBSERVED_REPLY, conn, at); /* the handshake is over */
}

/* A control and so many workers. The caller frees it. */
static struct ledger *opened(int workers)
{
	struct ledger *ledger = ledger_new();

	assert_non_null(ledger);
	for (int conn = 0; conn <= workers; conn++)
		open_one(ledger, 0);
	return ledger;
}

static void lives(struct ledger *ledger, int conn, double at)
{
	see(ledger, OBSERVED_SENT, conn, at);
	see(ledger, OBSERVED_REPLY, conn, at + RTT);
}

/* Nothing answers the probe, nor any other of that moment. */
static void unpaired(struct ledger *ledger, int conn, double at)
{
	see(ledger, OBSERVED_SENT, conn, at);
	ledger_expire_waits(ledger, at + 0.5, 0.4);
}

/* Nothing answers the probe, but the control's of that moment is answered. */
static void silent(struct ledger *ledger, int conn, double at)
{
	see(ledger, OBSERVED_SENT, conn, at);
	lives(ledger, 0, at);
	ledger_expire_waits(ledger, at + 0.5, 0.4);
}

/* The control answers so many probes, a second apart, and loses some between. */
static void settle(struct ledger *ledger, double from, int answers, int losses)
{
	for (int i = 0; i < answers; i++) {
		if (i < losses)
			unpaired(ledger, 0, from + i);
		lives(ledger, 0, from + i + 0.6);
	}
}

static void see_over(struct ledger *ledger, enum observed what, int conn, double at, double rtt)
{
	assert_true(ledger_observe(ledger, &(struct observation){ .what = what, .conn = conn, .at = at, .rtt = rtt,
								   .from = ORIGIN_PATH }));
}

static struct bracket by_idle(const struct ledger *ledger)
{
	struct bracket bracket;

	bracket_find(ledger, TIMER_IDLE, &bracket);
	return bracket;
}

static void nothing_is_known_of_nothing(void **state)
{
	struct ledger *ledger = opened(4);
	struct bracket bracket = by_idle(ledger);

	(void)state;
	assert_float_equal(bracket.alive, 0, 0);
	assert_true(isnan(bracket.suspected) && isnan(bracket.upper));
	assert_true(isnan(bracket.dead) && isnan(bracket.since));
	assert_false(bracket.mixed);
	ledger_free(ledger);
}

/* Where round trips are long, what closed by itself may have died well before one that answered at almost its age. */
static void answer_bounds_what_closed_by_itself(void **state)
{
	struct ledger *ledger = ledger_new();
	const double rtt = 2;
	struct bracket bracket;

	(void)state;
	assert_non_null(ledger);
	for (int conn = 0; conn < 4; conn++) {
		assert_true(ledger_open(ledger, conn, conn == 0, -rtt));
		see_over(ledger, OBSERVED_OPEN, conn, 0, rtt);
		see_over(ledger, OBSERVED_REPLY, conn, 0, rtt);
	}
	for (double at = 1; at < 170; at += 2.5) {
		see_over(ledger, OBSERVED_SENT, 0, at, NAN);
		see_over(ledger, OBSERVED_REPLY, 0, at + rtt, rtt);
	}
	see_over(ledger, OBSERVED_FIN, 1, 178.5, NAN);
	see_over(ledger, OBSERVED_SENT, 2, 179.9, NAN);
	see_over(ledger, OBSERVED_FIN, 3, 180, NAN);
	see_over(ledger, OBSERVED_REPLY, 2, 181.9, rtt);
	bracket_find(ledger, TIMER_AGE, &bracket);
	assert_float_equal(bracket.upper, 179.9, MARGIN);
	assert_true(bracket.lower < 178);
	ledger_free(ledger);
}

/* An outage silences all that is asked, and kills nothing. */
static void unpaired_silence_is_no_evidence(void **state)
{
	struct ledger *ledger = opened(40);
	struct bracket bracket;

	(void)state;
	lives(ledger, 40, 20);
	for (int conn = 1; conn < 40; conn++)
		unpaired(ledger, conn, 30);
	bracket = by_idle(ledger);
	assert_true(isnan(bracket.suspected) && isnan(bracket.upper) && isnan(bracket.dead));
	assert_float_equal(bracket_weight(ledger, ledger_life(ledger, 1)), 0, 0);
	assert_float_equal(bracket_evidence(ledger, TIMER_IDLE, &bracket, 100), 0, 0);
	ledger_free(ledger);
}

static void many_paired_silences_prove_death(void **state)
{
	struct ledger *ledger = opened(40);
	struct bracket bracket;

	(void)state;
	settle(ledger, 0, 30, 0);
	lives(ledger, 40, 20);
	for (int conn = 1; conn < 40; conn++)
		silent(ledger, conn, 30);
	bracket = by_idle(ledger);
	assert_float_equal(bracket.alive, 20, MARGIN);
	assert_true(bracket.alive <= 20);
	assert_float_equal(bracket.upper, 30, MARGIN);
	assert_true(bracket.upper >= 30);
	assert_float_equal(bracket.since, 30, 1e-9);
	assert_false(bracket.mixed);
	ledger_free(ledger);
}

static void one_silence_is_a_suspicion_and_no_proof(void **state)
{
	struct ledger *ledger = opened(2);
	struct bracket bracket;

	(void)state;
	settle(ledger, 0, 30, 0);
	silent(ledger, 1, 40);
	bracket = by_idle(ledger);
	assert_float_equal(bracket.suspected, 40, MARGIN);
	assert_true(isnan(bracket.upper));
	ledger_free(ledger);
}

/* Where packets do get lost, or it is not known that they do not. */
static void one_silence_is_no_suspicion_on_a_path_that_loses(void **state)
{
	struct ledger *lossy = opened(2), *unknown = opened(2);

	(void)state;
	settle(lossy, 0, 30, 1);
	silent(lossy, 1, 40);
	assert_true(isnan(by_idle(lossy).suspected));
	silent(lossy, 1, 41);
	assert_false(isnan(by_idle(lossy).suspected));
	silent(unknown, 1, 10);
	assert_true(isnan(by_idle(unknown).suspected));
	ledger_free(lossy);
	ledger_free(unknown);
}

static void more_loss_needs_more_silent_probes(void **state)
{
	const int losses[] = {0, 2, 10, 30};
	double before = 1;

	(void)state;
	for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
		struct ledger *ledger = opened(2);

		settle(ledger, 0, 60, losses[i]);
		assert_true(by_idle(ledger).weight_needed > before);
		before = by_idle(ledger).weight_needed;
		ledger_free(ledger);
	}
}

/* Losses come in bursts: those that fall together with the silence count more. */
static void recent_loss_needs_more_than_old_loss(void **state)
{
	struct ledger *old = opened(2), *recent = opened(2);

	(void)state;
	settle(old, 0, 200, 10);
	settle(recent, 0, 190, 0);
	silent(old, 1, 201);
	silent(recent, 1, 201);
	settle(old, 210, 10, 0);
	settle(recent, 210, 20, 10);
	assert_true(by_idle(recent).weight_needed > by_idle(old).weight_needed);
	ledger_free(old);
	ledger_free(recent);
}

static void upper_bound_stands_where_enough_is_gathered(void **state)
{
	struct ledger *ledger = opened(60);
	struct bracket bracket;
	int gathered = 0;

	(void)state;
	settle(ledger, 0, 30, 5);
	lives(ledger, 60, 20);
	for (bracket = by_idle(ledger); gathered < bracket.weight_needed; bracket = by_idle(ledger)) {
		assert_true(isnan(bracket.upper));
		gathered++;
		silent(ledger, gathered, 30 + 0.1 * gathered);
		assert_float_equal(bracket_evidence(ledger, TIMER_IDLE, &bracket, 100), gathered, 0);
		assert_float_equal(bracket_evidence(ledger, TIMER_IDLE, &bracket, 30.15), 1, 0);
	}
	assert_true(gathered > 5);
	assert_float_equal(by_idle(ledger).upper, 30 + 0.1 * gathered, 0.05);
	assert_float_equal(by_idle(ledger).suspected, 30.2, 0.05);
	ledger_free(ledger);
}

static void reset_proves_its_connection_dead(void **state)
{
	struct ledger *ledger = opened(4);
	struct bracket bracket;

	(void)state;
	see(ledger, OBSERVED_SENT, 1, 30);
	see(ledger, OBSERVED_RESET, 1, 30 + RTT);
	bracket = by_idle(ledger);
	assert_int_equal(bracket.dead_conn, 1);
	assert_float_equal(bracket.dead, 30, MARGIN);
	assert_true(bracket.dead >= 30);
	assert_true(bracket_weight(ledger, ledger_life(ledger, 1)) >= bracket.weight_needed);
	assert_float_equal(bracket_weight(ledger, ledger_life(ledger, 2)), 0, 0);
	ledger_free(ledger);
}

/* A router on the way to a path that is out sends ICMP errors as well. */
static void icmp_error_counts_only_where_paired(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	for (int conn = 1; conn <= 2; conn++) {
		see(ledger, OBSERVED_SENT, conn, 30 * conn);
		see(ledger, OBSERVED_ICMP, conn, 30 * conn + RTT);
	}
	lives(ledger, 0, 60);
	assert_float_equal(bracket_weight(ledger, ledger_life(ledger, 1)), 0, 0);
	assert_float_equal(bracket_weight(ledger, ledger_life(ledger, 2)), WEIGHT_ICMP, 0);
	ledger_free(ledger);
}

/* A middlebox that removes entries at 30.000 s of its own clock resets at 30.000 and something of ours. */
static void reset_by_itself_bounds_the_life_from_both_sides(void **state)
{
	struct ledger *ledger = opened(40);
	struct bracket bracket;

	(void)state;
	for (int conn = 1; conn <= 40; conn++)
		see(ledger, OBSERVED_RESET, conn, 30 + RTT / 2);
	bracket = by_idle(ledger);
	assert_true(bracket.lower < 30 && bracket.lower > 29.5);
	assert_true(bracket.upper >= 30 && bracket.upper < 30.5);
	assert_false(bracket.mixed);
	ledger_free(ledger);
}

/* A device that waits for a CPU now and then is still one timer, and the interval holds both ends. */
static void closing_a_little_late_is_not_mixed(void **state)
{
	const double late[] = {6.05, 6.2, 6.5};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct ledger *ledger = opened(40);
		struct bracket bracket;

		for (int conn = 1; conn < 40; conn++)
			see(ledger, OBSERVED_RESET, conn, 6.0005);
		see(ledger, OBSERVED_RESET, 40, late[i]);
		bracket = by_idle(ledger);
		assert_int_equal(bracket.mixed, i == 2);
		assert_true(bracket.lower < 6 && bracket.lower > 5.9);
		assert_true(bracket.mixed || (bracket.upper > late[i] - 0.045 && bracket.upper < late[i] + 0.05));
		ledger_free(ledger);
	}
}

/* A server that was busy takes two connections at one moment that were opened at two, and closes them at one: the older
 * one answered a probe by then at an age that the younger one did not reach. */
static void being_accepted_late_is_not_mixed(void **state)
{
	struct ledger *ledger = opened(20);
	struct bracket bracket;

	(void)state;
	for (int conn = 21; conn <= 40; conn++)
		open_one(ledger, 0.1);
	lives(ledger, 1, 8.05);
	for (int conn = 2; conn <= 40; conn++)
		see(ledger, OBSERVED_FIN, conn, 8.11);
	bracket_find(ledger, TIMER_AGE, &bracket);
	assert_false(bracket.mixed);
	assert_true(bracket.lower < 8.01 && bracket.upper >= 8.05);
	ledger_free(ledger);
}

/* Of 40 workers 10 are a crowd and 4 are several: one or two may be of another box than the others. */
static void several_speak_for_a_bound(void **state)
{
	struct ledger *ledger = opened(40);
	struct bracket bracket;

	(void)state;
	for (int conn = 1; conn <= 10; conn++)
		lives(ledger, conn, 20 + conn);
	for (int conn = 11; conn <= 20; conn++) {
		see(ledger, OBSERVED_SENT, conn, 30 + conn);
		see(ledger, OBSERVED_RESET, conn, 30 + conn + RTT);
	}
	bracket = by_idle(ledger);
	assert_false(bracket.mixed);
	assert_float_equal(bracket.crowd_alive, 21, MARGIN);   /* the tenth longest life */
	assert_float_equal(bracket.several_alive, 27, MARGIN); /* the fourth */
	assert_true(bracket.several_dead < 44 + MARGIN);       /* the fourth death; cmocka takes INFINITY for equal */
	assert_true(bracket.several_dead > 44 - MARGIN);
	ledger_free(ledger);
}

/* After an answer the middlebox's clock is up to a round trip ahead of ours. */
static void margins_leave_the_truth_inside(void **state)
{
	struct ledger *ledger = opened(2);
	size_t count;
	const struct sample *samples;

	(void)state;
	lives(ledger, 1, 10);
	lives(ledger, 1, 30);
	samples = ledger_samples(ledger, &count);
	assert_int_equal(count, 2);
	assert_true(bracket_alive_bound(ledger, TIMER_IDLE, &samples[0]) <= samples[0].idle);
	assert_true(bracket_alive_bound(ledger, TIMER_IDLE, &samples[1]) <= samples[1].idle);
	assert_true(bracket_dead_bound(ledger, TIMER_IDLE, &samples[1]) >= samples[1].idle + RTT);
	assert_true(bracket_alive_bound(ledger, TIMER_AGE, &samples[1]) < 30);
	assert_true(bracket_dead_bound(ledger, TIMER_AGE, &samples[1]) > 30);
	ledger_free(ledger);
}

/* Several boxes by port: equal idle times, different fates. One death proves only itself; so does a life. */
static void mixed_fates_need_a_crowd(void **state)
{
	struct ledger *ledger = opened(90);
	struct bracket bracket;

	(void)state;
	settle(ledger, 0, 20, 0);
	for (int conn = 1; conn <= 20; conn++)
		lives(ledger, conn, 25);
	lives(ledger, 21, 60);
	see(ledger, OBSERVED_SENT, 22, 59);
	see(ledger, OBSERVED_RESET, 22, 59 + RTT);
	bracket = by_idle(ledger);
	assert_true(bracket.mixed);
	assert_true(bracket.crowd > 2);
	assert_float_equal(bracket.lower, 25, MARGIN); /* where a crowd lived, not where one did */
	assert_float_equal(bracket.alive, 60, MARGIN);

	for (int conn = 23; conn < 23 + bracket.crowd; conn++) {
		assert_true(isnan(by_idle(ledger).upper));
		for (int again = 0; again < 10; again++)
			silent(ledger, conn, 70 + 0.6 * again);
	}
	assert_true(by_idle(ledger).upper >= 70);
	ledger_free(ledger);
}

/* Not one of them is proven dead, but loss does not explain that so many miss what others outlived. */
static void many_single_silences_contradict(void **state)
{
	struct ledger *ledger = opened(40);

	(void)state;
	settle(ledger, 0, 40, 0);
	lives(ledger, 1, 60);
	assert_false(by_idle(ledger).mixed);
	for (int conn = 2; conn <= 9; conn++)
		silent(ledger, conn, 58);
	assert_true(by_idle(ledger).mixed);
	assert_float_equal(by_idle(ledger).dead, 58, MARGIN);
	ledger_free(ledger);
}

static void single_silence_of_a_lossy_path_does_not_contradict(void **state)
{
	struct ledger *ledger = opened(40);

	(void)state;
	settle(ledger, 0, 40, 10);
	lives(ledger, 1, 60);
	for (int conn = 2; conn <= 20; conn++)
		lives(ledger, conn, 58);
	silent(ledger, 21, 58);
	assert_false(by_idle(ledger).mixed);
	ledger_free(ledger);
}

/* Where fates are mixed, those that died before the longest survivor answered say nothing of a time above. */
static void death_before_the_survivor_proves_nothing_above_it(void **state)
{
	struct ledger *ledger = opened(40);
	struct bracket bracket;

	(void)state;
	settle(ledger, 0, 20, 0);
	open_one(ledger, 20);
	settle(ledger, 21, 9, 0);
	see(ledger, OBSERVED_SENT, 1, 30);
	see(ledger, OBSERVED_RESET, 1, 30 + RTT);
	settle(ledger, 31, 21, 0);
	for (int conn = 2; conn <= 20; conn++)
		for (int again = 0; again < 10; again++)
			silent(ledger, conn, 52 + again);
	assert_false(isnan(by_idle(ledger).upper));
	lives(ledger, 41, 70); /* the younger one: idle for 50 s */
	bracket = by_idle(ledger);
	assert_true(bracket.mixed);
	assert_true(bracket.alive < 52);
	assert_true(isnan(bracket.upper));
	for (int conn = 22; conn < 22 + bracket.crowd; conn++)
		for (int again = 0; again < 10; again++)
			silent(ledger, conn, 75 + again);
	assert_true(by_idle(ledger).upper >= 75);
	ledger_free(ledger);
}

/* HAProxy, nginx: keepalives are answered, and refresh nothing. */
static void control_that_dies_of_age_fits_one_timer_only(void **state)
{
	struct ledger *ledger = opened(40);
	struct bracket by_age, bracket;

	(void)state;
	settle(ledger, 0, 19, 0);
	lives(ledger, 1, 15);
	for (int conn = 0; conn <= 40; conn++)
		see(ledger, OBSERVED_FIN, conn, 20);
	bracket = by_idle(ledger);
	bracket_find(ledger, TIMER_AGE, &by_age);
	assert_true(bracket.mixed);
	assert_false(by_age.mixed);
	assert_true(by_age.lower < 20 && by_age.upper >= 20 && by_age.upper - by_age.lower < 0.5);
	ledger_free(ledger);
}

/* A timer kills each connection at its own time; a flush kills all at one. */
static void later_deaths_are_a_link_where_something_older_lived_on(void **state)
{
	struct ledger *ledger = opened(20);
	struct bracket bracket;

	(void)state;
	settle(ledger, 0, 10, 0);
	open_one(ledger, 12); /* 21 outlives the first death ... */
	open_one(ledger, 14); /* ... 22 and 23 are younger than it */
	open_one(ledger, 14);
	for (int conn = 1; conn <= 20; conn++)
		silent(ledger, conn, 30);
	bracket = by_idle(ledger);
	assert_int_equal(bracket.links, 0);
	assert_true(isinf(bracket.survivor));
	assert_int_equal(bracket.dead_conns, 20);

	lives(ledger, 21, 36);
	bracket = by_idle(ledger);
	assert_float_equal(bracket.survivor, 12, MARGIN);
	assert_int_equal(bracket.links, 0);

	silent(ledger, 22, 44);
	silent(ledger, 23, 44);
	bracket = by_idle(ledger);
	assert_int_equal(bracket.links, 1);
	assert_true(isinf(bracket.survivor)); /* nothing is known to have lived on after that */
	ledger_free(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_of_nothing),
		cmocka_unit_test(answer_bounds_what_closed_by_itself),
		cmocka_unit_test(unpaired_silence_is_no_evidence),
		cmocka_unit_test(many_paired_silences_prove_death),
		cmocka_unit_test(one_silence_is_a_suspicion_and_no_proof),
		cmocka_unit_test(one_silence_is_no_suspicion_on_a_path_that_loses),
		cmocka_unit_test(more_loss_needs_more_silent_probes),
		cmocka_unit_test(recent_loss_needs_more_than_old_loss),
		cmocka_unit_test(upper_bound_stands_where_enough_is_gathered),
		cmocka_unit_test(reset_proves_its_connection_dead),
		cmocka_unit_test(icmp_error_counts_only_where_paired),
		cmocka_unit_test(reset_by_itself_bounds_the_life_from_both_sides),
		cmocka_unit_test(closing_a_little_late_is_not_mixed),
		cmocka_unit_test(being_accepted_late_is_not_mixed),
		cmocka_unit_test(several_speak_for_a_bound),
		cmocka_unit_test(margins_leave_the_truth_inside),
		cmocka_unit_test(mixed_fates_need_a_crowd),
		cmocka_unit_test(many_single_silences_contradict),
		cmocka_unit_test(single_silence_of_a_lossy_path_does_not_contradict),
		cmocka_unit_test(death_before_the_survivor_proves_nothing_above_it),
		cmocka_unit_test(control_that_dies_of_age_fits_one_timer_only),
		cmocka_unit_test(later_deaths_are_a_link_where_something_older_lived_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
