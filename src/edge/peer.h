/* The responder's inside: one connection that another host opened, from its accept() until nobody can ask
 * about it any more.
 *
 * Most are test connections, which say nothing; each costs this struct, two events of libevent and a
 * descriptor. One that says CONTROL becomes a control channel (channel.h); one that says anything else is
 * closed. Connections name each other by id and never by pointer: whoever was named may be gone when it is
 * looked for. */
#ifndef IDLEPROBE_PEER_H
#define IDLEPROBE_PEER_H

#include "core/protocol.h"
#include "edge/log.h"
#include "edge/responder.h"
#include "edge/tcp.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <sys/queue.h>

struct admission;
struct channel;
struct origin;
struct peer;

/* What all of them share. */
struct responder {
	const struct responder_config *config;
	struct event_base *base;
	struct admission *admission;
	void *by_id;             /* tree of peers, tsearch(3), the ended ones included */
	TAILQ_HEAD(past, peer) past; /* ended connections that are remembered, the oldest first */
	int past_count;
	int channels;            /* control channels, in all */
	int open;                /* connections, in all */
	struct log log;
	struct event *refusals;  /* a line about how many were refused; pending while there are any */
	unsigned refused;        /* since the last such line */
};

struct peer {
	struct responder *responder;
	int fd;                       /* -1: it has ended */
	struct event readable, timer;
	struct protocol_id id, nonce; /* as in its banner */
	struct sockaddr_in6 address;
	struct origin *origin;
	double opened;
	double orphaned;              /* since when the owner is gone; 0: it is there, or there never was one */
	struct channel *channel;      /* once it has spoken: NULL for test connections */
	bool adopted;
	struct protocol_id owner;     /* the control channel that adopted it last */
	struct protocol_id asker;     /* the control channel that waits for the demand */
	struct tcp_demand demand;
	enum protocol_state state;
	uint64_t segments_in;         /* these two: of an ended one */
	double ended;
	TAILQ_ENTRY(peer) in_past;
};

/* Takes over a descriptor: greets, or closes it at once where a bound is reached. */
void peer_accept(struct responder *, int fd, const struct sockaddr_in6 *);

/* By id; NULL where there is none. */
struct peer *peer_find(struct responder *, const struct protocol_id *);

/* Ends it, tells those who wait for it, and forgets it unless it was adopted: it may not exist any more
 * then. */
void peer_end(struct peer *, enum protocol_state);

/* As the protocol tells it. */
struct protocol_answer peer_state(const struct peer *);

/* Asks for a keepalive or an octet; the control channel of that id will be answered. */
void peer_demand(struct peer *, bool payload, const struct protocol_id *asker);

/* From now on its end is told to the control channel of that id. */
void peer_adopt(struct peer *, const struct protocol_id *owner);

/* That control channel is gone: what it had adopted is given some time to be adopted by the next. */
void peer_orphan(struct responder *, const struct protocol_id *owner);

/* Sets its timer by what it waits for now. */
void peer_schedule(struct peer *);

/* Closes it without a word, and frees it, as it stands. */
void peer_free(struct peer *);

struct peer_name {
	char text[INET6_ADDRSTRLEN + 10];
};

/* "192.0.2.7:40112", "[2001:db8::7]:40112" */
struct peer_name peer_name(const struct sockaddr_in6 *);

/* Milliseconds, as the protocol counts. */
uint64_t peer_clock(double seconds);

#endif
