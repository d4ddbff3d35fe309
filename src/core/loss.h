/* What losses on the path may explain. Pure. */
#ifndef IDLEPROBE_LOSS_H
#define IDLEPROBE_LOSS_H

#include "core/ledger.h"

/* The loss is not known but estimated: a beta distribution (lost, answered) from all that was settled, tempered by
 * what was settled since the first sign of death, for losses come in bursts. */
struct loss {
	double lost, all;
};

struct loss loss_estimate(const struct ledger *, double since);

/* How many probes must all go unanswered, until it is next to impossible that all were lost; at most MOST_WEIGHT. */
enum { MOST_WEIGHT = 60 };
double loss_silences_for_proof(struct loss);

/* Of `of` probes `count` went unanswered at idle times that others outlived: is that more than loss explains? */
bool loss_cannot_explain(struct loss, int count, int of);

#endif
