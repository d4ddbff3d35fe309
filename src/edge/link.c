/* The kernel and the capture tell of the same things at slightly different times, and the capture may miss
 * some. The capture is believed, for it has the numbers and the times; the kernel's word starts a deadline,
 * after which it has to do. */
#include "edge/link_state.h"
#include "core/classify.h"
#include "core/flow.h"
#include "core/probe.h"
#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/connection.h"
#include "edge/farside.h"
#include "edge/inject.h"
#include "edge/target.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPTURE_PATIENCE 1.0 /* seconds from the kernel's word to the capture's */
/* Seconds after which the far side is asked whether it received an unanswered probe: by then the first retransmission of
 * any segment is due (RFC 6298 2.1). */
#define ANSWER_PATIENCE 1.0
#define RETRY_FIRST 0.002    /* seconds before a probe that found no buffer is tried again; doubles */
enum { RETRIES = 6 };

/* What the capture did not show: without TTL or origin. */
static void tell(struct link *link, enum observed what, double at, int error)
{
	struct observation o = { .what = what, .conn = link->number, .at = at, .rtt = NAN, .error = error };

	if (what == OBSERVED_RESET || what == OBSERVED_FIN)
		o.from = ORIGIN_UNKNOWN;
	link->shared->queue(link->shared->queue_arg, &o);
}

void link_schedule(struct link *link)
{
	/* fmin() passes over NAN. */
	double next = fmin(fmin(fmin(link->seen_open_by, link->seen_sent_by), link->overdue_at),
			   fmin(link->retry_at, link->seen_over_by));

	if (isnan(next)) {
		evtimer_del(link->timer);
		return;
	}
	double wait = fmax(next - clock_now(), 0);
	struct timeval interval = { (time_t)wait, (suseconds_t)((wait - floor(wait)) * 1e6) };

	evtimer_add(link->timer, &interval);
}

/* The connection is of no more use; nothing more is told of it. */
void link_end(struct link *link)
{
	connection_close(link->connection);
	link->connection = NULL;
	link->flow.state = FLOW_ENDED;
	link->seen_open_by = link->seen_sent_by = link->retry_at = link->seen_over_by = link->overdue_at = NAN;
	link_schedule(link);
}

static void open_failed(struct link *link, int error)
{
	link_end(link);
	tell(link, OBSERVED_OPEN_FAILED, clock_now(), error);
}

/* An address may leave its interface and come back (DHCP, IPv6 on an interface that went down). While it is
 * away a probe would be from a stranger to the middlebox: its silence would tell nothing about timeouts. */
static bool source_present(const struct link *link)
{
	const struct target *target = link->shared->target;
	struct sockaddr_storage now;
	int fd = socket(target->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return true; /* not known to be absent */
	bool present = bind(fd, (const struct sockaddr *)&link->source, target->length) == 0 ||
		       errno != EADDRNOTAVAIL;

	close(fd);
	if (!present && target_source(target, &now) == 0 && memcmp(&now, &link->source, target->length) != 0)
		link->shared->stats.address_changed = true;
	return present;
}

void link_probe_failed(struct link *link, int error)
{
	link->shared->stats.send_errors++;
	tell(link, OBSERVED_SEND_FAILED, clock_now(), error);
}

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
	if (!source_present(link))
		return EADDRNOTAVAIL;
	return inject_send(link->shared->raw, link->shared->target, packet, length);
}

static void probe(struct link *link)
{
	/* Asked before: the capture sees the probe while it is being sent. */
	unsigned dropped = capture_dropped(link->shared->capture);
	double at = clock_now();
	int error = send_segment(link, true);

	link->retry_at = NAN;
	if ((error == ENOBUFS || error == EAGAIN) && link->retries < RETRIES) {
		link->retry_at = at + RETRY_FIRST * (1 << link->retries++);
	} else if (error != 0) {
		link_probe_failed(link, error);
	} else {
		link->shared->stats.probes_sent++;
		flow_probed(&link->flow, at);
		if (link->probes_unseen++ == 0)
			link->dropped = dropped;
		link->handed_at = at;
		if (isnan(link->unanswered_at))
			link->unanswered_at = at;
		link->seen_sent_by = at + CAPTURE_PATIENCE;
		if (link->adopted && isnan(link->overdue_at))
			link->overdue_at = at + ANSWER_PATIENCE;
	}
	link_schedule(link);
}

void link_confirm(struct link *link)
{
	if (link->connection == NULL || link->flow.state != FLOW_OPEN)
		return;
	link->retries = 0;
	probe(link);
}

/* One that cannot be sent is as one that is lost. */
void link_ack(struct link *link)
{
	if (link->connection != NULL && link->flow.state == FLOW_OPEN)
		send_segment(link, false);
}

void link_probe(struct link *link)
{
	if (link->direction != DIRECTION_INBOUND)
		link_confirm(link);
	else if (link->connection != NULL && link->flow.state == FLOW_OPEN)
		link_ask_far(link);
}

/* Whether the capture had to drop anything since the last probe was handed over. */
static bool capture_missed(const struct link *link)
{
	return capture_dropped(link->shared->capture) != link->dropped;
}

/* A probe that was not captured within reason. Silence must not count, for its answer may be missed as well.
 * Either the capture had no room for it: then it left, and ended the idle time. Or it still waits in this
 * host, for the next hop's link-layer address: then it is captured when it leaves, and told then. */
