/* Files that the run writes: the report, which appears whole or not at all, and the events. */
#ifndef IDLEPROBE_OUTPUT_H
#define IDLEPROBE_OUTPUT_H

#include "core/failure.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct output {
	const char *name;        /* as the user gave it; NULL: there is none */
	char path[PATH_MAX];     /* with symbolic links followed */
	char temporary[PATH_MAX + 16];
	mode_t mode;
	bool special;            /* no regular file (a pipe, a device): written as it is */
	int fd;                  /* of a special one, or of one that is to be written in place; -1: none */
};

/* Sees whether the file can be written, before time is spent, and while there still are the rights to. It is not
 * touched; name may be NULL. 0, or -1 with EXIT_CANNOT_RUN. */
int output_open(struct output *, const char *name, struct failure *);

/* Writes the text beside the file and renames it over it: until then, and if anything fails, what was there stays.
 * 0, or -1 with EXIT_CANNOT_RUN. */
int output_write(struct output *, const char *text, size_t length, struct failure *);
void output_close(struct output *);

/* The file that output_write() will make anew: NULL where there is none, or it is open already. */
const char *output_anew(const struct output *);

/* Opens a file for appending. The descriptor, or -1 with EXIT_CANNOT_RUN. */
int output_append(const char *name, struct failure *);

/* All of it, also to a pipe. 0, or -1 with errno. */
int output_all(int fd, const char *text, size_t length);

#endif
