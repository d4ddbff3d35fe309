/* The one clock: CLOCK_BOOTTIME, which runs on during suspend as the middlebox's clock does. */
#ifndef IDLEPROBE_CLOCK_H
#define IDLEPROBE_CLOCK_H

#include <stdint.h>

/* Seconds since the first call in this process. */
double clock_now(void);

/* Milliseconds of CLOCK_MONOTONIC, modulo 2^32: what Linux counts TCP timestamps by (tcp_clock_ms). */
uint32_t clock_tick(void);

#endif
