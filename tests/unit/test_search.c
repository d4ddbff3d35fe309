/* How the search behaves on the way: what it asks for, when, and when it ends. */
#include "core/bracket.h"
#include "core/search.h"
#include "stage.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SPACING 0.6 /* Linux answers one out-of-window segment in 500 ms (net.ipv4.tcp_invalid_ratelimit) */

static struct stage staged(double timeout)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(timeout);

	return stage_begin(&config, &world);
}

static bool is_control(const struct stage *stage, int conn)
{
	return ledger_life(search_ledger(stage->search), conn)->control;
}

static void assert_holds(const struct stage *stage, double timeout)
{
	struct bracket bracket;

	assert_false(stage->stuck);
	assert_int_equal(search_end(stage->search), SEARCH_ANSWERED);
	search_bracket(stage->search, &bracket);
	assert_true(bracket.lower <= timeout && timeout <= bracket.upper);
}

static void assert_answered(const struct stage *stage, double timeout)
{
	struct bracket bracket;

	assert_holds(stage, timeout);
	search_bracket(stage->search, &bracket);
	assert_true(bracket.upper - bracket.lower <= search_width_asked(stage->search, bracket.lower));
}

/* A probe of a worker at an idle time in [from, to]. */
static bool scouted(const struct stage *stage, double from, double to)
{
	size_t count;
	const struct sample *samples = ledger_samples(search_ledger(stage->search), &count);

	for (size_t i = 0; i < count; i++)
		if (!samples[i].control && samples[i].idle >= from && samples[i].idle <= to)
			return true;
	return false;
}

/* Fails every connection that the search opens. */
static struct search *failing(int error, int *opened)
{
	struct search_config config = stage_config();
	struct search *search = search_new(&config);
	struct observation seen = {.what = OBSERVED_OPEN_FAILED, .rtt = NAN, .error = error};
	double now = 0;

	assert_non_null(search);
	*opened = 0;
	for (int turn = 0; turn < 50 && !search_done(search); turn++, now++) {
		struct action action;

		while (search_next(search, now, &action)) {
			assert_int_equal(action.kind, ACTION_OPEN);
			++*opened;
			seen.conn = action.conn;
			seen.at = now;
			search_observe(search, &seen);
		}
	}
	return search;
}

/* A target that refuses is asked once, not a hundred times. */
static void pilot_goes_alone(void **state)
{
	struct search_config config = stage_config();
	const struct observation open = {.what = OBSERVED_OPEN, .conn = 0, .at = 100, .rtt = 0.02};
	struct search *search = search_new(&config);
	struct action action;

	(void)state;
	assert_true(search_next(search, 0, &action));
	assert_int_equal(action.kind, ACTION_OPEN);
	assert_int_equal(action.conn, 0);
	for (double now = 0; now < 100; now++)
		assert_false(search_next(search, now, &action));
	search_observe(search, &open);
	assert_true(search_next(search, 100, &action));
	assert_int_equal(action.kind, ACTION_OPEN);
	search_free(search);
}

static void refusal_ends_the_search_at_once(void **state)
{
	int opened;
	struct search *search = failing(ECONNREFUSED, &opened);
	struct action action;

	(void)state;
	assert_int_equal(opened, 1);
	assert_true(search_done(search));
	assert_int_equal(search_end(search), SEARCH_UNREACHABLE);
	assert_int_equal(search_error(search), ECONNREFUSED);
	assert_false(search_next(search, 100, &action));
	search_free(search);
}

/* SYNs get lost: a few more are tried, and no more than a few. */
static void pilot_that_timed_out_is_followed_by_few(void **state)
{
	int opened;
	struct search *search = failing(ETIMEDOUT, &opened);

	(void)state;
	assert_in_range(opened, 2, 5);
	assert_int_equal(search_end(search), SEARCH_UNREACHABLE);
	assert_int_equal(search_error(search), ETIMEDOUT);
	search_free(search);
}

static void connections_open_at_a_bounded_rate(void **state)
{
	struct stage stage = staged(60);
	double before = -1;
	int opened = 0;

	(void)state;
	stage_run(&stage, INFINITY);
	for (size_t i = 0; i < stage.step_count; i++) {
		if (stage.steps[i].action.kind != ACTION_OPEN)
			continue;
		assert_true(stage.steps[i].at - before > 0.007);
		before = stage.steps[i].at;
		opened++;
	}
	assert_in_range(opened, 20, 120);
	stage_end(&stage);
}

