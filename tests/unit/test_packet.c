/* The decoder against real packets, every truncation of them, and seeded nonsense (under ASan as well). */
#include "core/packet.h"
#include "packets.h"

#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DECODE(packet, segment) packet_decode(DLT_RAW, packet, sizeof packet, segment)

/* On the heap and no longer than told, so that ASan sees a read past the end. */
static bool decode_exactly(int link_type, const uint8_t *bytes, size_t length, struct segment *segment)
{
	uint8_t *copy = malloc(length ? length : 1);

	memcpy(copy, bytes, length);
	bool result = packet_decode(link_type, length ? copy : copy + 1, length, segment);

	free(copy);
	return result;
}

static void handshake(void **state)
{
	const uint8_t client[4] = { 192, 0, 2, 10 }, server[4] = { 203, 0, 113, 10 }, zeros[12] = { 0 };
	struct segment s;

	(void)state;
	assert_true(DECODE(SYN4, &s));
	assert_int_equal(s.version, 4);
	assert_int_equal(s.ttl, 64);
	assert_false(s.icmp);
	assert_memory_equal(s.from.address, client, 4);
	assert_memory_equal(s.from.address + 4, zeros, 12);
	assert_memory_equal(s.to.address, server, 4);
	assert_int_equal(s.from.port, 46644);
	assert_int_equal(s.to.port, 7440);
	assert_int_equal(s.seq, 3448221751);
	assert_int_equal(s.ack, 0);
	assert_int_equal(s.flags, TCP_SYN);
	assert_int_equal(s.window, 64240);
	assert_int_equal(s.length, 0);
	assert_true(s.timestamps);
	assert_int_equal(s.tsval, 2875058717);
	assert_int_equal(s.tsecr, 0);
	assert_int_equal(s.window_scale, 10);

	assert_true(DECODE(SYNACK4, &s));
	assert_int_equal(s.ttl, 63);
	assert_int_equal(s.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(s.ack, 3448221752);
	assert_int_equal(s.tsecr, 2875058717);

	assert_true(DECODE(ACK4, &s));
	assert_int_equal(s.flags, TCP_ACK);
	assert_int_equal(s.window, 63);
	assert_int_equal(s.window_scale, -1);
}

static void ipv6(void **state)
{
	const uint8_t server[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10 };
	struct segment s;

	(void)state;
	assert_true(DECODE(PROBE6, &s));
	assert_int_equal(s.version, 6);
	assert_int_equal(s.ttl, 64);
	assert_int_equal(s.flow_label, 0xbcebd);
	assert_memory_equal(s.to.address, server, 16);
	assert_int_equal(s.from.port, 43062);
	assert_int_equal(s.seq, 4060581767);
	assert_int_equal(s.ack, 3415748629);
	assert_int_equal(s.tsval, 2353790765);
	assert_int_equal(s.length, 0);
}

static void extension_headers(void **state)
{
	uint8_t packet[sizeof EXTENDED6];
	struct segment s;

	(void)state;
	assert_true(DECODE(EXTENDED6, &s));
	assert_int_equal(s.seq, 4060581767);
	assert_int_equal(s.length, 5);

	memcpy(packet, EXTENDED6, sizeof packet);
	packet[40 + 8 + 16 + 3] = 8; /* a later fragment */
	assert_false(DECODE(packet, &s));

	uint8_t chain[40 + 8 * 9 + 20] = { 0x60, 0, 0, 0, 0, 8 * 9 + 20, 60, 64 };

	for (size_t i = 0; i < 9; i++)
		chain[40 + 8 * i] = i < 8 ? 60 : 6;
	chain[40 + 8 * 9 + 12] = 0x50;
	assert_false(DECODE(chain, &s)); /* more headers than any honest sender uses */
	chain[5] -= 8;
	chain[40 + 8 * 6] = 6;
	memmove(chain + 40 + 8 * 7, chain + 40 + 8 * 9, 20);
	assert_true(DECODE(chain, &s));
}

static void fragments(void **state)
{
	uint8_t packet[sizeof ACK4];
	struct segment s;

	(void)state;
	memcpy(packet, ACK4, sizeof packet);
	packet[6] = 0x20; /* more fragments, offset 0: the header is in it */
	assert_true(DECODE(packet, &s));
	packet[7] = 0x01;
	assert_false(DECODE(packet, &s));
}

static void icmp_errors(void **state)
{
	uint8_t packet[sizeof ICMP4];
	struct segment s;

	(void)state;
	assert_true(packet_decode(DLT_RAW, ICMP4, ICMP4_LEAST, &s));
	assert_true(s.icmp);
	assert_int_equal(s.icmp_type, 3);
	assert_int_equal(s.icmp_code, 13);
	assert_int_equal(s.ttl, 64); /* the router's, not the quoted 63 */
	assert_int_equal(s.from.port, 46644);
	assert_int_equal(s.to.port, 7440);
	assert_int_equal(s.to.address[0], 203);
	assert_int_equal(s.seq, 3448221751);
	assert_false(packet_decode(DLT_RAW, ICMP4, ICMP4_LEAST - 1, &s));

	assert_true(packet_decode(DLT_RAW, ICMP6, ICMP6_LEAST, &s));
	assert_true(s.icmp);
	assert_int_equal(s.icmp_type, 1);
	assert_int_equal(s.icmp_code, 1);
	assert_int_equal(s.seq, 4060581767);
	assert_false(packet_decode(DLT_RAW, ICMP6, ICMP6_LEAST - 1, &s));

	memcpy(packet, ICMP4, sizeof packet);
	packet[20] = 8; /* echo request */
	assert_false(DECODE(packet, &s));
	packet[20] = 11;
	assert_true(DECODE(packet, &s));
	packet[28 + 9] = 17; /* about UDP */
	assert_false(DECODE(packet, &s));
	packet[28 + 9] = 6;
	packet[20] = 3;
	packet[21] = 4; /* fragmentation needed: not about the end of anything */
	assert_false(DECODE(packet, &s));
}

static void link_layers(void **state)
{
	static const uint8_t ethernet[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00 };
	static const uint8_t tagged[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2,
					  0x81, 0x00, 0x00, 0x05, 0x08, 0x00 };
	static const uint8_t arp[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06 };
	static const uint8_t sll[] = { 0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00 };
	static const uint8_t sll2[] = { 0x08, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0 };
	static const uint8_t null[] = { 2, 0, 0, 0 };
	static const struct {
		int link_type;
		const uint8_t *header;
		size_t length;
		bool good;
	} cases[] = {
		{ DLT_EN10MB, ethernet, sizeof ethernet, true },
		{ DLT_EN10MB, tagged, sizeof tagged, true },
		{ DLT_EN10MB, arp, sizeof arp, false },
		{ DLT_LINUX_SLL, sll, sizeof sll, true },
		{ DLT_LINUX_SLL2, sll2, sizeof sll2, true },
		{ DLT_NULL, null, sizeof null, true },
		{ DLT_LOOP, null, sizeof null, true },
		{ DLT_RAW, NULL, 0, true },
		{ DLT_IEEE802_11_RADIO, null, sizeof null, false },
	};
	struct segment s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t packet[64 + sizeof ACK4];
		size_t length = cases[i].length;

		if (length > 0)
			memcpy(packet, cases[i].header, length);
		memcpy(packet + length, ACK4, sizeof ACK4);
		assert_int_equal(decode_exactly(cases[i].link_type, packet, length + sizeof ACK4, &s),
				 cases[i].good);
		if (cases[i].good)
			assert_int_equal(s.seq, 3448221752);
	}
}

