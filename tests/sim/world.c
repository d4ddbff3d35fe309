#include "world_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SYN_RECV 60.0         /* seconds: nf_conntrack_tcp_timeout_syn_recv */
#define INVALID_RATELIMIT 0.5 /* seconds: net.ipv4.tcp_invalid_ratelimit */

double world_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

double world_uniform(struct world *world)
{
	return world_random(&world->random);
}

static double exponential(struct world *world, double mean)
{
	return -mean * log(1 - world_uniform(world));
}

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void world_push(struct world *world, struct event event)
{
	if (world->count == world->room) {
		world->room = world->room ? 2 * world->room : 256;
		world->heap = realloc(world->heap, world->room * sizeof *world->heap);
		if (!world->heap)
			abort();
	}
	event.order = world->order++;

	size_t at = world->count++;

	for (; at && earlier(&event, &world->heap[(at - 1) / 2]); at = (at - 1) / 2)
		world->heap[at] = world->heap[(at - 1) / 2];
	world->heap[at] = event;
}

static struct event pop(struct world *world)
{
	struct event top = world->heap[0], last = world->heap[--world->count];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= world->count)
			break;
		if (child + 1 < world->count && earlier(&world->heap[child + 1], &world->heap[child]))
			child++;
		if (!earlier(&world->heap[child], &last))
			break;
		world->heap[at] = world->heap[child];
		at = child;
	}
	world->heap[at] = last;
	return top;
}

void world_observe(struct world *world, double at, struct observation seen)
{
	seen.at = at;
	world_push(world, (struct event){.at = at, .kind = EVENT_OBSERVE, .conn = seen.conn, .seen = seen});
}

static bool is_out(const struct world *world, double now)
{
	for (int i = 0; i < 3; i++)
		if (now >= world->config.outage_at[i] && now < world->config.outage_at[i] + world->config.outage_for[i])
			return true;
	return false;
}

bool world_loses(struct world *world, double now)
{
	const struct world_config *config = &world->config;

	if (is_out(world, now))
		return true;
	if (config->burst_loss > 0) {
		while (now >= world->burst_until) {
			world->burst = !world->burst;
			world->burst_until += exponential(world, world->burst ? config->burst_on : config->burst_off);
		}
		if (world->burst && world_uniform(world) < config->burst_loss)
			return true;
	}
	return world_uniform(world) < config->loss;
}

double world_leg(struct world *world, double share)
{
	double added = world->config.jitter > 0 ? exponential(world, world->config.jitter) : 0;

	return share * (world->config.rtt / 2 + fmin(added, 5 * world->config.jitter));
}

/* When the box forgets the entry if nothing passes any more. */
static double expiry(const struct world *world, const struct connection *conn)
{
	double at = conn->passed + (conn->half_open ? SYN_RECV : conn->timeout), scan = world->config.scan;

	if (scan > 0)
		at = world->scan_phase + ceil((at - world->scan_phase) / scan) * scan;
	return at;
}

bool world_box_knows(struct world *world, struct connection *conn, double at, bool outbound)
{
	if (conn->entry && at > expiry(world, conn)) {
		conn->entry = false;
		conn->lapsed = true;
	}
	if (conn->entry && world->config.flush_at > 0 && conn->opened < world->config.flush_at && at >= world->config.flush_at)
		conn->entry = false;
	/* What lets segments in may be shorter-lived than the mapping (RFC 4787, 5). */
	if (!outbound && world->config.inbound_timeout > 0 && !conn->half_open && at > conn->passed + world->config.inbound_timeout)
		return false;
	return conn->entry;
}

void world_box_refresh(struct world *world, int number, double at, bool outbound, enum passenger passenger)
{
	struct connection *conn = &world->conns[number];
	bool completes = outbound && conn->half_open;

	conn->half_open &= !outbound;
	if (world->config.payload_only && !completes && passenger != PASSENGER_PAYLOAD)
		return;
	if ((outbound ? world->config.refreshed_by == REFRESHED_INBOUND : world->config.refreshed_by == REFRESHED_OUTBOUND) && !completes)
		return;
	conn->passed = fmax(conn->passed, at);
	if (world->config.reset_at_expiry || world->config.far_reset_at_expiry)
		world_push(world, (struct event){.at = expiry(world, conn), .kind = EVENT_BOX_EXPIRY, .conn = number, .stamp = conn->passed});
}

