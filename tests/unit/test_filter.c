/* What the program lets through that the kernel is given, and whether the kernel can take it. */
#include "edge/filter.h"
#include "edge/target.h"
#include "edge/targets.h"

#include <arpa/inet.h>
#include <linux/bpf_common.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ETHERNET = 14, V4 = 20, V6 = 40, TCP = 20, ICMP = 8, PORT = 7440 };

struct list {
	struct target targets[TARGETS_MOST];
	const struct target *pointers[TARGETS_MOST];
	size_t count;
};

/* 10.1.0.N, or 2001:db8::N */
static void add(struct list *list, int family, int number, uint16_t port)
{
	struct target *target = &list->targets[list->count];
	struct failure failure;
	char input[80];

	snprintf(input, sizeof input, family == AF_INET ? "10.1.0.%d:%d" : "[2001:db8::%d]:%d", number, port);
	assert_int_equal(target_parse(target, input, &failure), 0);
	target->family = family;
	if (family == AF_INET)
		assert_int_equal(inet_pton(family, target->host, &((struct sockaddr_in *)&target->remote)->sin_addr), 1);
	else
		assert_int_equal(inet_pton(family, target->host, &((struct sockaddr_in6 *)&target->remote)->sin6_addr), 1);
	list->pointers[list->count++] = target;
}

static void compile(const struct list *list, struct bpf_program *program)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 128);

	assert_int_equal(filter_compile(pcap, list->pointers, list->count, program), 0);
	assert_in_range(program->bf_len, 1, BPF_MAXINSNS);
	pcap_close(pcap);
}

static void put_ports(uint8_t *tcp, uint16_t from, uint16_t to)
{
	tcp[0] = (uint8_t)(from >> 8);
	tcp[1] = (uint8_t)from;
	tcp[2] = (uint8_t)(to >> 8);
	tcp[3] = (uint8_t)to;
}

/* IPv4 from 192.0.2.1 to 10.1.0.NUMBER */
static void put_v4(uint8_t *ip, uint8_t protocol, uint8_t number)
{
	const uint8_t header[V4] = { 0x45, [9] = protocol, [12] = 192, 0, 2, 1, 10, 1, 0, number };

	memcpy(ip, header, sizeof header);
}

static void put_v6(uint8_t *ip, uint8_t protocol, const char *to)
{
	const uint8_t header[V6] = { 0x60, [6] = protocol, [8] = 0xfd };

	memcpy(ip, header, sizeof header);
	assert_int_equal(inet_pton(AF_INET6, to, ip + 24), 1);
}

static bool passes(const struct bpf_program *program, const uint8_t *packet)
{
	const struct pcap_pkthdr header = { .caplen = 128, .len = 128 };

	return pcap_offline_filter(program, &header, packet) != 0;
}

/* A segment to that host and port, or the answer to one. */
static bool passes_v4(const struct bpf_program *program, uint8_t number, uint16_t port, bool answer)
{
	uint8_t packet[128] = { [12] = 0x08, 0x00 }, *ip = packet + ETHERNET, swapped[4];

	put_v4(ip, IPPROTO_TCP, number);
	put_ports(ip + V4, answer ? port : 40000, answer ? 40000 : port);
	if (answer) {
		memcpy(swapped, ip + 12, 4);
		memcpy(ip + 12, ip + 16, 4);
		memcpy(ip + 16, swapped, 4);
	}
	return passes(program, packet);
}

static bool passes_v6(const struct bpf_program *program, const char *to, uint16_t port)
{
	uint8_t packet[128] = { [12] = 0x86, 0xdd }, *ip = packet + ETHERNET;

	put_v6(ip, IPPROTO_TCP, to);
	put_ports(ip + V6, 40000, port);
	return passes(program, packet);
}

/* An ICMP error about a segment to that host. */
static bool passes_icmp(const struct bpf_program *program, uint8_t type, uint8_t number)
{
	uint8_t packet[128] = { [12] = 0x08, 0x00 }, *ip = packet + ETHERNET;

	put_v4(ip, IPPROTO_ICMP, 99);
	ip[V4] = type;
	put_v4(ip + V4 + ICMP, IPPROTO_TCP, number);
	return passes(program, packet);
}

