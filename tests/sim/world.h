/* A model of the world in virtual time: a client, a path that delays and loses, a middlebox with a timer, and a server.
 * What it does to a connection is told as the same observations that the engine makes of real packets. */
#ifndef IDLEPROBE_WORLD_H
#define IDLEPROBE_WORLD_H

#include "core/types.h"

enum box_late { LATE_SILENT, LATE_RESET, LATE_REMAP, LATE_ICMP, LATE_REVIVE };

enum refreshed_by { REFRESHED_BOTH, REFRESHED_OUTBOUND, REFRESHED_INBOUND };

struct world_config {
	uint64_t seed;

	/* Path */
	double rtt, jitter;          /* seconds; jitter: mean of an exponential addition each way */
	double loss;                 /* each way */
	double burst_loss, burst_on, burst_off; /* Gilbert-Elliott: loss in bursts, mean seconds in and between them */
	double outage_at[3], outage_for[3];     /* seconds; 0 for none */
	double duplicate;            /* share of replies that come twice */

	/* Middlebox */
	double timeout;              /* seconds; INFINITY for none */
	double second_timeout;       /* of a second box that takes second_share of the connections */
	double second_share;
	double scan;                 /* entries are removed only every so many seconds; 0: exactly */
	double evict_every;          /* mean seconds between evictions of the longest idle entries; 0: none */
	double evict_share;
	double flush_at;             /* the table is lost then; 0: never */
	bool payload_only;           /* keepalives do not refresh */
	enum refreshed_by refreshed_by;
	double inbound_timeout;      /* after which it lets no inbound segment in, though it knows the connection; 0: the same */
	bool reset_at_expiry;
	bool far_reset_at_expiry;    /* RST to the far end */
	bool reset_forged;           /* the RST at expiry looks as if the endpoint had sent it */
	enum box_late late;          /* what becomes of a segment without an entry */
	bool far_late_reset;         /* a late inbound segment draws an RST */
	bool icmp_limited;           /* only one ICMP error a second */

	/* Server */
	bool responder;
	bool proxy;                  /* the server is a proxy, and the responder stands behind it */
	double close_after;          /* closes connections without payload for so long; 0: never */
	bool close_by_reset;
	double keepalive;            /* its own keepalive interval; 0: none */
	double restart_at;           /* its process ends and starts again; 0: never */
	bool restart_silent;         /* as by a power failure */
};

struct world;

struct world *world_new(const struct world_config *);
void world_free(struct world *);
void world_act(struct world *, const struct action *, double now);
/* Moment of the next observation, INFINITY if nothing is under way. */
double world_next(struct world *);
/* The observation of that moment; false where the event shows nothing to the client. */
bool world_take(struct world *, struct observation *);

/* Uniform in [0, 1), from a seed of the caller's. */
double world_random(uint64_t *state);

#endif