/* In a silent world none ends but by being closed. */
static void never_more_connections_than_allowed(void **state)
{
	const int allowed[] = {2, 3, 4, 6, 8, 16, 32, 96};

	(void)state;
	for (size_t n = 0; n < sizeof allowed / sizeof *allowed; n++) {
		struct search_config config = stage_config();
		struct world_config world = stage_world(30);
		struct stage stage;
		int open = 0, most = 0;

		config.connections = allowed[n];
		stage = stage_begin(&config, &world);
		stage_run(&stage, INFINITY);
		for (size_t i = 0; i < stage.step_count; i++) {
			open += stage.steps[i].action.kind == ACTION_OPEN;
			open -= stage.steps[i].action.kind == ACTION_CLOSE;
			most = open > most ? open : most;
		}
		assert_in_range(most, 2, allowed[n]);
		assert_holds(&stage, 30);
		if (allowed[n] > 2) /* two take more time than is worth it to get as narrow as asked for */
			assert_answered(&stage, 30);
		stage_end(&stage);
	}
}

/* Boxes with small tables. */
static void ladder_takes_four_connections_at_most(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(30);
	struct stage stage;
	int open = 0;

	(void)state;
	config.strategy = STRATEGY_LADDER;
	stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	for (size_t i = 0; i < stage.step_count; i++) {
		open += stage.steps[i].action.kind == ACTION_OPEN;
		open -= stage.steps[i].action.kind == ACTION_CLOSE;
		assert_in_range(open, 0, 4);
	}
	assert_answered(&stage, 30);
	stage_end(&stage);
}

/* One control is probed every second, and cannot be again for more than half of one: the time for which a worker
 * is of use is hardly longer. Whatever the phases of the two, the answer comes. */
static void one_control_is_free_when_a_worker_is_due(void **state)
{
	(void)state;
	for (double timeout = 6; timeout < 7; timeout += 0.1) {
		for (int connections = 2; connections <= 5; connections++) {
			struct search_config config = stage_config();
			struct world_config world = stage_world(timeout);
			struct stage stage;

			config.connections = connections;
			stage = stage_begin(&config, &world);
			stage_run(&stage, INFINITY);
			assert_answered(&stage, timeout);
			assert_true(stage.now < (connections == 2 ? 13 : 10) * timeout);
			stage_end(&stage);
		}
	}
}

static void assert_spaced(const struct stage *stage)
{
	double latest[1000];

	for (int conn = 0; conn < 1000; conn++)
		latest[conn] = -INFINITY;
	for (size_t i = 0; i < stage->step_count; i++) {
		const struct step *step = &stage->steps[i];

		if (step->action.kind != ACTION_PROBE)
			continue;
		assert_in_range(step->action.conn, 0, 999);
		assert_true(step->at - latest[step->action.conn] > SPACING - 1e-3);
		latest[step->action.conn] = step->at;
	}
}

static void probes_of_one_connection_are_spaced(void **state)
{
	(void)state;
	for (int seed = 1; seed <= 5; seed++) {
		struct search_config config = stage_config();
		struct world_config world = stage_world(10);
		struct stage stage;

		config.connections = seed % 2 ? 96 : 4;
		config.max_idle = 40;
		world.seed = (uint64_t)seed;
		world.loss = 0.05 * (seed - 1);
		stage = stage_begin(&config, &world);
		stage_run(&stage, INFINITY);
		assert_false(stage.stuck);
		assert_spaced(&stage);
		stage_end(&stage);
	}
}

/* Where the kernel sends the keepalives none leaves within a second of what came, the handshake and the answer to the latest
 * included. */
static void probes_are_spaced_as_the_engine_needs(void **state)
{
	const double spacing = 1.1;

	(void)state;
	for (int timeout = 5; timeout <= 80; timeout *= 4) {
		struct search_config config = stage_config();
		struct world_config world = stage_world(timeout);
		double latest[1000];

		config.spacing = spacing;
		struct stage stage = stage_begin(&config, &world);

		stage_run(&stage, INFINITY);
		assert_answered(&stage, timeout);
		for (int conn = 0; conn < 1000; conn++)
			latest[conn] = -INFINITY;
		for (size_t i = 0; i < stage.step_count; i++) {
			const struct action *action = &stage.steps[i].action;

			assert_in_range(action->conn, 0, 999);
			if (action->kind == ACTION_PROBE || action->kind == ACTION_CONFIRM)
				assert_true(stage.steps[i].at - latest[action->conn] > spacing - 1e-3);
			latest[action->conn] = stage.steps[i].at;
		}
		stage_end(&stage);
	}
}

