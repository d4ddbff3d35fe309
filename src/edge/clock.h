/* The one clock: CLOCK_BOOTTIME, which runs on during suspend as the middlebox's clock does. */
#ifndef IDLEPROBE_CLOCK_H
#define IDLEPROBE_CLOCK_H

/* Seconds since the first call in this process. */
double clock_now(void);

#endif
