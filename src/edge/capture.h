/* Watches the target's segments and the ICMP errors about them, all the time, on the target's interface
 * (libpcap). */
#ifndef IDLEPROBE_CAPTURE_H
#define IDLEPROBE_CAPTURE_H

#include "core/failure.h"
#include "core/packet.h"

struct capture;
struct target;

/* `at` on clock_now()'s clock: when the kernel saw the segment; `tick`: clock_tick() when it was read. */
typedef void capture_sink(void *arg, const struct segment *, double at, uint32_t tick);

/* Needs CAP_NET_RAW here and never again. NULL with the failure filled in; freed by capture_free(). */
struct capture *capture_new(const struct target *, struct failure *);
void capture_free(struct capture *);

/* Readable when there is something to read. */
int capture_fd(const struct capture *);

/* Reads some of what waits; never blocks. The interface going down and up again loses nothing but what it did
 * not carry; false once it has ceased to exist: nothing will come any more. */
bool capture_read(struct capture *, capture_sink *, void *arg);

/* Segments that the kernel had no room for. */
unsigned capture_dropped(struct capture *);

#endif
