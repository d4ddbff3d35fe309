/* What a process that reads the packets and files of strangers can still do, should one of them take it over:
 * hardly more than what it does anyway. */
#ifndef IDLEPROBE_SANDBOX_H
#define IDLEPROBE_SANDBOX_H

#include "core/failure.h"

#include <stdbool.h>

/* What the command will do, besides computing and using what is open by now. */
struct sandbox {
	bool connects;     /* opens TCP and UDP sockets */
	bool accepts;      /* takes in connections */
	bool reads;        /* opens files for reading */
	const char *file;  /* makes this file anew at the end, as output_write() does; NULL: none */
};

/* For good: no core is dumped, no other process of the user can look into this one's memory, and for any
 * system call that it does not need (seccomp(2)) the kernel kills it with SIGSYS, and logs the call's number.
 * Files are made in the named file's directory only, where the kernel knows Landlock (landlock(7)). What the
 * C library would read late, the time zone, is read now. Privileges are to be given up before:
 * privilege_drop(). A kernel without seccomp is no obstacle. 0, or -1 with the failure filled in. */
int sandbox_enter(const struct sandbox *, struct failure *);

#endif
