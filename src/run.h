/* One measurement, from the target's name to the report. The only event loop of `measure`. */
#ifndef IDLEPROBE_RUN_H
#define IDLEPROBE_RUN_H

#include "core/failure.h"
#include "core/findings.h"
#include "edge/target.h"
#include "format/events.h"
#include "format/report.h"

struct run {
	struct report report; /* its pointers point into what the rest owns */
	struct target target;
	struct survey *survey;
	struct farside *far;
	char observed[46];    /* this end's address as the responder sees it */
	struct findings findings;
	struct platforms *platforms;
};

/* Measures options->targets[0]; gives up privileges for good on the way. 0 with the report filled in (also where the target
 * could not be reached), or -1 with the failure, where nothing could be tried. run_free() either way. */
int run_measure(struct run *, const struct options *, struct events *, struct failure *);
void run_free(struct run *);

#endif
