/* What the parts of a link share: link.c (this end of it), link_raw.c and link_socket.c (how probes are sent and answers
 * seen), and link_far.c (what the far side knows of it and does on it). Nobody else includes this. */
#ifndef IDLEPROBE_LINK_STATE_H
#define IDLEPROBE_LINK_STATE_H

#include "core/flow.h"
#include "edge/connection.h"
#include "edge/link.h"
#include "edge/tcp.h"

/* Why the far side is asked how its end stands. */
enum link_question {
	LINK_ADOPTS,
	LINK_COUNTS,   /* how many segments it has received, to compare with later */
	LINK_ANSWERED, /* a probe was: had the far side received it, or did somebody else answer? */
	LINK_OVERDUE,  /* a probe was not: had the far side received it all the same? */
	LINK_ENDED,    /* it was closed here: is it closed there? */
};
enum { LINK_QUESTIONS = 8 };

/* What an engine does in its own way. */
struct link_means {
	void (*begin)(struct link *);           /* of a new one: nothing is waited for */
	void (*opened)(struct link *);          /* the kernel says so */
	void (*over)(struct link *, int error); /* likewise: 0 for a FIN, or an errno */
	void (*probe)(struct link *);           /* from this side; the connection is open */
	void (*ack)(struct link *);             /* draws no answer; likewise */
	double (*due)(const struct link *);     /* the earliest of its deadlines, or NAN */
	void (*wake)(struct link *, double now); /* a deadline may have come */
};

/* What the raw engine knows of a link. Deadlines are NAN where nothing is waited for, here and below. */
struct link_captured {
	double seen_open_by; /* the kernel says it is open, the capture does not yet */

	int probes_unseen;   /* handed to the kernel and not yet captured */
	unsigned dropped;    /* by the capture before the first of them */
	double seen_sent_by;

	double retry_at;
	int retries;

	int over_error;      /* what the socket told of its end */
	double seen_over_by;
};

/* What the socket engine knows of one. */
struct link_watched {
	struct tcp_demand demand;
	bool awaiting;        /* an answer to a probe, ... */
	double sent_by;       /* ... which had left by then */
	bool proven;          /* one was answered, so the handshake is over at the far end too */
	uint32_t segments_in; /* at the latest look; likewise: */
	uint64_t octets_in;
	double heard_at;      /* when they were last seen to have changed */
	double looked_at;
};

struct link {
	struct link_shared *shared;
	int number;
	struct connection *connection; /* NULL once it is over */
	struct sockaddr_storage source;
	struct flow flow;
	struct event *timer;           /* for the earliest of the deadlines */
	double handed_at;              /* when the latest probe was handed to the kernel */

	union {
		struct link_captured captured;
		struct link_watched watched;
	};

	enum direction direction;
	struct greeting greeting;
	bool far_over;          /* its far end got an RST */
	bool adopted;           /* the far side's id of it is known */
	struct protocol_id id;
	enum link_question questions[LINK_QUESTIONS]; /* for its state, in order; it answers in the same */
	int question_count;
	bool counted;           /* how many segments the far side had received, after the latest answer to a probe: */
	uint64_t segments_in, segments_first; /* ... at last, and when it was first asked; */
	uint64_t sent, sent_first; /* likewise how many were sent, the kernel's own too */
	double counted_at;      /* when the latest was told: what was handed over later is not among them */
	double unanswered_at;   /* when the first probe since the latest answer was handed over; NAN */
	double overdue_asked;   /* when it was last asked about a probe without an answer */
	double overdue_at;      /* when the first unanswered probe will have waited long enough for its answer; NAN */
	int asked;              /* probes asked of the far side, and not yet answered for */
	double asked_at;        /* the latest of them; NAN once its probe came */
};

/* link.c */

/* The connection is of no more use; nothing more is told of it. */
void link_end(struct link *);
void link_schedule(struct link *); /* after a deadline has changed */
/* Tells of it: what no capture showed is without TTL or origin. */
void link_tell(struct link *, enum observed, double at, double blur, int error);
void link_open_failed(struct link *, int error);
void link_probe_failed(struct link *, int error);
/* Is the address still there that the connection was made from? The raw engine's socket is bound to it then. */
bool link_source_present(const struct link *);
/* A probe was handed to the kernel. */
void link_handed(struct link *, double at);

/* link_far.c */

/* Has the far side send a probe. */
void link_ask_far(struct link *);
/* Seconds from there to `at`; NAN where nothing was asked for, or what came at `at` did so before. */
double link_since_asked(const struct link *, double at);
/* Its first line has come. */
void link_greeted(struct link *);
/* Asks for its state. False where it is not known to the far side, or too much is asked already. */
bool link_ask_state(struct link *, enum link_question);
/* A probe of this side's was answered at `at`, or has waited for too long. */
void link_answered(struct link *, double at);
void link_overdue(struct link *);

#endif
