/* Lines of a service on standard error, no more than a few a second however much happens, and never
 * waiting for whoever reads them. */
#ifndef IDLEPROBE_LOG_H
#define IDLEPROBE_LOG_H

#include "core/bucket.h"

struct log {
	bool stamped; /* with the time; the journal does that itself */
	struct bucket bucket;
	unsigned left_out;
};

void log_open(struct log *);

/* One line; the line feed is added. */
void log_line(struct log *, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
