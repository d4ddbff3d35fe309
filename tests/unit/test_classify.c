/* What each kind of segment means: one connection, 10.0.0.1.40000 > 10.0.0.2.443, ISS 1000, IRS 5000, window
 * 100 << 7. */
#include "core/classify.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ENDPOINT_TTL = 57, OTHER_TTL = 63 };

static const struct endpoint OWN = { { 10, 0, 0, 1 }, 40000 }, PEER = { { 10, 0, 0, 2 }, 443 };

static struct segment outbound(uint32_t seq, uint32_t ack, uint8_t flags, uint32_t length)
{
	return (struct segment){ .version = 4,
				 .ttl = 64,
				 .from = OWN,
				 .to = PEER,
				 .seq = seq,
				 .ack = ack,
				 .flags = flags,
				 .window = 100,
				 .length = length,
				 .timestamps = true,
				 .tsval = 70000,
				 .window_scale = -1 };
}

static struct segment inbound(uint32_t seq, uint32_t ack, uint8_t flags, uint32_t length)
{
	return (struct segment){ .version = 4,
				 .ttl = ENDPOINT_TTL,
				 .from = PEER,
				 .to = OWN,
				 .seq = seq,
				 .ack = ack,
				 .flags = flags,
				 .window = 200,
				 .length = length,
				 .timestamps = true,
				 .tsval = 90000,
				 .window_scale = -1 };
}

static struct segment icmp(uint32_t seq)
{
	return (struct segment){ .version = 4,
				 .ttl = OTHER_TTL,
				 .from = OWN,
				 .to = PEER,
				 .seq = seq,
				 .icmp = true,
				 .icmp_type = 3,
				 .icmp_code = 10 };
}

/* -1 where the segment means nothing. */
static int what(struct flow *flow, struct segment segment, double at, struct observation *o)
{
	struct observation none;

	if (o == NULL)
		o = &none;
	return classify(flow, &segment, at, 0, o) ? (int)o->what : -1;
}

static struct flow opening(void)
{
	struct segment syn = outbound(1000, 0, TCP_SYN, 0),
		       synack = inbound(5000, 1001, TCP_SYN | TCP_ACK, 0);
	struct flow flow;

	syn.window = 64000;
	syn.window_scale = 7;
	synack.window_scale = 9;
	flow_init(&flow, 4, &OWN, &PEER);
	assert_int_equal(what(&flow, syn, 10.0, NULL), -1);
	assert_int_equal(what(&flow, synack, 10.2, NULL), -1);
	return flow;
}

static struct flow opened(void)
{
	struct flow flow = opening();

	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 10.2, NULL), OBSERVED_OPEN);
	return flow;
}

/* Opened at 10.2, probed at `at`. */
static struct flow probed(double at)
{
	struct flow flow = opened();

	assert_int_equal(what(&flow, outbound(1000, 5001, TCP_ACK, 0), at, NULL), OBSERVED_SENT);
	return flow;
}

static void handshake(void **state)
{
	struct flow flow = opening();
	struct observation o;

	(void)state;
	assert_int_equal(flow.window, 64000 >> 7); /* should the ACK never be captured */
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 10.21, &o), OBSERVED_OPEN);
	assert_float_equal(o.at, 10.21, 1e-9);
	assert_float_equal(o.rtt, 0.2, 1e-9);
	assert_int_equal(o.ttl, ENDPOINT_TTL);
	assert_int_equal(flow.snd_nxt, 1001);
	assert_int_equal(flow.rcv_nxt, 5001);
	assert_int_equal(flow.window, 100);
	assert_true(flow.timestamps);
}

static void handshake_with_losses(void **state)
{
	struct flow flow;
	struct observation o;

	(void)state;
	flow_init(&flow, 4, &OWN, &PEER);
	what(&flow, outbound(1000, 0, TCP_SYN, 0), 10, NULL);
	what(&flow, outbound(1000, 0, TCP_SYN, 0), 11, NULL);
	what(&flow, inbound(5000, 1001, TCP_SYN | TCP_ACK, 0), 11.2, NULL);
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 11.2, &o), OBSERVED_OPEN);
	assert_true(isnan(o.rtt)); /* of which SYN? */
	/* The ACK was lost: the far end repeats, and the kernel answers, so two segments passed. */
	assert_int_equal(what(&flow, inbound(5000, 1001, TCP_SYN | TCP_ACK, 0), 12.2, &o), OBSERVED_SYNACK);
	assert_true(isnan(o.rtt)); /* of no probe */
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 12.2, NULL), OBSERVED_OUTBOUND);
}

