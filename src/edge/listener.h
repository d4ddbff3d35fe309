/* A listening socket. Accepts a bounded number at a time, so that a flood holds up nothing else, and rests
 * for a while where the system has no descriptor or memory for one more. */
#ifndef IDLEPROBE_LISTENER_H
#define IDLEPROBE_LISTENER_H

#include "core/failure.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>

struct listener;

struct listener_config {
	struct event_base *base;
	/* A connection, non-blocking; the callee closes it. An IPv4 address comes in its mapped form. */
	void (*accepted)(void *arg, int fd, const struct sockaddr_in6 *peer);
	void (*resting)(void *arg, int error); /* nothing can be accepted for a second: errno */
	void *arg;
};

/* "ADDR:PORT", "[IPV6]:PORT", "ADDR" or "[IPV6]", numeric; port 7440 unless told. "[::]" is all IPv6
 * addresses only. NULL with the failure filled in: EXIT_USAGE where it is no address, EXIT_CANNOT_RUN
 * where it cannot be listened on. *absent (may be NULL) tells whether the host has no such kind of address
 * at all. */
struct listener *listener_new(const struct listener_config *, const char *address, bool *absent, struct failure *);
void listener_free(struct listener *);

#endif
