/* Captured frames: the decoder over frames of any bytes, and the classifier over what they decode to, as segments of
 * the connection that the first of them belongs to. A byte of the link's type; then for each frame two octets of its
 * length, one of the time that passed, and the frame. */
#include "core/classify.h"
#include "core/packet.h"
#include "fuzz.h"

#include <math.h>
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

static const int links[] = { DLT_RAW, DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, DLT_LOOP, 9999 };

enum { LINKS = sizeof links / sizeof *links, LONGEST_IP = 65535 + 40 };

static void must_be_sound(const struct segment *segment)
{
	static const uint8_t none[12];

	must(segment->version == 4 || segment->version == 6);
	must(segment->version == 6 || memcmp(segment->from.address + 4, none, sizeof none) == 0);
	must(segment->version == 6 || memcmp(segment->to.address + 4, none, sizeof none) == 0);
	must(segment->length <= LONGEST_IP && segment->flow_label < 1 << 20);
	must(segment->window_scale >= -1 && segment->window_scale <= 14); /* RFC 7323, 2.3 */
	must(!segment->icmp || (segment->flags == 0 && segment->length == 0 && segment->ack == 0));
}

static bool decode(int link, const uint8_t *frame, size_t length, struct segment *segment)
{
	uint8_t *copy = exact_copy(frame, length);
	bool decoded = packet_decode(link, copy, length, segment);

	free(copy);
	if (decoded)
		must_be_sound(segment);
	return decoded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct bytes bytes = { data, data + count };
	int link = links[bytes_choice(&bytes, LINKS)];
	bool begun = false;
	struct flow flow;
	double now = 0;

	while (bytes_left(&bytes)) {
		size_t length = bytes_number(&bytes, 2);
		struct segment segment;
		struct observation seen;

		now += bytes_seconds(&bytes);
		if (length > (size_t)(bytes.end - bytes.at))
			length = (size_t)(bytes.end - bytes.at);
		if (decode(link, bytes.at, length, &segment)) {
			if (!begun)
				flow_init(&flow, segment.version, &segment.from, &segment.to);
			begun = true;
			if (classify(&flow, &segment, now, ticks(now), &seen))
				must(seen.at <= now && flow_direction(&flow, &segment) != DIRECTION_NEITHER);
		}
		bytes.at += length;
	}
	return 0;
}
