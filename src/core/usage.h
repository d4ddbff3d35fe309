/* What each command is for, in words: --help, the manual and the shells' completions are all made of these
 * rows and of the options that they point to. */
#ifndef IDLEPROBE_USAGE_H
#define IDLEPROBE_USAGE_H

#include "core/options.h"

struct example {
	const char *line; /* as typed into a shell */
	const char *does;
};

struct usage {
	const char *name;
	const char *operands;              /* "HOST[:PORT]"; NULL: none */
	const char *summary;               /* a phrase, lower case, without a full stop */
	const char *note;                  /* a line for --help; the manual says it at length */
	const struct option_row *options;
	struct example examples[4];        /* the last one's line is NULL */
	const char *exits;                 /* the exit codes, in a line */
};

/* In the order in which they are listed; the last one's name is NULL. */
extern const struct usage usages[];

/* NULL where there is no such command. */
const struct usage *usage_of(const char *command);

/* What a value that is shown as this ("FILE", "HOST[:PORT]", "sweep|ladder") is one of. */
enum value_kind { VALUE_FREE, VALUE_CHOICE, VALUE_FILE, VALUE_HOST, VALUE_INTERFACE };
enum value_kind value_kind(const char *argument);

#endif
