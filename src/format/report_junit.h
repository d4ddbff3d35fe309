/* Reports as JUnit XML, which CI systems read: a test case for each. */
#ifndef IDLEPROBE_REPORT_JUNIT_H
#define IDLEPROBE_REPORT_JUNIT_H

#include "format/report.h"

#include <stdio.h>

/* A failure is an answer that breaks --min, an error is none, or one that leaves open whether it does. The
 * whole text of the report goes with it. 0, or -1 without memory. */
int report_junit(FILE *, const struct report *const *, size_t count);

#endif
