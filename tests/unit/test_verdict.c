/* Every outcome, signal, reason and warning of a verdict, each from a world that leads to it. */
#include "core/verdict.h"
#include "stage.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct circumstances PLAIN = {.interrupted = false};
static const struct circumstances INTERRUPTED = {.interrupted = true};

static struct result verdict(const struct stage *stage, const struct circumstances *circumstances)
{
	struct result result;

	assert_false(stage->stuck);
	verdict_reach(stage->search, circumstances, &result);
	return result;
}

/* What becomes of a run of plain configuration in this world. */
static struct result measured(const struct world_config *world)
{
	struct search_config config = stage_config();
	struct stage stage = stage_begin(&config, world);
	struct result result;

	stage_run(&stage, INFINITY);
	result = verdict(&stage, &PLAIN);
	stage_end(&stage);
	return result;
}

static bool warned(const struct result *result, enum warning_code code)
{
	for (size_t i = 0; i < result->warning_count; i++) {
		assert_true(strlen(result->warnings[i].message) > 20);
		if (result->warnings[i].code == code)
			return true;
	}
	return false;
}

static void assert_timeout(const struct result *result, double timeout, enum signal_kind signal,
			   enum origin from)
{
	assert_int_equal(result->outcome, OUTCOME_TIMEOUT);
	assert_int_equal(result->reason, REASON_NONE);
	assert_true(result->survived <= timeout && timeout <= result->expired);
	assert_true(result->survived <= result->timeout && result->timeout <= result->expired);
	assert_int_equal(result->signal, signal);
	assert_int_equal(result->signal_from, from);
}

static void assert_inconclusive(const struct result *result, enum reason reason)
{
	assert_int_equal(result->outcome, OUTCOME_INCONCLUSIVE);
	assert_int_equal(result->reason, reason);
	assert_true(isnan(result->timeout));
}

static void timeout_silent(void **state)
{
	struct world_config world = stage_world(60);
	struct result result = measured(&world);

	(void)state;
	assert_timeout(&result, 60, SIGNAL_SILENT, ORIGIN_NONE);
	assert_true(result.expired - result.survived <= 1);
	assert_int_equal(result.keepalive_refreshes, YES);
	assert_int_equal(result.revived_by_probe, UNKNOWN);
	assert_int_equal(result.warning_count, 0);
}

/* The whole of a coarse --resolution lies around a timeout that is shorter: of its lower end nothing is left. */
static void nothing_is_known_to_survive(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(0.9);
	struct result result;

	(void)state;
	config.min_idle = 0.2;
	config.resolution = 5;
	struct stage stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	result = verdict(&stage, &PLAIN);
	stage_end(&stage);
	assert_int_equal(result.outcome, OUTCOME_TIMEOUT);
	assert_true(isnan(result.survived));
	assert_true(result.timeout > 0 && result.timeout <= result.expired && result.expired >= 0.9);
}

static void timeout_reset_on_probe(void **state)
{
	struct world_config world = stage_world(60);
	struct result result;

	(void)state;
	world.late = LATE_RESET;
	result = measured(&world);
	assert_timeout(&result, 60, SIGNAL_RESET_ON_PROBE, ORIGIN_PATH);
	assert_int_equal(result.keepalive_refreshes, YES);
}

/* A stray probe that is re-mapped draws the server's RST: "an RST came" does not mean "the box sent it", and
 * the endpoint did not close what it never saw. */
static void remapped_probe_is_no_closing_by_the_endpoint(void **state)
{
	struct world_config world = stage_world(60);
	struct result result;

	(void)state;
	world.late = LATE_REMAP;
	result = measured(&world);
	assert_timeout(&result, 60, SIGNAL_RESET_ON_PROBE, ORIGIN_ENDPOINT);
}

static void timeout_reset_at_expiry(void **state)
{
	struct world_config world = stage_world(60);
	struct result result;

	(void)state;
	world.reset_at_expiry = true;
	result = measured(&world);
	assert_timeout(&result, 60, SIGNAL_RESET_AT_EXPIRY, ORIGIN_PATH);
	assert_int_equal(result.keepalive_refreshes, YES);
	assert_false(warned(&result, WARNING_RESET_ORIGIN_UNKNOWN));
}

