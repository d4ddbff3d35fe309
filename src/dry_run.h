/* --dry-run: tells what a measurement would send, and sends nothing, not even a name look-up. */
#ifndef IDLEPROBE_DRY_RUN_H
#define IDLEPROBE_DRY_RUN_H

#include "core/options.h"

/* Needs no privileges. The program's exit code. */
int dry_run(const struct options *);

#endif
