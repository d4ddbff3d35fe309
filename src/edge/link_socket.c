/* The socket engine's way, without privileges: the kernel sends a keepalive on demand (tcp.h), and is asked what came. It
 * wakes nobody for an ACK, so it is asked again and again: often while an answer is awaited, else seldom.
 *
 * How exact that is: a keepalive leaves with the kernel's next tick (4 ms with HZ=250), and is seen to have left within
 * LOOK_AGAIN of tcp.c. When an ACK came the kernel remembers to a tick. A keepalive of the far end's is only counted: it came
 * between two looks. All this is told as the blur of an observation.
 *
 * What cannot be seen: TTLs, so nobody knows who sent an RST; ICMP errors, for the kernel takes those that quote its own
 * keepalive for forged (tcp_v4_err: its number is below SND.UNA) and counts them as OutOfWindowIcmps. */
#include "edge/link_state.h"
#include "edge/clock.h"

#include <errno.h>
#include <math.h>

#define AWAITED_SHARE 0.1   /* between two looks, while something is awaited: this share of the time since it was asked for, ... */
#define AWAITED_FIRST 0.005 /* ... at least, and ... */
#define AWAITED_LAST 1.0    /* ... at most so many seconds */
#define IDLE_SHARE 0.01     /* likewise while nothing is awaited, of the time since something came */
#define IDLE_FIRST 0.1
#define IDLE_LAST 10.0

static void tell(const struct link *link, struct observation o)
{
	o.conn = link->number;
	link->shared->queue(link->shared->queue_arg, &o);
}

static void begin(struct link *link)
{
	link->watched = (struct link_watched){ .heard_at = NAN };
}

static void note(struct link *link, const struct tcp_received *received)
{
	struct link_watched *watched = &link->watched;

	watched->segments_in = received->segments;
	watched->octets_in = received->octets;
	link->sent = received->sent;
}

static void opened(struct link *link)
{
	struct tcp_received received;
	int fd = connection_fd(link->connection);
	double now = clock_now();

	tcp_prepare(fd);
	if (!tcp_received(fd, now, &received)) {
		link_open_failed(link, ENOTSUP);
		return;
	}
	note(link, &received);
	link->watched.heard_at = link->watched.looked_at = now;
	link->flow.state = FLOW_OPEN;
	link->flow.synack_at = received.acked;
	tell(link, (struct observation){ .what = OBSERVED_OPEN, .at = received.acked, .blur = received.blur,
					 .rtt = received.rtt, .from = ORIGIN_UNKNOWN });
}

/* The round trip is no better known than to a tick or two: the handshake's, which the kernel measured, stands where that
 * allows it. The probe passed no sooner than it left. */
static void answered(struct link *link, const struct tcp_received *received)
{
	double shortest = fmax(received->acked - received->blur - link->watched.sent_by, 0);
	double longest = fmax(received->acked - link->handed_at, 0);
	double rtt = fmin(fmax(received->rtt, shortest), longest);

	link->watched.awaiting = false;
	link->watched.proven = true;
	link_answered(link, received->acked);
	tell(link, (struct observation){ .what = OBSERVED_REPLY, .at = received->acked, .blur = longest - rtt, .rtt = rtt,
					 .from = ORIGIN_UNKNOWN });
}

/* What became of the probe that was asked for. Its answer, where there is one already, came after it. */
static void take(struct link *link, enum tcp_left left, const struct tcp_received *received)
{
	double unsent = link->watched.demand.unsent, now = clock_now();

	switch (left) {
	case TCP_PENDING:
		break;
	case TCP_NOT_LEFT:
		link_probe_failed(link, EHOSTUNREACH);
		break;
	case TCP_LEFT:
		link->watched.awaiting = true;
		link->watched.sent_by = fmax(received->unanswered == 0 ? fmin(now, received->acked) : now, unsent);
		link_handed(link, unsent);
		link_tell(link, OBSERVED_SENT, unsent, link->watched.sent_by - unsent, 0);
		break;
	}
}