/* The first sign of death may stand inside the interval that is still to be split, by less than its time is known to. */
static void blurred_signs_do_not_stall_the_search(void **state)
{
	(void)state;
	for (int seed = 1; seed <= 300; seed++) {
		struct search_config config = stage_config();
		struct world_config world = stage_world(15 + 0.03 * seed);
		struct stage stage;

		config.spacing = 1.1;
		config.connections = 48;
		world.seed = (uint64_t)seed;
		world.rtt = 0.0001;
		stage = stage_begin(&config, &world);
		stage.blur = 0.03;
		stage_run(&stage, INFINITY);
		if (stage.now > 4 * world.timeout)
			print_error("seed %d: %.1f s, T = %.2f\n", seed, stage.now, world.timeout);
		assert_true(stage.now < 4 * world.timeout);
		stage_end(&stage);
	}
}

/* A census asks all at once, but none that was asked a moment ago: a rate limit would silence it. */
static void probes_are_spaced_where_fates_contradict(void **state)
{
	(void)state;
	for (int seed = 1; seed <= 8; seed++) {
		struct search_config config = stage_config();
		struct world_config world = stage_world(seed % 2 ? INFINITY : 100);
		struct stage stage;

		world.seed = (uint64_t)seed;
		world.close_after = seed % 2 ? 20 : 0;
		world.close_by_reset = seed % 4 == 1;
		world.flush_at = seed % 4 == 0 ? 25 : 0;
		world.second_share = seed % 4 == 2 ? 0.5 : 0;
		world.second_timeout = 40;
		stage = stage_begin(&config, &world);
		stage_run(&stage, INFINITY);
		assert_false(stage.stuck);
		assert_spaced(&stage);
		stage_end(&stage);
	}
}

/* Conntrack may have cut the entry of a connection that left four probes unanswered: it measures nothing. */
static void tainted_worker_is_not_probed_again(void **state)
{
	int tainted = 0;

	(void)state;
	for (int seed = 1; seed <= 20; seed++) {
		struct search_config config = stage_config();
		struct world_config world = stage_world(INFINITY);
		struct stage stage;

		config.max_idle = 60;
		world.seed = (uint64_t)seed;
		world.loss = 0.3;
		stage = stage_begin(&config, &world);
		stage_run(&stage, INFINITY);

		size_t count;
		const struct life *lives = ledger_lives(search_ledger(stage.search), &count);

		for (size_t conn = 0; conn < count; conn++) {
			const struct life *life = &lives[conn];

			if (!life->tainted || life->control)
				continue;
			tainted++;
			assert_int_equal(life->period_count, 0);
			for (size_t i = 0; i < stage.step_count; i++) {
				const struct step *step = &stage.steps[i];

				if (step->action.kind == ACTION_PROBE && step->action.conn == (int)conn)
					assert_true(step->at <= life->last_reply);
			}
		}
		stage_end(&stage);
	}
	assert_true(tainted > 0);
}

static void documented_timeout_gets_a_scout_just_below_and_just_above(void **state)
{
	const double documented[] = {73};
	struct search_config config = stage_config();
	struct world_config world = stage_world(INFINITY);
	struct stage with, without;

	(void)state;
	without = stage_begin(&config, &world);
	stage_run(&without, 90);
	assert_false(scouted(&without, 72.2, 73) && scouted(&without, 73, 73.8));
	config.documented = documented;
	config.documented_count = 1;
	with = stage_begin(&config, &world);
	stage_run(&with, 90);
	assert_true(scouted(&with, 72.2, 73));
	assert_true(scouted(&with, 73, 73.8));
	stage_end(&with);
	stage_end(&without);
}

/* A scout that goes out into an outage comes back as a death. */
static void no_scout_goes_out_while_no_control_answers(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(100);
	struct stage stage;
	int controls = 0;

	(void)state;
	world.outage_at[0] = 30;
	world.outage_for[0] = 20;
	stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	for (size_t i = 0; i < stage.step_count; i++) {
		const struct step *step = &stage.steps[i];

		if (step->action.kind != ACTION_PROBE || step->at < 32 || step->at > 50)
			continue;
		assert_true(is_control(&stage, step->action.conn));
		controls++;
	}
	assert_true(controls > 10);
	assert_answered(&stage, 100);
	stage_end(&stage);
}

