/* What a monitoring plugin prints (Monitoring Plugins Development Guidelines, "Plugin Output"): one line with the state, what
 * is wrong, and after a bar the performance data. */
#ifndef IDLEPROBE_REPORT_NAGIOS_H
#define IDLEPROBE_REPORT_NAGIOS_H

#include "format/report.h"

#include <stdio.h>

enum nagios_state { NAGIOS_OK = 0, NAGIOS_WARNING = 1, NAGIOS_CRITICAL = 2, NAGIOS_UNKNOWN = 3 };

/* One target; where it has no report, why. */
struct nagios_item {
	const char *target;
	const struct report *report;
	const char *failure;
};

/* The plugin's exit code: of several targets the worst, where critical is worse than unknown. */
enum nagios_state report_nagios(FILE *, const struct nagios_item *, size_t count);

/* Nothing could be tried. */
enum nagios_state nagios_unknown(FILE *, const char *why);

#endif
