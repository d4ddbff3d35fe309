/* The only event loop of `measure`: it hands what the engine and the far side tell to the survey, carries out what that
 * decides, and shows how far it is. */
#ifndef IDLEPROBE_LOOP_H
#define IDLEPROBE_LOOP_H

#include "core/failure.h"
#include "core/survey.h"
#include "edge/engine.h"
#include "edge/farside.h"
#include "format/events.h"

enum { LOOP_SIGNALS = 4 };

struct loop {
	struct event_base *base;
	struct engine *engine;   /* the loop's; the others are the caller's */
	struct survey *survey;   /* NULL before it is begun: then the loop runs until the far side is known */
	struct farside *far;
	struct events *events;
	struct event *timer_event, *progress_event, *signal_events[LOOP_SIGNALS];
	int timer;
	double wake;          /* when the timer was to expire */
	double latest;        /* longest time by which it came late */
	bool interrupted, progress_shown;
};

/* 0, or -1 with the failure; loop_close() either way. */
int loop_open(struct loop *, struct failure *);
void loop_close(struct loop *);

/* From here on signals are taken, and progress is shown if so asked. 0 or -1. After loop_unwatch() a signal has its usual
 * effect again: a second Ctrl-C ends the program at once. */
int loop_watch(struct loop *, bool progress);
void loop_unwatch(struct loop *);

/* Until the survey is done or the user has had enough; or, before it is begun, until the far side's state has changed.
 * 0, or -1 with the failure. */
int loop_run(struct loop *, struct failure *);

/* What the engine and the far side call; `arg` is the loop. */
void loop_on_observation(void *arg, const struct observation *);
void loop_on_far_answer(void *arg, const struct protocol_answer *, double at);
void loop_on_far_changed(void *arg, enum farside_state);

#endif
