/* The evidence as pictures: SVG that stands in an HTML page and takes its colours from the page's style. */
#ifndef IDLEPROBE_PICTURE_HTML_H
#define IDLEPROBE_PICTURE_HTML_H

#include "format/report.h"

#include <stdio.h>

/* Two figures of one direction: every probe by the idle time that it found, and each connection's life.
 * Nothing where there is no sample. 0, or -1 without memory. */
int picture_html(FILE *, const struct report *, const struct report_side *);

#endif
