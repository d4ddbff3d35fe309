/* The bytes of a probe, against probes that tcpdump read and found correct, and against checksums computed
 * here. */
#include "core/probe.h"
#include "packets.h"

#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A flow that has learned the handshake of packets.h. */
static struct flow learned4(uint32_t tick)
{
	static const uint8_t *const bytes[] = { SYN4, SYNACK4, ACK4 };
	static const size_t lengths[] = { sizeof SYN4, sizeof SYNACK4, sizeof ACK4 };
	struct segment s;
	struct flow flow;

	for (size_t i = 0; i < 3; i++) {
		assert_true(packet_decode(DLT_RAW, bytes[i], lengths[i], &s));
		if (i == 0)
			flow_init(&flow, 4, &s.from, &s.to);
		flow_learn(&flow, &s, flow_direction(&flow, &s), 0.001 * (double)i, tick);
	}
	return flow;
}

static struct flow learned6(uint32_t tick)
{
	struct segment s;
	struct flow flow;

	assert_true(packet_decode(DLT_RAW, PROBE6, sizeof PROBE6, &s));
	flow_init(&flow, 6, &s.from, &s.to);
	s.seq++; /* as the kernel's ACK was */
	flow_learn(&flow, &s, DIRECTION_OUTBOUND, 0, tick);
	flow.peer_ttl = 63;
	flow.ts_recent = s.tsecr;
	return flow;
}

static void as_in_the_lab(void **state)
{
	uint8_t packet[PROBE_LONGEST];
	const uint32_t tick = 0xfffff000; /* the tick may wrap, and so may the TSval */

	(void)state;
	struct flow flow = learned4(tick);

	assert_int_equal(probe_build(&flow, tick + 4004, packet), sizeof PROBE4);
	assert_memory_equal(packet, PROBE4, sizeof PROBE4);

	flow = learned6(tick);
	assert_int_equal(probe_build(&flow, tick, packet), sizeof PROBE6);
	assert_memory_equal(packet, PROBE6, sizeof PROBE6);
}

/* RFC 1071, in the plainest way. */
static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void checksums(void **state)
{
	uint8_t packet[PROBE_LONGEST];
	struct segment s;

	(void)state;
	srandom(7440);
	for (int i = 0; i < 2000; i++) {
		struct flow flow = i % 2 ? learned4(0) : learned6(0);

		for (size_t byte = 0; byte < (flow.version == 4 ? 4 : 16); byte++)
			flow.own.address[byte] = (uint8_t)random();
		flow.own.port = (uint16_t)random();
		flow.snd_nxt = (uint32_t)random() << 1;
		flow.rcv_nxt = (uint32_t)random() << 1;
		flow.window = (uint16_t)random();
		flow.flow_label = (uint32_t)random() & 0xfffff;
		flow.timestamps = random() % 4;

		size_t length = probe_build(&flow, (uint32_t)random(), packet);
		size_t header = flow.version == 4 ? 20 : 40;

		assert_int_equal(length, header + (flow.timestamps ? 32 : 20));
		if (flow.version == 4)
			assert_int_equal(add(0, packet, 20), 0xffff);
		/* Pseudo header: addresses, protocol, length. */
		uint32_t sum = 6 + (uint32_t)(length - header);

		sum = flow.version == 4 ? add(sum, packet + 12, 8) : add(sum, packet + 8, 32);
		assert_int_equal(add(sum, packet + header, length - header), 0xffff);

		assert_true(packet_decode(DLT_RAW, packet, length, &s));
		assert_true(flow_is_probe(&flow, &s));
		assert_int_equal(flow_direction(&flow, &s), DIRECTION_OUTBOUND);
		assert_int_equal(s.ack, flow.rcv_nxt);
		assert_int_equal(s.window, flow.window);
		assert_int_equal(s.timestamps, flow.timestamps);
		if (flow.version == 6)
			assert_int_equal(s.flow_label, flow.flow_label);
	}
}

static void incomplete(void **state)
{
	const struct endpoint own = { .port = 1 }, peer = { .port = 2 };
	uint8_t packet[PROBE_LONGEST];
	struct flow flow;

	(void)state;
	flow_init(&flow, 4, &own, &peer);
	assert_int_equal(probe_build(&flow, 0, packet), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_in_the_lab),
		cmocka_unit_test(checksums),
		cmocka_unit_test(incomplete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
