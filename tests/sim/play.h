/* Plays one measurement in a world of virtual time. */
#ifndef IDLEPROBE_PLAY_H
#define IDLEPROBE_PLAY_H

#include "core/findings.h"
#include "world.h"

struct played {
	struct result result;     /* of the whole */
	struct findings findings;
	struct path_stats path;
	double elapsed; /* seconds */
	bool ended;     /* false: it went on for ever, or waited for nothing */
};

struct played play(const struct survey_config *, const struct world_config *);

#endif
