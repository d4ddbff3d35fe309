/* Text from elsewhere, into formats where some characters mean something. */
#ifndef IDLEPROBE_ESCAPE_H
#define IDLEPROBE_ESCAPE_H

#include <stdio.h>

/* As content or in an attribute, of HTML and XML 1.0; what neither may hold becomes U+FFFD. NULL: nothing. */
void escape_xml(FILE *, const char *);

/* As a label's value in Prometheus's text format. NULL: nothing. */
void escape_label(FILE *, const char *);

#endif
