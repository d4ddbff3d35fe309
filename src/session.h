/* The targets of one command, measured at the same time in one event loop: signals, progress, and each report as soon as
 * it is there. */
#ifndef IDLEPROBE_SESSION_H
#define IDLEPROBE_SESSION_H

#include "core/options.h"

/* Measures all; gives up privileges for good on the way. The program's exit code, of several targets the highest. */
int session_run(const struct options *);

#endif