/* Probed when the RST of its expiry was on its way, a connection ended as all others did. */
static void probe_that_met_the_reset_is_no_mixed_signal(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct world_config world = stage_world(20 + seed / 7.0);
		struct result result;

		world.seed = seed;
		world.rtt = 0.3;
		world.jitter = 0.05;
		world.reset_at_expiry = true;
		result = measured(&world);
		assert_int_equal(result.signal, SIGNAL_RESET_AT_EXPIRY);
		assert_false(warned(&result, WARNING_MIXED_SIGNALS));
	}
}

static void timeout_icmp(void **state)
{
	struct world_config world = stage_world(60);
	struct result result;

	(void)state;
	world.late = LATE_ICMP;
	result = measured(&world);
	assert_timeout(&result, 60, SIGNAL_ICMP, ORIGIN_PATH);
	assert_false(warned(&result, WARNING_MIXED_SIGNALS));
}

/* Routers limit the rate of ICMP errors: most connections of the box end in silence. */
static void few_icmp_errors_are_mixed_signals(void **state)
{
	struct world_config world = stage_world(60);
	struct result result;

	(void)state;
	world.late = LATE_ICMP;
	world.icmp_limited = true;
	result = measured(&world);
	assert_int_equal(result.outcome, OUTCOME_TIMEOUT);
	assert_true(result.survived <= 60 && 60 <= result.expired);
	assert_true(warned(&result, WARNING_MIXED_SIGNALS));
	assert_int_equal(result.signal_from, result.signal == SIGNAL_ICMP ? ORIGIN_PATH : ORIGIN_NONE);
}

/* A proxy or a server answers keepalives, and its timer runs on. */
static void closed_by_endpoint_with_fin(void **state)
{
	struct world_config world = stage_world(INFINITY);
	struct result result;

	(void)state;
	world.close_after = 20;
	result = measured(&world);
	assert_int_equal(result.outcome, OUTCOME_CLOSED_BY_ENDPOINT);
	assert_int_equal(result.signal, SIGNAL_FIN_AT_EXPIRY);
	assert_int_equal(result.signal_from, ORIGIN_ENDPOINT);
	assert_true(result.survived <= 20.02 && 20 <= result.expired);
	assert_int_equal(result.keepalive_refreshes, NO);
}

/* So few, opened within so short a time and so far away, that none is seen to outlive the first that was closed; but
 * they die one after another, all at one age. */
static void crew_that_dies_within_a_second_was_not_restarted(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(INFINITY);
	struct stage stage;
	struct result result;

	(void)state;
	config.connections = 4;
	world.rtt = 0.4;
	world.close_after = 6;
	stage = stage_begin(&config, &world);
	stage_run(&stage, 7.5);
	result = verdict(&stage, &INTERRUPTED);
	assert_inconclusive(&result, REASON_INTERRUPTED);
	stage_end(&stage);
}

static void closed_by_endpoint_with_reset(void **state)
{
	struct world_config world = stage_world(INFINITY);
	struct result result;

	(void)state;
	world.close_after = 20;
	world.close_by_reset = true;
	result = measured(&world);
	assert_int_equal(result.outcome, OUTCOME_CLOSED_BY_ENDPOINT);
	assert_int_equal(result.signal, SIGNAL_RESET_AT_EXPIRY);
	assert_int_equal(result.signal_from, ORIGIN_ENDPOINT);
	assert_int_equal(result.keepalive_refreshes, NO);
}

/* A box that counts payload only, in silence. */
static void timeout_that_keepalives_do_not_refresh(void **state)
{
	struct world_config world = stage_world(40);
	struct result result;

	(void)state;
	world.payload_only = true;
	result = measured(&world);
	assert_timeout(&result, 40, SIGNAL_SILENT, ORIGIN_NONE);
	assert_int_equal(result.keepalive_refreshes, NO);
}

/* Where the marks cannot be seen (plain sockets), what closes by itself is a timeout of unknown origin. */
static void reset_of_unknown_origin(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(60);
	struct stage stage;
	struct result result;

	(void)state;
	world.reset_at_expiry = true;
	stage = stage_begin(&config, &world);
	stage.origin_hidden = true;
	stage_run(&stage, INFINITY);
	result = verdict(&stage, &PLAIN);
	assert_timeout(&result, 60, SIGNAL_RESET_AT_EXPIRY, ORIGIN_UNKNOWN);
	assert_true(warned(&result, WARNING_RESET_ORIGIN_UNKNOWN));
	stage_end(&stage);
}