static void handshake_not_captured(void **state)
{
	struct flow flow = opening();
	struct observation o;

	(void)state;
	assert_true(classify_open(&flow, &o)); /* but for its last segment */
	assert_float_equal(o.at, 10.2, 1e-9);
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 11, NULL), OBSERVED_OUTBOUND);

	flow_init(&flow, 4, &OWN, &PEER);
	assert_false(classify_open(&flow, &o)); /* nothing at all */
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 10, NULL), -1); /* nothing inbound */
	assert_false(classify_open(&flow, &o));
}

static void timestamps_not_negotiated(void **state)
{
	struct segment syn = outbound(1000, 0, TCP_SYN, 0),
		       synack = inbound(5000, 1001, TCP_SYN | TCP_ACK, 0);
	struct flow flow;

	(void)state;
	synack.timestamps = false;
	flow_init(&flow, 4, &OWN, &PEER);
	what(&flow, syn, 10, NULL);
	what(&flow, synack, 10, NULL);
	assert_false(flow.timestamps);
}

static void reply(void **state)
{
	struct flow flow = probed(20);
	struct observation o;

	(void)state;
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 20.3, &o), OBSERVED_REPLY);
	assert_float_equal(o.rtt, 0.3, 1e-9);
	assert_int_equal(o.from, ORIGIN_ENDPOINT);
	assert_int_equal(o.ttl, ENDPOINT_TTL);

	/* Sequence numbers of the probe and of the kernel's next segment have not moved. */
	assert_int_equal(flow.snd_nxt, 1001);
	assert_int_equal(flow.rcv_nxt, 5001);
}

static void repeated_and_late_replies(void **state)
{
	struct flow flow = probed(20);

	(void)state;
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 20.3, NULL), OBSERVED_REPLY);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 20.4, NULL), OBSERVED_REPLY);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 24.9, NULL), OBSERVED_REPLY);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 25.1, NULL), OBSERVED_UNASKED);

	flow = probed(20); /* not answered yet: a path may be slow */
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 29, NULL), OBSERVED_REPLY);

	flow = opened(); /* never probed */
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 11, NULL), OBSERVED_UNASKED);
}

static void reply_with_foreign_numbers(void **state)
{
	struct flow flow = probed(20);

	(void)state;
	assert_int_equal(what(&flow, inbound(777001, 888001, TCP_ACK, 0), 20.1, NULL), -1);
	assert_int_equal(what(&flow, inbound(5001, 888001, TCP_ACK, 0), 20.1, NULL), -1);
	assert_int_equal(what(&flow, inbound(5001, 1000, TCP_ACK, 0), 20.1, NULL), -1);
	assert_int_equal(what(&flow, inbound(777001, 888001, TCP_ACK | TCP_FIN, 0), 20.1, NULL), -1);
	assert_int_equal(flow.rcv_nxt, 5001);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 20.3, NULL), OBSERVED_REPLY);
}

static void far_end_keepalive(void **state)
{
	struct flow flow = probed(20);
	struct observation o;

	(void)state;
	/* RFC 9293, 3.8.4: SEG.SEQ = SND.NXT-1. Even while a probe waits for its answer this is none. */
	assert_int_equal(what(&flow, inbound(5000, 1001, TCP_ACK, 0), 20.1, NULL), OBSERVED_UNASKED);
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 20.1, NULL), OBSERVED_OUTBOUND);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 20.2, NULL), OBSERVED_REPLY);
	/* With one octet of garbage, as some stacks send them. */
	assert_int_equal(what(&flow, inbound(5000, 1001, TCP_ACK, 1), 20.3, &o), OBSERVED_UNASKED);
	assert_false(o.again);
}

/* The acknowledgment of a banner was lost, so it comes once more: nobody speaks of his own accord. */
static void payload_sent_again(void **state)
{
	struct flow flow = probed(20);
	struct observation o;

	(void)state;
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 30), 20.2, &o), OBSERVED_UNASKED);
	assert_true(o.payload && !o.again);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 30), 20.4, &o), OBSERVED_UNASKED);
	assert_true(o.payload && o.again);
	assert_int_equal(what(&flow, inbound(5031, 1001, TCP_ACK, 30), 20.6, &o), OBSERVED_UNASKED);
	assert_true(o.payload && !o.again);
}

