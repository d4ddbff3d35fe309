/* What is known of one connection, learned from every segment that was captured of it, not only from the
 * handshake. "Own" is this host's side, "peer" the far end. Pure. */
#ifndef IDLEPROBE_FLOW_H
#define IDLEPROBE_FLOW_H

#include "core/packet.h"
#include "core/types.h"

enum flow_state {
	FLOW_OPENING,
	FLOW_OPEN,
	FLOW_ENDED, /* an RST or a FIN came: nothing that follows counts */
};

struct flow {
	enum flow_state state;
	int version;
	struct endpoint own, peer;

	/* Of the handshake. Times in seconds, NAN while not seen. */
	double syn_at, synack_at;
	bool syn_repeated; /* which SYN the SYN-ACK answers is not known then (Karn) */
	int own_scale, peer_scale; /* window scale offered; -1 none */
	uint8_t peer_ttl;  /* of the peer's first segment, the SYN-ACK; 0 while none was seen */

	/* As this host's kernel would send them in its next segment. */
	bool own_known, peer_known; /* `snd_nxt`, and `rcv_nxt` */
	uint32_t snd_nxt;
	uint32_t rcv_nxt;    /* as the kernel acknowledges it */
	uint32_t peer_nxt;   /* past the peer's highest octet seen: may be ahead of rcv_nxt for a moment */
	uint16_t window;     /* the header field: scaled, but in a SYN */
	uint8_t own_ttl;
	uint32_t flow_label; /* routers choose among paths by it (RFC 6438) */
	bool timestamps;
	uint32_t tsval, tsval_tick; /* last own TSval, and the tick at which it was read */
	uint32_t ts_recent;         /* RFC 7323, 4.3 */

	/* Of the probes. NAN while none was sent. */
	double probe_at;   /* the latest */
	bool outstanding;  /* it was not answered yet */
};

/* A connection that is being opened: its endpoints are known, nothing else. */
void flow_init(struct flow *, int version, const struct endpoint *own, const struct endpoint *peer);

/* Whether the segment, or the segment that an ICMP error quotes, is of this connection. */
enum direction flow_direction(const struct flow *, const struct segment *);

/* True where an outbound segment is a probe of ours and not the kernel's: SEQ = SND.NXT-1, no payload,
 * nothing but ACK. The kernel sends such segments only where SO_KEEPALIVE is on (tcp_xmit_probe_skb), and it
 * is off. */
bool flow_is_probe(const struct flow *, const struct segment *);

/* Takes in a segment that belongs to the connection and is no probe of ours. `tick`: milliseconds of
 * CLOCK_MONOTONIC, which is what Linux counts timestamps by (tcp_clock_ms), when the segment was read. */
void flow_learn(struct flow *, const struct segment *, enum direction, double at, uint32_t tick);

/* Whether enough is known to build a probe and to know its answer. */
bool flow_complete(const struct flow *);

/* TSval of a segment sent now: moved on with the kernel's clock, and never ahead of what the kernel itself
 * would send, or the kernel's next segment would look old to the peer (PAWS: RFC 7323, 5). */
uint32_t flow_tsval(const struct flow *, uint32_t tick);

/* A probe left (or was handed to the kernel). */
void flow_probed(struct flow *, double at);

#endif
