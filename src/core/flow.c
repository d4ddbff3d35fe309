#include "core/flow.h"

#include <math.h>
#include <string.h>

void flow_init(struct flow *flow, int version, const struct endpoint *own, const struct endpoint *peer)
{
	*flow = (struct flow){
		.state = FLOW_OPENING, .version = version, .own = *own, .peer = *peer,
		.syn_at = NAN, .synack_at = NAN, .probe_at = NAN, .own_scale = -1, .peer_scale = -1,
	};
}

static bool same(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

enum direction flow_direction(const struct flow *flow, const struct segment *segment)
{
	if (segment->version != flow->version)
		return DIRECTION_NEITHER;
	if (same(&segment->from, &flow->own) && same(&segment->to, &flow->peer))
		return DIRECTION_OUTBOUND;
	if (same(&segment->from, &flow->peer) && same(&segment->to, &flow->own))
		return DIRECTION_INBOUND;
	return DIRECTION_NEITHER;
}

bool flow_is_probe(const struct flow *flow, const struct segment *segment)
{
	return flow->own_known && segment->seq == flow->snd_nxt - 1 && segment->length == 0 &&
	       segment->flags == TCP_ACK;
}

/* RFC 9293, 3.4: SYN and FIN take a sequence number each. */
static uint32_t segment_end(const struct segment *segment)
{
	return segment->seq + segment->length + ((segment->flags & TCP_SYN) != 0) +
	       ((segment->flags & TCP_FIN) != 0);
}

static void learn_own(struct flow *flow, const struct segment *segment, double at, uint32_t tick)
{
	bool syn = segment->flags & TCP_SYN;

	if (syn) {
		flow->syn_repeated = !isnan(flow->syn_at);
		flow->syn_at = at;
		flow->own_scale = segment->window_scale;
	}
	if (!flow->own_known || seq_before(flow->snd_nxt, segment_end(segment)))
		flow->snd_nxt = segment_end(segment);
	flow->own_known = true;
	if (segment->flags & TCP_ACK) {
		flow->rcv_nxt = segment->ack;
		if (!flow->peer_known || seq_before(flow->peer_nxt, segment->ack))
			flow->peer_nxt = segment->ack;
		flow->peer_known = true;
	}
	flow->window = segment->window;
	flow->own_ttl = segment->ttl;
	flow->flow_label = segment->flow_label;
	flow->timestamps = segment->timestamps;
	flow->tsval = segment->tsval;
	flow->tsval_tick = tick;
}

static void learn_synack(struct flow *flow, const struct segment *segment, double at)
{
	flow->synack_at = at;
	flow->peer_scale = segment->window_scale;
	flow->timestamps = flow->timestamps && segment->timestamps;
	if (flow->peer_known)
		return; /* the kernel's ACK was seen first, and is the better source */
	flow->peer_known = true;
	flow->rcv_nxt = flow->peer_nxt = segment_end(segment);
	/* What the kernel's ACK would say, should it be missed. RFC 7323, 2.2: scaled, unlike a SYN's. */
	if (flow->own_scale > 0 && flow->peer_scale >= 0)
		flow->window >>= flow->own_scale;
}

static void learn_peer(struct flow *flow, const struct segment *segment, double at)
{
	bool handshake = (segment->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

	/* An RST bears anybody's TTL, and a segment of another connection tells nothing; nor does one that
	 * came before the SYN, when nobody can know what to acknowledge. */
	if (!flow->own_known || (segment->flags & TCP_RST) || !(segment->flags & TCP_ACK) ||
	    segment->ack != flow->snd_nxt)
		return;
	if (handshake && isnan(flow->synack_at))
		learn_synack(flow, segment, at);
	if (flow->peer_ttl == 0)
		flow->peer_ttl = segment->ttl;
	if (segment->timestamps && !seq_before(flow->rcv_nxt, segment->seq) &&
	    (handshake || !seq_before(segment->tsval, flow->ts_recent)))
		flow->ts_recent = segment->tsval;
	if (flow->peer_known && seq_before(flow->peer_nxt, segment_end(segment)))
		flow->peer_nxt = segment_end(segment);
}

void flow_learn(struct flow *flow, const struct segment *segment, enum direction direction, double at,
		uint32_t tick)
{
	switch (direction) {
	case DIRECTION_OUTBOUND:
		learn_own(flow, segment, at, tick);
		break;
	case DIRECTION_INBOUND:
		learn_peer(flow, segment, at);
		break;
	case DIRECTION_NEITHER:
		break;
	}
}

bool flow_complete(const struct flow *flow)
{
	return flow->own_known && flow->peer_known && flow->peer_ttl != 0;
}

uint32_t flow_tsval(const struct flow *flow, uint32_t tick)
{
	return flow->tsval + (tick - flow->tsval_tick);
}

void flow_probed(struct flow *flow, double at)
{
	flow->probe_at = at;
	flow->outstanding = true;
}
