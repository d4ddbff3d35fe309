/* The documented timeouts, for `idleprobe platforms`. */
#ifndef IDLEPROBE_PLATFORM_TABLE_H
#define IDLEPROBE_PLATFORM_TABLE_H

#include "core/platforms.h"

#include <stdio.h>

struct platform_table {
	const struct platforms *platforms;
	double timeout; /* seconds: only what it is consistent with, to within PLATFORM_MATCH; NAN: all */
};

/* Columns, and each source on a line of its own. */
void platform_table_text(FILE *, const struct platform_table *, bool colour);

/* One line, which results/schema/platforms.schema.json describes. 0, or -1 without memory. */
int platform_table_json(FILE *, const struct platform_table *);

#endif
