/* What --dry-run tells: the plan of a measurement, from rehearsals of it. */
#ifndef IDLEPROBE_PLAN_H
#define IDLEPROBE_PLAN_H

#include "core/options.h"
#include "core/rehearsal.h"

#include <stdio.h>

/* Paths to rehearse on: the shortest timeout searched, the longest, none. */
enum plan_path { PLAN_SHORTEST, PLAN_LONGEST, PLAN_NONE, PLAN_PATHS };

/* Where it is not known whether the target is a responder, there are two. */
struct plan_way {
	bool responder;
	struct rehearsal paths[PLAN_PATHS];
};

struct plan {
	const struct options *options;
	bool raw; /* the engine */
	const char *const *targets;
	size_t target_count;
	double gap; /* seconds from the beginning of one target to that of the next */
	struct plan_way ways[2];
	int way_count;
};

void plan_text(FILE *, const struct plan *);

/* One line; the caller frees it. NULL without memory. */
char *plan_json(const struct plan *);

#endif
