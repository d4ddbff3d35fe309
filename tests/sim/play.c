#include "play.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_STEPS = 300000 };

struct played play(const struct search_config *config, const struct world_config *world_config)
{
	const struct circumstances circumstances = {.interrupted = false};
	struct search *search = search_new(config);
	struct world *world = world_new(world_config);
	struct played played = {.ended = true};
	double now = 0;

	if (!search)
		abort();
	for (int step = 0; !search_done(search); step++) {
		struct action action;
		struct observation seen;

		while (search_next(search, now, &action))
			world_act(world, &action, now);
		if (search_done(search))
			break;

		double deadline = search_deadline(search), event = world_next(world);

		if (fmin(deadline, event) == INFINITY || step == MOST_STEPS) {
			played.ended = false;
			break;
		}
		if (event <= deadline) {
			now = fmax(now, event);
			if (world_take(world, &seen))
				search_observe(search, &seen);
		} else {
			now = fmax(now + 1e-6, deadline);
		}
	}
	verdict_reach(search, &circumstances, &played.result);
	played.path = ledger_path(search_ledger(search));
	played.elapsed = now;
	search_free(search);
	world_free(world);
	return played;
}
