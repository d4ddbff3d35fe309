/* What the event loop needs of an engine. There are two, told apart by whether there is a capture. Kernel sockets make the
 * connections in both. Raw: libnet builds the keepalives, libpcap watches. Socket: the kernel sends the keepalives, and tells
 * what came; that needs no privileges. */
#ifndef IDLEPROBE_ENGINE_H
#define IDLEPROBE_ENGINE_H

#include "core/failure.h"
#include "core/options.h"
#include "core/types.h"

#include <event2/event.h>

struct capture;
struct target;
struct engine;

typedef void engine_observer(void *arg, const struct observation *);

struct engine_config {
	struct event_base *base;
	const struct target *target;
	struct capture *capture;  /* of the target's interface; started later, freed after the engine. NULL: no privileges */
	int connections;          /* most that will be open at once */
	engine_observer *observe; /* called from the event loop only, never from within engine_act() */
	void *observe_arg;
};

struct engine_stats {
	unsigned dropped;     /* segments, by the kernel, before they could be read */
	unsigned probes_sent, send_errors;
	bool out_of_memory;   /* an observation was lost */
	bool address_changed; /* a connection got another source address than the first */
};

/* Opens what needs privileges (a raw socket, where there is a capture), checks and raises the descriptor limit. Nothing is
 * sent yet; the caller starts the capture, and drops privileges, next. NULL with the failure filled in. Caller frees with
 * engine_free(). */
struct engine *engine_new(const struct engine_config *, struct failure *);

/* Which engine the choice comes to here: auto is raw where that is permitted. */
bool engine_will_be_raw(enum engine_choice);
/* Seconds between two probes on one connection that an engine needs; 0 where it needs none. */
double engine_spacing(bool raw);

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
/* The address changed, so that no probe can be sent on the connections that were open, or an observation was lost: there
 * will be no answer. Without a system call. */
bool engine_is_spoiled(const struct engine *);

#endif
