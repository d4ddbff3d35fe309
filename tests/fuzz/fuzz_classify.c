/* Segments of one connection, with any numbers in any order: what off-path forgers may try, and what the classifier must
 * never let through. Numbers are told as distances from those that would be right, for no fuzzer guesses 32 bits. */
#include "core/classify.h"
#include "core/packet.h"
#include "core/probe.h"
#include "fuzz.h"

#include <math.h>
#include <pcap/dlt.h>
#include <string.h>

static const struct endpoint own = { { 192, 0, 2, 1 }, 40000 }, peer = { { 192, 0, 2, 2 }, 7440 };

/* A right number, one near it, one a window away, or any. */
static uint32_t number(struct bytes *bytes, uint32_t right)
{
	switch (bytes_choice(bytes, 4)) {
	case 0: return right;
	case 1: return right + (uint32_t)(int8_t)bytes_next(bytes);
	case 2: return right + (uint32_t)((int8_t)bytes_next(bytes) * (1 << 14));
	default: return bytes_number(bytes, 4);
	}
}

static struct segment segment_of(struct bytes *bytes, const struct flow *flow)
{
	uint8_t kind = bytes_next(bytes), ttl = bytes_next(bytes);
	bool outbound = kind & 1;
	struct segment segment = {
		.version = kind & 128 ? 6 : 4,
		.ttl = ttl & 3 ? ttl : 64,
		.icmp = kind & 2,
		.from = outbound ? own : peer,
		.to = outbound ? peer : own,
		.window_scale = -1,
	};

	segment.seq = number(bytes, outbound ? flow->snd_nxt : flow->rcv_nxt);
	if (segment.icmp) {
		segment.icmp_type = bytes_next(bytes);
		return segment;
	}
	segment.ack = number(bytes, outbound ? flow->rcv_nxt : flow->snd_nxt);
	segment.flags = bytes_next(bytes) & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
	segment.length = kind & 4 ? bytes_number(bytes, 1 + (kind >> 3 & 1)) : 0;
	segment.window = (uint16_t)(kind & 16 ? bytes_number(bytes, 2) : 502);
	segment.timestamps = kind & 32;
	segment.tsval = segment.timestamps ? bytes_number(bytes, 4) : 0;
	segment.window_scale = kind & 64 ? bytes_choice(bytes, 15) : -1;
	return segment;
}

/* RFC 9293, 3.10.7.4, RFC 5961, 3.2 and RFC 5927, 4.1: who does not see the connection does not know its numbers. */
static void must_be_due(const struct flow *before, const struct segment *segment, const struct observation *seen)
{
	must(before->state != FLOW_ENDED);
	switch (seen->what) {
	case OBSERVED_REPLY:
		must(seen->rtt >= 0);
		/* fallthrough */
	case OBSERVED_UNASKED:
	case OBSERVED_SYNACK:
	case OBSERVED_FIN:
		must(before->state == FLOW_OPEN && segment->ack == before->snd_nxt);
		break;
	case OBSERVED_RESET:
		must(before->state == FLOW_OPEN);
		must(segment->seq == before->rcv_nxt || segment->seq == before->peer_nxt);
		break;
	case OBSERVED_ICMP:
		must(before->state == FLOW_OPEN && before->snd_nxt - segment->seq <= 1 && seen->from == ORIGIN_PATH);
		break;
	case OBSERVED_OPEN:
		must(before->state == FLOW_OPENING && !(seen->rtt < 0));
		break;
	case OBSERVED_SENT:
	case OBSERVED_OUTBOUND:
		must(flow_direction(before, segment) == DIRECTION_OUTBOUND);
		break;
	case OBSERVED_OPEN_FAILED:
	case OBSERVED_LEFT:
	case OBSERVED_SEND_FAILED:
	case OBSERVED_FAR_OPEN:
	case OBSERVED_ARRIVED:
	case OBSERVED_MISSED:
	case OBSERVED_PROXY:
		must(!"told by a segment");
	}
}

/* Nothing that arrives moves what this side's own segments are built from, but for the handshake and the timestamp. */
static void must_be_unmoved(const struct flow *before, const struct flow *after)
{
	must(after->snd_nxt == before->snd_nxt && after->own_ttl == before->own_ttl);
	must(after->rcv_nxt == before->rcv_nxt || !before->peer_known);
	must(after->peer_ttl == before->peer_ttl || before->peer_ttl == 0);
}

/* The probe that would be sent now is one by the decoder's and the classifier's lights. */
static void must_know_its_own(const struct flow *flow, double now)
{
	uint8_t packet[PROBE_LONGEST];
	struct segment segment;
	struct observation seen;
	struct flow copy = *flow;
	size_t length = probe_build(flow, ticks(now), packet);

	if (length == 0) {
		must(!flow_complete(flow));
		return;
	}
	must(packet_decode(DLT_RAW, packet, length, &segment) && flow_is_probe(flow, &segment));
	must(segment.window == flow->window && segment.ack == flow->rcv_nxt && segment.timestamps == flow->timestamps);
	must(flow->state == FLOW_ENDED ||
	     (classify(&copy, &segment, now, ticks(now), &seen) && seen.what == OBSERVED_SENT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct bytes bytes = { data, data + count };
	struct flow flow;
	double now = 0;

	flow_init(&flow, 4, &own, &peer);
	while (bytes_left(&bytes)) {
		struct segment segment = segment_of(&bytes, &flow);
		struct flow before = flow;
		struct observation seen;

		now += bytes_seconds(&bytes);
		if (classify(&flow, &segment, now, ticks(now), &seen))
			must_be_due(&before, &segment, &seen);
		if (segment.icmp || flow_direction(&before, &segment) != DIRECTION_OUTBOUND)
			must_be_unmoved(&before, &flow);
		if (flow.state == FLOW_OPENING && classify_open(&flow, &seen))
			must(seen.what == OBSERVED_OPEN && flow.state == FLOW_OPEN);
	}
	must_know_its_own(&flow, now);
	return 0;
}
