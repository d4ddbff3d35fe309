/* The far side: keeps connections that others opened, and sends on them what their openers ask for
 * (core/protocol.h). It never sends on a connection of its own, and never more than a banner to one that
 * has not asked. */
#ifndef IDLEPROBE_RESPONDER_H
#define IDLEPROBE_RESPONDER_H

#include "core/failure.h"

struct responder_config {
	const char *const *listen; /* addresses, see listener_new() */
	int listen_count;          /* 0: port 7440 on all addresses */
	const char *token;         /* NULL: anybody may command */
	int connections;           /* in all */
	int per_address;           /* of one IPv4 address, or one IPv6 /64 */
	double lifetime;           /* of a connection, seconds */
	double orphaned;           /* of one whose control channel is gone, from then on, seconds */
	int commands;              /* a second, of one control channel; ten seconds' worth at once */
	int remember;              /* how many ended connections can still be asked about */
};

/* Serves until SIGINT or SIGTERM, and then closes every connection. Logs to standard error. 0; or -1,
 * where it could not begin. The config must outlive it. */
int responder_run(const struct responder_config *, struct failure *);

#endif
