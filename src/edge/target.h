/* The target as the user named it, and as the system resolves and routes it. */
#ifndef IDLEPROBE_TARGET_H
#define IDLEPROBE_TARGET_H

#include "core/failure.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { DEFAULT_PORT = 7440 }; /* RFC 5382: 2 h 4 min = 7440 s */

struct target {
	char input[300], host[256];
	uint16_t port;
	int family;                              /* AF_INET or AF_INET6 */
	struct sockaddr_storage remote, local;   /* local: source address the route gives; its port is 0 */
	socklen_t length;
	char address[INET6_ADDRSTRLEN + 20];     /* numeric, with scope if any */
	char source_address[INET6_ADDRSTRLEN + 20];
	char interface[IF_NAMESIZE];             /* through which the route leaves */
	unsigned interface_index;
	bool interface_given;                    /* the user's -i: sockets are bound to it */
	int address_count;                       /* that the name had in the families asked for */
	struct addrinfo *found;                  /* by target_look_up(), until target_resolve() or target_forget() */
	int lookup_error, lookup_errno;          /* of getaddrinfo(3) */
};

/* Splits "HOST:PORT", "[IPV6]:PORT", "HOST" or "[IPV6]". Does no look-up. 0, or -1 with EXIT_USAGE. */
int target_parse(struct target *, const char *input, struct failure *);

/* Asks the name servers about all of them at once, for each may take seconds (family: AF_UNSPEC, AF_INET or AF_INET6).
 * target_resolve() is to follow for each. */
void target_look_up(struct target *const *, size_t count, int family);

/* Where target_resolve() is not called, or fails. */
void target_forget(struct target *);

/* Takes the first address that was found, finds its route, source address and interface (interface: the user's -i, or
 * NULL). 0, or -1 with EXIT_CANNOT_RUN (name, route) or EXIT_USAGE (no such interface). */
int target_resolve(struct target *, int family, const char *interface, struct failure *);

/* The source address the route gives now, with port 0. Returns 0 or an errno. */
int target_source(const struct target *, struct sockaddr_storage *source);

/* Of an IPv4 or IPv6 address. */
void target_set_port(struct sockaddr_storage *, uint16_t port);

#endif