static int workers_asked(const struct stage *stage, double from, double to)
{
	int asked = 0;

	for (size_t i = 0; i < stage->step_count; i++) {
		const struct step *step = &stage->steps[i];

		asked += step->action.kind == ACTION_PROBE && step->at > from && step->at < to && !is_control(stage, step->action.conn);
	}
	return asked;
}

/* A worker that is asked in its place has its idle time begun anew. */
static void lost_probe_of_the_only_control_disturbs_no_worker(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(100);
	struct stage stage;
	double lost = NAN;

	(void)state;
	config.connections = 4;
	stage = stage_begin(&config, &world);
	stage_run(&stage, 33);
	for (size_t i = 0; i < stage.step_count; i++)
		if (stage.steps[i].action.kind == ACTION_PROBE && stage.steps[i].at > 30 && isnan(lost) &&
		    is_control(&stage, stage.steps[i].action.conn))
			lost = stage.steps[i].at;
	assert_int_equal(workers_asked(&stage, lost - 0.5, lost + 1.5), 0);
	stage_end(&stage);
	world.outage_at[0] = lost - 0.1;
	world.outage_for[0] = 0.3;
	stage = stage_begin(&config, &world);
	stage_run(&stage, 33);
	assert_int_equal(workers_asked(&stage, lost - 0.5, lost + 1.5), 0);
	stage_end(&stage);
}

static void path_that_stays_out_ends_the_search(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(100);
	struct stage stage;
	struct bracket bracket;

	(void)state;
	world.outage_at[0] = 30;
	world.outage_for[0] = INFINITY;
	stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	assert_int_equal(search_end(stage.search), SEARCH_PATH_OUT);
	assert_true(stage.now < 300);
	search_bracket(stage.search, &bracket);
	assert_true(isnan(bracket.upper));
	stage_end(&stage);
}

/* Proxies answer keepalives themselves, and their timers run on. */
static void control_that_dies_of_age_selects_that_timer(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(INFINITY);
	struct bracket bracket;
	struct stage stage;

	(void)state;
	world.close_after = 20;
	stage = stage_begin(&config, &world);
	stage_run(&stage, 15);
	assert_int_equal(search_bracket(stage.search, &bracket), TIMER_IDLE);
	stage_run(&stage, INFINITY);
	assert_int_equal(search_bracket(stage.search, &bracket), TIMER_AGE);
	assert_true(search_control_died(stage.search));
	assert_answered(&stage, 20);
	stage_end(&stage);
}

/* All controls die at one age, before the crew is complete: fresh ones, and workers as they come to that age, tell the rest. */
static void silent_timer_of_ages_shorter_than_the_opening(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(6);
	struct bracket bracket;
	struct stage stage;

	(void)state;
	config.max_idle = 7200;
	config.connections = 39;
	world.payload_only = true;
	stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	assert_int_equal(search_end(stage.search), SEARCH_ANSWERED);
	assert_int_equal(search_bracket(stage.search, &bracket), TIMER_AGE);
	assert_true(bracket.alive < 6 && 6 < bracket.upper && bracket.upper - bracket.alive < 1.5);
	assert_true(stage.now < 3 * 6);
	stage_end(&stage);
}

static void timer_that_keepalives_refresh_spares_the_controls(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(20);
	struct bracket bracket;
	struct stage stage;

	(void)state;
	world.late = LATE_RESET;
	stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	assert_int_equal(search_bracket(stage.search, &bracket), TIMER_IDLE);
	assert_false(search_control_died(stage.search));
	assert_true(search_some_outlived(stage.search));
	assert_answered(&stage, 20);
	stage_end(&stage);
}

/* A flush kills all at one moment: nobody outlives the others. */
static void nobody_outlives_a_flushed_table(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(100);
	struct stage stage;

	(void)state;
	world.flush_at = 20;
	stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	assert_false(stage.stuck);
	assert_false(search_some_outlived(stage.search));
	assert_true(search_control_died(stage.search));
	stage_end(&stage);
}

static void far_end_that_speaks_ends_the_search(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(9);
	struct stage stage;

	(void)state;
	world.keepalive = 4;
	stage = stage_begin(&config, &world);
	stage_run(&stage, INFINITY);
	assert_int_equal(search_end(stage.search), SEARCH_ENDPOINT_SPEAKS);
	stage_end(&stage);
}

