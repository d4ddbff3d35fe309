/* A report in which everything has a value: both directions, a NAT, a bound, a warning, a platform. */
#ifndef IDLEPROBE_EXAMPLE_H
#define IDLEPROBE_EXAMPLE_H

#include "format/report.h"

struct example {
	struct report report; /* its pointers point into what follows */
	struct options options;
	struct result outbound, inbound;
	struct sample outbound_samples[3], inbound_samples[4];
	struct platform platform;
	const struct platform *consistent[1];
};

void example_fill(struct example *);

/* The same with no answer, or with `no_timeout`: without directions, NAT and platforms. */
void example_fill_other(struct example *, enum outcome, enum reason);

#endif
