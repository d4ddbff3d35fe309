/* Whether a terminal is there to be written to in colour. */
#ifndef IDLEPROBE_TERMINAL_H
#define IDLEPROBE_TERMINAL_H

#include <stdbool.h>

/* The descriptor is of a terminal that knows colours, and the user wants them: NO_COLOR (no-color.org) is not set. */
bool terminal_in_colour(int fd);

#endif
