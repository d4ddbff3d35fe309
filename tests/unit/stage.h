/* A search in a world of virtual time (tests/sim/world.h), to be stopped and looked at in the middle. */
#ifndef IDLEPROBE_STAGE_H
#define IDLEPROBE_STAGE_H

#include "../sim/world.h"
#include "core/search.h"

struct step {
	struct action action;
	double at;
};

struct stage {
	struct search *search;
	struct world *world;
	double now;
	struct step *steps; /* all that the search asked for */
	size_t step_count, step_room;
	bool origin_hidden; /* who sent what arrives cannot be told, as with plain sockets */
	double blur;        /* seconds by which the times of what was sent and came are known, likewise */
	double deaf_from;   /* no probe is answered from then on, though connections open; INFINITY */
	bool stuck;         /* the search waits for nothing, or never ends */
};

/* 1 s to 200 s, 1 % or 1 s, 96 connections. */
struct search_config stage_config(void);
/* A silent middlebox with this timeout, 20 ms away. */
struct world_config stage_world(double timeout);

/* stage_end() frees what it holds. */
struct stage stage_begin(const struct search_config *, const struct world_config *);
/* Runs until then, or until the search is done. */
void stage_run(struct stage *, double until);
void stage_end(struct stage *);

#endif
