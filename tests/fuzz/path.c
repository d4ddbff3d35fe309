#include "path.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ENDPOINT_TTL = 58, BOX_TTL = 63, OBSERVATIONS = OBSERVED_ICMP + 1 };

#define GIVEN_UP 127.0 /* seconds until connect() fails with ETIMEDOUT: net.ipv4.tcp_syn_retries is 6 */

/* How connections end when their time has come. */
enum ending { ENDS_SILENT, ENDS_RESET_ON_PROBE, ENDS_ICMP, ENDS_RESET_BY_ITSELF, ENDS_CLOSED, ENDINGS };

struct conn {
	bool open, dead;
	double opened, last; /* handshake, and the last segment that passed */
};

struct pending {
	double at;
	struct observation seen;
};

struct path {
	struct bytes *bytes;
	double timeout, rtt;
	enum ending ending;
	bool silent_at_last, interrupted;
	int follow; /* actions that the path does no more than its timer says */
	double out_until, lateness;
	struct conn *conns;
	size_t conn_count, conn_room;
	struct pending *queue; /* a heap would be faster; there are few */
	size_t queued, queue_room;
};

static void *room_for(void *array, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return array;
	*room = 2 * *room + 64;
	array = realloc(array, *room * size);
	if (!array)
		abort();
	return array;
}

struct path *path_new(struct bytes *bytes)
{
	struct path *path = calloc(1, sizeof *path);
	uint8_t kind;

	if (!path)
		abort();
	path->bytes = bytes;
	kind = bytes_next(bytes);
	path->ending = (enum ending)((kind & 7) % ENDINGS);
	path->silent_at_last = kind & 8;
	path->timeout = kind & 16 ? INFINITY : bytes_seconds(bytes);
	path->rtt = kind & 32 ? fmin(bytes_seconds(bytes) / 16, 2) : 0.02;
	path->out_until = -INFINITY;
	return path;
}

void path_free(struct path *path)
{
	free(path->conns);
	free(path->queue);
	free(path);
}

static void tell(struct path *path, double at, struct observation seen)
{
	seen.at = at;
	path->queue = room_for(path->queue, &path->queue_room, path->queued, sizeof *path->queue);
	path->queue[path->queued++] = (struct pending){ at, seen };
}

static void tell_plain(struct path *path, double at, enum observed what, int conn, bool far)
{
	bool received = what == OBSERVED_REPLY || what == OBSERVED_RESET || what == OBSERVED_FIN || what == OBSERVED_UNASKED;

	tell(path, at, (struct observation){ .what = what, .conn = conn, .rtt = NAN, .far = far,
					     .from = received ? ORIGIN_ENDPOINT : ORIGIN_NONE,
					     .ttl = received ? ENDPOINT_TTL : 0 });
}

/* Any observation at all, of any connection, at any moment to come. */
static void tell_anything(struct path *path, double now)
{
	static const double rtts[] = { NAN, 0, 0.001, 0.02, 1, 30 };
	struct bytes *bytes = path->bytes;
	struct observation seen = { .what = (enum observed)bytes_choice(bytes, OBSERVATIONS) };
	uint8_t flags;

	seen.conn = (int)bytes_next(bytes) - 1;
	if (path->conn_count && seen.conn >= 0)
		seen.conn %= (int)path->conn_count;
	flags = bytes_next(bytes);
	seen.from = (enum origin)(flags & 3);
	seen.payload = flags & 4;
	seen.again = flags & 8;
	seen.far = flags & 16;
	seen.ttl = flags & 32 ? BOX_TTL : ENDPOINT_TTL;
	seen.error = ECONNREFUSED;
	seen.rtt = rtts[bytes_choice(bytes, sizeof rtts / sizeof *rtts)];
	tell(path, now + bytes_seconds(bytes) - 0x1p-10, seen);
}