/* Payload is counted by the IP header: Ethernet pads short frames, and the capture cuts long ones. */
static void payload_length(void **state)
{
	uint8_t packet[sizeof ACK4 + 6] = { 0 };
	struct segment s;

	(void)state;
	memcpy(packet, ACK4, sizeof ACK4);
	assert_true(DECODE(packet, &s));
	assert_int_equal(s.length, 0);
	packet[2] = 0x05; /* total length 1500 */
	packet[3] = 0xdc;
	assert_true(DECODE(packet, &s));
	assert_int_equal(s.length, 1500 - 52);
	packet[2] = 0;
	packet[3] = 51; /* shorter than the two headers */
	assert_false(DECODE(packet, &s));
}

static void bad_options(void **state)
{
	uint8_t packet[sizeof ACK4];
	struct segment s;

	(void)state;
	memcpy(packet, ACK4, sizeof packet);
	packet[40 + 3] = 0; /* a length that would loop for ever */
	assert_true(DECODE(packet, &s));
	assert_false(s.timestamps);
	packet[40 + 3] = 11; /* one more than there is */
	assert_true(DECODE(packet, &s));
	assert_false(s.timestamps);
	memset(packet + 40, 1, 11);
	packet[40 + 11] = 8; /* a kind without a length */
	assert_true(DECODE(packet, &s));
	assert_false(s.timestamps);
	packet[20 + 12] = 0x40; /* a TCP header of 16 bytes */
	assert_false(DECODE(packet, &s));
	packet[20 + 12] = 0xf0; /* of 60, and 32 there */
	assert_false(DECODE(packet, &s));
}

