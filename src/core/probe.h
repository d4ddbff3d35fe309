/* The keepalive that ends an idle period. Pure: a flow's description goes in, bytes come out. */
#ifndef IDLEPROBE_PROBE_H
#define IDLEPROBE_PROBE_H

#include "core/flow.h"

#include <stddef.h>

enum { PROBE_LONGEST = 40 + 20 + 12 };

/* Builds the IP packet of a zero-length segment with SEQ = SND.NXT-1, to which a TCP must answer with an ACK
 * (RFC 9293, 3.8.4): with the window the kernel would send, and timestamps where negotiated. `tick` as in
 * flow_learn(). Returns its length, or 0 where the flow is not complete or memory is short. */
size_t probe_build(const struct flow *, uint32_t tick, uint8_t packet[PROBE_LONGEST]);

#endif