/* The next departure: 0 for none. Bytes from 128 on are so many actions without one. */
static uint8_t departure(struct path *path)
{
	uint8_t byte;

	if (path->follow > 0 || !bytes_left(path->bytes)) {
		path->follow -= path->follow > 0;
		return 0;
	}
	byte = bytes_next(path->bytes);
	if (byte >= 128)
		path->follow = byte - 128;
	return byte < 128 ? byte : 0;
}

static void pass(struct path *path, int number, double at)
{
	struct conn *conn = &path->conns[number];

	conn->last = at;
	if (path->ending == ENDS_RESET_BY_ITSELF && isfinite(path->timeout))
		tell(path, at + path->timeout, (struct observation){ .what = OBSERVED_RESET, .conn = number, .rtt = NAN,
								     .from = ORIGIN_PATH, .ttl = BOX_TTL });
}

static void open_connection(struct path *path, int number, double now)
{
	uint8_t other = departure(path);

	if (number != (int)path->conn_count)
		abort();
	path->conns = room_for(path->conns, &path->conn_room, path->conn_count, sizeof *path->conns);
	path->conns[path->conn_count++] = (struct conn){ .open = !(other & 1), .opened = now + path->rtt };
	if (other & 8)
		tell_anything(path, now);
	if (other & 1) {
		tell(path, other & 2 ? now + GIVEN_UP : now,
		     (struct observation){ .what = OBSERVED_OPEN_FAILED, .conn = number, .rtt = NAN,
					   .error = other & 2 ? ETIMEDOUT : ECONNREFUSED });
		return;
	}
	tell(path, now + path->rtt, (struct observation){ .what = OBSERVED_OPEN, .conn = number, .rtt = other & 4 ? NAN : path->rtt,
							  .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL });
	pass(path, number, now + path->rtt);
	if (path->ending == ENDS_CLOSED && isfinite(path->timeout))
		tell_plain(path, now + path->rtt + path->timeout, OBSERVED_FIN, number, false);
}

static bool is_dead(const struct path *path, const struct conn *conn, double at)
{
	return conn->dead || at - (path->ending == ENDS_CLOSED ? conn->opened : conn->last) > path->timeout;
}

static void reply(struct path *path, int number, double now, double back, bool far)
{
	tell(path, back, (struct observation){ .what = OBSERVED_REPLY, .conn = number, .rtt = back - now, .far = far,
					       .from = ORIGIN_ENDPOINT, .ttl = ENDPOINT_TTL });
	pass(path, number, back);
}

/* What a probe finds where nothing else intervenes. */
static void find(struct path *path, int number, double now, bool far)
{
	struct conn *conn = &path->conns[number];

	if (now < path->out_until || (path->silent_at_last && !bytes_left(path->bytes) && path->follow == 0))
		return;
	if (!is_dead(path, conn, now)) {
		reply(path, number, now, now + path->rtt, far);
		return;
	}
	conn->dead = true;
	if (path->ending == ENDS_RESET_ON_PROBE)
		tell(path, now + path->rtt, (struct observation){ .what = OBSERVED_RESET, .conn = number, .rtt = NAN,
								  .from = ORIGIN_PATH, .ttl = BOX_TTL });
	if (path->ending == ENDS_ICMP)
		tell(path, now + path->rtt, (struct observation){ .what = OBSERVED_ICMP, .conn = number, .rtt = NAN,
								  .from = ORIGIN_PATH, .ttl = BOX_TTL });
}