static void server_heard(struct world *world, int number, double at)
{
	world->conns[number].heard = at;
	if (world->config.keepalive > 0)
		world_push(world, (struct event){.at = at + world->config.keepalive, .kind = EVENT_SERVER_KEEPALIVE, .conn = number, .stamp = at});
}

/* A segment from the server at `at`; returns when it reaches the client, NAN if never. One that does not refresh passes
 * all the same: conntrack ignores a SYN-ACK once the client's ACK was seen (sIG in nf_conntrack_proto_tcp.c). */
static double to_client(struct world *world, int number, double at, bool refreshes)
{
	struct connection *conn = &world->conns[number];
	bool lost = world_loses(world, at);
	bool before_box = world_uniform(world) > world->box_share;
	double box = at + world_leg(world, 1 - world->box_share);

	if (lost && before_box)
		return NAN;
	if (!world_box_knows(world, conn, box, false))
		return NAN;
	if (refreshes)
		world_box_refresh(world, number, box, false, PASSENGER_EMPTY);
	return lost ? NAN : box + world_leg(world, world->box_share);
}

static void from_box(struct world *world, int number, double box, enum observed what)
{
	bool forged = world->config.reset_forged;

	if (!world_loses(world, box))
		world_observe(world, box + world_leg(world, world->box_share),
			(struct observation){.what = what, .conn = number, .rtt = NAN,
					     .from = forged ? ORIGIN_ENDPOINT : ORIGIN_PATH, .ttl = forged ? ENDPOINT_TTL : BOX_TTL});
}

static void server_reset(struct world *world, int number, double at)
{
	if (!world_loses(world, at))
		world_observe(world, at + world_leg(world, 1),
			(struct observation){.what = OBSERVED_RESET, .conn = number, .rtt = NAN, .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL});
}

static void late_segment(struct world *world, int number, double box)
{
	switch (world->config.late) {
	case LATE_SILENT:
		break;
	case LATE_RESET:
		from_box(world, number, box, OBSERVED_RESET);
		break;
	case LATE_REMAP:
		server_reset(world, number, box + world_leg(world, 1 - world->box_share));
		break;
	case LATE_ICMP:
		if (!world->config.icmp_limited || box >= world->last_icmp + 1) {
			world->last_icmp = box;
			from_box(world, number, box, OBSERVED_ICMP);
		}
		break;
	case LATE_REVIVE:
		world->conns[number].entry = true;
		world->conns[number].passed = box;
		break;
	}
}

static void probe(struct world *world, int number, double now)
{
	struct connection *conn = &world->conns[number];
	bool lost, before_box;
	double box, server, back;

	world_observe(world, now, (struct observation){.what = OBSERVED_SENT, .conn = number, .rtt = NAN});
	conn->probed = now;
	lost = world_loses(world, now);
	before_box = world_uniform(world) < world->box_share;
	box = now + world_leg(world, world->box_share);
	if (lost && before_box)
		return;
	if (!world_box_knows(world, conn, box, true)) {
		late_segment(world, number, box);
		if (!conn->entry)
			return;
	}
	world_box_refresh(world, number, box, true, PASSENGER_EMPTY);
	if (lost)
		return;
	server = box + world_leg(world, 1 - world->box_share);
	if (!conn->server || (world->config.restart_at > 0 && conn->opened < world->config.restart_at && server > world->config.restart_at)) {
		server_reset(world, number, server);
		return;
	}
	server_heard(world, number, server);
	if (server < conn->answered + INVALID_RATELIMIT)
		return;
	conn->answered = server;
	back = to_client(world, number, server, true);
	if (isnan(back))
		return;

	struct observation reply = {.what = OBSERVED_REPLY, .conn = number, .rtt = back - now, .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL};

	world_observe(world, back, reply);
	if (world_uniform(world) < world->config.duplicate)
		world_observe(world, back + 0.001, reply);
}

/* The last ACK of the handshake, as the client's kernel sends it. */
static void last_ack(struct world *world, int number, double at)
{
	struct connection *conn = &world->conns[number];
	bool lost = world_loses(world, at), before_box = world_uniform(world) < world->box_share;
	double box = at + world_leg(world, world->box_share), server;

	if ((lost && before_box) || !world_box_knows(world, conn, box, true))
		return;
	world_box_refresh(world, number, box, true, PASSENGER_EMPTY);
	if (lost)
		return;
	server = box + world_leg(world, 1 - world->box_share);
	if (world->config.responder && conn->server_half_open)
		far_greet(world, number, server);
	conn->server_half_open = false;
	server_heard(world, number, server);
}

