/* The responder's inside: what a connection says. Its first line must make it a control channel; then come
 * commands. */
#ifndef IDLEPROBE_CHANNEL_H
#define IDLEPROBE_CHANNEL_H

#include "core/bucket.h"
#include "core/protocol.h"

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>

struct evbuffer;
struct peer;

struct channel {
	bool granted;              /* the first line was right */
	double since;              /* it has spoken, or was granted */
	char input[PROTOCOL_LONGEST];
	size_t used;
	struct evbuffer *output;   /* these: once it is granted */
	struct event writable;
	bool overflowed;           /* it does not read what it asked for: to be ended */
	struct bucket commands;
	double paused_until;       /* it asked for too much: not read from before; 0: it is read from */
	unsigned adopted, served;  /* for the log */
};

/* Reads what the connection has said, once, and does it. It may have ended it. */
void channel_read(struct peer *);

/* Queues an answer to the control channel; over its bound the channel is ended, but not within this call. */
void channel_answer(struct peer *, const struct protocol_answer *);

/* Reads again after a pause. It may have ended it. */
void channel_resume(struct peer *);

/* Of a connection that ends: logs the session, and frees. */
void channel_free(struct peer *, const char *why);

#endif
