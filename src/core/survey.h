/* The survey: one search for each direction that is measured, side by side, each with connections of its own. To a
 * search it is all the same who sends the probes; the survey numbers the connections of both, hands out what was seen,
 * and ends a search that cannot change the answer any more. Pure. */
#ifndef IDLEPROBE_SURVEY_H
#define IDLEPROBE_SURVEY_H

#include "core/companion.h"
#include "core/search.h"
#include "core/types.h"

struct survey;

struct survey_config {
	struct search_config search; /* its connections are shared out between the directions */
	bool outbound, inbound;
	bool mute;                   /* the engine cannot send a segment that draws no answer */
	bool thorough;               /* each direction is measured to its end, even where the other has the shorter timeout */
};

/* NULL without memory. */
struct survey *survey_new(const struct survey_config *);
void survey_free(struct survey *);

/* As search_observe(), search_next() and search_deadline(), with connections numbered over both directions. */
void survey_observe(struct survey *, const struct observation *);
bool survey_next(struct survey *, double now, struct action *);
double survey_deadline(const struct survey *);
bool survey_done(const struct survey *);

/* Seconds by which it is done, whatever is seen. */
double survey_longest(const struct survey *);

/* A proxy stands between: the far side's probes do not come through it, so the inbound direction is not measured. */
bool survey_proxy(const struct survey *);

/* Whether what that companion carried restarts the timer that was found; UNKNOWN where it was not asked. */
enum tristate survey_refreshed(const struct survey *, enum companion_kind);

/* NULL where this direction is not measured. */
const struct search *survey_search(const struct survey *, enum direction);

/* The survey's numbers, by the search's; NULL where none was opened. */
const int *survey_numbers(const struct survey *, enum direction);

/* Of both together. */
struct path_stats survey_path(const struct survey *);
struct search_progress survey_progress(const struct survey *, double now);
bool survey_out_of_memory(const struct survey *);
int survey_error(const struct survey *); /* as search_error() */

#endif
