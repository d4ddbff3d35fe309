/* This end of a link, as far as it is the same for both engines. */
#include "edge/link.h"
#include "edge/clock.h"
#include "edge/connection.h"
#include "edge/link_state.h"
#include "edge/target.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds after which the far side is asked whether it received an unanswered probe: by then the first retransmission of
 * any segment is due (RFC 6298 2.1). */
#define ANSWER_PATIENCE 1.0

void link_tell(struct link *link, enum observed what, double at, double blur, int error)
{
	struct observation o = { .what = what, .conn = link->number, .at = at, .blur = blur, .rtt = NAN, .error = error };

	if (what == OBSERVED_RESET || what == OBSERVED_FIN)
		o.from = ORIGIN_UNKNOWN;
	link->shared->queue(link->shared->queue_arg, &o);
}

void link_schedule(struct link *link)
{
	/* fmin() passes over NAN. */
	double next = link->connection == NULL ? NAN : fmin(link->shared->means->due(link), link->overdue_at);

	if (isnan(next)) {
		evtimer_del(link->timer);
		return;
	}
	double wait = fmax(next - clock_now(), 0);
	struct timeval interval = { (time_t)wait, (suseconds_t)((wait - floor(wait)) * 1e6) };

	evtimer_add(link->timer, &interval);
}

void link_end(struct link *link)
{
	connection_close(link->connection);
	link->connection = NULL;
	link->flow.state = FLOW_ENDED;
	link_schedule(link);
}

void link_open_failed(struct link *link, int error)
{
	link_end(link);
	link_tell(link, OBSERVED_OPEN_FAILED, clock_now(), 0, error);
}

/* An address may leave its interface and come back (DHCP, IPv6 on an interface that went down). While it is
 * away a probe would be from a stranger to the middlebox: its silence would tell nothing about timeouts. A socket that
 * is bound to it tells. A raw one can be bound again and again (raw_bind, net/ipv4/raw.c), and sends by the routes of
 * that source then, as the connection does (ip-rule(8)). */
bool link_source_present(const struct link *link)
{
	const struct target *target = link->shared->target;
	struct sockaddr_storage now;
	bool raw = link->shared->raw >= 0;
	int fd = raw ? link->shared->raw : socket(target->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return true; /* not known to be absent */
	bool present = bind(fd, (const struct sockaddr *)&link->source, target->length) == 0 ||
		       errno != EADDRNOTAVAIL;

	if (!raw)
		close(fd);
	if (!present && target_source(target, &now) == 0 && memcmp(&now, &link->source, target->length) != 0)
		link->shared->stats.address_changed = true;
	return present;
}

void link_probe_failed(struct link *link, int error)
{
	link->shared->stats.send_errors++;
	link_tell(link, OBSERVED_SEND_FAILED, clock_now(), 0, error);
}

void link_handed(struct link *link, double at)
{
	link->shared->stats.probes_sent++;
	link->handed_at = at;
	if (isnan(link->unanswered_at))
		link->unanswered_at = at;
	if (link->adopted && isnan(link->overdue_at))
		link->overdue_at = at + ANSWER_PATIENCE;
}

static bool is_open(const struct link *link)
{
	return link->connection != NULL && link->flow.state == FLOW_OPEN;
}

void link_confirm(struct link *link)
{
	if (is_open(link))
		link->shared->means->probe(link);
}

/* One that cannot be sent is as one that is lost. */
void link_ack(struct link *link)
{
	if (is_open(link))
		link->shared->means->ack(link);
}

void link_probe(struct link *link)
{
	if (link->direction != DIRECTION_INBOUND)
		link_confirm(link);
	else if (is_open(link))
		link_ask_far(link);
	link_schedule(link);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;
	double now = clock_now();

	(void)fd;
	(void)what;
	link->shared->means->wake(link, now);
	if (link->connection != NULL && now >= link->overdue_at)
		link_overdue(link);
	link_schedule(link);
}

static void on_connection(void *arg, enum connection_event event, int error)
{
	struct link *link = arg;

	switch (event) {
	case CONNECTION_OPENED:
		link->shared->means->opened(link);
		break;
	case CONNECTION_GREETED:
		link_greeted(link);
		break;
	case CONNECTION_FAILED:
	case CONNECTION_OVER:
		if (event == CONNECTION_FAILED && link->flow.state == FLOW_OPENING)
			link_open_failed(link, error);
		else
			link->shared->means->over(link, error);
		break;
	}
	link_schedule(link);
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
			       .asked_at = NAN, .overdue_at = NAN, .unanswered_at = NAN };
	shared->means->begin(link);
	link->timer = evtimer_new(shared->base, on_timer, link);
	if (link->timer == NULL) {
		free(link);
		return NULL;
	}
	link->connection = connection_open(shared->base, target, shared->far ? &link->greeting : NULL, on_connection, link);
	if (link->connection == NULL) {
		link_open_failed(link, errno);
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