static void payload(void **state)
{
	struct flow flow = probed(20);

	(void)state;
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 300), 20.1, NULL), OBSERVED_UNASKED);
	assert_int_equal(flow.rcv_nxt, 5001); /* until the kernel acknowledges it */
	/* A reply and a keepalive that cross the kernel's delayed ACK. */
	assert_int_equal(what(&flow, inbound(5300, 1001, TCP_ACK, 0), 20.1, NULL), OBSERVED_UNASKED);
	assert_int_equal(what(&flow, inbound(5301, 1001, TCP_ACK, 0), 20.1, NULL), OBSERVED_REPLY);
	assert_int_equal(what(&flow, outbound(1001, 5301, TCP_ACK, 0), 20.14, NULL), OBSERVED_OUTBOUND);
	assert_int_equal(flow.rcv_nxt, 5301);
	assert_int_equal(what(&flow, outbound(1000, 5301, TCP_ACK, 0), 30, NULL), OBSERVED_SENT);
	assert_int_equal(what(&flow, inbound(5300, 1001, TCP_ACK, 0), 30.1, NULL), OBSERVED_UNASKED);
	assert_int_equal(what(&flow, inbound(5301, 1001, TCP_ACK, 0), 30.1, NULL), OBSERVED_REPLY);
}

static struct segment reset(uint32_t seq, uint8_t ttl)
{
	struct segment segment = inbound(seq, 0, TCP_RST, 0);

	segment.ttl = ttl;
	segment.timestamps = false;
	return segment;
}

static void resets(void **state)
{
	struct flow flow = probed(20);
	struct observation o;

	(void)state;
	assert_int_equal(what(&flow, reset(5001, ENDPOINT_TTL), 20.1, &o), OBSERVED_RESET);
	assert_int_equal(o.from, ORIGIN_ENDPOINT);
	assert_int_equal(what(&flow, reset(5001, ENDPOINT_TTL), 20.2, NULL), -1); /* once is enough */
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 20.3, NULL), -1);
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 20.3, NULL), -1);

	flow = probed(20);
	assert_int_equal(what(&flow, reset(5001, OTHER_TTL), 20.1, &o), OBSERVED_RESET);
	assert_int_equal(o.from, ORIGIN_PATH);
	assert_int_equal(o.ttl, OTHER_TTL);

	flow = opened(); /* by itself, and with an ACK */
	struct segment with_ack = inbound(5001, 1001, TCP_RST | TCP_ACK, 0);

	assert_int_equal(what(&flow, with_ack, 300, &o), OBSERVED_RESET);
}

static void spoofed_resets(void **state)
{
	struct flow flow = probed(20);

	(void)state;
	assert_int_equal(what(&flow, reset(5000, ENDPOINT_TTL), 20.1, NULL), -1);
	assert_int_equal(what(&flow, reset(5001 + (100 << 7), ENDPOINT_TTL), 20.1, NULL), -1);
	assert_int_equal(what(&flow, reset(123456789, ENDPOINT_TTL), 20.1, NULL), -1);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 20.1, NULL), OBSERVED_REPLY);
	/* In the window, but not the next number (RFC 5961, 3.2). */
	assert_int_equal(what(&flow, reset(5001 + (100 << 7) - 1, ENDPOINT_TTL), 20.1, NULL), -1);
	assert_int_equal(what(&flow, reset(5002, ENDPOINT_TTL), 20.1, NULL), -1);
	assert_int_equal(what(&flow, reset(5001, ENDPOINT_TTL), 20.1, NULL), OBSERVED_RESET);
}

/* Whether the kernel has taken payload in is not known before it acknowledges: segments before may be
 * missing. */
static void reset_after_payload(void **state)
{
	struct flow flow = probed(20);

	(void)state;
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 300), 20.1, NULL), OBSERVED_UNASKED);
	assert_int_equal(what(&flow, reset(5300, ENDPOINT_TTL), 20.1, NULL), -1);
	assert_int_equal(what(&flow, reset(5301, ENDPOINT_TTL), 20.1, NULL), OBSERVED_RESET);

	flow = probed(20);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 300), 20.1, NULL), OBSERVED_UNASKED);
	assert_int_equal(what(&flow, reset(5001, ENDPOINT_TTL), 20.1, NULL), OBSERVED_RESET);
}

/* What comes before the SYN is of an earlier connection of that port, or forged: 0 acknowledges nothing. */
static void before_the_syn(void **state)
{
	struct segment early = inbound(77, 0, TCP_SYN | TCP_ACK, 0), syn = outbound(1000, 0, TCP_SYN, 0);
	struct observation o;
	struct flow flow;

	(void)state;
	early.ttl = OTHER_TTL;
	flow_init(&flow, 4, &OWN, &PEER);
	assert_int_equal(what(&flow, early, 9, NULL), -1);
	assert_int_equal(what(&flow, syn, 10, NULL), -1);
	assert_int_equal(what(&flow, inbound(5000, 1001, TCP_SYN | TCP_ACK, 0), 10.2, NULL), -1);
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 10.2, &o), OBSERVED_OPEN);
	assert_int_equal(o.ttl, ENDPOINT_TTL);
	assert_float_equal(o.rtt, 0.2, 1e-9);
	assert_int_equal(flow.rcv_nxt, 5001);
}

