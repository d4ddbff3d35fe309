/* The advice as settings that are ready to paste, for software that keeps connections open. Pure. */
#ifndef IDLEPROBE_RECIPES_H
#define IDLEPROBE_RECIPES_H

#include "core/advice.h"

enum { RECIPES = 17 };

struct recipe {
	const char *name; /* whom it is for, as the report's "for" has it: "linux", "postgresql", ... */
	char text[600];   /* lines, each ended by a newline */
};

struct recipes {
	struct recipe list[RECIPES];
	size_t count;
};

/* Keepalive settings where they hold the path open; where they do not, what the application can send instead,
 * and where the proxy's own timeout is set. Empty where nothing is advised. */
void recipes_give(const struct advice *, struct recipes *);

/* The text of one, or NULL. */
const char *recipe_named(const struct recipes *, const char *name);

#endif
