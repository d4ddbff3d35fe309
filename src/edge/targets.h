/* The targets of a command: its operands, and the lines of a file. */
#ifndef IDLEPROBE_TARGETS_H
#define IDLEPROBE_TARGETS_H

#include "core/failure.h"
#include "core/options.h"

#include <stddef.h>

enum { TARGETS_MOST = 250 };

struct targets {
	const char **names; /* they point into argv and into the file's text */
	size_t count;
	char *text;
};

/* In a file each line is a target; what follows a # is a comment. 0, or -1 with EXIT_USAGE (none, too many, one twice) or
 * EXIT_CANNOT_RUN (no such file). targets_free() either way. */
int targets_gather(struct targets *, const struct options *, struct failure *);
void targets_free(struct targets *);

#endif
