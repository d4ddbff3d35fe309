/* How far the run is, in one line. */
#ifndef IDLEPROBE_PROGRESS_H
#define IDLEPROBE_PROGRESS_H

#include "core/search.h"

struct progress_line {
	char text[300];
};

/* "searching: idle 2 min 3 s, 94 alive, 2 ended; longer than 1 min 58 s; at most 2 h 3 min left" */
struct progress_line progress_line(const struct search_progress *);

#endif
