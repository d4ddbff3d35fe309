/* What the verdicts on both directions come to, and what only two ends can tell. Pure. */
#ifndef IDLEPROBE_FINDINGS_H
#define IDLEPROBE_FINDINGS_H

#include "core/survey.h"
#include "core/types.h"
#include "core/verdict.h"

/* Which ends got an RST or a FIN by itself when the connection expired. */
enum learned { LEARNED_UNKNOWN, LEARNED_NONE, LEARNED_NEAR, LEARNED_FAR, LEARNED_BOTH };

struct findings {
	struct result whole;             /* the answer: the shorter timeout */
	bool has_outbound, has_inbound;  /* the direction was measured */
	struct result outbound, inbound;
	enum learned learned;
	enum tristate proxy;             /* between the ends, so that there is no inbound direction to measure */
	enum tristate remapped;          /* a late segment of this side's reached the far end from another port */
};

/* The survey may be done or not; what is known is told either way. */
void findings_reach(const struct survey *, const struct circumstances *, struct findings *);

#endif
