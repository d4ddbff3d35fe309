/* Files that are read whole. */
#ifndef IDLEPROBE_INPUT_H
#define IDLEPROBE_INPUT_H

#include "core/failure.h"

#include <stddef.h>

/* Far more than a fleet's reports of a day; and what is larger would fill the memory. */
enum { INPUT_MOST = 64 << 20 };

/* The file's text with a NUL after it; the caller frees it. "-" is standard input. NULL with EXIT_CANNOT_RUN. */
char *input_read(const char *name, size_t *length, struct failure *);

#endif
