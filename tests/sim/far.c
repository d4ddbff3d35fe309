/* The responder in the model, and the channel that commands reach it by. The channel is TCP: what is lost on it comes
 * late, and all that follows waits. */
#include "world_state.h"

#include <math.h>

#define RTO 0.2            /* seconds: TCP_RTO_MIN of Linux */
#define GIVEN_UP 5.0       /* seconds, after which the near side makes the channel anew */
#define KEEPIDLE 1.0       /* seconds: the least TCP_KEEPIDLE */
#define TICK 0.008         /* seconds by which a kernel timer may be late */
#define PATIENCE 2.0       /* seconds, after which the responder says that it could not send */
#define INVALID_RATELIMIT 0.5
#define AT_ONCE 0.005      /* seconds: how often the responder looks whether it left */

enum { TO_SERVER, TO_CLIENT };

/* When what is written to the channel at `at` is read. */
static double carry(struct world *world, int way, double at)
{
	double rto = fmax(RTO, 1.2 * world->config.rtt), sent = at, arrives;

	while (world_loses(world, sent)) {
		sent += rto;
		rto *= 2;
	}
	arrives = fmax(sent + world_leg(world, 1), world->channel_free[way]);
	world->channel_free[way] = arrives;
	return arrives;
}

/* The responder tells at `at` of something that happened at `happened`. By the least of all delays the near side knows
 * when that was, but for one way. */
static void tell(struct world *world, double at, double happened, struct observation seen)
{
	double arrives = carry(world, TO_CLIENT, at);

	seen.rtt = NAN;
	seen.far = true;
	seen.at = fmin(happened + world->config.rtt / 2 + 0.001, arrives);
	world_push(world, (struct event){.at = arrives, .kind = EVENT_OBSERVE, .conn = seen.conn, .seen = seen});
}

void far_ends(struct world *world, int number, double at, enum origin from)
{
	struct connection *conn = &world->conns[number];

	if (!conn->server)
		return;
	conn->server = false;
	tell(world, at, at, (struct observation){.what = OBSERVED_RESET, .conn = number, .from = from});
}

/* The client's kernel answers, at a bounded rate. */
static void acknowledge(struct world *world, int number, double at, bool payload)
{
	struct connection *conn = &world->conns[number];
	bool lost, before_box;
	double box;

	if (!payload && at < conn->replied + INVALID_RATELIMIT)
		return;
	conn->replied = payload ? conn->replied : at;
	world_observe(world, at, (struct observation){.what = OBSERVED_OUTBOUND, .conn = number, .rtt = NAN});
	lost = world_loses(world, at);
	before_box = world_uniform(world) < world->box_share;
	box = at + world_leg(world, world->box_share);
	if ((lost && before_box) || !world_box_knows(world, conn, box, true))
		return;
	world_box_refresh(world, number, box, true, PASSENGER_EMPTY);
	if (!lost)
		conn->acknowledged = fmax(conn->acknowledged, box + world_leg(world, 1 - world->box_share));
}

/* Sends one segment; returns when it reaches the client, NAN if never. */
static double send(struct world *world, int number, double at, enum passenger passenger)
{
	struct connection *conn = &world->conns[number];
	bool lost = world_loses(world, at), before_box = world_uniform(world) > world->box_share;
	double box = at + world_leg(world, 1 - world->box_share);

	if (lost && before_box)
		return NAN;
	if (!world_box_knows(world, conn, box, false)) {
		if (world->config.far_late_reset && !world_loses(world, box))
			far_ends(world, number, box + world_leg(world, 1 - world->box_share), ORIGIN_PATH);
		return NAN;
	}
	world_box_refresh(world, number, box, false, passenger);
	return lost ? NAN : box + world_leg(world, world->box_share);
}

void far_greet(struct world *world, int number, double at)
{
	struct connection *conn = &world->conns[number];
	double rto = fmax(RTO, 1.2 * world->config.rtt), arrives = NAN;

	conn->acknowledged = at;
	conn->payload_at = at;
	if (world->config.close_after > 0)
		world_push(world, (struct event){.at = at + world->config.close_after, .kind = EVENT_SERVER_CLOSE, .conn = number});
	for (int tries = 0; tries < 8 && isnan(arrives); tries++, at += rto, rto *= 2)
		arrives = send(world, number, at, PASSENGER_PAYLOAD);
	if (isnan(arrives))
		return;
	world_observe(world, arrives, (struct observation){
		.what = conn->inbound ? OBSERVED_REPLY : OBSERVED_UNASKED, .conn = number, .rtt = NAN,
		.from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL, .payload = true, .far = conn->inbound});
	acknowledge(world, number, arrives, true);
	if (world->config.proxy && number == 0)
		tell(world, arrives + 2, arrives + 2, (struct observation){.what = OBSERVED_PROXY, .conn = number});
}

void far_is_open(struct world *world, int number, double now)
{
	double asked = carry(world, TO_SERVER, now);

	tell(world, asked, asked, (struct observation){.what = OBSERVED_FAR_OPEN, .conn = number});
}

void far_ack(struct world *world, int number, double now)
{
	struct connection *conn = &world->conns[number];
	bool lost = world_loses(world, now), before_box = world_uniform(world) < world->box_share;
	double box = now + world_leg(world, world->box_share);

	if (!(lost && before_box) && world_box_knows(world, conn, box, true))
		world_box_refresh(world, number, box, true, PASSENGER_EMPTY);
}

void far_byte(struct world *world, int number, double now)
{
	struct connection *conn = &world->conns[number];
	double at = carry(world, TO_SERVER, now), rto = fmax(RTO, 1.2 * world->config.rtt), arrives = NAN;

	if (!conn->server)
		return;
	tell(world, at + AT_ONCE, at, (struct observation){.what = OBSERVED_LEFT, .conn = number});
	for (int tries = 0; tries < 5 && isnan(arrives) && conn->server; tries++, at += rto, rto *= 2)
		arrives = send(world, number, at, PASSENGER_PAYLOAD);
	if (isnan(arrives))
		return;
	world_observe(world, arrives, (struct observation){
		.what = OBSERVED_REPLY, .conn = number, .rtt = NAN, .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL,
		.payload = true, .far = true});
	acknowledge(world, number, arrives, true);
}

void far_probe(struct world *world, int number, double now)
{
	struct connection *conn = &world->conns[number];
	double asked, sent, arrives;

	world_observe(world, now, (struct observation){.what = OBSERVED_SENT, .conn = number, .rtt = NAN, .far = true});
	asked = carry(world, TO_SERVER, now);
	sent = fmax(asked, conn->acknowledged + KEEPIDLE) + TICK * world_uniform(world);
	if (asked > now + GIVEN_UP || sent > asked + PATIENCE) {
		tell(world, fmin(asked, now + GIVEN_UP), now, (struct observation){.what = OBSERVED_SEND_FAILED, .conn = number});
		return;
	}
	if (world->config.restart_at > 0 && conn->opened < world->config.restart_at && asked > world->config.restart_at) {
		conn->server = true;
		far_ends(world, number, asked, ORIGIN_ENDPOINT);
		return;
	}
	if (!conn->server)
		return;
	tell(world, sent + AT_ONCE, sent, (struct observation){.what = OBSERVED_LEFT, .conn = number});
	if (world->config.proxy)
		return;
	arrives = send(world, number, sent, PASSENGER_EMPTY);
	if (isnan(arrives))
		return;
	world_observe(world, arrives, (struct observation){
		.what = OBSERVED_REPLY, .conn = number, .rtt = arrives - now, .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL,
		.far = true});
	acknowledge(world, number, arrives, false);
}
