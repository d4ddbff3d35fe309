/* What happens during a run, as it happens: a JSON line each for --events, a plain line each for -v. */
#ifndef IDLEPROBE_EVENTS_H
#define IDLEPROBE_EVENTS_H

#include "format/report.h"

#include <stdio.h>

struct events {
	int fd;                   /* of the JSON lines; -1: none */
	int error;                /* errno of the line that could not be written; no more are then */
	FILE *verbose;            /* of the plain lines; NULL: none */
	const char *target;       /* as it was given, where several are measured at once; else NULL */
	double survived, expired; /* last told */
};

/* Each line leaves by one write(), so that a run that is killed loses nothing but the line it was at. */
void events_start(struct events *, const struct report *);
void events_observation(struct events *, const struct observation *);
void events_finding(struct events *, double now, double survived, double expired); /* only where it is news */
void events_end(struct events *, const struct report *);

#endif
