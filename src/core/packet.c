#include "core/packet.h"

#include <pcap/dlt.h>
#include <string.h>

enum { ETHERTYPE_V4 = 0x0800, ETHERTYPE_V6 = 0x86dd, ETHERTYPE_TAG = 0x8100, ETHERTYPE_TAG_OUTER = 0x88a8 };
enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_ICMP6 = 58,
	PROTOCOL_OPTIONS = 60,
};
enum { IP4_HEADER = 20, IP6_HEADER = 40, ICMP_HEADER = 8, TCP_HEADER = 20, TCP_QUOTED = 8 };
enum { MOST_EXTENSIONS = 8 };

/* What is still to be read: every access asks `left` first. */
struct cursor {
	const uint8_t *at;
	size_t left;
};

struct ip {
	int version;
	uint8_t ttl, protocol;
	uint32_t flow_label;
	const uint8_t *source, *destination;
	size_t payload; /* by the header: bytes after it and its extensions, captured or not */
};

static uint16_t be16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static uint32_t be32(const uint8_t *b)
{
	return (uint32_t)be16(b) << 16 | be16(b + 2);
}

static bool is_tag(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_TAG || ethertype == ETHERTYPE_TAG_OUTER;
}

static bool skip(struct cursor *c, size_t count)
{
	if (c->left < count)
		return false;
	c->at += count;
	c->left -= count;
	return true;
}

/* Ends at the IP header. */
static bool skip_link_header(int link_type, struct cursor *c)
{
	size_t length, type_at;

	switch (link_type) {
	case DLT_RAW:
		return true;
	case DLT_NULL: /* a protocol family, in some host's numbering: the IP header tells better */
	case DLT_LOOP:
		return skip(c, 4);
	case DLT_EN10MB:
		type_at = c->left >= 18 && is_tag(be16(c->at + 12)) ? 16 : 12;
		length = type_at + 2;
		break;
	case DLT_LINUX_SLL:
		type_at = 14;
		length = 16;
		break;
	case DLT_LINUX_SLL2:
		type_at = 0;
		length = 20;
		break;
	default:
		return false;
	}
	if (c->left < length)
		return false;
	uint16_t type = be16(c->at + type_at);

	return (type == ETHERTYPE_V4 || type == ETHERTYPE_V6) && skip(c, length);
}

static bool read_ip4(struct cursor *c, struct ip *ip)
{
	const uint8_t *h = c->at;

	if (c->left < IP4_HEADER)
		return false;
	size_t length = (size_t)(h[0] & 15) * 4, total = be16(h + 2);

	if (length < IP4_HEADER || total < length || (be16(h + 6) & 0x1fff) != 0)
		return false; /* the last: a later fragment holds no TCP header */
	ip->ttl = h[8];
	ip->protocol = h[9];
	ip->flow_label = 0;
	ip->source = h + 12;
	ip->destination = h + 16;
	ip->payload = total - length;
	return skip(c, length);
}

static bool read_ip6(struct cursor *c, struct ip *ip)
{
	const uint8_t *h = c->at;

	if (c->left < IP6_HEADER)
		return false;
	ip->flow_label = be32(h) & 0xfffff;
	ip->payload = be16(h + 4);
	ip->protocol = h[6];
	ip->ttl = h[7];
	ip->source = h + 8;
	ip->destination = h + 24;
	skip(c, IP6_HEADER);

	for (int i = 0; i < MOST_EXTENSIONS; i++) {
		size_t length = 8;

		switch (ip->protocol) {
		case PROTOCOL_HOP_BY_HOP:
		case PROTOCOL_ROUTING:
		case PROTOCOL_OPTIONS:
			if (c->left < 8)
				return false;
			length = ((size_t)c->at[1] + 1) * 8;
			break;
		case PROTOCOL_FRAGMENT:
			if (c->left < 8 || (be16(c->at + 2) & 0xfff8) != 0)
				return false;
			break;
		default:
			return true;
		}
		ip->protocol = c->at[0];
		if (length > ip->payload || !skip(c, length))
			return false;
		ip->payload -= length;
	}
	return false;
}

static bool read_ip(struct cursor *c, struct ip *ip)
{
	if (c->left == 0)
		return false;
	ip->version = c->at[0] >> 4;
	return ip->version == 4 ? read_ip4(c, ip) : ip->version == 6 && read_ip6(c, ip);
}