static void everybody_that_survives_the_range_is_an_answer(void **state)
{
	struct stage stage = staged(INFINITY);
	struct bracket bracket;

	(void)state;
	stage_run(&stage, INFINITY);
	assert_int_equal(search_end(stage.search), SEARCH_ANSWERED);
	search_bracket(stage.search, &bracket);
	assert_true(bracket.alive > 199 && bracket.alive <= 200.1);
	assert_true(isnan(bracket.upper));
	assert_true(stage.now < 1.04 * 200);
	stage_end(&stage);
}

/* Does the target still take connections? */
static void fresh_connection_is_opened_at_the_end(void **state)
{
	struct stage stage = staged(60);
	const struct life *lives;
	size_t count;
	double opened = 0;

	(void)state;
	stage_run(&stage, INFINITY);
	for (size_t i = 0; i < stage.step_count; i++)
		if (stage.steps[i].action.kind == ACTION_OPEN)
			opened = stage.steps[i].at;
	assert_true(opened > 60);
	lives = ledger_lives(search_ledger(stage.search), &count);
	assert_int_equal(lives[count - 1].state, LIFE_OPEN);
	stage_end(&stage);
}

static void nothing_is_asked_once_the_search_is_done(void **state)
{
	struct stage stage = staged(20);
	struct action action;

	(void)state;
	stage_run(&stage, INFINITY);
	assert_answered(&stage, 20);
	for (double later = 0; later < 1000; later += 10)
		assert_false(search_next(stage.search, stage.now + later, &action));
	stage_end(&stage);
}

/* ENOBUFS, an interface that is down: wait a little, rather than spin. */
static void probes_pause_after_one_could_not_be_sent(void **state)
{
	struct stage stage = staged(INFINITY);
	struct observation seen = {.what = OBSERVED_SEND_FAILED, .conn = 3, .rtt = NAN, .error = ENOBUFS};
	struct action action;
	double failed;

	(void)state;
	stage_run(&stage, 15);
	failed = stage.now;
	seen.at = failed;
	search_observe(stage.search, &seen);
	for (double now = failed; now < failed + 0.49; now += 0.01)
		assert_false(search_next(stage.search, now, &action));
	assert_true(search_deadline(stage.search) <= failed + 0.5 + 1e-6);
	stage_end(&stage);
}

/* The route is gone for good. */
static void search_ends_where_nothing_can_be_sent_any_more(void **state)
{
	struct search_config config = stage_config();
	struct world_config world = stage_world(INFINITY);
	struct stage stage;
	struct action action;
	double now = 30;

	(void)state;
	config.max_idle = 7500;
	stage = stage_begin(&config, &world);
	stage_run(&stage, now);
	for (int turn = 0; turn < 5000 && !search_done(stage.search); turn++) {
		while (search_next(stage.search, now, &action)) {
			struct observation seen = {.conn = action.conn, .at = now, .rtt = NAN, .error = ENETUNREACH};

			seen.what = action.kind == ACTION_OPEN ? OBSERVED_OPEN_FAILED : OBSERVED_SEND_FAILED;
			if (action.kind != ACTION_CLOSE)
				search_observe(stage.search, &seen);
		}
		now = fmax(now + 1e-6, search_deadline(stage.search));
	}
	assert_int_equal(search_end(stage.search), SEARCH_PATH_OUT);
	assert_true(now > 150 && now < 160);
	stage_end(&stage);
}

/* A connection that cannot be opened in the middle is one less, and another is opened in its place. */
static void failed_opening_is_made_up_for(void **state)
{
	struct search_config config = stage_config();
	struct search *search = search_new(&config);
	struct action action;
	bool again = false;
	double now = 0;
	int failed = -1;

	(void)state;
	for (int turn = 0; turn < 3000 && now < 8; turn++) {
		while (search_next(search, now, &action)) {
			struct observation seen = {.conn = action.conn, .at = now, .rtt = 0.02};

			seen.what = OBSERVED_OPEN;
			if (action.kind == ACTION_OPEN && action.conn == 5) {
				seen.what = OBSERVED_OPEN_FAILED;
				seen.error = EADDRNOTAVAIL;
				failed = 5;
			} else if (action.kind == ACTION_PROBE) {
				seen.what = OBSERVED_SENT;
				seen.rtt = NAN;
				search_observe(search, &seen);
				seen.what = OBSERVED_REPLY;
				seen.rtt = 0.02;
			}
			again |= action.kind == ACTION_OPEN && action.conn > 5;
			if (action.kind != ACTION_CLOSE)
				search_observe(search, &seen);
		}
		now = fmax(now + 0.001, fmin(search_deadline(search), 8));
	}
	assert_int_equal(failed, 5);
	assert_true(again);
	assert_false(search_done(search));
	assert_int_equal(search_error(search), EADDRNOTAVAIL);
	search_free(search);
}

