/* What is foretold of a measurement is what it costs, as far as the model of the world (tests/sim) can tell. */
#include "core/rehearsal.h"
#include "../sim/play.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct survey_config sweep(void)
{
	return (struct survey_config){
		.search = {
			.strategy = STRATEGY_SWEEP,
			.min_idle = 1,
			.max_idle = 7500,
			.precision = 0.01,
			.resolution = 1,
			.connections = 96,
		},
		.outbound = true,
	};
}

static struct rehearsal rehearsed(const struct survey_config *config, double timeout)
{
	struct rehearsal rehearsal;

	assert_int_equal(rehearse(config, timeout, &rehearsal), 0);
	return rehearsal;
}

/* The box's timeout is that of the world; the path delays as much, and loses nothing. */
static void costs_what_the_world_says(const struct survey_config *config, double timeout)
{
	const struct world_config world = { .seed = 3, .rtt = 0.02, .timeout = timeout, .responder = config->inbound };
	struct rehearsal rehearsal = rehearsed(config, timeout);
	struct played played = play(config, &world);

	assert_true(played.ended);
	assert_float_equal(rehearsal.elapsed / played.elapsed, 1, 0.02);
	assert_float_equal((double)rehearsal.probes / played.path.probes, 1, 0.1);
	assert_float_equal((double)rehearsal.connections / played.path.connections, 1, 0.1);
}

static void sweep_costs_what_was_foretold(void **state)
{
	struct survey_config config = sweep();

	(void)state;
	costs_what_the_world_says(&config, INFINITY);
	costs_what_the_world_says(&config, 900);
	costs_what_the_world_says(&config, 7350);
}

static void ladder_and_check_cost_what_was_foretold(void **state)
{
	struct survey_config config = sweep();

	(void)state;
	config.search.strategy = STRATEGY_ONCE;
	config.search.max_idle = 600;
	config.search.connections = 48;
	costs_what_the_world_says(&config, INFINITY);
	config.search.strategy = STRATEGY_LADDER;
	costs_what_the_world_says(&config, 100);
}

static void bounds_are_those_of_the_options(void **state)
{
	struct survey_config config = sweep();
	struct rehearsal rehearsal = rehearsed(&config, INFINITY);

	(void)state;
	assert_int_equal(rehearsal.at_once, 96);
	assert_true(rehearsal.connections >= rehearsal.at_once);
	assert_true(rehearsal.openings_a_second <= 70); /* OPENING_GAP of crew.c */
	assert_true(rehearsal.first_minute < rehearsal.probes);
	assert_true(rehearsal.elapsed > 7500 && rehearsal.elapsed < 7600);
	assert_true(rehearsal.longest > rehearsal.elapsed);
	config.search.strategy = STRATEGY_LADDER;
	rehearsal = rehearsed(&config, 50);
	assert_int_equal(rehearsal.at_once, 4);
	config.search.strategy = STRATEGY_ONCE;
	config.search.max_idle = 60;
	rehearsal = rehearsed(&config, INFINITY);
	assert_true(rehearsal.longest <= 64 && rehearsal.elapsed < rehearsal.longest);
}

static void both_directions_share_the_connections(void **state)
{
	struct survey_config config = sweep();
	struct rehearsal rehearsal;

	(void)state;
	config.inbound = true;
	config.search.max_idle = 300;
	rehearsal = rehearsed(&config, INFINITY);
	assert_true(rehearsal.at_once <= 96);
	assert_true(rehearsal.elapsed < 320);
	rehearsal = rehearsed(&config, 100);
	assert_true(rehearsal.elapsed < 130);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sweep_costs_what_was_foretold),
		cmocka_unit_test(ladder_and_check_cost_what_was_foretold),
		cmocka_unit_test(bounds_are_those_of_the_options),
		cmocka_unit_test(both_directions_share_the_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
