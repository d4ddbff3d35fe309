/* Which packets concern a target: the segments to and from its port, and the ICMP errors about those. */
#ifndef IDLEPROBE_FILTER_H
#define IDLEPROBE_FILTER_H

#include "core/packet.h"

#include <pcap/pcap.h>

struct target;

/* The kernel's program for all of these targets, one at least: it lets through all that concerns them, and little else. 0, or
 * -1 without memory; the caller frees it with pcap_freecode(). */
int filter_compile(pcap_t *, const struct target *const *targets, size_t count, struct bpf_program *);

/* Exactly. */
bool filter_concerns(const struct segment *, const struct target *);

#endif
