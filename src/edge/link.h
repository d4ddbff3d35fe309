/* One test connection: its kernel socket, what is seen of it, and the probes sent on it. */
#ifndef IDLEPROBE_LINK_H
#define IDLEPROBE_LINK_H

#include "core/packet.h"
#include "core/protocol.h"
#include "core/types.h"
#include "edge/engine.h"

struct capture;
struct farside;
struct link;
struct link_means;
struct target;

/* The engines' own ways: link_raw.c, link_socket.c. */
extern const struct link_means link_raw, link_socket;

/* What all links of an engine share. */
struct link_shared {
	struct event_base *base;
	const struct link_means *means;
	const struct target *target;
	struct capture *capture; /* NULL where there is none; then nor is there ... */
	int raw;           /* ... a socket to send probes by */
	struct farside *far; /* NULL where there is none */
	bool passage_known;  /* whether a proxy stands between */
	struct engine_stats stats;
	void (*queue)(void *arg, const struct observation *); /* must only take a copy */
	void *queue_arg;
};

/* Begins to connect; `direction`: who will send the probes. NULL without memory; any other failure is queued. */
struct link *link_new(struct link_shared *, int number, enum direction);

/* Closes the connection, with FIN. NULL is allowed. */
void link_free(struct link *);

/* Sends a probe, or has the far side send one; passed over where the connection is not open. */
void link_probe(struct link *);

/* Sends a probe from this side. */
void link_confirm(struct link *);

/* Has the far side send an octet; sends a segment that draws no answer. */
void link_byte(struct link *);
void link_ack(struct link *);

/* What the far side says of it; false where it speaks of another. */
bool link_answer(struct link *, const struct protocol_answer *, double at);

/* The channel to the far side works again, or does not: what was asked of it is not known to have been done. */
void link_far_changed(struct link *, bool ready);

/* Of the raw engine: takes in a captured segment; false where it is of another connection. */
bool link_segment(struct link *, const struct segment *, double at, uint32_t tick);

/* The address the connection was made from, with port 0; NULL once it is over. */
const struct sockaddr_storage *link_source(const struct link *);

#endif
