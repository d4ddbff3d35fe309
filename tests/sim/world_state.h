/* What the parts of the model share: world.c (client, path, box, server) and far.c (the responder). */
#ifndef IDLEPROBE_WORLD_STATE_H
#define IDLEPROBE_WORLD_STATE_H

#include "world.h"

enum { ENDPOINT_TTL = 60, BOX_TTL = 64 };

enum event_kind { EVENT_OBSERVE, EVENT_BOX_EXPIRY, EVENT_SERVER_CLOSE, EVENT_SERVER_KEEPALIVE, EVENT_EVICT, EVENT_RESTART,
		  EVENT_SYNACK };

struct event {
	double at;
	uint64_t order; /* of events at one moment, the first made comes first */
	enum event_kind kind;
	int conn;
	double stamp;   /* for timers: what they were set for */
	struct observation seen;
};

struct connection {
	bool open, entry, server;  /* the client's socket, the box's entry, the server's socket */
	bool lapsed;               /* the entry is gone since its expiry, of which nobody was told yet */
	bool half_open;            /* the box has not seen the handshake's last ACK, */
	bool server_half_open;     /* nor has the server: it repeats its SYN-ACK */
	double timeout, passed;    /* of the box: seconds, and last refresh */
	double opened;
	double heard;              /* the server's last segment received */
	double answered;           /* the server's last answer to an out-of-window segment */
	double probed;
	bool inbound;              /* the far side probes it */
	double acknowledged;       /* the server's last segment received that its TCP takes for one, a keepalive not */
	double payload_at;         /* the server's first payload was sent */
	double replied;            /* the client's last answer to an out-of-window segment */
};

struct world {
	struct world_config config;
	uint64_t random;
	struct event *heap;
	size_t count, room;
	uint64_t order;
	struct connection *conns;
	size_t conn_count;
	double box_share;          /* position of the box on the path */
	double scan_phase;
	double burst_until;
	bool burst;
	double last_icmp;
	double channel_free[2];    /* the control channel delivers in order: to the server, to the client */
};

double world_uniform(struct world *);
/* Over this share of one way. */
double world_leg(struct world *, double share);
bool world_loses(struct world *, double now);
void world_push(struct world *, struct event);
/* Tells the client at `at`. */
void world_observe(struct world *, double at, struct observation);
bool world_box_knows(struct world *, struct connection *, double at, bool outbound);
enum passenger { PASSENGER_EMPTY, PASSENGER_PAYLOAD };
void world_box_refresh(struct world *, int number, double at, bool outbound, enum passenger);

/* far.c: the responder's banner, a probe that it is asked for, and what becomes of its end. */
void far_greet(struct world *, int number, double at);
void far_probe(struct world *, int number, double now);
void far_byte(struct world *, int number, double now);
/* A segment from the client that draws no answer. */
void far_ack(struct world *, int number, double now);
/* Says that the far end is open, though the client's was ended. */
void far_is_open(struct world *, int number, double now);
void far_ends(struct world *, int number, double at, enum origin from);

#endif
