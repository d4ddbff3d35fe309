/* A token bucket: how often something may happen. Pure; times are seconds. */
#ifndef IDLEPROBE_BUCKET_H
#define IDLEPROBE_BUCKET_H

#include <stdbool.h>

struct bucket {
	double rate;  /* a second */
	double most;  /* at once */
	double level; /* left now */
	double at;    /* when it was filled to that */
};

/* A full one. */
struct bucket bucket_of(double rate, double most, double now);

/* Takes one; false where none is left. */
bool bucket_take(struct bucket *, double now);

#endif
