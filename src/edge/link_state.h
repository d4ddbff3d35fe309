/* What the parts of a link share: link.c (this end of it) and link_far.c (what the far side knows of it and does on it).
 * Nobody else includes this. */
#ifndef IDLEPROBE_LINK_STATE_H
#define IDLEPROBE_LINK_STATE_H

#include "core/flow.h"
#include "edge/connection.h"
#include "edge/link.h"

/* Deadlines are NAN where nothing is waited for. */
struct link {
	struct link_shared *shared;
	int number;
	struct connection *connection; /* NULL once it is over */
	struct sockaddr_storage source;
	struct flow flow;
	struct event *timer;           /* for the earliest of the deadlines */

	double seen_open_by; /* the kernel says it is open, the capture does not yet */

	int probes_unseen;   /* handed to the kernel and not yet captured */
	double handed_at;    /* the latest of them */
	unsigned dropped;    /* by the capture before the first of them */
	double seen_sent_by;

	double retry_at;
	int retries;

	enum direction direction;
	struct greeting greeting;
	bool far_over;          /* its far end got an RST */
	bool adopted;           /* the far side's id of it is known */
	struct protocol_id id;
	double compare_from;    /* when the far side was asked how many segments it had received; NAN */
	uint64_t segments_in;   /* its answer */
	bool compared;
	int asked;              /* probes asked of the far side, and not yet answered for */
	double asked_at;        /* the latest of them; NAN once its probe came */

	int over_error;      /* what the socket told of its end */
	double seen_over_by;
};

/* link.c */

/* The connection is of no more use; nothing more is told of it. */
void link_end(struct link *);
void link_probe_failed(struct link *, int error);

/* link_far.c */

/* Has the far side send a probe. */
void link_ask_far(struct link *);
/* Its first line has come. */
void link_greeted(struct link *);
/* A probe was answered at `at`: by whom? */
void link_look_for_proxy(struct link *, double at);

#endif
