/* --help: all of a command on one screen. */
#ifndef IDLEPROBE_HELP_H
#define IDLEPROBE_HELP_H

#include "core/usage.h"

#include <stdio.h>

void help_print(FILE *, const struct usage *);

/* The list of commands. */
void help_print_all(FILE *);

/* A phrase with a capital letter and a full stop. */
void help_sentence(FILE *, const char *phrase);

#endif