static void no_timeout_says_what_it_may_hide(void **state)
{
	struct world_config world = stage_world(INFINITY);
	struct result result = measured(&world);

	(void)state;
	assert_int_equal(result.outcome, OUTCOME_NO_TIMEOUT);
	assert_int_equal(result.reason, REASON_NONE);
	assert_float_equal(result.survived, 200, 1);
	assert_true(isnan(result.timeout) && isnan(result.expired));
	assert_int_equal(result.signal, SIGNAL_NONE);
	assert_int_equal(result.signal_from, ORIGIN_NONE);
	assert_int_equal(result.keepalive_refreshes, UNKNOWN);
	assert_true(warned(&result, WARNING_OUTBOUND_ONLY));
}

/* nf_conntrack_tcp_loose=1: the probe revives the entry; only the far side could see that it had expired. */
static void revived_by_the_probe_looks_like_no_timeout(void **state)
{
	struct world_config world = stage_world(60);
	struct result result;

	(void)state;
	world.late = LATE_REVIVE;
	result = measured(&world);
	assert_int_equal(result.outcome, OUTCOME_NO_TIMEOUT);
	assert_true(warned(&result, WARNING_OUTBOUND_ONLY));
}

static void far_end_that_keeps_alive(void **state)
{
	struct world_config world = stage_world(9);
	struct result result;

	(void)state;
	world.keepalive = 4;
	result = measured(&world);
	assert_inconclusive(&result, REASON_ENDPOINT_KEEPALIVE);
	assert_true(isnan(result.expired));
	assert_true(result.survived > 3 && result.survived < 5);
}

static void endpoint_that_restarts(void **state)
{
	struct world_config world = stage_world(100);
	struct result result;

	(void)state;
	world.restart_at = 40;
	result = measured(&world);
	assert_inconclusive(&result, REASON_ENDPOINT_RESTARTED);
	assert_true(isnan(result.expired)); /* of the timer nothing is known */
	assert_true(isnan(result.survived) || result.survived <= 40);
	world.restart_silent = true; /* the RST comes with the next probe */
	result = measured(&world);
	assert_inconclusive(&result, REASON_ENDPOINT_RESTARTED);
	assert_true(isnan(result.expired));
}

static void table_that_is_flushed(void **state)
{
	const enum box_late late[] = {LATE_SILENT, LATE_RESET};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world_config world = stage_world(100);
		struct result result;

		world.flush_at = 40;
		world.late = late[i];
		result = measured(&world);
		assert_inconclusive(&result, REASON_STATE_LOST);
		assert_true(isnan(result.expired));
		assert_true(result.survived > 30 && result.survived < 40); /* what the flush killed had not been idle for too long */
		assert_int_equal(result.signal, i ? SIGNAL_RESET_ON_PROBE : SIGNAL_SILENT);
	}
}

static void path_that_stays_out(void **state)
{
	struct world_config world = stage_world(100);
	struct result result;

	(void)state;
	world.outage_at[0] = 40;
	world.outage_for[0] = INFINITY;
	result = measured(&world);
	assert_inconclusive(&result, REASON_PATH_OUTAGE);
	assert_true(isnan(result.expired));
	assert_true(result.survived > 30 && result.survived <= 40);
}

/* A path split over two boxes by port: one number would be a lie. */
static void two_boxes_are_inconsistent(void **state)
{
	struct world_config world = stage_world(100);
	struct result result;

	(void)state;
	world.second_timeout = 30;
	world.second_share = 0.5;
	result = measured(&world);
	assert_inconclusive(&result, REASON_INCONSISTENT_EXPIRY);
	assert_true(isnan(result.survived) || result.survived <= 30);
	assert_true(isnan(result.expired) || result.expired >= 100);
}

/* Entries are removed only every 10 s: fates are mixed between 100 s and 110 s. */
static void table_that_is_scanned_gives_no_wrong_interval(void **state)
{
	struct world_config world = stage_world(100);
	struct result result;

	(void)state;
	world.scan = 10;
	result = measured(&world);
	assert_true(result.survived <= 110);
	assert_true(isnan(result.expired) || result.expired >= 100);
	assert_true(result.outcome == OUTCOME_INCONCLUSIVE || warned(&result, WARNING_SCAN_GRANULARITY));
}

static void eviction_is_told(void **state)
{
	int told = 0;

	(void)state;
	for (int seed = 1; seed <= 10; seed++) {
		struct world_config world = stage_world(INFINITY);
		struct result result;

		world.seed = (uint64_t)seed;
		world.evict_every = 60;
		world.evict_share = 0.3;
		result = measured(&world);
		assert_true(result.outcome == OUTCOME_INCONCLUSIVE || result.outcome == OUTCOME_NO_TIMEOUT);
		if (warned(&result, WARNING_EVICTION)) {
			assert_inconclusive(&result, REASON_INCONSISTENT_EXPIRY);
			told++;
		}
	}
	assert_true(told > 0);
}

