/* What the ledger proves about the timer: between which two times it lies, and how sure that is.
 *
 * An answer is proof: the connection was alive at that time. An unanswered probe is not: it may have been lost. So the
 * upper bound is the shortest time by which so many probes went unanswered, while others sent at the same moments
 * were answered, that their all being lost is next to impossible on a path that loses as this one does. */
#ifndef IDLEPROBE_BRACKET_H
#define IDLEPROBE_BRACKET_H

#include "core/ledger.h"

/* Of the timeout: a zone of mixed fates below it is scan granularity, above it there is no one timeout (contract). */
#define MIXED_LIMIT 0.25
/* Share of lost probes from which on a wide interval, or none, is the path's fault. */
#define LOSSY 0.01

struct bracket {
	double alive;          /* longest time that a connection outlived; 0 where none did */
	double lower;          /* longest time up to which all did: `alive`, or, where fates are mixed, as long as a crowd did */
	double suspected;      /* shortest time above `alive` at which something looks dead; NAN */
	double upper;          /* shortest time above `alive` by which death is proven; NAN */
	double dead;           /* shortest time at which some single connection is proven dead; NAN */
	int dead_conn;         /* that connection, or -1 */
	bool mixed;            /* one died at an age or idle time that another outlived */
	double since;          /* moment of the first sign of death above `alive`; NAN */
	int links;             /* Of a chain: after the deaths so far some connection lived on, and then younger ones died.
				  A timer makes links without end; an event that kills all that are older than it
				  pleases (a flush, an eviction) makes none, and each further event at most one. */
	double survivor;       /* begin of the oldest idle period that lived on after the last link; INFINITY without one */
	int dead_conns;        /* how many died above `alive` in all ... */
	int dated_conns;       /* ... and how many of them by a segment that came by itself, which tells when */
	double crowd_alive;    /* longest time that a crowd outlived; 0 where none did */
	double several_alive;  /* longest time that several (a third of a crowd) outlived; 0 where none did */
	double several_dead;   /* shortest time by which several gave signs of death; INFINITY where none did */
	int crowd;             /* how many connections are one: no two of several boxes are missed by so many */
	double weight_needed;  /* of unanswered probes, for a proof ... */
	double weight_suspect; /* ... and for a suspicion */
};

/* The weight of evidence that a sample is of its connection's death: an unanswered probe counts one. What loss cannot
 * explain counts for more; a router's ICMP error may be a passing one. */
enum { WEIGHT_SILENT = 1, WEIGHT_ICMP = 3, WEIGHT_CLOSED = 8 };

void bracket_find(const struct ledger *, enum timer, struct bracket *);

/* Weight of all evidence of death by the time `x` (and above `bracket->alive`). */
double bracket_evidence(const struct ledger *, enum timer, const struct bracket *, double x);

/* How many samples of workers outlived this time. */
int bracket_outlived(const struct ledger *, enum timer, double x);

/* The first probe of its present period that is, or may become, evidence of its death; NULL without one. */
const struct sample *bracket_first_sign(const struct ledger *, const struct life *);

/* Weight of the evidence that this connection is dead. */
double bracket_weight(const struct ledger *, const struct life *);

/* Times that the middlebox can have counted, given what we did. */
double bracket_alive_bound(const struct ledger *, enum timer, const struct sample *);
double bracket_dead_bound(const struct ledger *, enum timer, const struct sample *);

#endif