/* A firewall that drops keepalives lets connections open: that the path works shows in answers only. */
static void keepalives_that_nobody_answers_end_the_search(void **state)
{
	static const double from[] = { 0, 30, 30 };
	static const int crews[] = { 96, 96, 4 };
	struct world_config world = stage_world(INFINITY);
	struct search_config config = stage_config();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct stage stage;

		config.connections = crews[i];
		stage = stage_begin(&config, &world);
		stage.deaf_from = from[i];
		stage_run(&stage, INFINITY);
		assert_false(stage.stuck);
		assert_int_equal(search_end(stage.search), SEARCH_PATH_OUT);
		assert_true(stage.now < from[i] + 140);
		assert_true(stage.step_count < 1200);
		stage_end(&stage);
	}
}

static void progress_tells_what_is_known(void **state)
{
	struct stage stage = staged(60);
	struct search_progress progress;

	(void)state;
	stage_run(&stage, 40);
	progress = search_progress(stage.search, stage.now);
	assert_string_equal(progress.phase, "searching");
	assert_float_equal(progress.idle, 40, 1);
	assert_true(progress.survived > 30 && progress.survived < 40);
	assert_true(isnan(progress.expired));
	assert_true(progress.alive > 20);
	assert_int_equal(progress.ended, 0);
	assert_float_equal(progress.left_max, 160, 1);
	stage_run(&stage, INFINITY);
	progress = search_progress(stage.search, stage.now);
	assert_string_equal(progress.phase, "done");
	assert_float_equal(progress.expired, 60, 1);
	assert_true(progress.ended > 2);
	stage_end(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pilot_goes_alone),
		cmocka_unit_test(refusal_ends_the_search_at_once),
		cmocka_unit_test(pilot_that_timed_out_is_followed_by_few),
		cmocka_unit_test(connections_open_at_a_bounded_rate),
		cmocka_unit_test(never_more_connections_than_allowed),
		cmocka_unit_test(ladder_takes_four_connections_at_most),
		cmocka_unit_test(one_control_is_free_when_a_worker_is_due),
		cmocka_unit_test(probes_of_one_connection_are_spaced),
		cmocka_unit_test(probes_are_spaced_as_the_engine_needs),
		cmocka_unit_test(blurred_signs_do_not_stall_the_search),
		cmocka_unit_test(probes_are_spaced_where_fates_contradict),
		cmocka_unit_test(tainted_worker_is_not_probed_again),
		cmocka_unit_test(documented_timeout_gets_a_scout_just_below_and_just_above),
		cmocka_unit_test(no_scout_goes_out_while_no_control_answers),
		cmocka_unit_test(lost_probe_of_the_only_control_disturbs_no_worker),
		cmocka_unit_test(path_that_stays_out_ends_the_search),
		cmocka_unit_test(control_that_dies_of_age_selects_that_timer),
		cmocka_unit_test(silent_timer_of_ages_shorter_than_the_opening),
		cmocka_unit_test(timer_that_keepalives_refresh_spares_the_controls),
		cmocka_unit_test(nobody_outlives_a_flushed_table),
		cmocka_unit_test(far_end_that_speaks_ends_the_search),
		cmocka_unit_test(everybody_that_survives_the_range_is_an_answer),
		cmocka_unit_test(fresh_connection_is_opened_at_the_end),
		cmocka_unit_test(nothing_is_asked_once_the_search_is_done),
		cmocka_unit_test(probes_pause_after_one_could_not_be_sent),
		cmocka_unit_test(search_ends_where_nothing_can_be_sent_any_more),
		cmocka_unit_test(failed_opening_is_made_up_for),
		cmocka_unit_test(keepalives_that_nobody_answers_end_the_search),
		cmocka_unit_test(progress_tells_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
