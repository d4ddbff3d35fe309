/* What the event loop needs of an engine. One so far: raw (kernel sockets make the connections, libnet builds the
 * keepalives, libpcap watches). */
#ifndef IDLEPROBE_ENGINE_H
#define IDLEPROBE_ENGINE_H

#include "core/failure.h"
#include "core/types.h"

#include <event2/event.h>

struct capture;
struct target;
struct engine;

typedef void engine_observer(void *arg, const struct observation *);

struct engine_config {
	struct event_base *base;
	const struct target *target;
	struct capture *capture;  /* of the target's interface; started later, and freed after the engine */
	int connections;          /* most that will be open at once */
	engine_observer *observe; /* called from the event loop only, never from within engine_act() */
	void *observe_arg;
};

struct engine_stats {
	unsigned dropped;     /* segments, by the kernel, before they could be read */
	unsigned probes_sent, send_errors;
	bool address_changed; /* a connection got another source address than the first */
};

/* Opens what needs privileges (a raw socket), checks and raises the descriptor limit. Nothing is sent yet; the caller starts
 * the capture, and drops privileges, next. NULL with the failure filled in. Caller frees with engine_free(). */
struct engine *engine_raw_new(const struct engine_config *, struct failure *);

/* From now on the target is a responder, and connections can be probed from its side. What is told of this channel, and
 * that it is lost or works again, is to be passed on. */
struct farside;
struct protocol_answer;
void engine_set_far(struct engine *, struct farside *);
void engine_answer(struct engine *, const struct protocol_answer *, double at);
void engine_far_changed(struct engine *, bool ready);

/* Closes every connection (with FIN) and everything else. */
void engine_free(struct engine *);

/* Carries out an action now. Its effects come back as observations, failures included. */
void engine_act(struct engine *, const struct action *);

struct engine_stats engine_stats(const struct engine *);

#endif
