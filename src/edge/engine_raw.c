/* The raw engine. Kernel sockets make the connections and keep them open; a capture that never stops tells what passes on
 * each, and teaches the numbers by which keepalives are built that the kernel knows nothing of.
 *
 * Every observation goes through one queue, which is emptied from the event loop: the search may ask for actions from
 * within its observer, and an action's failure is then queued behind. */
#include "core/classify.h"
#include "core/flow.h"
#include "core/probe.h"
#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/connection.h"
#include "edge/engine.h"
#include "edge/inject.h"
#include "edge/target.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CAPTURE_PATIENCE 1.0 /* seconds from the kernel's word to the capture's, before something was missed */
#define RETRY_FIRST 0.002    /* seconds to wait before a probe is tried again that found no buffer; doubled each time */
enum { RETRIES = 6, SPARE_DESCRIPTORS = 32 };

/* One test connection. Deadlines are NAN where nothing is waited for. */
struct link {
	struct engine *engine;
	int number;
	struct connection *connection; /* NULL once it is over */
	struct flow flow;
	struct event *timer;           /* for the earliest of the deadlines */

	double seen_open_by; /* the kernel says it is open, the capture does not yet */

	int probes_unseen;   /* handed to the kernel and not yet captured */
	double handed_at;    /* the latest of them */
	unsigned dropped;    /* by the capture until then */
	double seen_sent_by;

	double retry_at;
	int retries;

	int over_error;      /* what the socket told of its end */
	double seen_over_by;
};

struct engine {
	struct engine_config config;
	struct capture *capture;
	struct event *capture_event;
	bool capture_lost; /* its interface was removed */
	int raw;           /* socket */
	struct link **links; /* by number; NULL where closed */
	int link_count;
	struct sockaddr_storage source; /* of the first connection; its family is 0 before */
	struct observation *queue;
	size_t queued, queue_size;
	struct event *deliver;
	struct engine_stats stats;
};

static void queue(struct engine *engine, const struct observation *observation)
{
	if (engine->queued == engine->queue_size) {
		size_t size = engine->queue_size ? engine->queue_size * 2 : 64;
		struct observation *larger = realloc(engine->queue, size * sizeof *larger);

		if (larger == NULL)
			return; /* as if the capture had missed it */
		engine->queue = larger;
		engine->queue_size = size;
	}
	engine->queue[engine->queued++] = *observation;
	event_active(engine->deliver, 0, 0);
}

/* What the capture did not show: without TTL or origin. */
static void tell(struct link *link, enum observed what, double at, int error)
{
	struct observation o = { .what = what, .conn = link->number, .at = at, .rtt = NAN, .error = error };

	if (what == OBSERVED_RESET || what == OBSERVED_FIN)
		o.from = ORIGIN_UNKNOWN;
	queue(link->engine, &o);
}

/* The observer may act, and so queue more: the queue may move while it is called. */
static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct engine *engine = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < engine->queued; i++) {
		struct observation o = engine->queue[i];

		engine->config.observe(engine->config.observe_arg, &o);
	}
	engine->queued = 0;
}

static void schedule(struct link *link)
{
	double next = fmin(fmin(link->seen_open_by, link->seen_sent_by), fmin(link->retry_at, link->seen_over_by));

	if (isnan(next)) { /* fmin() passes over NAN */
		evtimer_del(link->timer);
		return;
	}
	double wait = fmax(next - clock_now(), 0);
	struct timeval interval = { (time_t)wait, (suseconds_t)((wait - floor(wait)) * 1e6) + 1 };

	evtimer_add(link->timer, &interval);
}

/* The connection is of no more use; what it was stays known until the search closes it. */
static void end(struct link *link)
{
	connection_close(link->connection);
	link->connection = NULL;
	link->flow.state = FLOW_ENDED;
	link->seen_open_by = link->seen_sent_by = link->retry_at = link->seen_over_by = NAN;
	schedule(link);
}

static void open_failed(struct link *link, int error)
{
	end(link);
	tell(link, OBSERVED_OPEN_FAILED, clock_now(), error);
}

/* Addresses stay on an interface that goes down and up, most of the time. Where this one has gone, a probe would
 * leave with another's address and find no entry: that tells nothing about timeouts. */