/* `how`: 0 to 7 of this departure. */
static void depart(struct path *path, uint8_t kind, uint8_t how, int number, double now, bool far)
{
	switch (kind) {
	case 1: /* the probe is lost, ... */
		return;
	case 2: /* ... or its answer */
		pass(path, number, now);
		return;
	case 3:
		tell_plain(path, now + path->rtt, OBSERVED_RESET, number, how & 1);
		return;
	case 4:
		tell_plain(path, now + path->rtt, OBSERVED_FIN, number, false);
		return;
	case 5:
		tell_plain(path, now + path->rtt, OBSERVED_ICMP, number, false);
		return;
	case 6: /* it comes late, and again */
		reply(path, number, now, now + 0.4 * (1 << how), far);
		/* fallthrough */
	case 7:
		reply(path, number, now, now + path->rtt, far);
		tell_plain(path, now + path->rtt, OBSERVED_REPLY, number, far);
		return;
	case 8:
		tell_plain(path, now + path->rtt, OBSERVED_UNASKED, number, false);
		return;
	case 9:
		path->out_until = now + ldexp(1, 2 * how);
		return;
	case 10:
		path->lateness = bytes_seconds(path->bytes);
		return;
	case 11:
		tell_plain(path, now + path->rtt, (enum observed)(OBSERVED_FAR_OPEN + how % 4), number, true);
		return;
	case 12: /* all that are open are gone */
		for (size_t i = 0; i < path->conn_count; i++)
			path->conns[i].dead = true;
		return;
	case 13:
		path->interrupted = how == 7;
		/* fallthrough */
	default:
		tell_anything(path, now);
		find(path, number, now, far);
	}
}

static void probe(struct path *path, int number, double now, bool far)
{
	uint8_t other = departure(path);

	if (!path->conns[number].open)
		return;
	if (other == 127 || other == 126) {
		if (other == 127)
			tell_plain(path, now, OBSERVED_SEND_FAILED, number, far);
		return; /* nobody saw it leave */
	}
	tell_plain(path, now, OBSERVED_SENT, number, far);
	if (far)
		tell_plain(path, now + path->rtt / 2, OBSERVED_LEFT, number, true);
	if (other)
		depart(path, other & 15, other >> 4, number, now, far);
	else
		find(path, number, now, far);
}

void path_act(struct path *path, const struct action *action, double now)
{
	switch (action->kind) {
	case ACTION_OPEN:
		open_connection(path, action->conn, now);
		break;
	case ACTION_PROBE:
		probe(path, action->conn, now, action->direction == DIRECTION_INBOUND);
		break;
	case ACTION_CONFIRM:
		probe(path, action->conn, now, false);
		break;
	case ACTION_BYTE:
		probe(path, action->conn, now, true);
		break;
	case ACTION_ACK:
		if (!is_dead(path, &path->conns[action->conn], now))
			pass(path, action->conn, now);
		break;
	case ACTION_CLOSE:
		path->conns[action->conn].open = false;
		break;
	}
}

static size_t earliest(const struct path *path)
{
	size_t first = 0;

	for (size_t i = 1; i < path->queued; i++)
		if (path->queue[i].at < path->queue[first].at)
			first = i;
	return first;
}

double path_next(const struct path *path)
{
	return path->queued ? path->queue[earliest(path)].at : INFINITY;
}

struct observation path_take(struct path *path)
{
	size_t first = earliest(path);
	struct observation seen = path->queue[first].seen;
	struct conn *conn = seen.conn >= 0 && (size_t)seen.conn < path->conn_count ? &path->conns[seen.conn] : NULL;

	memmove(path->queue + first, path->queue + first + 1, (--path->queued - first) * sizeof *path->queue);
	/* What by itself was to come has been put off since. */
	if (conn && seen.what == OBSERVED_RESET && seen.from == ORIGIN_PATH && path->ending == ENDS_RESET_BY_ITSELF &&
	    seen.at < conn->last + path->timeout)
		seen.conn = -1;
	if (conn && (seen.what == OBSERVED_RESET || seen.what == OBSERVED_FIN) && seen.conn >= 0 && !seen.far)
		conn->dead = true;
	return seen;
}

double path_lateness(struct path *path)
{
	double lateness = path->lateness;

	path->lateness = 0;
	return lateness;
}

bool path_is_interrupted(const struct path *path)
{
	return path->interrupted;
}

bool path_is_settled(const struct path *path)
{
	return !bytes_left(path->bytes) && path->follow == 0 && path->lateness == 0;
}
