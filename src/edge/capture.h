/* Watches the segments of all targets that are reached through one interface, and the ICMP errors about them, all the time
 * (libpcap). One capture serves them all: each more would have the kernel look at every packet of the interface once
 * more. */
#ifndef IDLEPROBE_CAPTURE_H
#define IDLEPROBE_CAPTURE_H

#include "core/failure.h"
#include "core/packet.h"

#include <event2/event.h>

struct capture;
struct target;

/* `at` on clock_now()'s clock: when the kernel saw the segment; `tick`: clock_tick() when it was read. */
typedef void capture_sink(void *arg, const struct segment *, double at, uint32_t tick);

/* NULL without memory. */
struct capture *capture_new(struct event_base *, const char *interface);
void capture_free(struct capture *);

/* Before it is started: from then on what comes from the target's address and port, or goes there, goes to the sink. False
 * without memory. Nothing is told any more after capture_leave(), which is not to be called by a sink. */
bool capture_join(struct capture *, const struct target *, capture_sink *, void *arg);
void capture_leave(struct capture *, const void *arg);

/* Needs CAP_NET_RAW here and never again. 0, or -1 with the failure filled in. */
int capture_start(struct capture *, struct failure *);

const char *capture_interface(const struct capture *);

/* The interface going down and up again loses nothing but what it did not carry. Once it has ceased to exist nothing will
 * come any more. */
bool capture_ended(const struct capture *);

/* Segments that the kernel had no room for. */
unsigned capture_dropped(struct capture *);

#endif
