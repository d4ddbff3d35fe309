/* The methods that the benchmark compares: idleprobe's own, and those in use today. */
#ifndef IDLEPROBE_METHODS_H
#define IDLEPROBE_METHODS_H

#include "../sim/scenario.h"
#include "trial.h"

struct measured {
	bool answered;            /* false: inconclusive */
	bool wrong;               /* the interval leaves out the truth */
	double survived, expired; /* seconds idle */
	double elapsed;           /* seconds */
	int connections, probes;  /* opened, sent */
};

struct method {
	const char *name;
	/* NULL: idleprobe's */
	void (*search)(struct walk *, const struct search_config *, struct measured *);
	enum strategy strategy;   /* idleprobe's */
	int connections;          /* at once, for idleprobe's strategies and the k-section */
	struct patience retries;  /* where the method asks more than once */
};

extern const struct method methods[];
extern const size_t method_count;

/* One probe, waited for 2 s. */
extern const struct patience ask_once;

struct measured method_measure(const struct method *, const struct scenario *, const struct patience *);

#endif