struct sample {
	const uint8_t *bytes;
	size_t length, least; /* the shortest capture that holds all that is asked for */
};

static const struct sample SAMPLES[] = {
	{ SYN4, sizeof SYN4, sizeof SYN4 },	  { ACK4, sizeof ACK4, sizeof ACK4 },
	{ PROBE6, sizeof PROBE6, sizeof PROBE6 }, { EXTENDED6, sizeof EXTENDED6, sizeof EXTENDED6 - 5 },
	{ ICMP4, sizeof ICMP4, ICMP4_LEAST },	  { ICMP6, sizeof ICMP6, ICMP6_LEAST },
};
enum { SAMPLE_COUNT = sizeof SAMPLES / sizeof SAMPLES[0] };

static void truncated(void **state)
{
	static const uint8_t ethernet[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2,
					    0x81, 0x00, 0x00, 0x05, 0x08, 0x00 };
	uint8_t packet[200];
	struct segment s;

	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		const struct sample *sample = &SAMPLES[i];

		for (size_t length = 0; length <= sample->length; length++)
			assert_int_equal(decode_exactly(DLT_RAW, sample->bytes, length, &s),
					 length >= sample->least);
		memcpy(packet, ethernet, sizeof ethernet);
		memcpy(packet + sizeof ethernet, sample->bytes, sample->length);
		for (size_t length = 0; length <= sizeof ethernet + sample->length; length++)
			assert_int_equal(decode_exactly(DLT_EN10MB, packet, length, &s),
					 length >= sizeof ethernet + sample->least);
	}
}

/* What counts is that nothing is read out of bounds (ASan) and what is accepted is sane. */
static void malformed(void **state)
{
	static const int link_types[] = { DLT_RAW,        DLT_EN10MB, DLT_LINUX_SLL,
					  DLT_LINUX_SLL2, DLT_NULL,   DLT_LOOP };
	const uint32_t seed = 20240607;
	uint8_t packet[200];
	size_t accepted = 0;
	struct segment s;

	(void)state;
	srandom(seed);
	for (int i = 0; i < 300000; i++) {
		const struct sample *sample = &SAMPLES[random() % SAMPLE_COUNT];
		size_t length = sample->length;

		memcpy(packet, sample->bytes, length);
		for (long flips = random() % 12; flips >= 0; flips--)
			packet[(size_t)random() % length] = (uint8_t)random();
		length -= (size_t)(random() % 4 == 0 ? random() % (long)length : 0);
		if (!decode_exactly(link_types[random() % 4 ? 0 : random() % 6], packet, length, &s))
			continue;
		accepted++;
		assert_true(s.version == 4 || s.version == 6);
		assert_true(s.length <= 65535);
		assert_in_range(s.window_scale + 1, 0, 15);
	}
	assert_true(accepted > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake),         cmocka_unit_test(ipv6),
		cmocka_unit_test(extension_headers), cmocka_unit_test(fragments),
		cmocka_unit_test(icmp_errors),       cmocka_unit_test(link_layers),
		cmocka_unit_test(payload_length),    cmocka_unit_test(bad_options),
		cmocka_unit_test(truncated),         cmocka_unit_test(malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
