/* One target's measurement, from its name to its report, in an event loop that it shares with others. */
#ifndef IDLEPROBE_RUN_H
#define IDLEPROBE_RUN_H

#include "core/failure.h"
#include "core/findings.h"
#include "core/survey.h"
#include "edge/engine.h"
#include "edge/farside.h"
#include "edge/target.h"
#include "format/events.h"
#include "format/report.h"

#include <event2/event.h>

enum run_state {
	RUN_NAMED,     /* nothing was sent yet */
	RUN_LOOKING,   /* for a responder */
	RUN_MEASURING,
	RUN_ANSWERED,  /* there is nothing more to measure; the report follows */
	RUN_OVER,      /* with a report, or with a failure */
};

struct run {
	enum run_state state;
	struct report report;   /* its pointers point into what the rest owns */
	struct failure failure; /* code 0: there is a report. Otherwise nothing could be tried */
	struct target target;
	struct findings findings;
	char observed[46];      /* this end's address as the responder sees it */
	const struct platforms *platforms;

	struct event_base *base;
	struct engine *engine;
	bool raw;               /* that engine */
	struct farside *far;
	struct survey *survey;
	struct events events;
	struct event *timer_event, *step;
	int timer;
	double started;         /* clock_now() */
	double wake;            /* when the timer was to expire */
	double latest;          /* longest time by which it came late */

	void (*over)(void *arg, struct run *); /* called from the event loop only, once */
	void *arg;
};

struct capture;

struct run_config {
	const struct options *options;
	const struct platforms *platforms; /* must outlive the run */
	struct event_base *base;
	struct events events;              /* where they go */
	void (*over)(void *arg, struct run *);
	void *arg;
};

/* What is to be measured; `raw`: by that engine; `responder`: the target is one, and may be asked. */
struct survey_config run_survey(const struct options *, const struct platforms *, bool raw, bool responder);

/* Takes the target's name, and looks at how it is written. 0, or -1 with EXIT_USAGE. run_free() either way. */
int run_init(struct run *, const struct run_config *, const char *target, struct failure *);
void run_free(struct run *);

/* Asks the name servers about the targets of all. */
void runs_look_up(struct run *, size_t count);

/* A target whose name was not found, or without a route, is over then. 0, or -1 with EXIT_USAGE. */
int run_resolve(struct run *, struct failure *);

/* Opens what needs privileges, but for the capture (of the target's interface; NULL: the socket engine), which the
 * caller starts then, and gives them up. `connections`: of all runs, for the descriptor limit. 0, or -1 with the failure. */
int run_open(struct run *, struct capture *, int connections, struct failure *);

/* From now on the event loop measures. */
void run_begin(struct run *);

/* The user has had enough: over, with what is known. */
void run_interrupt(struct run *);

#endif
