#ifndef IDLEPROBE_PRIVILEGE_H
#define IDLEPROBE_PRIVILEGE_H

#include "core/failure.h"

#include <stdbool.h>

/* Not everybody is to capture and inject, but everybody may do the rest. So where a program ".../bin/idleprobe"
 * that lacks CAP_NET_RAW has a copy ".../libexec/idleprobe" that bears it, and that the caller may execute, goes
 * on as that copy, with main()'s arguments. Returns where it does not, or need not. */
void privilege_borrow(char **argv);

/* Gives up for good every capability but CAP_NET_RAW, if it is there, and sets no_new_privs. 0, or -1 with
 * the failure filled in. */
int privilege_keep_raw(struct failure *);

/* May this process open a raw socket? Asked of the kernel: a container may forbid what capabilities allow. */
bool privilege_allows_raw(void);

/* Gives up every capability for good (permitted, effective, inheritable, ambient, bounding where allowed) and
 * sets no_new_privs. A set-user-ID caller becomes its real user. 0, or -1 with the failure filled in. */
int privilege_drop(struct failure *);

/* Fills in what to do about a lack of permission to open `what`; returns -1. */
int privilege_missing(const char *what, struct failure *);

#endif
