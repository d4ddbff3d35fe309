/* The targets of a command: its operands, and the lines of a file. */
#ifndef IDLEPROBE_TARGETS_H
#define IDLEPROBE_TARGETS_H

#include "core/failure.h"
#include "core/options.h"

#include <stddef.h>

/* One process has no more than so many of each, however long the list: as many connections as the most targets have by
 * default. */
enum { TARGETS_MOST = 250, CONNECTIONS_MOST = 24000 };

struct targets {
	const char **names; /* they point into argv and into the file's text */
	size_t count;
	char *text;
};

/* In a file each line is a target; what follows a # is a comment. 0, or -1 with EXIT_USAGE (none, one twice, too many of them or of
 * connections to them) or EXIT_CANNOT_RUN (no such file). targets_free() either way. */
int targets_gather(struct targets *, const struct options *, struct failure *);

/* Seconds from the beginning of one target's measurement to that of the next. */
double targets_gap(const struct options *, size_t count);
void targets_free(struct targets *);

#endif