static bool source_present(const struct link *link)
{
	struct engine *engine = link->engine;
	struct sockaddr_storage address = *connection_source(link->connection), now;
	int fd = socket(engine->config.target->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	target_set_port(&address, 0);
	bool present = fd < 0 || bind(fd, (struct sockaddr *)&address, engine->config.target->length) == 0 ||
		       errno != EADDRNOTAVAIL;

	if (fd >= 0)
		close(fd);
	if (!present && target_source(engine->config.target, &now) == 0 &&
	    memcmp(&now, &address, engine->config.target->length) != 0)
		engine->stats.address_changed = true;
	return present;
}

static void probe_failed(struct link *link, int error)
{
	link->engine->stats.send_errors++;
	link->retry_at = NAN;
	tell(link, OBSERVED_SEND_FAILED, clock_now(), error);
	schedule(link);
}

static void probe(struct link *link)
{
	struct engine *engine = link->engine;
	uint8_t packet[PROBE_LONGEST];
	size_t length = probe_build(&link->flow, clock_tick(), packet);
	int error = length == 0 ? ENOMEM : 0;

	if (engine->capture_lost)
		error = ENODEV; /* an answer could not be seen */
	else if (!source_present(link))
		error = EADDRNOTAVAIL;
	double at = clock_now();

	if (error == 0)
		error = inject_send(engine->raw, engine->config.target, packet, length);
	if ((error == ENOBUFS || error == EAGAIN) && link->retries < RETRIES) {
		link->retry_at = at + RETRY_FIRST * (1 << link->retries++);
		schedule(link);
		return;
	}
	if (error != 0) {
		probe_failed(link, error);
		return;
	}
	engine->stats.probes_sent++;
	flow_probed(&link->flow, at);
	link->probes_unseen++;
	link->handed_at = at;
	link->dropped = capture_dropped(engine->capture);
	link->seen_sent_by = at + CAPTURE_PATIENCE;
	link->retry_at = NAN;
	schedule(link);
}

/* A probe that was not captured within reason. Silence must not count, for its answer may be missed as well. Either the capture
 * had no room for it: then it left, and ended the idle time. Or it still waits in this host, for the next hop's
 * link-layer address: then it is captured when it leaves, and told then. */
static void probe_unseen(struct link *link)
{
	bool missed = capture_dropped(link->engine->capture) != link->dropped;

	link->seen_sent_by = NAN;
	link->probes_unseen = 0;
	link->flow.outstanding = false;
	link->flow.probe_at = NAN;
	if (missed)
		tell(link, OBSERVED_OUTBOUND, link->handed_at, 0);
	probe_failed(link, missed ? ENODATA : EHOSTUNREACH);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;
	double now = clock_now();
	struct observation o;

	(void)fd;
	(void)what;
	if (now >= link->seen_over_by) {
		enum observed how = link->over_error == 0 ? OBSERVED_FIN : OBSERVED_RESET;

		end(link);
		tell(link, how, now, 0);
		return;
	}
	if (now >= link->seen_open_by) {
		link->seen_open_by = NAN;
		if (!classify_open(&link->flow, &o)) {
			open_failed(link, ENODATA);
			return;
		}
		o.conn = link->number;
		queue(link->engine, &o);
	}
	if (now >= link->seen_sent_by)
		probe_unseen(link);
	if (now >= link->retry_at)
		probe(link);
	schedule(link);
}

static void on_connection(void *arg, enum connection_event event, int error)
{
	struct link *link = arg;

	switch (event) {
	case CONNECTION_OPENED:
		if (link->flow.state == FLOW_OPENING)
			link->seen_open_by = clock_now() + CAPTURE_PATIENCE;
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
	schedule(link);
}

/* Takes an observation of the capture to the queue, where it agrees with what the link waits for. */
static void take(struct link *link, struct observation *o)
{
	o->conn = link->number;
	switch (o->what) {
	case OBSERVED_SENT:
		if (link->probes_unseen > 0 && --link->probes_unseen == 0)
			link->seen_sent_by = NAN;
		break;
	case OBSERVED_REPLY:
		if (link->probes_unseen > 0) { /* the capture missed it: it would have come first */
			link->probes_unseen = 0;
			link->seen_sent_by = NAN;
			tell(link, OBSERVED_SENT, link->handed_at, 0);
		}
		break;
	case OBSERVED_OPEN:
		link->seen_open_by = NAN;
		break;
	case OBSERVED_RESET:
	case OBSERVED_FIN:
		end(link);
		break;
	case OBSERVED_UNASKED:
	case OBSERVED_OUTBOUND:
	case OBSERVED_ICMP:
	case OBSERVED_OPEN_FAILED:
	case OBSERVED_SEND_FAILED:
		break;
	}
	queue(link->engine, o);
	schedule(link);
}

static void on_segment(void *arg, const struct segment *segment, double at, uint32_t tick)
{
	struct engine *engine = arg;
	struct observation o;

	engine->stats.captured++;
	for (int i = 0; i < engine->link_count; i++) {
		struct link *link = engine->links[i];

		/* The port of one that is over may be another's by now. */
		if (link == NULL || link->connection == NULL ||
		    flow_direction(&link->flow, segment) == DIRECTION_NEITHER)
			continue;
		if (classify(&link->flow, segment, at, tick, &o))
			take(link, &o);
		return;
	}
	if (segment->icmp)
		engine->stats.icmp_unmatched++;
}

static void on_capture(evutil_socket_t fd, short what, void *arg)
{
	struct engine *engine = arg;

	(void)fd;
	(void)what;
	if (capture_read(engine->capture, on_segment, engine))
		return;
	engine->capture_lost = true;
	event_del(engine->capture_event);
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

static void note_source(struct engine *engine, const struct sockaddr_storage *source)
{
	struct sockaddr_storage address = *source;

	target_set_port(&address, 0);
	if (engine->source.ss_family == AF_UNSPEC)
		engine->source = address;
	else if (memcmp(&engine->source, &address, engine->config.target->length) != 0)
		engine->stats.address_changed = true;
}

static struct link *link_new(struct engine *engine, int number)
{
	if (number >= engine->link_count) {
		struct link **larger = realloc(engine->links, (size_t)(number + 1) * sizeof *larger);

		if (larger == NULL)
			return NULL;
		while (engine->link_count <= number)
			larger[engine->link_count++] = NULL;
		engine->links = larger;
	}
	struct link *link = calloc(1, sizeof *link);

	if (link == NULL)
		return NULL;
	*link = (struct link){ .engine = engine, .number = number, .handed_at = NAN, .seen_open_by = NAN,
			       .seen_sent_by = NAN, .retry_at = NAN, .seen_over_by = NAN };
	link->timer = evtimer_new(engine->config.base, on_timer, link);
	engine->links[number] = link;
	return link;
}

static void link_free(struct link *link)
{
	if (link == NULL)
		return;
	connection_close(link->connection);
	event_free(link->timer);
	free(link);
}

static void open_link(struct engine *engine, int number)
{
	const struct target *target = engine->config.target;
	struct link *link = link_new(engine, number);

	if (link == NULL)
		return;
	link->connection = connection_open(engine->config.base, target, on_connection, link);
	if (link->connection == NULL) {
		open_failed(link, errno);
		return;
	}
	const struct sockaddr_storage *source = connection_source(link->connection);
	struct endpoint own = endpoint(source), peer = endpoint(&target->remote);

	note_source(engine, source);
	flow_init(&link->flow, target->family == AF_INET ? 4 : 6, &own, &peer);
}

void engine_act(struct engine *engine, const struct action *action)
{
	struct link *link = action->conn < engine->link_count ? engine->links[action->conn] : NULL;

	switch (action->kind) {
	case ACTION_OPEN:
		if (link == NULL)
			open_link(engine, action->conn);
		break;
	case ACTION_PROBE:
		if (link != NULL && link->connection != NULL && link->flow.state == FLOW_OPEN) {
			link->retries = 0;
			probe(link);
		}
		break;
	case ACTION_CLOSE:
		if (link != NULL)
			engine->links[action->conn] = NULL;
		link_free(link);
		break;
	}
}

static int raise_descriptor_limit(int connections, struct failure *failure)
{
	rlim_t need = (rlim_t)connections + SPARE_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
		return 0;
	if (limit.rlim_max < need)
		return fail(failure, EXIT_CANNOT_RUN, "%d connections need %llu file descriptors and %llu are allowed; "
			    "raise the limit with `ulimit -n %llu` (its hard value may need root), or use fewer "
			    "--connections", connections, (unsigned long long)need,
			    (unsigned long long)limit.rlim_max, (unsigned long long)need);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot raise the limit of file descriptors to %llu: %s",
			    (unsigned long long)limit.rlim_max, strerror(errno));
	return 0;
}

struct engine *engine_raw_new(const struct engine_config *config, struct failure *failure)
{
	struct engine *engine = calloc(1, sizeof *engine);

	if (engine == NULL) {
		fail(failure, EXIT_CANNOT_RUN, "out of memory");
		return NULL;
	}
	*engine = (struct engine){ .config = *config, .raw = -1 };
	if (raise_descriptor_limit(config->connections, failure) < 0 ||
	    (engine->capture = capture_new(config->target, failure)) == NULL ||
	    (engine->raw = inject_open(config->target, failure)) < 0) {
		engine_free(engine);
		return NULL;
	}
	engine->deliver = event_new(config->base, -1, 0, on_deliver, engine);
	engine->capture_event = event_new(config->base, capture_fd(engine->capture), EV_READ | EV_PERSIST, on_capture,
					  engine);
	if (engine->deliver == NULL || engine->capture_event == NULL || event_add(engine->capture_event, NULL) < 0) {
		fail(failure, EXIT_CANNOT_RUN, "out of memory");
		engine_free(engine);
		return NULL;
	}
	return engine;
}

void engine_free(struct engine *engine)
{
	if (engine == NULL)
		return;
	for (int i = 0; i < engine->link_count; i++)
		link_free(engine->links[i]);
	free(engine->links);
	if (engine->capture_event != NULL)
		event_free(engine->capture_event);
	if (engine->deliver != NULL)
		event_free(engine->deliver);
	capture_free(engine->capture);
	if (engine->raw >= 0)
		close(engine->raw);
	free(engine->queue);
	free(engine);
}

struct engine_stats engine_stats(const struct engine *engine)
{
	struct engine_stats stats = engine->stats;

	stats.dropped = capture_dropped(engine->capture);
	return stats;
}
