/* From captured bytes to a decoded segment. Pure; never reads outside what was captured. */
#ifndef IDLEPROBE_PACKET_H
#define IDLEPROBE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9293, 3.1: the control bits in their places. */
enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10 };

struct endpoint {
	uint8_t address[16]; /* network order; of IPv4 the first 4, the others 0 */
	uint16_t port;
};

/* A TCP segment, or an ICMP error that quotes one. */
struct segment {
	int version; /* of IP: 4 or 6 */
	uint8_t ttl; /* hop limit in IPv6 */
	uint32_t flow_label;
	bool icmp; /* an error: `from`, `to` and `seq` are the quoted segment's, nothing below them is set */
	uint8_t icmp_type, icmp_code;
	struct endpoint from, to;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;      /* as in the header, not scaled */
	uint32_t length;      /* of the payload, by the IP header: more than was captured, as a rule */
	bool timestamps;      /* RFC 7323, 3.2 */
	uint32_t tsval, tsecr;
	int window_scale;     /* RFC 7323, 2.2; -1 without the option */
};

/* link_type: a DLT_ value as pcap_datalink() gives it: EN10MB (with at most one VLAN tag), RAW, LINUX_SLL,
 * LINUX_SLL2, NULL, LOOP. False for whatever is neither a whole TCP header nor an ICMP error about a segment:
 * other protocols, later fragments, truncated and malformed headers. */
bool packet_decode(int link_type, const uint8_t *bytes, size_t captured, struct segment *);

/* Sequence numbers are compared modulo 2^32 (RFC 9293, 3.4). */
static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

#endif