/* Something that no probe drew: the far end's keepalive or payload, which the kernel answers; in the beginning its SYN-ACK
 * once more. While an answer is awaited only payload counts, for the answer to another connection's probe, mapped to this
 * one's port, is counted too. */
static void arrived(struct link *link, const struct tcp_received *received, double now)
{
	struct link_watched *watched = &link->watched;
	bool payload = received->octets != watched->octets_in, inbound = link->direction == DIRECTION_INBOUND;
	struct observation o = { .what = OBSERVED_UNASKED, .at = now, .rtt = NAN, .from = ORIGIN_UNKNOWN,
				 .payload = payload, .far = inbound };

	if (!payload && (received->segments == watched->segments_in || (watched->awaiting && !inbound)))
		return;
	o.blur = now - fmin(inbound ? fmax(watched->looked_at, link->asked_at) : watched->looked_at, now);
	if (payload) {
		o.at = received->data;
		o.blur = received->blur;
	}
	if (inbound) {
		o.what = OBSERVED_REPLY;
		o.rtt = link_since_asked(link, o.at);
	} else if (!payload && !watched->proven) {
		o.what = OBSERVED_SYNACK;
	}
	link->asked_at = NAN;
	tell(link, o);
	link_tell(link, OBSERVED_OUTBOUND, now, 0, 0);
}

static void settle(struct link *link, const struct tcp_received *received, double now)
{
	struct link_watched *watched = &link->watched;

	if (watched->awaiting && received->unanswered == 0)
		answered(link, received);
	else
		arrived(link, received, now);
	if (received->segments != watched->segments_in)
		watched->heard_at = now;
	note(link, received);
}

static void look(struct link *link)
{
	struct link_watched *watched = &link->watched;
	int fd = connection_fd(link->connection);
	enum tcp_left left = TCP_PENDING;
	struct tcp_received received;
	double now = clock_now();

	if (watched->demand.pending && now >= watched->demand.due)
		left = tcp_demand_look(&watched->demand, fd, now);
	if (tcp_received(fd, now, &received)) {
		take(link, left, &received);
		if (received.open) /* else the socket will say how it ended */
			settle(link, &received, now);
	}
	watched->looked_at = now;
}

static void probe(struct link *link)
{
	struct link_watched *watched = &link->watched;
	int fd = connection_fd(link->connection);
	struct tcp_received received;
	enum tcp_left left;

	if (watched->demand.pending)
		return;
	if (!link_source_present(link)) {
		link_probe_failed(link, EADDRNOTAVAIL);
		return;
	}
	look(link);
	left = tcp_demand(&watched->demand, fd, false, clock_now());
	if (left != TCP_PENDING && tcp_received(fd, clock_now(), &received))
		take(link, left, &received);
	link_schedule(link);
}

/* The kernel sends no segment that is neither asked for by the far end nor draws an answer. */
static void ack(struct link *link)
{
	(void)link;
}

static void over(struct link *link, int error)
{
	double now = clock_now();

	link->watched.demand.due = now;
	look(link);
	link_ask_state(link, LINK_ENDED);
	link_end(link);
	link_tell(link, error == 0 ? OBSERVED_FIN : OBSERVED_RESET, now, 0, 0);
}

static double due(const struct link *link)
{
	const struct link_watched *watched = &link->watched;
	double asked = fmax(watched->awaiting ? link->handed_at : NAN, link->asked_at); /* passes over NAN */
	double pause;

	if (link->flow.state != FLOW_OPEN)
		return NAN;
	if (isnan(asked))
		pause = fmin(fmax(IDLE_SHARE * (watched->looked_at - watched->heard_at), IDLE_FIRST), IDLE_LAST);
	else
		pause = fmin(fmax(AWAITED_SHARE * (watched->looked_at - asked), AWAITED_FIRST), AWAITED_LAST);
	return watched->demand.pending ? watched->demand.due : watched->looked_at + pause;
}

static void wake(struct link *link, double now)
{
	if (link->flow.state == FLOW_OPEN && now >= due(link))
		look(link);
}

const struct link_means link_socket = { begin, opened, over, probe, ack, due, wake };
