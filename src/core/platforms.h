/* Documented idle timeouts (platforms.json, compiled in): where to look closely, and what a measured one is
 * consistent with. */
#ifndef IDLEPROBE_PLATFORMS_H
#define IDLEPROBE_PLATFORMS_H

#include "core/types.h"

struct platform {
	const char *name, *source;
	double timeout;                          /* seconds */
	enum signal_kind at_expiry;              /* SIGNAL_NONE: not documented */
	enum tristate configurable, keepalive_refreshes;
};

struct platforms;

/* The table that was compiled in. NULL without memory. Caller frees with platforms_free(). */
struct platforms *platforms_load(void);
void platforms_free(struct platforms *);

/* In ascending order of timeout. */
const struct platform *platforms_list(const struct platforms *, size_t *count);

/* The timeouts, ascending and distinct: for search_config.documented. */
const double *platforms_timeouts(const struct platforms *, size_t *count);

/* The word of platforms.json for what happens at expiry; NULL where that is not documented. */
const char *platform_expiry_name(enum signal_kind at_expiry);

/* How far, as a share, a documented timeout may be from one that is only known as a number. */
#define PLATFORM_MATCH 0.01
bool platform_near(const struct platform *, double timeout, double precision);

/* Whether the platform's timeout lies in the measured interval, widened by `precision` (a share), and nothing
 * documented of it contradicts what was seen. A match is no proof: vendors share values. */
bool platform_consistent(const struct platform *, const struct result *, double precision);

/* Those that are, in ascending order; the caller frees the list. NULL without memory. */
const struct platform **platforms_consistent(const struct platforms *, const struct result *,
					     double precision, size_t *count);

#endif