/* Half of the packets get lost each way: there may be no answer, and never a wrong one. */
static void very_lossy_path_gives_no_wrong_answer(void **state)
{
	int lossy = 0;

	(void)state;
	for (int seed = 1; seed <= 20; seed++) {
		struct world_config world = stage_world(30);
		struct result result;

		world.seed = (uint64_t)seed;
		world.loss = 0.5;
		result = measured(&world);
		lossy += result.reason == REASON_TOO_LOSSY;
		assert_true(isnan(result.survived) || result.survived <= 30);
		assert_true(isnan(result.expired) || result.expired >= 30);
		assert_true(result.outcome == OUTCOME_TIMEOUT || result.outcome == OUTCOME_INCONCLUSIVE ||
			    result.outcome == OUTCOME_UNREACHABLE);
	}
	assert_true(lossy > 0);
}

/* Few connections on a path that loses: the interval stays wider than asked for, and the truth is inside. */
static void few_connections_leave_a_wide_interval(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(30);
	struct stage stage;
	struct result result;

	(void)state;
	config.connections = 3;
	world.loss = 0.1;
	stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	result = verdict(&stage, &PLAIN);
	assert_timeout(&result, 30, SIGNAL_SILENT, ORIGIN_NONE);
	assert_true(result.expired - result.survived > 1);
	assert_true(warned(&result, WARNING_WIDE_INTERVAL));
	stage_end(&stage);
}

static struct result stopped(double timeout, double at, const struct circumstances *circumstances)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(timeout);
	struct stage stage = stage_begin(&config, &world);
	struct result result;

	stage_run(&stage, at);
	result = verdict(&stage, circumstances);
	stage_end(&stage);
	return result;
}

static void interrupted_run_keeps_what_survived(void **state)
{
	struct result result = stopped(60, 40, &INTERRUPTED);

	(void)state;
	assert_inconclusive(&result, REASON_INTERRUPTED);
	assert_true(result.survived > 35 && result.survived <= 40);
	assert_true(isnan(result.expired));
}

static void interrupted_run_keeps_what_expired(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(60);
	struct stage stage = stage_begin(&config, &world);
	struct result result;

	(void)state;
	stage_run(&stage, 60);
	while (isnan(search_progress(stage.search, stage.now).expired) && !search_done(stage.search))
		stage_run(&stage, stage.now + 0.1);
	assert_false(search_done(stage.search));
	result = verdict(&stage, &INTERRUPTED);
	assert_inconclusive(&result, REASON_INTERRUPTED);
	assert_true(result.survived > 55 && result.survived <= 60);
	assert_true(result.expired >= 60 && result.expired < 65);
	stage_end(&stage);
}

static void interrupted_after_the_answer_keeps_the_answer(void **state)
{
	struct result result = stopped(20, INFINITY, &INTERRUPTED);

	(void)state;
	assert_timeout(&result, 20, SIGNAL_SILENT, ORIGIN_NONE);
}

static struct result refused(const struct circumstances *circumstances, bool answered)
{
	const struct observation failed = {.what = OBSERVED_OPEN_FAILED, .rtt = NAN, .error = ECONNREFUSED};
	struct search_config config = stage_config();
	struct search *search = search_new(&config);
	struct result result;
	struct action action;

	assert_true(search_next(search, 0, &action));
	if (answered)
		search_observe(search, &failed);
	assert_false(search_next(search, 0.2, &action));
	verdict_reach(search, circumstances, &result);
	search_free(search);
	return result;
}

static void unreachable(void **state)
{
	struct result result = refused(&PLAIN, true);

	(void)state;
	assert_int_equal(result.outcome, OUTCOME_UNREACHABLE);
	assert_int_equal(result.reason, REASON_NONE);
	assert_true(isnan(result.timeout) && isnan(result.survived) && isnan(result.expired));
	assert_int_equal(result.warning_count, 0);
}

static void interrupted_before_the_first_connection(void **state)
{
	struct result result = refused(&INTERRUPTED, false);

	(void)state;
	assert_inconclusive(&result, REASON_INTERRUPTED);
}

