#include "edge/peer.h"
#include "core/admission.h"
#include "edge/channel.h"
#include "edge/clock.h"
#include "edge/secret.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds: for the first line once it has begun, or, where there is a token, for being adopted; and for
 * asking about the ended. */
static const double PATIENCE = 10, MEMORY = 3600;

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct peer *)a)->id.text, ((const struct peer *)b)->id.text, PROTOCOL_ID);
}

struct peer *peer_find(struct responder *responder, const struct protocol_id *id)
{
	struct peer key = { .id = *id };
	struct peer **found = tfind(&key, &responder->by_id, by_id);

	return found ? *found : NULL;
}

/* Only one whose end has not come. */
static struct peer *find_channel(struct responder *responder, const struct protocol_id *id)
{
	struct peer *peer = id->text[0] ? peer_find(responder, id) : NULL;

	return peer && peer->channel && peer->channel->granted ? peer : NULL;
}

/* A mapped one as the IPv4 address that it is. */
static void write_address(const struct in6_addr *address, char text[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(address))
		inet_ntop(AF_INET, address->s6_addr + 12, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
}

struct peer_name peer_name(const struct sockaddr_in6 *address)
{
	bool is_mapped = IN6_IS_ADDR_V4MAPPED(&address->sin6_addr);
	char text[INET6_ADDRSTRLEN];
	struct peer_name name;

	write_address(&address->sin6_addr, text);
	snprintf(name.text, sizeof name.text, is_mapped ? "%s:%u" : "[%s]:%u", text, ntohs(address->sin6_port));
	return name;
}

uint64_t peer_clock(double seconds)
{
	return (uint64_t)(seconds * 1000);
}

static void forget(struct peer *peer)
{
	struct responder *responder = peer->responder;

	TAILQ_REMOVE(&responder->past, peer, in_past);
	responder->past_count--;
	admission_forget(responder->admission, peer->origin);
	event_del(&peer->timer);
	tdelete(peer, &responder->by_id, by_id);
	free(peer);
}

/* Nobody can push out what others want to know: an address that has its share of the past loses its own
 * oldest. */
static void remember(struct peer *peer)
{
	struct responder *responder = peer->responder;
	struct peer *oldest;

	TAILQ_INSERT_TAIL(&responder->past, peer, in_past);
	responder->past_count++;
	if (peer->origin->ended > responder->config->per_address) {
		TAILQ_FOREACH(oldest, &responder->past, in_past)
			if (oldest->origin == peer->origin)
				break;
		forget(oldest);
	} else if (responder->past_count > responder->config->remember) {
		forget(TAILQ_FIRST(&responder->past));
	}
}

static double deadline(const struct peer *peer)
{
	const struct responder_config *config = peer->responder->config;
	const struct channel *channel = peer->channel;

	if (peer->fd < 0)
		return peer->ended + MEMORY;
	double at = peer->opened + config->lifetime;

	if (peer->orphaned > 0)
		at = fmin(at, peer->orphaned + config->orphaned);
	if (config->token && !peer->adopted && !(channel && channel->granted))
		at = fmin(at, peer->opened + PATIENCE);
	if (channel && !channel->granted)
		at = fmin(at, channel->since + PATIENCE);
	if (channel && channel->paused_until > 0)
		at = fmin(at, channel->paused_until);
	if (channel && channel->overflowed)
		at = 0;
	if (peer->demand.pending)
		at = fmin(at, peer->demand.due);
	return at;
}

void peer_schedule(struct peer *peer)
{
	double wait = fmax(0, deadline(peer) - clock_now());
	struct timeval timeout = { (time_t)wait, (suseconds_t)(fmod(wait, 1) * 1e6) };

	event_add(&peer->timer, &timeout);
}

static void demand_over(struct peer *peer, enum tcp_left how)
{
	struct peer *asker = find_channel(peer->responder, &peer->asker);
	struct protocol_answer answer = {
		.kind = how == TCP_LEFT ? PROTOCOL_SENT : PROTOCOL_ERROR,
		.id = peer->id,
		.error = PROTOCOL_NOT_SENT,
		.clock = peer_clock(clock_now()),
	};

	peer->asker.text[0] = '\0';
	if (asker)
		channel_answer(asker, &answer);
}

void peer_demand(struct peer *peer, bool payload, const struct protocol_id *asker)
{
	peer->asker = *asker;
	enum tcp_left left = tcp_demand(&peer->demand, peer->fd, payload, clock_now());

	if (left != TCP_PENDING)
		demand_over(peer, left);
	peer_schedule(peer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	double now = clock_now();

	(void)fd;
	(void)what;
	if (peer->fd < 0) {
		forget(peer);
		return;
	}
	if (peer->channel && peer->channel->paused_until > 0 && now >= peer->channel->paused_until) {
		channel_resume(peer);
		return;
	}
	if (peer->demand.pending && now >= peer->demand.due) {
		enum tcp_left left = tcp_demand_look(&peer->demand, peer->fd, now);

		if (left != TCP_PENDING)
			demand_over(peer, left);
	}
	if (now >= deadline(peer))
		peer_end(peer, PROTOCOL_CLOSED);
	else
		peer_schedule(peer);
}

/* A connection that nobody adopted has no business but to become a control channel. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	char octet;
	ssize_t count = recv(fd, &octet, 1, MSG_PEEK);

	(void)what;
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count == 0)
		peer_end(peer, PROTOCOL_FIN);
	else if (count < 0)
		peer_end(peer, errno == ECONNRESET || errno == EPIPE ? PROTOCOL_RESET : PROTOCOL_TIMED_OUT);
	else if (peer->adopted)
		peer_end(peer, PROTOCOL_CLOSED);
	else
		channel_read(peer);
}

/* An RST instead of a FIN: nothing is sent again and again, and the kernel keeps nothing of it. */
static void abort_connection(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

static bool greet(struct peer *peer)
{
	struct protocol_banner banner = { .version = PROTOCOL_VERSION, .id = peer->id, .nonce = peer->nonce,
					  .port = ntohs(peer->address.sin6_port) };
	char line[PROTOCOL_LONGEST + 1];

	write_address(&peer->address.sin6_addr, banner.address);
	size_t length = protocol_write_banner(&banner, line);

	return send(peer->fd, line, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* The first at once; then, as long as there are more, how many, every ten seconds. */
static void refused(struct responder *responder, const struct sockaddr_in6 *address, enum refusal refusal)
{
	static const struct timeval every = { 10, 0 };

	responder->refused++;
	if (event_pending(responder->refusals, EV_TIMEOUT, NULL))
		return;
	responder->refused = 0;
	log_line(&responder->log, "a connection from %s was refused: %s", peer_name(address).text,
		 refusal == REFUSED_ADDRESS_FULL ? "its address holds as many as it may (--per-address)" :
		 refusal == REFUSED_FULL	 ? "as many are open as may be (--connections)" :
						   "out of memory");
	event_add(responder->refusals, &every);
}

void peer_accept(struct responder *responder, int fd, const struct sockaddr_in6 *address)
{
	enum refusal refusal;
	struct origin *origin = admission_enter(responder->admission, address->sin6_addr.s6_addr, &refusal);
	struct peer *peer = origin ? malloc(sizeof *peer) : NULL;

	if (!peer) {
		if (origin)
			admission_leave(responder->admission, origin, false);
		refused(responder, address, refusal);
		abort_connection(fd);
		return;
	}
	*peer = (struct peer){ .responder = responder, .fd = fd, .address = *address, .origin = origin };
	peer->opened = clock_now();
	secret_random_hex(peer->id.text, PROTOCOL_ID);
	secret_random_hex(peer->nonce.text, PROTOCOL_ID);
	event_assign(&peer->readable, responder->base, fd, EV_READ | EV_PERSIST, on_readable, peer);
	event_assign(&peer->timer, responder->base, -1, 0, on_timer, peer);
	responder->open++;
	tcp_prepare(fd);
	if (!tsearch(peer, &responder->by_id, by_id) || !greet(peer) || event_add(&peer->readable, NULL) < 0)
		peer_free(peer);
	else
		peer_schedule(peer);
}

void peer_adopt(struct peer *peer, const struct protocol_id *owner)
{
	peer->adopted = true;
	peer->orphaned = 0;
	peer->owner = *owner;
	peer_schedule(peer);
}

static void orphan_one(const void *node, VISIT visit, void *owner)
{
	struct peer *peer = *(struct peer *const *)node;

	if ((visit != postorder && visit != leaf) || peer->fd < 0 ||
	    strcmp(peer->owner.text, ((const struct protocol_id *)owner)->text) != 0)
		return;
	peer->orphaned = clock_now();
	peer_schedule(peer);
}

void peer_orphan(struct responder *responder, const struct protocol_id *owner)
{
	struct protocol_id id = *owner;

	twalk_r(responder->by_id, orphan_one, &id);
}

struct protocol_answer peer_state(const struct peer *peer)
{
	bool open = peer->fd >= 0;

	return (struct protocol_answer){
		.kind = PROTOCOL_STATE,
		.id = peer->id,
		.state = open ? PROTOCOL_OPEN : peer->state,
		.segments_in = open ? tcp_segments_in(peer->fd) : peer->segments_in,
		.clock = peer_clock(open ? clock_now() : peer->ended),
	};
}

static const char *why_ended(const struct peer *peer, enum protocol_state state)
{
	switch (state) {
	case PROTOCOL_OPEN:
		break;
	case PROTOCOL_RESET:
		return "reset by the other end";
	case PROTOCOL_FIN:
		return "closed by the other end";
	case PROTOCOL_TIMED_OUT:
		return "timed out";
	case PROTOCOL_CLOSED:
		if (peer->channel && peer->channel->overflowed)
			return "it does not read its answers";
		if (clock_now() >= peer->opened + peer->responder->config->lifetime)
			return "its lifetime is over (--lifetime)";
		return "closed here";
	}
	return "?";
}

/* Closes the descriptor: with a FIN, but where that would wait behind what the other end never
 * acknowledged. The last answer to a control channel may well be on its way still. */
static void close_connection(struct peer *peer, const char *why)
{
	bool abortive = !peer->channel && tcp_unacknowledged(peer->fd);

	if (peer->channel)
		channel_free(peer, why);
	event_del(&peer->readable);
	event_del(&peer->timer);
	if (abortive)
		abort_connection(peer->fd);
	else
		close(peer->fd);
	peer->fd = -1;
	peer->responder->open--;
}

static void discard(struct peer *peer, const char *why)
{
	struct responder *responder = peer->responder;

	close_connection(peer, why);
	admission_leave(responder->admission, peer->origin, false);
	tdelete(peer, &responder->by_id, by_id);
	free(peer);
}

void peer_end(struct peer *peer, enum protocol_state state)
{
	struct responder *responder = peer->responder;
	struct peer *owner = find_channel(responder, &peer->owner);

	if (peer->demand.pending)
		demand_over(peer, TCP_NOT_LEFT);
	peer->demand.pending = false;
	if (!peer->adopted) {
		discard(peer, why_ended(peer, state));
		return;
	}
	peer->segments_in = tcp_segments_in(peer->fd);
	peer->ended = clock_now();
	peer->state = state;
	close_connection(peer, NULL);
	if (owner) {
		struct protocol_answer answer = peer_state(peer);

		channel_answer(owner, &answer);
	}
	admission_leave(responder->admission, peer->origin, true);
	peer_schedule(peer);
	remember(peer);
}

void peer_free(struct peer *peer)
{
	if (peer->fd < 0)
		forget(peer);
	else
		discard(peer, "the responder ends");
}
