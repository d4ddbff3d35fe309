/* Completion of the command line, for three shells, made from the tables of commands and options. */
#ifndef IDLEPROBE_COMPLETION_H
#define IDLEPROBE_COMPLETION_H

#include <stdio.h>

void completion_bash(FILE *);
void completion_zsh(FILE *);
void completion_fish(FILE *);

#endif
