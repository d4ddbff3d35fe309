#include "dry_run.h"

#include "core/platforms.h"
#include "edge/engine.h"
#include "edge/target.h"
#include "edge/targets.h"
#include "format/plan.h"
#include "run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the longest idle time: a timeout that is found only at the end. */
#define NEARLY 0.98

static int rehearse_way(struct plan *plan, const struct platforms *platforms, bool responder)
{
	const struct options *options = plan->options;
	const struct survey_config config = run_survey(options, platforms, plan->raw, responder);
	const double timeouts[PLAN_PATHS] = {
		[PLAN_SHORTEST] = options->min_idle,
		[PLAN_LONGEST] = NEARLY * options->max_idle,
		[PLAN_NONE] = INFINITY,
	};
	struct plan_way *way = &plan->ways[plan->way_count++];

	way->responder = responder;
	for (int i = 0; i < PLAN_PATHS; i++)
		if (rehearse(&config, timeouts[i], &way->paths[i]) < 0)
			return -1;
	return 0;
}

/* 0, or -1 without memory. */
static int rehearse_ways(struct plan *plan)
{
	const struct options *options = plan->options;
	struct platforms *platforms = platforms_load();
	bool maybe = options->connections >= 2 * FEWEST_CONNECTIONS;
	int status = platforms ? 0 : -1;

	switch ((enum direction_choice)options->direction) {
	case DIRECTIONS_AUTO:
		status = status || rehearse_way(plan, platforms, false) || (maybe && rehearse_way(plan, platforms, true)) ? -1 : 0;
		break;
	case DIRECTIONS_OUT:
		status = status || rehearse_way(plan, platforms, false) ? -1 : 0;
		break;
	case DIRECTIONS_IN:
	case DIRECTIONS_BOTH:
		status = status || rehearse_way(plan, platforms, true) ? -1 : 0;
		break;
	}
	platforms_free(platforms);
	return status;
}

static int look_at(const struct targets *targets, struct failure *failure)
{
	struct target target;

	for (size_t i = 0; i < targets->count; i++)
		if (target_parse(&target, targets->names[i], failure) < 0)
			return -1;
	return 0;
}

static int show(const struct plan *plan, struct failure *failure)
{
	char *json = NULL;

	if (plan->options->json) {
		json = plan_json(plan);
		if (!json)
			return fail(failure, EXIT_CANNOT_RUN, "out of memory");
		fputs(json, stdout);
		free(json);
	} else {
		plan_text(stdout, plan);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail(failure, EXIT_CANNOT_RUN, "standard output cannot be written: %s", strerror(errno));
	return 0;
}

static int make_plan(const struct options *options, struct targets *targets, struct failure *failure)
{
	struct plan plan = { .options = options, .raw = engine_will_be_raw((enum engine_choice)options->engine) };

	if (targets_gather(targets, options, failure) < 0 || look_at(targets, failure) < 0)
		return -1;
	plan.targets = targets->names;
	plan.target_count = targets->count;
	plan.gap = targets_gap(options, targets->count);
	if (rehearse_ways(&plan) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	return show(&plan, failure);
}

int dry_run(const struct options *options)
{
	struct targets targets = { 0 };
	struct failure failure;
	int status = make_plan(options, &targets, &failure);

	if (status < 0)
		fprintf(stderr, "idleprobe: %s\n", failure.text);
	targets_free(&targets);
	return status < 0 ? (int)failure.code : EXIT_ANSWER;
}
