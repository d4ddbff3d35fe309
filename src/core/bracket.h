/* What the ledger proves about the timer: between which two times it lies, and how sure that is.
 *
 * An answer is proof: the connection was alive at that time. An unanswered probe is not: it may have been lost. So the
 * upper bound is the shortest time by which so many probes went unanswered, while others sent at the same moments
 * were answered, that their all being lost is next to impossible on a path that loses as this one does. */
#ifndef IDLEPROBE_BRACKET_H
#define IDLEPROBE_BRACKET_H

#include "core/ledger.h"

struct bracket {
	double alive;          /* longest time that a connection outlived; 0 where none did */
	double lower;          /* longest time up to which all did: `alive`, or, where fates are mixed, as long as a crowd did */
	double suspected;      /* shortest time above `alive` at which something looks dead; NAN */
	double upper;          /* shortest time above `alive` by which death is proven; NAN */
	double dead;           /* shortest time at which some single connection is proven dead; NAN */
	int dead_conn;         /* that connection, or -1 */
	bool mixed;            /* one died at an age or idle time that another outlived */
	double since;          /* moment of the first sign of death above `alive`; NAN */
	double survivor;       /* begin of the oldest idle period that lived on after `since`; INFINITY without one */
	double later_evidence; /* weight of the deaths of connections younger than one that lived on after `since`: a
				  timer kills them later, a flush or an eviction would have killed the older one too */
	int later_conns;       /* how many such connections died */
	int dead_conns;        /* how many died above `alive` in all */
	int crowd;             /* how many connections must speak for a bound where fates are mixed */
	double weight_needed;  /* of unanswered probes, for a proof ... */
	double weight_suspect; /* ... and for a suspicion */
};

/* The weight of evidence that a sample is of its connection's death: an unanswered probe counts one. What loss cannot
 * explain counts for more; a router's ICMP error may be a passing one. */
enum { WEIGHT_SILENT = 1, WEIGHT_ICMP = 3, WEIGHT_CLOSED = 8 };

void bracket_find(const struct ledger *, enum timer, struct bracket *);

/* Weight of all evidence of death by the time `x` (and above `bracket->alive`). */
double bracket_evidence(const struct ledger *, enum timer, const struct bracket *, double x);

/* Weight of the evidence that this connection is dead. */
double bracket_weight(const struct ledger *, const struct life *);

/* Times that the middlebox can have counted, given what we did. */
double bracket_alive_bound(const struct ledger *, enum timer, const struct sample *);
double bracket_dead_bound(const struct ledger *, enum timer, const struct sample *);

#endif
