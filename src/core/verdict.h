/* From what the ledger holds to the contract's result. Pure. */
#ifndef IDLEPROBE_VERDICT_H
#define IDLEPROBE_VERDICT_H

#include "core/search.h"
#include "core/types.h"

/* Things that happened to the run and that no single connection shows. */
struct circumstances {
	bool interrupted;     /* the user ended it */
	bool address_changed; /* see REASON_ADDRESS_CHANGED */
	bool out_of_memory;   /* see REASON_OUT_OF_MEMORY */
	unsigned capture_drops;
	double clock_jump;    /* longest time by which a wake-up came late, seconds */
	bool both;            /* both directions are measured */
};

/* Nothing was opened, and nothing is known. */
extern const struct result verdict_none;

/* `search` may be finished or not; what is known is told either way. The messages are English sentences. */
void verdict_reach(const struct search *, const struct circumstances *, struct result *);

#endif
