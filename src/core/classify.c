#include "core/classify.h"

#include <math.h>

/* A device in between that answers in the endpoint's name has, as a rule, another number of hops to go. */
static enum origin origin(const struct flow *flow, const struct segment *segment)
{
	if (flow->peer_ttl == 0)
		return ORIGIN_UNKNOWN;
	return segment->ttl == flow->peer_ttl ? ORIGIN_ENDPOINT : ORIGIN_PATH;
}

static struct observation seen(enum observed what, double at)
{
	return (struct observation){ .what = what, .conn = -1, .at = at, .rtt = NAN, .from = ORIGIN_NONE };
}

static struct observation arrived(enum observed what, const struct flow *flow, const struct segment *segment,
				  double at)
{
	struct observation o = seen(what, at);

	o.ttl = segment->ttl;
	o.from = origin(flow, segment);
	return o;
}

static struct observation opened(struct flow *flow, double at)
{
	struct observation o = seen(OBSERVED_OPEN, at);

	flow->state = FLOW_OPEN;
	o.ttl = flow->peer_ttl;
	o.from = ORIGIN_ENDPOINT;
	if (!flow->syn_repeated)
		o.rtt = flow->synack_at - flow->syn_at;
	return o;
}

static bool classify_icmp(struct flow *flow, const struct segment *segment, enum direction quoted, double at,
			  struct observation *o)
{
	/* RFC 5927, 4.1: believed only where it quotes what may be in flight, a probe or the kernel's ACK. */
	if (quoted != DIRECTION_OUTBOUND || flow->state != FLOW_OPEN ||
	    (segment->seq != flow->snd_nxt - 1 && segment->seq != flow->snd_nxt))
		return false;
	*o = seen(OBSERVED_ICMP, at);
	o->from = ORIGIN_PATH;
	o->ttl = segment->ttl;
	o->icmp_type = segment->icmp_type;
	o->icmp_code = segment->icmp_code;
	return true;
}

/* This side sends nothing twice but its SYN, and nothing before its turn. What has other numbers was sent to
 * this host in its own name: the host's network stack throws that away, but the capture saw it. */
static bool in_order(const struct flow *flow, const struct segment *segment)
{
	return !flow->own_known || segment->seq + ((segment->flags & TCP_SYN) != 0) == flow->snd_nxt;
}

static bool classify_outbound(struct flow *flow, const struct segment *segment, double at, uint32_t tick,
			      struct observation *o)
{
	if (flow_is_probe(flow, segment)) {
		flow_probed(flow, at);
		*o = seen(OBSERVED_SENT, at);
		return true;
	}
	if ((segment->flags & TCP_RST) || !in_order(flow, segment))
		return false; /* the kernel is done with it; an RST has no window and no timestamp to learn */
	flow_learn(flow, segment, DIRECTION_OUTBOUND, at, tick);
	if (segment->flags & TCP_SYN)
		return false;
	if (flow->state == FLOW_OPEN) {
		*o = seen(OBSERVED_OUTBOUND, at);
		return true;
	}
	if (!flow_complete(flow))
		return false;
	*o = opened(flow, at);
	return true;
}

/* RFC 5961, 3.2: only with exactly the next number. Where another is in the window the kernel asks back, by
 * an ACK, and who has the connection no more answers that with the right one. Else some ten thousand guesses
 * would do, for one that sees nothing. What the kernel has not acknowledged yet counts too. */
static bool reset_acceptable(const struct flow *flow, const struct segment *segment)
{
	return segment->seq == flow->rcv_nxt || segment->seq == flow->peer_nxt;
}

static bool classify_inbound(struct flow *flow, const struct segment *segment, double at, uint32_t tick,
			     struct observation *o)
{
	if (segment->flags & TCP_RST) {
		if (flow->state != FLOW_OPEN || !reset_acceptable(flow, segment))
			return false;
		flow->state = FLOW_ENDED;
		*o = arrived(OBSERVED_RESET, flow, segment, at);
		return true;
	}
	/* A probe that was mapped to another port may reach another connection's socket: what that answers is
	 * no sign of this one. All of this side's numbers are acknowledged from the handshake on, for it
	 * never sends payload. */
	if (!flow->own_known || !(segment->flags & TCP_ACK) || segment->ack != flow->snd_nxt)
		return false;

	/* A keepalive of the far end repeats its last number; so do a SYN-ACK or payload sent again. */
	bool repeats = seq_before(segment->seq, flow->peer_nxt);

	flow_learn(flow, segment, DIRECTION_INBOUND, at, tick);
	if (flow->state != FLOW_OPEN)
		return false;
	if (segment->flags & TCP_FIN) {
		flow->state = FLOW_ENDED;
		*o = arrived(OBSERVED_FIN, flow, segment, at);
	} else if (segment->flags & TCP_SYN) {
		*o = arrived(OBSERVED_SYNACK, flow, segment, at);
	} else if (segment->length == 0 && !repeats &&
		   (flow->outstanding || at - flow->probe_at < REPLY_GRACE)) {
		flow->outstanding = false;
		*o = arrived(OBSERVED_REPLY, flow, segment, at);
		o->rtt = at - flow->probe_at;
	} else {
		*o = arrived(OBSERVED_UNASKED, flow, segment, at);
		o->payload = segment->length > 0;
		o->again = repeats && segment->length > 1; /* some keepalives carry an octet (RFC 9293, 3.8.4) */
	}
	return true;
}

bool classify(struct flow *flow, const struct segment *segment, double at, uint32_t tick,
	      struct observation *o)
{
	enum direction direction = flow_direction(flow, segment);

	if (flow->state == FLOW_ENDED)
		return false;
	if (segment->icmp)
		return classify_icmp(flow, segment, direction, at, o);
	switch (direction) {
	case DIRECTION_OUTBOUND:
		return classify_outbound(flow, segment, at, tick, o);
	case DIRECTION_INBOUND:
		return classify_inbound(flow, segment, at, tick, o);
	case DIRECTION_NEITHER:
		break;
	}
	return false;
}

bool classify_open(struct flow *flow, struct observation *o)
{
	if (!flow_complete(flow) || isnan(flow->synack_at))
		return false;
	*o = opened(flow, flow->synack_at);
	return true;
}
