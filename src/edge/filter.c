#include "edge/filter.h"
#include "edge/buffer.h"
#include "edge/target.h"

#include <arpa/inet.h>
#include <linux/bpf_common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct in_addr *v4(const struct target *target)
{
	return &((const struct sockaddr_in *)&target->remote)->sin_addr;
}

static const struct in6_addr *v6(const struct target *target)
{
	return &((const struct sockaddr_in6 *)&target->remote)->sin6_addr;
}

static bool same_port(const struct target *a, const struct target *b)
{
	return a->port == b->port;
}

static bool same_address(const struct target *a, const struct target *b)
{
	return a->family == b->family && (a->family == AF_INET ? v4(a)->s_addr == v4(b)->s_addr : IN6_ARE_ADDR_EQUAL(v6(a), v6(b)));
}

static void write_port(FILE *out, const struct target *target)
{
	fprintf(out, "port %u", target->port);
}

static void write_host(FILE *out, const struct target *target)
{
	char address[INET6_ADDRSTRLEN];

	if (target->family == AF_INET)
		fprintf(out, "ip host %s", inet_ntop(AF_INET, v4(target), address, sizeof address));
	else
		fprintf(out, "ip6 host %s", inet_ntop(AF_INET6, v6(target), address, sizeof address));
}

/* ICMP errors are chosen by the destination of the packet they quote, at fixed offsets: neither the outer nor
 * the quoted header has options as a rule. icmp[] knows the length of the IPv4 header, ip6[] counts from the
 * IPv6 header. */
static void write_quoted(FILE *out, const struct target *target)
{
	const uint32_t *a = v6(target)->s6_addr32;

	if (target->family == AF_INET)
		fprintf(out, "icmp[24:4] == 0x%08x", ntohl(v4(target)->s_addr));
	else
		fprintf(out, "(ip6[72:4] == 0x%08x and ip6[76:4] == 0x%08x and ip6[80:4] == 0x%08x and ip6[84:4] == 0x%08x)",
			ntohl(a[0]), ntohl(a[1]), ntohl(a[2]), ntohl(a[3]));
}

struct term {
	void (*write)(FILE *, const struct target *);
	bool (*same)(const struct target *, const struct target *);
};

static const struct term port = { write_port, same_port }, host = { write_host, same_address },
			 quoted = { write_quoted, same_address };

struct list {
	const struct target *const *targets;
	size_t count;
};

/* What is written twice is compiled twice, and that takes more than twice the time. */
static bool is_repeated(const struct list *list, size_t place, const struct term *term)
{
	for (size_t i = 0; i < place; i++)
		if (term->same(list->targets[i], list->targets[place]))
			return true;
	return false;
}

/* " and (... or ...)", of the targets of this family, or AF_UNSPEC. */
static void write_each(FILE *out, const struct list *list, int family, const struct term *term)
{
	const char *before = " and (", *after = "";

	for (size_t i = 0; i < list->count; i++) {
		if ((family != AF_UNSPEC && list->targets[i]->family != family) || is_repeated(list, i, term))
			continue;
		fputs(before, out);
		term->write(out, list->targets[i]);
		before = " or ";
		after = ")";
	}
	fputs(after, out);
}

static bool has(const struct list *list, int family)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->targets[i]->family == family)
			return true;
	return false;
}

/* Ports and addresses apart: written as pairs, 200 targets take 125 MiB to compile and more instructions than the kernel
 * accepts. */
static void write_filter(FILE *out, const struct list *list, bool by_address)
{
	fputs("(tcp", out);
	write_each(out, list, AF_UNSPEC, &port);
	if (by_address)
		write_each(out, list, AF_UNSPEC, &host);
	fputc(')', out);
	if (has(list, AF_INET)) {
		fputs(" or (icmp and (icmp[0] == 3 or icmp[0] == 11 or icmp[0] == 12)", out);
		if (by_address)
			write_each(out, list, AF_INET, &quoted);
		fputc(')', out);
	}
	if (has(list, AF_INET6)) {
		fputs(" or (icmp6 and (ip6[40] == 1 or ip6[40] == 3 or ip6[40] == 4)", out);
		if (by_address)
			write_each(out, list, AF_INET6, &quoted);
		fputc(')', out);
	}
}

static int compile(pcap_t *pcap, const struct list *list, bool by_address, struct bpf_program *program)
{
	struct buffer filter = { 0 };
	FILE *out = buffer_open(&filter);
	int result = -1;

	if (out == NULL)
		return -1;
	write_filter(out, list, by_address);
	fputc('\0', out);
	if (!(ferror(out) | fclose(out)))
		result = pcap_compile(pcap, program, filter.text, 1, PCAP_NETMASK_UNKNOWN);
	free(filter.text);
	return result;
}

int filter_compile(pcap_t *pcap, const struct target *const *targets, size_t count, struct bpf_program *program)
{
	const struct list list = { targets, count };
	int result = compile(pcap, &list, true, program);

	/* The kernel would refuse it, and libpcap have every packet of the interface come up to be looked at: of so many
	 * addresses the ports have to do. */
	if (result == 0 && program->bf_len > BPF_MAXINSNS) {
		pcap_freecode(program);
		result = compile(pcap, &list, false, program);
	}
	return result;
}

static bool is_at(const struct endpoint *endpoint, const struct target *target)
{
	return endpoint->port == target->port &&
	       (target->family == AF_INET ? memcmp(endpoint->address, v4(target), sizeof *v4(target)) == 0 :
					    memcmp(endpoint->address, v6(target), sizeof *v6(target)) == 0);
}

bool filter_concerns(const struct segment *segment, const struct target *target)
{
	return segment->version == (target->family == AF_INET ? 4 : 6) &&
	       (is_at(&segment->to, target) || is_at(&segment->from, target));
}
