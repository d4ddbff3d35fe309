#include "play.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_STEPS = 300000 };

struct played play(const struct survey_config *config, const struct world_config *world_config)
{
	const struct circumstances circumstances = {.interrupted = false};
	struct survey *survey = survey_new(config);
	struct world *world = world_new(world_config);
	struct played played = {.ended = true};
	double now = 0;

	if (!survey)
		abort();
	for (int step = 0; !survey_done(survey); step++) {
		struct action action;
		struct observation seen;

		while (survey_next(survey, now, &action))
			world_act(world, &action, now);
		if (survey_done(survey))
			break;

		double deadline = survey_deadline(survey), event = world_next(world);

		if (fmin(deadline, event) == INFINITY || step == MOST_STEPS) {
			played.ended = false;
			break;
		}
		if (event <= deadline) {
			now = fmax(now, event);
			if (world_take(world, &seen))
				survey_observe(survey, &seen);
		} else {
			now = fmax(now + 1e-6, deadline);
		}
	}
	findings_reach(survey, &circumstances, &played.findings);
	played.result = played.findings.whole;
	played.path = survey_path(survey);
	played.elapsed = now;
	survey_free(survey);
	world_free(world);
	return played;
}
