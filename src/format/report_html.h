/* Reports as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. */
#ifndef IDLEPROBE_REPORT_HTML_H
#define IDLEPROBE_REPORT_HTML_H

#include "format/report.h"

#include <stdio.h>

/* For people: the answer, the evidence as a picture, advice, warnings, samples. 0, or -1 without memory. */
int report_html(FILE *, const struct report *const *, size_t count);

#endif
