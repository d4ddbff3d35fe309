/* From one captured segment and what is known of its connection to what it means. Pure. */
#ifndef IDLEPROBE_CLASSIFY_H
#define IDLEPROBE_CLASSIFY_H

#include "core/flow.h"
#include "core/types.h"

/* An ACK that repeats an answer (the network duplicated it, or an earlier probe's came late) is a reply for
 * as long after a probe; later it is something that the far end sent by itself. */
#define REPLY_GRACE 5.0 /* seconds */

/* Takes the segment into the flow and, where it means something to the search, fills in the observation (all
 * but `conn`) and returns true. `tick` as in flow_learn(). Segments that cannot be of this connection
 * (foreign numbers, spoofed RSTs) are passed over. */
bool classify(struct flow *, const struct segment *, double at, uint32_t tick, struct observation *);

/* For a connection that the kernel says is open and whose last handshake segment was not captured. False
 * where too little was seen of it to probe it. */
bool classify_open(struct flow *, struct observation *);

#endif
