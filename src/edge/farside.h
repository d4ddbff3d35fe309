/* The near end of the control channel to a responder (core/protocol.h): finds out whether the target is one, carries
 * commands to it, and is made anew when it is lost. Nothing is ever sent before a banner was read. */
#ifndef IDLEPROBE_FARSIDE_H
#define IDLEPROBE_FARSIDE_H

#include "core/failure.h"
#include "core/protocol.h"

#include <event2/event.h>

struct farside;
struct target;

enum farside_state {
	FARSIDE_ASKING,   /* connected or connecting; no word yet */
	FARSIDE_READY,
	FARSIDE_AWAY,     /* the channel was lost and is being made anew */
	FARSIDE_STRANGER, /* no banner came within a second: it is no responder, or cannot be reached */
	FARSIDE_REFUSED,  /* it is one, but will not serve; see the failure */
};

struct farside_config {
	struct event_base *base;
	const struct target *target;
	const char *token;        /* NULL: none */
	/* Called from the event loop only. `answer`: `at` is the moment on this host's clock, late by a one-way delay at
	 * most. */
	void (*changed)(void *arg, enum farside_state);
	void (*answer)(void *arg, const struct protocol_answer *, double at);
	void *arg;
};

/* Begins to connect. NULL without memory. */
struct farside *farside_new(const struct farside_config *);

/* Closes the channel. NULL is allowed. */
void farside_free(struct farside *);

/* False where the channel is not ready: nothing was sent then. */
bool farside_send(struct farside *, enum protocol_verb, const struct protocol_id *);

enum farside_state farside_state(const struct farside *);

/* Where FARSIDE_REFUSED: why, and what to do. */
const struct failure *farside_failure(const struct farside *);

/* What it sees of this side: the address and port the channel comes from, and whether they are this side's own. NULL
 * before the first banner. */
const struct protocol_banner *farside_banner(const struct farside *);
bool farside_translated(const struct farside *);

#endif