static void probe_unseen(struct link *link)
{
	bool missed = capture_missed(link);

	link->seen_sent_by = NAN;
	link->probes_unseen = 0;
	link->flow.outstanding = false;
	link->flow.probe_at = NAN;
	if (missed)
		tell(link, OBSERVED_OUTBOUND, link->handed_at, 0);
	link_probe_failed(link, missed ? ENODATA : EHOSTUNREACH);
}

static void open_unseen(struct link *link)
{
	struct observation o;

	link->seen_open_by = NAN;
	if (!classify_open(&link->flow, &o)) {
		open_failed(link, ENODATA);
		return;
	}
	o.conn = link->number;
	link->shared->queue(link->shared->queue_arg, &o);
}

static void over_unseen(struct link *link)
{
	int error = link->over_error;

	link_end(link);
	tell(link, error == 0 ? OBSERVED_FIN : OBSERVED_RESET, clock_now(), 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;
	double now = clock_now();

	(void)fd;
	(void)what;
	/* Each may end the link, and so clear the deadlines of those that follow. */
	if (now >= link->seen_open_by)
		open_unseen(link);
	if (now >= link->seen_over_by)
		over_unseen(link);
	if (now >= link->seen_sent_by)
		probe_unseen(link);
	if (now >= link->retry_at)
		probe(link);
	if (now >= link->overdue_at)
		link_overdue(link);
	link_schedule(link);
}

static void on_connection(void *arg, enum connection_event event, int error)
{
	struct link *link = arg;

	switch (event) {
	case CONNECTION_OPENED:
		if (link->flow.state == FLOW_OPENING)
			link->seen_open_by = clock_now() + CAPTURE_PATIENCE;
		break;
	case CONNECTION_GREETED:
		link_greeted(link);
		break;
	case CONNECTION_FAILED:
	case CONNECTION_OVER:
		if (event == CONNECTION_FAILED && link->flow.state == FLOW_OPENING) {
			open_failed(link, error);
			return;
		}
		link->over_error = error;
		link->seen_over_by = clock_now() + CAPTURE_PATIENCE;
		break;
	}
	link_schedule(link);
}

/* What the capture tells ends the waiting for it. */
static void settle(struct link *link, enum observed what)
{
	switch (what) {
	case OBSERVED_OPEN:
		link->seen_open_by = NAN;
		break;
	case OBSERVED_SENT:
		if (link->probes_unseen > 0 && --link->probes_unseen == 0)
			link->seen_sent_by = NAN;
		break;
	case OBSERVED_REPLY:
		/* The probe would have come first, had the capture not missed it. */
		if (link->probes_unseen > 0 && capture_missed(link)) {
			link->probes_unseen = 0;
			link->seen_sent_by = NAN;
			tell(link, OBSERVED_SENT, link->handed_at, 0);
		}
		break;
	case OBSERVED_RESET:
	case OBSERVED_FIN:
		link_ask_state(link, LINK_ENDED);
		link_end(link);
		break;
	case OBSERVED_SYNACK:
	case OBSERVED_UNASKED:
	case OBSERVED_OUTBOUND:
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
			o.rtt = at - link->asked_at;
			link->asked_at = NAN;
		}
		settle(link, o.what);
		if (o.what == OBSERVED_REPLY && !o.far)
			link_answered(link, at);
		link->shared->queue(link->shared->queue_arg, &o);
	}
	return true;
}

static struct endpoint endpoint(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	struct endpoint e = { .port = 0 };

	if (address->ss_family == AF_INET) {
		memcpy(e.address, &v4->sin_addr, sizeof v4->sin_addr);
		e.port = ntohs(v4->sin_port);
	} else {
		memcpy(e.address, &v6->sin6_addr, sizeof v6->sin6_addr);
		e.port = ntohs(v6->sin6_port);
	}
	return e;
}

struct link *link_new(struct link_shared *shared, int number, enum direction direction)
{
	const struct target *target = shared->target;
	struct link *link = calloc(1, sizeof *link);

	if (link == NULL)
		return NULL;
	*link = (struct link){ .shared = shared, .number = number, .direction = direction, .handed_at = NAN,
			       .seen_open_by = NAN, .seen_sent_by = NAN, .retry_at = NAN, .seen_over_by = NAN,
			       .asked_at = NAN, .overdue_at = NAN, .unanswered_at = NAN };
	link->timer = evtimer_new(shared->base, on_timer, link);
	if (link->timer == NULL) {
		free(link);
		return NULL;
	}
	link->connection = connection_open(shared->base, target, shared->far ? &link->greeting : NULL, on_connection, link);
	if (link->connection == NULL) {
		open_failed(link, errno);
		return link;
	}
	link->source = *connection_source(link->connection);
	struct endpoint own = endpoint(&link->source), peer = endpoint(&target->remote);

	flow_init(&link->flow, target->family == AF_INET ? 4 : 6, &own, &peer);
	target_set_port(&link->source, 0);
	return link;
}

void link_free(struct link *link)
{
	if (link == NULL)
		return;
	connection_close(link->connection);
	event_free(link->timer);
	free(link);
}

const struct sockaddr_storage *link_source(const struct link *link)
{
	return link->connection == NULL ? NULL : &link->source;
}
