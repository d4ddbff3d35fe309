/* A path whose doings are told by bytes: a middlebox with a timer, from which the bytes make departures at any probe, down to
 * observations that no network would ever make. Once they are used up it keeps to its timer, or falls silent. */
#ifndef IDLEPROBE_FUZZ_PATH_H
#define IDLEPROBE_FUZZ_PATH_H

#include "core/types.h"
#include "fuzz.h"

struct path;

/* Takes its settings from the bytes, and then one or several for each action. */
struct path *path_new(struct bytes *);
void path_free(struct path *);

void path_act(struct path *, const struct action *, double now);

/* Moment of the next observation, INFINITY if none is under way; and that observation. */
double path_next(const struct path *);
struct observation path_take(struct path *);

/* The seconds by which the next wake-up comes late; told once. */
double path_lateness(struct path *);
/* The user has had enough. */
bool path_is_interrupted(const struct path *);
/* No departure is to come any more. */
bool path_is_settled(const struct path *);

#endif