/* A server without that ACK repeats its SYN-ACK at growing intervals (net.ipv4.tcp_synack_retries is 5). */
static void server_repeats(struct world *world, const struct event *event)
{
	struct connection *conn = &world->conns[event->conn];
	double back;

	if (!conn->server || !conn->server_half_open)
		return;
	if (event->stamp > 32) {
		conn->server = false;
		return;
	}
	world_push(world, (struct event){.at = event->at + 2 * event->stamp, .kind = EVENT_SYNACK, .conn = event->conn, .stamp = 2 * event->stamp});
	back = to_client(world, event->conn, event->at, false);
	if (isnan(back) || !conn->open)
		return;
	world_observe(world, back, (struct observation){.what = OBSERVED_SYNACK, .conn = event->conn, .rtt = NAN, .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL});
	world_observe(world, back, (struct observation){.what = OBSERVED_OUTBOUND, .conn = event->conn, .rtt = NAN});
	last_ack(world, event->conn, back);
}

static void open_connection(struct world *world, int number, double now, bool inbound)
{
	struct connection *conn;
	double at = now, done;
	const double retries[] = {0, 1, 3};
	int tries = 0;

	world->conns = realloc(world->conns, (world->conn_count + 1) * sizeof *world->conns);
	if (!world->conns || (size_t)number != world->conn_count)
		abort();
	conn = &world->conns[world->conn_count++];
	*conn = (struct connection){.answered = -INFINITY, .replied = -INFINITY, .inbound = inbound, .timeout = world->config.timeout};
	if (world->config.second_share > 0 && world_uniform(world) < world->config.second_share)
		conn->timeout = world->config.second_timeout;
	while (tries < 3 && (world_loses(world, now + retries[tries]) || world_loses(world, now + retries[tries])))
		tries++;
	if (tries == 3) {
		world_observe(world, now + 6, (struct observation){.what = OBSERVED_OPEN_FAILED, .conn = number, .rtt = NAN, .error = ETIMEDOUT});
		return;
	}
	at = now + retries[tries];
	done = at + world_leg(world, 1) + world_leg(world, 1);
	conn->open = conn->entry = conn->server = true;
	conn->opened = done;
	conn->passed = done - world_leg(world, world->box_share);
	world_observe(world, done,
		(struct observation){.what = OBSERVED_OPEN, .conn = number, .rtt = done - at, .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL});
	conn->half_open = conn->server_half_open = true;
	last_ack(world, number, done);
	if (conn->server_half_open)
		world_push(world, (struct event){.at = done + 1, .kind = EVENT_SYNACK, .conn = number, .stamp = 1});
	if (world->config.close_after > 0)
		world_push(world, (struct event){.at = done + world_leg(world, 1) + world->config.close_after, .kind = EVENT_SERVER_CLOSE, .conn = number});
}

void world_act(struct world *world, const struct action *action, double now)
{
	switch (action->kind) {
	case ACTION_OPEN:
		open_connection(world, action->conn, now, action->direction == DIRECTION_INBOUND);
		break;
	case ACTION_PROBE:
	case ACTION_CONFIRM:
		if (!world->conns[action->conn].open)
			break;
		if (action->direction == DIRECTION_INBOUND && action->kind == ACTION_PROBE)
			far_probe(world, action->conn, now);
		else
			probe(world, action->conn, now);
		break;
	case ACTION_BYTE:
		if (world->conns[action->conn].open)
			far_byte(world, action->conn, now);
		break;
	case ACTION_ACK:
		if (world->conns[action->conn].open)
			far_ack(world, action->conn, now);
		break;
	case ACTION_CLOSE:
		world->conns[action->conn].open = false;
		break;
	}
}

/* The server's kernel ends a connection and repeats the FIN until it is acknowledged; an RST goes once. */
static void server_closes(struct world *world, int number, double at, bool by_reset)
{
	struct connection *conn = &world->conns[number];

	if (!conn->server)
		return;
	conn->server = false;
	for (int tries = 0; tries < 6; tries++) {
		double back = to_client(world, number, at, true);

		if (!isnan(back)) {
			world_observe(world, back,
				(struct observation){.what = by_reset ? OBSERVED_RESET : OBSERVED_FIN, .conn = number, .rtt = NAN,
						     .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL});
			return;
		}
		if (by_reset)
			return;
		at += 0.2 * (1 << tries) + world->config.rtt;
	}
}