/* In this host's own name, by somebody who knows the ports: nothing is learned of it. */
static void spoofed_own(void **state)
{
	struct flow flow = opening();
	struct segment timed = outbound(4000001001, 5001, TCP_ACK, 0);

	(void)state;
	timed.tsval = 1;
	timed.window = 0;
	assert_int_equal(what(&flow, outbound(7000, 0, TCP_SYN, 0), 10.2, NULL), -1);
	assert_int_equal(what(&flow, outbound(1001, 5001, TCP_ACK, 0), 10.2, NULL), OBSERVED_OPEN);
	for (uint32_t seq = 1002; seq < 1u << 31; seq *= 3)
		assert_int_equal(what(&flow, outbound(seq, seq, TCP_ACK, 0), 15, NULL), -1);
	assert_int_equal(what(&flow, outbound(7000, 0, TCP_SYN, 0), 15, NULL), -1);
	assert_int_equal(what(&flow, timed, 15, NULL), -1);
	assert_int_equal(flow.snd_nxt, 1001);
	assert_int_equal(flow.rcv_nxt, 5001);
	assert_int_equal(flow.window, 100);
	assert_int_equal(flow.tsval, 70000);
	assert_int_equal(what(&flow, outbound(1000, 5001, TCP_ACK, 0), 20, NULL), OBSERVED_SENT);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_ACK, 0), 20.1, NULL), OBSERVED_REPLY);
}

static void fin(void **state)
{
	struct flow flow = opened();
	struct observation o;

	(void)state;
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_FIN | TCP_ACK, 0), 40, &o), OBSERVED_FIN);
	assert_int_equal(o.from, ORIGIN_ENDPOINT);
	assert_int_equal(what(&flow, inbound(5001, 1001, TCP_FIN | TCP_ACK, 0), 40.2, &o), -1);
}

static void icmp_errors(void **state)
{
	struct flow flow = opening();
	struct observation o;

	(void)state;
	assert_int_equal(what(&flow, icmp(1000), 10.2, NULL), -1); /* connect() tells of it */
	flow = probed(20);
	assert_int_equal(what(&flow, icmp(1000), 20.1, &o), OBSERVED_ICMP);
	assert_int_equal(o.from, ORIGIN_PATH);
	assert_int_equal(o.icmp_type, 3);
	assert_int_equal(o.icmp_code, 10);
	assert_int_equal(what(&flow, icmp(1001), 20.1, &o), OBSERVED_ICMP); /* quotes the kernel's ACK */
	assert_int_equal(what(&flow, icmp(999), 20.1, &o), -1);
	assert_int_equal(what(&flow, icmp(424242), 20.1, &o), -1);

	struct segment other = icmp(1000);

	other.from.port++;
	assert_int_equal(what(&flow, other, 20.1, &o), -1);
	other = icmp(1000); /* quotes what the peer sent */
	other.from = PEER;
	other.to = OWN;
	assert_int_equal(what(&flow, other, 20.1, &o), -1);
}

static void other_connections(void **state)
{
	struct flow flow = probed(20);
	struct segment segment = inbound(5001, 1001, TCP_ACK, 0);

	(void)state;
	segment.to.port++;
	assert_int_equal(what(&flow, segment, 20.1, NULL), -1);
	segment = inbound(5001, 1001, TCP_ACK, 0);
	segment.version = 6;
	assert_int_equal(what(&flow, segment, 20.1, NULL), -1);
	segment = inbound(5001, 1001, TCP_ACK, 0);
	segment.from.address[3]++;
	assert_int_equal(what(&flow, segment, 20.1, NULL), -1);
}

/* A path or a test on one host: both ends have one address, and ports alone tell the direction. */
static void loopback(void **state)
{
	struct endpoint own = { { 127, 0, 0, 1 }, 40000 }, peer = { { 127, 0, 0, 1 }, 443 };
	struct segment segment = inbound(5001, 1001, TCP_ACK, 0);
	struct flow flow;

	(void)state;
	flow_init(&flow, 4, &own, &peer);
	segment.from = peer;
	segment.to = own;
	assert_int_equal(flow_direction(&flow, &segment), DIRECTION_INBOUND);
	segment.from = own;
	segment.to = peer;
	assert_int_equal(flow_direction(&flow, &segment), DIRECTION_OUTBOUND);
}

