/* The far side of a link: a responder sends probes on it when asked, tells how its end stands, and by that what stands
 * between. */
#include "edge/link_state.h"

#include "edge/clock.h"
#include "edge/farside.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Of the connection's far end. */
static void tell_far(struct link *link, enum observed what, double at, enum origin from)
{
	const struct observation o = { .what = what, .conn = link->number, .at = at, .rtt = NAN, .from = from, .far = true };

	link->shared->queue(link->shared->queue_arg, &o);
}

void link_ask_far(struct link *link)
{
	double at = clock_now();

	if (!link->adopted || !farside_send(link->shared->far, PROTOCOL_KEEPALIVE, &link->id)) {
		link_probe_failed(link, EAGAIN);
		return;
	}
	link->shared->stats.probes_sent++;
	link->asked++;
	link->asked_at = at;
	tell_far(link, OBSERVED_SENT, at, ORIGIN_NONE);
}

void link_byte(struct link *link)
{
	if (link->connection != NULL && link->adopted && farside_send(link->shared->far, PROTOCOL_BYTE, &link->id))
		link->asked++;
}

/* A proxy answers probes in the far side's place. Asked twice how many segments it received, with an answered probe
 * between, the far side knows. By the first time the handshake and the banner must be over, with delayed ACKs. */
void link_look_for_proxy(struct link *link, double at)
{
	const double settled = 1.0;

	if (link->shared->passage_known || !link->adopted || link->compared || link->direction == DIRECTION_INBOUND ||
	    at < link->flow.synack_at + settled || !farside_send(link->shared->far, PROTOCOL_REPORT, &link->id))
		return;
	link->compared = !isnan(link->compare_from);
	link->compare_from = at;
}

static void compare(struct link *link, uint64_t segments_in)
{
	if (isnan(link->compare_from) || link->shared->passage_known)
		return;
	if (!link->compared) {
		link->segments_in = segments_in;
		return;
	}
	link->shared->passage_known = true;
	if (segments_in == link->segments_in)
		tell_far(link, OBSERVED_PROXY, clock_now(), ORIGIN_NONE);
}

static void take_state(struct link *link, const struct protocol_answer *answer, double at)
{
	compare(link, answer->segments_in);
	/* This end sent no RST. Its socket is kept, to see whether this end gets one too. */
	if (answer->state == PROTOCOL_RESET && !link->far_over) {
		link->far_over = true;
		tell_far(link, OBSERVED_RESET, at, ORIGIN_PATH);
	} else if (answer->state == PROTOCOL_OPEN && link->flow.state == FLOW_ENDED) {
		tell_far(link, OBSERVED_FAR_OPEN, at, ORIGIN_NONE);
	}
}

bool link_answer(struct link *link, const struct protocol_answer *answer, double at)
{
	if (!link->adopted || strcmp(link->id.text, answer->id.text) != 0)
		return false;
	switch (answer->kind) {
	case PROTOCOL_SENT:
		link->asked--;
		tell_far(link, OBSERVED_LEFT, at, ORIGIN_NONE);
		break;
	case PROTOCOL_ERROR:
		/* It was started anew. */
		if (answer->error == PROTOCOL_UNKNOWN_ID && link->connection != NULL) {
			link_end(link);
			tell_far(link, OBSERVED_RESET, at, ORIGIN_ENDPOINT);
		} else if (link->asked > 0) {
			link->asked--;
			tell_far(link, OBSERVED_SEND_FAILED, clock_now(), ORIGIN_NONE);
		}
		break;
	case PROTOCOL_STATE:
		take_state(link, answer, at);
		break;
	case PROTOCOL_OK:
	case PROTOCOL_PONG:
		break;
	}
	return true;
}

void link_far_changed(struct link *link, bool ready)
{
	if (link->connection == NULL || !link->adopted)
		return;
	link->compare_from = NAN;
	link->compared = false;
	if (ready)
		farside_send(link->shared->far, PROTOCOL_ADOPT, &link->id);
	for (; link->asked > 0; link->asked--)
		tell_far(link, OBSERVED_SEND_FAILED, clock_now(), ORIGIN_NONE);
}

void link_greeted(struct link *link)
{
	struct protocol_banner banner;

	if (link->adopted || !protocol_read_banner(link->greeting.line, link->greeting.length, &banner) ||
	    banner.version != PROTOCOL_VERSION)
		return;
	link->id = banner.id;
	link->adopted = true;
	farside_send(link->shared->far, PROTOCOL_ADOPT, &link->id);
}