static void server_keepalive(struct world *world, const struct event *event)
{
	struct connection *conn = &world->conns[event->conn];
	double back;

	if (!conn->server || conn->heard != event->stamp)
		return;
	back = to_client(world, event->conn, event->at, true);
	if (isnan(back)) {
		/* Unanswered: it tries again at the same interval. */
		server_heard(world, event->conn, event->at);
		return;
	}
	world_observe(world, back, (struct observation){.what = OBSERVED_UNASKED, .conn = event->conn, .rtt = NAN, .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL});
	world_observe(world, back, (struct observation){.what = OBSERVED_OUTBOUND, .conn = event->conn, .rtt = NAN});
	if (world_loses(world, back)) {
		server_heard(world, event->conn, event->at);
		return;
	}
	back += world_leg(world, world->box_share);
	if (world_box_knows(world, conn, back, true))
		world_box_refresh(world, event->conn, back, true, PASSENGER_EMPTY);
	server_heard(world, event->conn, back + world_leg(world, 1 - world->box_share));
}

static void evict(struct world *world, double at)
{
	double newest = 0, oldest = INFINITY, limit;

	world_push(world, (struct event){.at = at + exponential(world, world->config.evict_every), .kind = EVENT_EVICT});
	for (size_t i = 0; i < world->conn_count; i++) {
		if (!world->conns[i].entry)
			continue;
		newest = fmax(newest, world->conns[i].passed);
		oldest = fmin(oldest, world->conns[i].passed);
	}
	limit = oldest + world->config.evict_share * (newest - oldest) * world_uniform(world);
	for (size_t i = 0; i < world->conn_count; i++)
		if (world->conns[i].passed <= limit)
			world->conns[i].entry = false;
}

double world_next(struct world *world)
{
	return world->count ? world->heap[0].at : INFINITY;
}

bool world_take(struct world *world, struct observation *seen)
{
	struct event event = pop(world);
	struct connection *conn = &world->conns[event.conn];

	switch (event.kind) {
	case EVENT_OBSERVE:
		*seen = event.seen;
		if (!conn->open && seen->what != OBSERVED_OPEN_FAILED && !seen->far)
			return false;
		if ((seen->what == OBSERVED_RESET || seen->what == OBSERVED_FIN) && !seen->far)
			conn->open = false;
		return true;
	case EVENT_BOX_EXPIRY:
		if ((conn->entry || conn->lapsed) && conn->passed == event.stamp) {
			conn->entry = conn->lapsed = false;
			if (world->config.reset_at_expiry)
				from_box(world, event.conn, event.at, OBSERVED_RESET);
			if (world->config.reset_at_expiry && world->config.responder && !world->config.far_reset_at_expiry)
				far_is_open(world, event.conn, event.at + world->config.rtt);
			if (world->config.far_reset_at_expiry && !world_loses(world, event.at))
				far_ends(world, event.conn, event.at + world_leg(world, 1 - world->box_share), ORIGIN_PATH);
		}
		return false;
	case EVENT_SERVER_CLOSE:
		if (event.at < conn->payload_at + world->config.close_after)
			return false;
		server_closes(world, event.conn, event.at, world->config.close_by_reset);
		return false;
	case EVENT_SERVER_KEEPALIVE:
		server_keepalive(world, &event);
		return false;
	case EVENT_SYNACK:
		server_repeats(world, &event);
		return false;
	case EVENT_EVICT:
		evict(world, event.at);
		return false;
	case EVENT_RESTART:
		for (size_t i = 0; i < world->conn_count; i++)
			if (world->conns[i].opened < event.at)
				server_closes(world, (int)i, event.at, false);
		return false;
	}
	return false;
}

struct world *world_new(const struct world_config *config)
{
	struct world *world = calloc(1, sizeof *world);

	if (!world)
		abort();
	world->config = *config;
	world->random = config->seed;
	world->box_share = 0.1 + 0.8 * world_uniform(world);
	world->scan_phase = world_uniform(world) * config->scan;
	world->burst_until = exponential(world, config->burst_off);
	world->last_icmp = -INFINITY;
	if (config->evict_every > 0)
		world_push(world, (struct event){.at = exponential(world, config->evict_every), .kind = EVENT_EVICT});
	if (config->restart_at > 0 && !config->restart_silent)
		world_push(world, (struct event){.at = config->restart_at, .kind = EVENT_RESTART});
	return world;
}

void world_free(struct world *world)
{
	if (!world)
		return;
	free(world->heap);
	free(world->conns);
	free(world);
}
