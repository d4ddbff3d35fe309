/* How many connections each address, and all together, may hold. Pure.
 *
 * An address is what one host can freely choose from: a whole IPv4 address, but of an IPv6 address the /64
 * (RFC 4291 2.5.4: the other half is the host's own to pick). */
#ifndef IDLEPROBE_ADMISSION_H
#define IDLEPROBE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

/* One address, for as long as it holds anything. */
struct origin {
	uint8_t prefix[16];
	int open;     /* connections */
	int ended;    /* connections of the past that are remembered */
	int channels; /* how many of the open ones are control channels */
};

struct admission;

enum refusal { ADMITTED, REFUSED_ADDRESS_FULL, REFUSED_FULL, REFUSED_NO_MEMORY };

/* NULL without memory. */
struct admission *admission_new(int in_all, int per_address);
void admission_free(struct admission *);

/* Counts one more connection of an address, an IPv4 one in its mapped form (::ffff:192.0.2.1). The origin
 * stays the admission's and is valid until its last connection has left; NULL where it is refused. */
struct origin *admission_enter(struct admission *, const uint8_t address[16], enum refusal *);

/* The connection has ended; it may be remembered. */
void admission_leave(struct admission *, struct origin *, bool remembered);

/* One that was remembered is not any more. */
void admission_forget(struct admission *, struct origin *);

#endif