static void wrapping_numbers(void **state)
{
	struct segment syn = outbound(0xffffffff, 0, TCP_SYN, 0),
		       synack = inbound(0xfffffff0, 0, TCP_SYN | TCP_ACK, 0);
	struct flow flow;

	(void)state;
	flow_init(&flow, 4, &OWN, &PEER);
	what(&flow, syn, 10, NULL);
	what(&flow, synack, 10, NULL);
	assert_int_equal(what(&flow, outbound(0, 0xfffffff1, TCP_ACK, 0), 10, NULL), OBSERVED_OPEN);
	assert_int_equal(what(&flow, inbound(0xfffffff1, 0, TCP_ACK, 40), 11, NULL), OBSERVED_UNASKED);
	assert_int_equal(what(&flow, outbound(0, 0x19, TCP_ACK, 0), 11, NULL), OBSERVED_OUTBOUND);
	assert_int_equal(flow.rcv_nxt, 0x19);
	assert_int_equal(what(&flow, outbound(0xffffffff, 0x19, TCP_ACK, 0), 20, NULL), OBSERVED_SENT);
	assert_int_equal(what(&flow, inbound(0x18, 0, TCP_ACK, 0), 20, NULL), OBSERVED_UNASKED);
	assert_int_equal(what(&flow, inbound(0x19, 0, TCP_ACK, 0), 20, NULL), OBSERVED_REPLY);

	syn.seq = 0xfffffffe; /* own numbers wrap after the handshake */
	flow_init(&flow, 4, &OWN, &PEER);
	what(&flow, syn, 10, NULL);
	what(&flow, outbound(0xffffffff, 1, TCP_ACK, 10), 10, NULL);
	assert_int_equal(flow.snd_nxt, 9);
	what(&flow, outbound(0xffffffff, 1, TCP_ACK, 0), 10, NULL); /* came late */
	assert_int_equal(flow.snd_nxt, 9);
}

/* The TSval of a probe is what the kernel's would be, and is never learned from a probe. */
static void timestamps(void **state)
{
	struct flow flow = opening();
	struct segment own = outbound(1001, 5001, TCP_ACK, 0), probe = outbound(1000, 5001, TCP_ACK, 0),
		       answer;
	struct observation o;

	(void)state;
	own.tsval = 4294967290u;
	assert_true(classify(&flow, &own, 10, 500, &o));
	assert_int_equal(flow_tsval(&flow, 500), 4294967290u);
	assert_int_equal(flow_tsval(&flow, 510), 4);
	probe.tsval = 99;
	assert_true(classify(&flow, &probe, 20, 700, &o));
	assert_int_equal(flow_tsval(&flow, 510), 4);

	assert_int_equal(flow.ts_recent, 90000);
	answer = inbound(5001, 1001, TCP_ACK, 0);
	answer.tsval = 90500;
	assert_true(classify(&flow, &answer, 20.1, 700, &o));
	assert_int_equal(flow.ts_recent, 90500);
	answer.tsval = 90400; /* came out of order */
	assert_true(classify(&flow, &answer, 20.1, 700, &o));
	assert_int_equal(flow.ts_recent, 90500);
	answer.seq = 5101; /* of a segment after a gap: RFC 7323, 4.3 */
	answer.tsval = 90600;
	assert_true(classify(&flow, &answer, 20.1, 700, &o));
	assert_int_equal(flow.ts_recent, 90500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake),
		cmocka_unit_test(handshake_with_losses),
		cmocka_unit_test(handshake_not_captured),
		cmocka_unit_test(timestamps_not_negotiated),
		cmocka_unit_test(reply),
		cmocka_unit_test(repeated_and_late_replies),
		cmocka_unit_test(reply_with_foreign_numbers),
		cmocka_unit_test(far_end_keepalive),
		cmocka_unit_test(payload_sent_again),
		cmocka_unit_test(payload),
		cmocka_unit_test(resets),
		cmocka_unit_test(spoofed_resets),
		cmocka_unit_test(reset_after_payload),
		cmocka_unit_test(before_the_syn),
		cmocka_unit_test(spoofed_own),
		cmocka_unit_test(fin),
		cmocka_unit_test(icmp_errors),
		cmocka_unit_test(other_connections),
		cmocka_unit_test(loopback),
		cmocka_unit_test(wrapping_numbers),
		cmocka_unit_test(timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
