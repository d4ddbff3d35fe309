/* A stream into memory. Unlike open_memstream(3) of glibc 2.36 it tells where memory runs out, by ferror() and
 * fclose(): that one goes on without what there was no room for. */
#ifndef IDLEPROBE_BUFFER_H
#define IDLEPROBE_BUFFER_H

#include <stdio.h>

struct buffer {
	char *text; /* what was flushed so far; not terminated. The owner frees it */
	size_t length, room;
};

/* The buffer must be zeroed, and outlive the stream. NULL without memory. */
FILE *buffer_open(struct buffer *);

#endif
