/* Reports as metrics, in Prometheus's text format: for the textfile collector of node_exporter. */
#ifndef IDLEPROBE_REPORT_PROMETHEUS_H
#define IDLEPROBE_REPORT_PROMETHEUS_H

#include "format/report.h"

#include <stdio.h>

/* One block for each metric over all reports; all are gauges, of the latest run of a target and address: an
 * earlier one's report is passed over, for a series may be there only once. What has no value has no series.
 * 0, or -1 without memory. */
int report_prometheus(FILE *, const struct report *const *, size_t count);

#endif