static bool passes_icmp6(const struct bpf_program *program, uint8_t type, const char *to)
{
	uint8_t packet[128] = { [12] = 0x86, 0xdd }, *ip = packet + ETHERNET;

	put_v6(ip, IPPROTO_ICMPV6, "2001:db8::99");
	ip[V6] = type;
	put_v6(ip + V6 + ICMP, IPPROTO_TCP, to);
	return passes(program, packet);
}

static void both_families(void **state)
{
	struct list list = { .count = 0 };
	struct bpf_program program;

	(void)state;
	add(&list, AF_INET, 1, PORT);
	add(&list, AF_INET, 1, 443);
	add(&list, AF_INET, 2, PORT);
	add(&list, AF_INET6, 3, PORT);
	compile(&list, &program);
	assert_true(passes_v4(&program, 1, PORT, false) && passes_v4(&program, 1, PORT, true));
	assert_true(passes_v4(&program, 1, 443, false) && passes_v4(&program, 2, PORT, true));
	assert_false(passes_v4(&program, 3, PORT, false) || passes_v4(&program, 1, 80, true));
	assert_true(passes_v6(&program, "2001:db8::3", PORT));
	assert_false(passes_v6(&program, "2001:db8::4", PORT) || passes_v6(&program, "2001:db8::3", 80));
	assert_true(passes_icmp(&program, 3, 1) && passes_icmp(&program, 11, 2) && passes_icmp(&program, 12, 2));
	assert_false(passes_icmp(&program, 3, 3) || passes_icmp(&program, 8, 1));
	assert_true(passes_icmp6(&program, 1, "2001:db8::3") && passes_icmp6(&program, 3, "2001:db8::3"));
	assert_false(passes_icmp6(&program, 1, "2001:db8::4") || passes_icmp6(&program, 135, "2001:db8::3"));
	pcap_freecode(&program);
}

static void most_targets(void **state)
{
	struct list list = { .count = 0 };
	struct bpf_program program;

	(void)state;
	while (list.count < TARGETS_MOST)
		add(&list, AF_INET, (int)list.count + 1, (uint16_t)(PORT + list.count));
	compile(&list, &program);
	assert_true(passes_v4(&program, 1, PORT, true) && passes_v4(&program, TARGETS_MOST, PORT + TARGETS_MOST - 1, false));
	assert_false(passes_v4(&program, TARGETS_MOST + 1, PORT, true) || passes_icmp(&program, 3, TARGETS_MOST + 1));
	pcap_freecode(&program);
}

/* So many IPv6 addresses are more than the kernel takes. */
static void too_many_addresses(void **state)
{
	struct list list = { .count = 0 };
	struct bpf_program program;

	(void)state;
	while (list.count < TARGETS_MOST)
		add(&list, AF_INET6, (int)list.count + 1, PORT);
	compile(&list, &program);
	assert_true(passes_v6(&program, "2001:db8::1", PORT) && passes_v6(&program, "2001:db8::250", PORT));
	assert_false(passes_v6(&program, "2001:db8::1", 80));
	assert_true(passes_icmp6(&program, 1, "2001:db8::250"));
	pcap_freecode(&program);
}

static void exactly(void **state)
{
	struct list list = { .count = 0 };
	struct segment segment = { .version = 4, .from = { .address = { 192, 0, 2, 1 }, .port = 40000 },
				   .to = { .address = { 10, 1, 0, 1 }, .port = PORT } };
	struct segment answer = segment, another = segment;

	(void)state;
	add(&list, AF_INET, 1, PORT);
	add(&list, AF_INET, 2, PORT);
	add(&list, AF_INET, 1, 443);
	add(&list, AF_INET6, 1, PORT);
	answer.from = segment.to;
	answer.to = segment.from;
	another.version = 6;
	for (size_t i = 0; i < list.count; i++) {
		assert_int_equal(filter_concerns(&segment, list.pointers[i]), i == 0);
		assert_int_equal(filter_concerns(&answer, list.pointers[i]), i == 0);
		assert_false(filter_concerns(&another, list.pointers[i]));
	}
	another.to = (struct endpoint){ .address = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .port = PORT };
	assert_true(filter_concerns(&another, list.pointers[3]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families),
		cmocka_unit_test(most_targets),
		cmocka_unit_test(too_many_addresses),
		cmocka_unit_test(exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
