/* The ledger: everything that was seen of every test connection. It records; what the records prove about the
 * middlebox's timer is bracket.h, what to try next is search.h, and what it all means is verdict.h.
 *
 * A connection's life is a row of idle periods. A period begins with the last segment that is known to have passed
 * and ends with the next one, or with the connection. Several probes may fall into one period: while they stay
 * unanswered, nobody knows whether they were lost or the connection is gone. An answer to a later one settles that the
 * earlier were lost, and that the connection was alive at the idle time of the first: either a lost probe came past
 * the middlebox and refreshed its entry, or the entry had outlived the whole wait. */
#ifndef IDLEPROBE_LEDGER_H
#define IDLEPROBE_LEDGER_H

#include "core/types.h"

enum sample_outcome {
	SAMPLE_PENDING, /* a probe was sent; its reply may still come */
	SAMPLE_ALIVE,   /* a probe was answered */
	SAMPLE_LOST,    /* a probe went unanswered, though the connection lived: a later one was answered */
	SAMPLE_SILENT,  /* a probe went unanswered, and so did all that followed */
	SAMPLE_UNASKED, /* the far end spoke by itself */
	SAMPLE_RESET,
	SAMPLE_FIN,
	SAMPLE_ICMP,
};

struct sample {
	int conn;
	double at;       /* when the probe was sent, or the segment arrived */
	double idle;     /* seconds since the connection's last segment, at that moment */
	double age;      /* seconds since its handshake, or since the last payload, likewise */
	double slack;    /* by how much the middlebox's idle time may be longer than `idle`: a round trip where the
			    period began with a segment from the far end, which the middlebox saw earlier than we */
	double age_slack; /* likewise of `age` */
	double left;     /* when it had left; of one that the far side was asked for at `at`: by when it would have arrived here,
			    which `idle` and `age` are counted to; NAN while it is not known whether it left */
	double late;     /* RESET: by how much later than the probe the connection may have died */
	double rtt;      /* of the reply; NAN without one */
	enum sample_outcome outcome;
	enum origin from;
	bool far;        /* a probe of the far side's; RESET: of the far end, of which word came later */
	bool after_own;  /* the last segment before it was this end's: the middlebox saw it later than `idle` says */
	bool asked;      /* RESET, FIN, ICMP: it followed a probe; false: it came by itself */
	bool moot;       /* the handshake was not known to be over: it proves no idle time, dead or alive */
	bool control;    /* of a control connection, kept alive by frequent probes */
	bool paired;     /* a probe sent at the same moment on another connection was answered: the path worked */
};

enum life_state { LIFE_OPENING, LIFE_OPEN, LIFE_ENDED, LIFE_CLOSED, LIFE_FAILED };

/* One test connection, from its opening on. */
struct life {
	enum life_state state;
	bool control;
	bool confirmed;     /* A probe of this side's was answered since the handshake. Before, its last ACK may have been
			       lost, and the middlebox wait for it with another timer (nf_conntrack_tcp_timeout_syn_recv,
			       60 s). Likewise since a probe of the far side's: this side's answer may have been lost, and
			       the middlebox be one that only outbound segments refresh (RFC 4787, REQ-6). */
	bool synack_repeated; /* so the far end may have given up the handshake, and be right to reset it later */
	bool tainted;       /* answered only after several probes: conntrack may have cut its entry short (facts of
			       nf_conntrack_tcp_timeout_max_retrans), so it measures nothing any more */
	double asked_at;    /* when it was to be opened */
	double opened;      /* handshake, or the last payload since: what a timer counts from that keepalives do not refresh */
	double age_slack;   /* by how much earlier that payload may have been sent, and counted from */
	double last;        /* last segment known to have passed, in either direction, and ... */
	double slack;       /* ... by how much earlier the middlebox may have seen it */
	double last_reply;  /* last time the far end proved that the connection lived */
	double latest_sent; /* of the probes of this period; NAN where there is none */
	bool last_inbound;  /* the far end's last segment is known to have passed, at `last` or before, ... */
	bool last_own;      /* ... and whether this end sent one since, at `last` */
	int unasked;        /* times the far end spoke by itself, banner apart */
	bool remapped;      /* a probe drew an RST from the far end, which says that its end of the connection is open */
	bool told_near, told_far; /* it ended by an RST or a FIN that came by itself, to this end, to the far one */
	int error;          /* LIFE_FAILED: errno */
	size_t *period;     /* samples of the present period, in order of time */
	size_t period_count, period_room;
};

struct path_stats {
	double rtt_min, rtt_median, rtt_max; /* seconds, NAN without a reply */
	double loss;                         /* share of the probes on living connections that stayed unanswered */
	int reply_ttl;                       /* of the endpoint's segments; 0 if not known */
	int probes;                          /* sent in all */
	int connections;                     /* opened in all */
	int probes_lost, replies_lost;       /* unanswered probes that the far side has not received, and has */
};

/* What the middlebox's timer counts from: the last segment, or the handshake (a proxy that counts payload only). */
enum timer { TIMER_IDLE, TIMER_AGE };

struct ledger;

/* NULL without memory. */
struct ledger *ledger_new(void);
void ledger_free(struct ledger *);

/* Notes that a connection is being opened; numbers count up from 0. False without memory. */
bool ledger_open(struct ledger *, int conn, bool control, double now);
void ledger_close(struct ledger *, int conn);
bool ledger_observe(struct ledger *, const struct observation *);

/* Turns probes that have waited for `wait` seconds from pending to silent. Returns the moment at which the next will,
 * or INFINITY. */
double ledger_expire_waits(struct ledger *, double now, double wait);

/* A device on the path sends what bears the endpoint's marks: the far side denies it. */
bool ledger_forged(const struct ledger *);
void ledger_note_forged(struct ledger *);

/* By number; the array is the ledger's and is valid until the next connection is opened. */
const struct life *ledger_lives(const struct ledger *, size_t *count);
const struct life *ledger_life(const struct ledger *, int conn);

/* In order of time; the array is the ledger's and is valid until its next observation. */
const struct sample *ledger_samples(const struct ledger *, size_t *count);

/* Which of them prove that a worker lived, in order of the moments at which they did. */
const size_t *ledger_proofs(const struct ledger *, size_t *count);

/* The probes (and the closing segment) of its present idle period, from 0 on, and the latest of them; NULL beyond. */
const struct sample *ledger_probe(const struct ledger *, const struct life *, size_t number);
const struct sample *ledger_latest_probe(const struct ledger *, const struct life *);

/* Was its latest probe left unanswered, or answered by an ICMP error? */
bool ledger_unanswered(const struct ledger *, const struct life *);

/* The sample that proves the longest life, idle or in all; NULL where none does. */
const struct sample *ledger_longest(const struct ledger *, enum timer);

/* Answered and lost probes since `since`, both only where the matter is settled. */
void ledger_loss(const struct ledger *, double since, int *answered, int *lost);

/* The median round trip. Bounds for margins: the one that 95 % of the replies stayed within, the longest, and the spread of the 95 %
 * above the shortest; 0 or little where there was none. */
double ledger_rtt_typical(const struct ledger *);
double ledger_rtt_high(const struct ledger *);
double ledger_rtt_max(const struct ledger *);
double ledger_jitter(const struct ledger *);

struct path_stats ledger_path(const struct ledger *);

#endif