/* Segments that the capture lost may have been the answers. */
static void many_capture_drops_make_it_inconclusive(void **state)
{
	const struct circumstances few = {.capture_drops = 1}, many = {.capture_drops = 100000};
	struct result result = stopped(20, INFINITY, &few);

	(void)state;
	assert_timeout(&result, 20, SIGNAL_SILENT, ORIGIN_NONE);
	assert_true(warned(&result, WARNING_CAPTURE_DROPS));
	result = stopped(20, INFINITY, &many);
	assert_inconclusive(&result, REASON_CAPTURE_DROPS);
	assert_true(warned(&result, WARNING_CAPTURE_DROPS));
}

/* Answers prove life, however many more were dropped. */
static void capture_drops_do_not_undo_survival(void **state)
{
	const struct circumstances many = {.capture_drops = 100000};
	struct result result = stopped(INFINITY, INFINITY, &many);

	(void)state;
	assert_int_equal(result.outcome, OUTCOME_NO_TIMEOUT);
	assert_true(warned(&result, WARNING_CAPTURE_DROPS));
}

static void change_of_address_makes_it_inconclusive(void **state)
{
	const struct circumstances changed = {.address_changed = true};
	struct result result = stopped(20, INFINITY, &changed);

	(void)state;
	assert_inconclusive(&result, REASON_ADDRESS_CHANGED);
	result = refused(&changed, true);
	assert_int_equal(result.outcome, OUTCOME_UNREACHABLE);
}

/* What is known is told all the same. */
static void lack_of_memory_makes_it_inconclusive(void **state)
{
	const struct circumstances lacking = {.out_of_memory = true};
	struct result result = stopped(INFINITY, INFINITY, &lacking);

	(void)state;
	assert_inconclusive(&result, REASON_OUT_OF_MEMORY);
	assert_true(result.survived > 0);
	result = refused(&lacking, true);
	assert_int_equal(result.outcome, OUTCOME_INCONCLUSIVE);
}

static void clock_jump_is_told(void **state)
{
	const struct circumstances slept = {.clock_jump = 3600}, late = {.clock_jump = 0.5};
	struct result result = stopped(20, INFINITY, &slept);

	(void)state;
	assert_true(warned(&result, WARNING_CLOCK_JUMP));
	assert_timeout(&result, 20, SIGNAL_SILENT, ORIGIN_NONE);
	result = stopped(20, INFINITY, &late);
	assert_false(warned(&result, WARNING_CLOCK_JUMP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeout_silent),
		cmocka_unit_test(nothing_is_known_to_survive),
		cmocka_unit_test(timeout_reset_on_probe),
		cmocka_unit_test(remapped_probe_is_no_closing_by_the_endpoint),
		cmocka_unit_test(timeout_reset_at_expiry),
		cmocka_unit_test(probe_that_met_the_reset_is_no_mixed_signal),
		cmocka_unit_test(timeout_icmp),
		cmocka_unit_test(few_icmp_errors_are_mixed_signals),
		cmocka_unit_test(closed_by_endpoint_with_fin),
		cmocka_unit_test(crew_that_dies_within_a_second_was_not_restarted),
		cmocka_unit_test(closed_by_endpoint_with_reset),
		cmocka_unit_test(timeout_that_keepalives_do_not_refresh),
		cmocka_unit_test(reset_of_unknown_origin),
		cmocka_unit_test(no_timeout_says_what_it_may_hide),
		cmocka_unit_test(revived_by_the_probe_looks_like_no_timeout),
		cmocka_unit_test(far_end_that_keeps_alive),
		cmocka_unit_test(endpoint_that_restarts),
		cmocka_unit_test(table_that_is_flushed),
		cmocka_unit_test(path_that_stays_out),
		cmocka_unit_test(two_boxes_are_inconsistent),
		cmocka_unit_test(table_that_is_scanned_gives_no_wrong_interval),
		cmocka_unit_test(eviction_is_told),
		cmocka_unit_test(very_lossy_path_gives_no_wrong_answer),
		cmocka_unit_test(few_connections_leave_a_wide_interval),
		cmocka_unit_test(interrupted_run_keeps_what_survived),
		cmocka_unit_test(interrupted_run_keeps_what_expired),
		cmocka_unit_test(interrupted_after_the_answer_keeps_the_answer),
		cmocka_unit_test(unreachable),
		cmocka_unit_test(interrupted_before_the_first_connection),
		cmocka_unit_test(many_capture_drops_make_it_inconclusive),
		cmocka_unit_test(capture_drops_do_not_undo_survival),
		cmocka_unit_test(change_of_address_makes_it_inconclusive),
		cmocka_unit_test(lack_of_memory_makes_it_inconclusive),
		cmocka_unit_test(clock_jump_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
