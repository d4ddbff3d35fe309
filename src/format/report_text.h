/* The report as text: the answer in the first line, then the evidence, then what to do. */
#ifndef IDLEPROBE_REPORT_TEXT_H
#define IDLEPROBE_REPORT_TEXT_H

#include "format/report.h"

#include <stdio.h>

/* colour: escape sequences for a terminal. Write errors are left in the stream's error flag. */
void report_text(FILE *, const struct report *, bool colour);

#endif
