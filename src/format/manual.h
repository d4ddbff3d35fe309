/* The manual page, in mdoc(7): prose from a template, lists from the tables of commands and options. */
#ifndef IDLEPROBE_MANUAL_H
#define IDLEPROBE_MANUAL_H

#include "core/failure.h"

#include <stdio.h>

/* A line of the template that begins with "@" is replaced:
 *   @synopsis       how each command is called
 *   @command NAME   a subsection on the command: what it does and its options; the template's prose follows
 *   @examples       those of all commands
 * 0, or -1 where the template names a command that there is not, or leaves one out. */
int manual_print(FILE *, FILE *template, struct failure *);

#endif