/* Addresses and ports, of a segment or of the quotation of one. */
static void read_endpoints(const struct ip *ip, const uint8_t *tcp, struct segment *segment)
{
	size_t length = ip->version == 4 ? 4 : 16;

	memcpy(segment->from.address, ip->source, length);
	memcpy(segment->to.address, ip->destination, length);
	segment->from.port = be16(tcp);
	segment->to.port = be16(tcp + 2);
	segment->seq = be32(tcp + 4);
}

/* RFC 9293, 3.2. An option of impossible length ends the list, as it does in Linux (tcp_parse_options). */
static void read_options(const uint8_t *option, size_t left, struct segment *segment)
{
	enum { END = 0, NOP = 1, WINDOW_SCALE = 3, TIMESTAMPS = 8 };

	while (left > 0 && option[0] != END) {
		size_t length = option[0] == NOP ? 1 : left < 2 ? 0 : option[1];

		if (length == 0 || length > left || (option[0] != NOP && length < 2))
			return;
		if (option[0] == WINDOW_SCALE && length == 3) {
			segment->window_scale = option[2] < 14 ? option[2] : 14; /* RFC 7323, 2.3 */
		} else if (option[0] == TIMESTAMPS && length == 10) {
			segment->timestamps = true;
			segment->tsval = be32(option + 2);
			segment->tsecr = be32(option + 6);
		}
		option += length;
		left -= length;
	}
}

static bool read_tcp(const struct ip *ip, const struct cursor *c, struct segment *segment)
{
	const uint8_t *h = c->at;

	if (c->left < TCP_HEADER)
		return false;
	size_t header = (size_t)(h[12] >> 4) * 4;

	if (header < TCP_HEADER || header > c->left || header > ip->payload)
		return false;
	read_endpoints(ip, h, segment);
	segment->ack = be32(h + 8);
	segment->flags = h[13];
	segment->window = be16(h + 14);
	segment->length = (uint32_t)(ip->payload - header);
	read_options(h + TCP_HEADER, header - TCP_HEADER, segment);
	return true;
}

/* The errors that may tell of a connection's end. A probe is never too big. */
static bool is_error(int version, uint8_t type, uint8_t code)
{
	enum { UNREACHABLE = 3, TIME_EXCEEDED = 11, PARAMETER_PROBLEM = 12, FRAGMENTATION_NEEDED = 4 };
	enum { UNREACHABLE6 = 1, TIME_EXCEEDED6 = 3, PARAMETER_PROBLEM6 = 4 };

	if (version == 4)
		return (type == UNREACHABLE && code != FRAGMENTATION_NEEDED) || type == TIME_EXCEEDED ||
		       type == PARAMETER_PROBLEM;
	return type == UNREACHABLE6 || type == TIME_EXCEEDED6 || type == PARAMETER_PROBLEM6;
}

static bool read_icmp(const struct ip *ip, struct cursor *c, struct segment *segment)
{
	struct ip quoted;

	if (c->left < ICMP_HEADER || ip->payload < ICMP_HEADER || !is_error(ip->version, c->at[0], c->at[1]))
		return false;
	segment->icmp = true;
	segment->icmp_type = c->at[0];
	segment->icmp_code = c->at[1];
	skip(c, ICMP_HEADER);
	if (!read_ip(c, &quoted) || quoted.version != ip->version || quoted.protocol != PROTOCOL_TCP ||
	    c->left < TCP_QUOTED)
		return false; /* RFC 792: 8 bytes of the segment are quoted, more is a courtesy */
	read_endpoints(&quoted, c->at, segment);
	return true;
}

bool packet_decode(int link_type, const uint8_t *bytes, size_t captured, struct segment *segment)
{
	struct cursor c = { bytes, captured };
	struct ip ip;

	if (!skip_link_header(link_type, &c) || !read_ip(&c, &ip))
		return false;
	*segment = (struct segment){
		.version = ip.version, .ttl = ip.ttl, .flow_label = ip.flow_label, .window_scale = -1,
	};
	if (ip.protocol == PROTOCOL_TCP)
		return read_tcp(&ip, &c, segment);
	if (ip.protocol == (ip.version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6))
		return read_icmp(&ip, &c, segment);
	return false;
}
