#include "core/probe.h"

#include <libnet.h>
#include <stdlib.h>
#include <string.h>

enum { TIMESTAMPS_LENGTH = 12 };

static void put32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* RFC 7323, appendix A: NOP NOP TS. libnet 1.1.6 reads past an array if options do not fill 32-bit words. */
static bool build_tcp(libnet_t *context, const struct flow *flow, uint32_t tick, uint16_t *length)
{
	uint8_t option[TIMESTAMPS_LENGTH] = { 1, 1, 8, 10 };

	*length = LIBNET_TCP_H;
	if (flow->timestamps) {
		put32(option + 4, flow_tsval(flow, tick));
		put32(option + 8, flow->ts_recent);
		if (libnet_build_tcp_options(option, sizeof option, context, 0) < 0)
			return false;
		*length += sizeof option;
	}
	return libnet_build_tcp(flow->own.port, flow->peer.port, flow->snd_nxt - 1, flow->rcv_nxt, TH_ACK,
				flow->window, 0, 0, *length, NULL, 0, context, 0) >= 0;
}

static bool build_ip(libnet_t *context, const struct flow *flow, uint16_t length)
{
	if (flow->version == 6) {
		struct libnet_in6_addr source, destination;

		memcpy(&source, flow->own.address, sizeof source);
		memcpy(&destination, flow->peer.address, sizeof destination);
		return libnet_build_ipv6(0, 0, length, IPPROTO_TCP, flow->own_ttl, source, destination,
					 NULL, 0, context, 0) >= 0;
	}
	uint32_t source, destination; /* libnet takes them in network order */

	memcpy(&source, flow->own.address, sizeof source);
	memcpy(&destination, flow->peer.address, sizeof destination);
	return libnet_build_ipv4((uint16_t)(LIBNET_IPV4_H + length), 0, 0, IP_DF, flow->own_ttl, IPPROTO_TCP,
				 0, source, destination, NULL, 0, context, 0) >= 0;
}

/* libnet 1.1.6 garbles the middle byte of it (in `fl & 0x0FF00 >> 8` the shift binds first). */
static void put_flow_label(uint8_t *packet, uint32_t label)
{
	packet[1] |= label >> 16 & 15;
	packet[2] = (uint8_t)(label >> 8);
	packet[3] = (uint8_t)label;
}

size_t probe_build(const struct flow *flow, uint32_t tick, uint8_t packet[PROBE_LONGEST])
{
	char error[LIBNET_ERRBUF_SIZE];
	uint8_t *built = NULL;
	uint32_t size = 0;
	uint16_t length;

	if (!flow_complete(flow))
		return 0;
	/* A context for each packet: changing one in place miscounts the length of IPv6. */
	libnet_t *context = libnet_init(LIBNET_NONE, NULL, error);

	if (context == NULL)
		return 0;
	if (build_tcp(context, flow, tick, &length) && build_ip(context, flow, length) &&
	    libnet_pblock_coalesce(context, &built, &size) >= 0 && size <= PROBE_LONGEST)
		memcpy(packet, built, size);
	else
		size = 0;
	if (size > 0 && flow->version == 6)
		put_flow_label(packet, flow->flow_label);
	free(built);
	libnet_destroy(context);
	return size;
}
