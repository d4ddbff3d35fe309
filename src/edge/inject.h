/* Sends ready-made IP packets to the target, by a raw socket. */
#ifndef IDLEPROBE_INJECT_H
#define IDLEPROBE_INJECT_H

#include "core/failure.h"

#include <stddef.h>
#include <stdint.h>

struct target;

/* Needs CAP_NET_RAW here and never again. A descriptor, which the caller closes, or -1 with the failure
 * filled in. */
int inject_open(const struct target *, struct failure *);

/* Returns 0 or an errno. Never blocks. */
int inject_send(int fd, const struct target *, const uint8_t *packet, size_t length);

#endif
