#include "stage.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_STEPS = 100000 };

struct search_config stage_config(void)
{
	return (struct search_config){
		.strategy = STRATEGY_SWEEP,
		.min_idle = 1,
		.max_idle = 200,
		.precision = 0.01,
		.resolution = 1,
		.connections = 96,
	};
}

struct world_config stage_world(double timeout)
{
	return (struct world_config){.seed = 1, .rtt = 0.02, .timeout = timeout};
}

struct stage stage_begin(const struct search_config *config, const struct world_config *world)
{
	struct stage stage = {.search = search_new(config), .world = world_new(world), .deaf_from = INFINITY};

	if (!stage.search)
		abort();
	return stage;
}

static void note(struct stage *stage, const struct action *action)
{
	if (stage->step_count == stage->step_room) {
		stage->step_room = 2 * stage->step_room + 256;
		stage->steps = realloc(stage->steps, stage->step_room * sizeof *stage->steps);
		if (!stage->steps)
			abort();
	}
	stage->steps[stage->step_count++] = (struct step){*action, stage->now};
}

static void observe(struct stage *stage)
{
	struct observation seen;

	if (!world_take(stage->world, &seen) || (seen.what == OBSERVED_REPLY && stage->now >= stage->deaf_from))
		return;
	if (stage->origin_hidden && seen.from != ORIGIN_NONE)
		seen.from = ORIGIN_UNKNOWN;
	seen.blur = stage->blur;
	search_observe(stage->search, &seen);
}

void stage_run(struct stage *stage, double until)
{
	for (int turn = 0; !search_done(stage->search); turn++) {
		struct action action;

		while (search_next(stage->search, stage->now, &action)) {
			note(stage, &action);
			world_act(stage->world, &action, stage->now);
		}
		if (search_done(stage->search))
			return;

		double deadline = search_deadline(stage->search), event = world_next(stage->world);
		double next = fmin(deadline, event);

		stage->stuck = isinf(next) || turn == MOST_STEPS;
		if (stage->stuck)
			return;
		if (next > until) {
			stage->now = fmax(stage->now, until);
			return;
		}
		if (event <= deadline) {
			stage->now = fmax(stage->now, event);
			observe(stage);
		} else {
			stage->now = fmax(stage->now + 1e-6, deadline);
		}
	}
}

void stage_end(struct stage *stage)
{
	search_free(stage->search);
	world_free(stage->world);
	free(stage->steps);
}
