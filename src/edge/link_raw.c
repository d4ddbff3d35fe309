/* The raw engine's way: crafted keepalives, and a capture that never stops.
 *
 * The kernel and the capture tell of the same things at slightly different times, and the capture may miss
 * some. The capture is believed, for it has the numbers and the times; the kernel's word starts a deadline,
 * after which it has to do. */
#include "edge/link_state.h"
#include "core/classify.h"
#include "core/probe.h"
#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/inject.h"

#include <errno.h>
#include <math.h>

#define CAPTURE_PATIENCE 1.0 /* seconds from the kernel's word to the capture's */
#define RETRY_FIRST 0.002    /* seconds before a probe that found no buffer is tried again; doubles */
enum { RETRIES = 6 };

/* With the next number instead of the last one a segment draws no answer (RFC 9293, 3.10.7.4). */
static int send_segment(struct link *link, bool draws_answer)
{
	uint8_t packet[PROBE_LONGEST];
	struct flow flow = link->flow;
	flow.snd_nxt += !draws_answer;
	size_t length = probe_build(&flow, clock_tick(), packet);

	if (length == 0)
		return ENOMEM;
	if (capture_ended(link->shared->capture))
		return ENODEV; /* an answer could not be seen */
	if (!link_source_present(link))
		return EADDRNOTAVAIL;

	int error = inject_send(link->shared->raw, link->shared->target, packet, length);

	link->sent += error == 0;
	return error;
}

static void try_probe(struct link *link)
{
	/* Asked before: the capture sees the probe while it is being sent. */
	unsigned dropped = capture_dropped(link->shared->capture);
	double at = clock_now();
	int error = send_segment(link, true);

	link->captured.retry_at = NAN;
	if ((error == ENOBUFS || error == EAGAIN) && link->captured.retries < RETRIES) {
		link->captured.retry_at = at + RETRY_FIRST * (1 << link->captured.retries++);
	} else if (error != 0) {
		link_probe_failed(link, error);
	} else {
		flow_probed(&link->flow, at);
		if (link->captured.probes_unseen++ == 0)
			link->captured.dropped = dropped;
		link->captured.seen_sent_by = at + CAPTURE_PATIENCE;
		link_handed(link, at);
	}
	link_schedule(link);
}

static void probe(struct link *link)
{
	link->captured.retries = 0;
	try_probe(link);
}

static void ack(struct link *link)
{
	send_segment(link, false);
}

/* Whether the capture had to drop anything since the last probe was handed over. */
static bool capture_missed(const struct link *link)
{
	return capture_dropped(link->shared->capture) != link->captured.dropped;
}

/* A probe that was not captured within reason. Silence must not count, for its answer may be missed as well.
 * Either the capture had no room for it: then it left, and ended the idle time. Or it still waits in this
 * host, for the next hop's link-layer address: then it is captured when it leaves, and told then. */
static void probe_unseen(struct link *link)
{
	bool missed = capture_missed(link);

	link->captured.seen_sent_by = NAN;
	link->captured.probes_unseen = 0;
	link->flow.outstanding = false;
	link->flow.probe_at = NAN;
	if (missed)
		link_tell(link, OBSERVED_OUTBOUND, link->handed_at, 0, 0);
	link_probe_failed(link, missed ? ENODATA : EHOSTUNREACH);
}

static void open_unseen(struct link *link)
{
	struct observation o;

	link->captured.seen_open_by = NAN;
	if (!classify_open(&link->flow, &o)) {
		link_open_failed(link, ENODATA);
		return;
	}
	o.conn = link->number;
	link->shared->queue(link->shared->queue_arg, &o);
}

static void over_unseen(struct link *link)
{
	int error = link->captured.over_error;

	link_end(link);
	link_tell(link, error == 0 ? OBSERVED_FIN : OBSERVED_RESET, clock_now(), 0, 0);
}

static void begin(struct link *link)
{
	link->captured = (struct link_captured){ .seen_open_by = NAN, .seen_sent_by = NAN, .retry_at = NAN,
						 .seen_over_by = NAN };
}

static void opened(struct link *link)
{
	if (link->flow.state == FLOW_OPENING)
		link->captured.seen_open_by = clock_now() + CAPTURE_PATIENCE;
}

static void over(struct link *link, int error)
{
	link->captured.over_error = error;
	link->captured.seen_over_by = clock_now() + CAPTURE_PATIENCE;
}

static double due(const struct link *link)
{
	const struct link_captured *captured = &link->captured;

	return fmin(fmin(captured->seen_open_by, captured->seen_sent_by), fmin(captured->retry_at, captured->seen_over_by));
}

/* Each may end the link, and what follows is of no matter then. */
static void wake(struct link *link, double now)
{
	if (now >= link->captured.seen_open_by)
		open_unseen(link);
	if (link->connection != NULL && now >= link->captured.seen_over_by)
		over_unseen(link);
	if (link->connection != NULL && now >= link->captured.seen_sent_by)
		probe_unseen(link);
	if (link->connection != NULL && now >= link->captured.retry_at)
		try_probe(link);
}

const struct link_means link_raw = { begin, opened, over, probe, ack, due, wake };

/* What the capture tells ends the waiting for it. */
static void settle(struct link *link, enum observed what)
{
	switch (what) {
	case OBSERVED_OPEN:
		link->captured.seen_open_by = NAN;
		break;
	case OBSERVED_SENT:
		if (link->captured.probes_unseen > 0 && --link->captured.probes_unseen == 0)
			link->captured.seen_sent_by = NAN;
		break;
	case OBSERVED_REPLY:
		/* The probe would have come first, had the capture not missed it. */
		if (link->captured.probes_unseen > 0 && capture_missed(link)) {
			link->captured.probes_unseen = 0;
			link->captured.seen_sent_by = NAN;
			link_tell(link, OBSERVED_SENT, link->handed_at, 0, 0);
		}
		break;
	case OBSERVED_RESET:
	case OBSERVED_FIN:
		link_ask_state(link, LINK_ENDED);
		link_end(link);
		break;
	case OBSERVED_OUTBOUND:
		link->sent++;
		break;
	case OBSERVED_SYNACK:
	case OBSERVED_UNASKED:
	case OBSERVED_ICMP:
	case OBSERVED_FAR_OPEN:
	case OBSERVED_ARRIVED:
	case OBSERVED_MISSED:
	case OBSERVED_PROXY:
	case OBSERVED_OPEN_FAILED:
	case OBSERVED_LEFT:
	case OBSERVED_SEND_FAILED:
		break;
	}
	link_schedule(link);
}

bool link_segment(struct link *link, const struct segment *segment, double at, uint32_t tick)
{
	struct observation o;

	/* The port of one that is over may be another's by now. */
	if (link->connection == NULL || flow_direction(&link->flow, segment) == DIRECTION_NEITHER)
		return false;
	if (classify(&link->flow, segment, at, tick, &o)) {
		o.conn = link->number;
		if (o.what == OBSERVED_UNASKED && link->direction == DIRECTION_INBOUND) {
			/* What the far end sends here it was asked for. */
			o.what = OBSERVED_REPLY;
			o.far = true;
			o.rtt = link_since_asked(link, at);
			link->asked_at = NAN;
		}
		settle(link, o.what);
		if (o.what == OBSERVED_REPLY && !o.far)
			link_answered(link, at);
		link->shared->queue(link->shared->queue_arg, &o);
	}
	return true;
}
