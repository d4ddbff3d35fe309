#ifndef IDLEPROBE_PRIVILEGE_H
#define IDLEPROBE_PRIVILEGE_H

#include "core/failure.h"

/* Gives up every capability for good (permitted, effective, inheritable, ambient, bounding where allowed) and
 * sets no_new_privs. A set-user-ID caller becomes its real user. 0, or -1 with the failure filled in. */
int privilege_drop(struct failure *);

/* Fills in what to do about a lack of permission to open `what`; returns -1. */
int privilege_missing(const char *what, struct failure *);

#endif
