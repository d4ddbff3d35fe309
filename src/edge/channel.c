#include "edge/channel.h"
#include "core/admission.h"
#include "edge/clock.h"
#include "edge/peer.h"
#include "edge/secret.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	OUTPUT_MOST = 1 << 16,       /* octets of answers that wait for being read */
	CHANNELS_OF_ADDRESS = 32,
	CHANNELS_MOST = 512,
};

static const double PAUSE = 0.1; /* seconds */

static struct protocol_answer answer_of(enum protocol_answer_kind kind)
{
	return (struct protocol_answer){ .kind = kind, .clock = peer_clock(clock_now()) };
}

static struct protocol_answer error_of(enum protocol_error error, const struct protocol_id *id)
{
	struct protocol_answer answer = answer_of(PROTOCOL_ERROR);

	answer.error = error;
	if (id)
		answer.id = *id;
	return answer;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	struct channel *channel = peer->channel;

	(void)what;
	/* What goes wrong here is seen where it is read from. */
	if (evbuffer_write(channel->output, fd) >= 0 && evbuffer_get_length(channel->output) > 0)
		event_add(&channel->writable, NULL);
}

void channel_answer(struct peer *peer, const struct protocol_answer *answer)
{
	struct channel *channel = peer->channel;
	char line[PROTOCOL_LONGEST + 1];
	size_t length = protocol_write_answer(answer, line);

	if (evbuffer_get_length(channel->output) + length > OUTPUT_MOST ||
	    evbuffer_add(channel->output, line, length) < 0) {
		channel->overflowed = true;
		peer_schedule(peer);
		return;
	}
	event_add(&channel->writable, NULL);
}

/* The last that it hears. Nothing else can be in its way: where it is not granted yet, nothing was ever
 * answered. */
static void refuse(struct peer *peer, enum protocol_error error)
{
	struct protocol_answer answer = error_of(error, NULL);
	char line[PROTOCOL_LONGEST + 1];
	size_t length = protocol_write_answer(&answer, line);

	send(peer->fd, line, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	peer_end(peer, PROTOCOL_CLOSED);
}

static bool grant(struct peer *peer)
{
	struct responder *responder = peer->responder;
	struct channel *channel = peer->channel;
	struct protocol_answer answer = answer_of(PROTOCOL_OK);
	int rate = responder->config->commands;

	channel->output = evbuffer_new();
	if (!channel->output) {
		peer_end(peer, PROTOCOL_CLOSED);
		return false;
	}
	event_assign(&channel->writable, responder->base, peer->fd, EV_WRITE, on_writable, peer);
	channel->granted = true;
	channel->since = clock_now();
	channel->commands = bucket_of(rate, 10 * rate, channel->since);
	responder->channels++;
	peer->origin->channels++;
	tcp_keep_alive(peer->fd);
	log_line(&responder->log, "%s: session begins", peer_name(&peer->address).text);
	channel_answer(peer, &answer);
	peer_schedule(peer);
	return true;
}

/* The first line decides. Whatever is not the right one ends the connection: false. */
static bool first_line(struct peer *peer, const char *line, size_t length)
{
	struct responder *responder = peer->responder;
	const char *token = responder->config->token;
	struct protocol_command command;

	if (!protocol_read_command(line, length, &command) || command.verb != PROTOCOL_CONTROL) {
		peer_end(peer, PROTOCOL_CLOSED);
		return false;
	}
	if (command.version != PROTOCOL_VERSION) {
		log_line(&responder->log, "%s: refused, it speaks version %d of the protocol, and this responder "
			 "version %d; run the same release of idleprobe at both ends",
			 peer_name(&peer->address).text, command.version, PROTOCOL_VERSION);
		refuse(peer, PROTOCOL_BAD_VERSION);
		return false;
	}
	if (token && !secret_matches(token, peer->nonce.text, peer->id.text, command.mac)) {
		log_line(&responder->log, "%s: refused, %s", peer_name(&peer->address).text,
			 command.mac[0] ? "its token is another" : "it has no token");
		refuse(peer, PROTOCOL_BAD_TOKEN);
		return false;
	}
	if (responder->channels >= CHANNELS_MOST || peer->origin->channels >= CHANNELS_OF_ADDRESS) {
		log_line(&responder->log, "%s: refused, there are %d control channels, %d of them of its address",
			 peer_name(&peer->address).text, responder->channels, peer->origin->channels);
		refuse(peer, PROTOCOL_TOO_MANY);
		return false;
	}
	return grant(peer);
}

/* What a command may name: a connection that is, or was, a test connection. */
static struct peer *find_test_connection(struct responder *responder, const struct protocol_id *id)
{
	struct peer *peer = peer_find(responder, id);

	return peer && !peer->channel ? peer : NULL;
}

static void tell_state(struct peer *peer, const struct peer *about)
{
	struct protocol_answer answer = peer_state(about);

	channel_answer(peer, &answer);
}

static void demand(struct peer *peer, struct peer *target, bool payload)
{
	struct protocol_answer not_now = error_of(PROTOCOL_NOT_SENT, &target->id);

	if (target->fd < 0 || target->demand.pending)
		channel_answer(peer, &not_now);
	else
		peer_demand(target, payload, &peer->id);
}

static void obey(struct peer *peer, const struct protocol_command *command)
{
	struct peer *target = find_test_connection(peer->responder, &command->id);
	struct protocol_answer unknown = error_of(PROTOCOL_UNKNOWN_ID, &command->id);
	struct protocol_answer pong = answer_of(PROTOCOL_PONG);

	peer->channel->served++;
	if (command->verb == PROTOCOL_PING) {
		channel_answer(peer, &pong);
		return;
	}
	if (!target) {
		channel_answer(peer, &unknown);
		return;
	}
	switch (command->verb) {
	case PROTOCOL_CONTROL:
	case PROTOCOL_PING:
		break;
	case PROTOCOL_ADOPT:
		peer->channel->adopted++;
		if (target->fd >= 0)
			peer_adopt(target, &peer->id);
		tell_state(peer, target);
		break;
	case PROTOCOL_REPORT:
		tell_state(peer, target);
		break;
	case PROTOCOL_KEEPALIVE:
		demand(peer, target, false);
		break;
	case PROTOCOL_BYTE:
		demand(peer, target, true);
		break;
	case PROTOCOL_CLOSE:
		if (target->fd < 0) {
			tell_state(peer, target);
			break;
		}
		/* So its end is told to who asked for it. */
		peer_adopt(target, &peer->id);
		peer_end(target, PROTOCOL_CLOSED);
		break;
	}
}

enum next { GO_ON, PAUSED, OVER };

/* Over its rate a channel is told so once, and then not read from for a while: what more it says waits in
 * its kernel. */
static enum next over_rate(struct peer *peer, const struct protocol_id *id)
{
	struct protocol_answer answer = error_of(PROTOCOL_TOO_MANY, id);

	channel_answer(peer, &answer);
	peer->channel->paused_until = clock_now() + PAUSE;
	event_del(&peer->readable);
	peer_schedule(peer);
	return PAUSED;
}

static enum next take_line(struct peer *peer, const char *line, size_t length)
{
	struct channel *channel = peer->channel;
	struct protocol_command command;

	if (!channel->granted)
		return first_line(peer, line, length) ? GO_ON : OVER;
	bool understood = protocol_read_command(line, length, &command) && command.verb != PROTOCOL_CONTROL;

	if (!bucket_take(&channel->commands, clock_now()))
		return over_rate(peer, &command.id);
	if (understood) {
		obey(peer, &command);
	} else {
		struct protocol_answer answer = error_of(PROTOCOL_BAD_COMMAND, NULL);

		channel_answer(peer, &answer);
	}
	return GO_ON;
}

/* What complete lines there are. */
static void take_lines(struct peer *peer)
{
	struct channel *channel = peer->channel;
	char *line = channel->input, *end;
	enum next next = GO_ON;

	while (next == GO_ON && (end = memchr(line, '\n', channel->used))) {
		next = take_line(peer, line, (size_t)(end - line));
		if (next == OVER)
			return;
		channel->used -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	memmove(channel->input, line, channel->used);
	if (channel->used == sizeof channel->input && next == GO_ON)
		peer_end(peer, PROTOCOL_CLOSED); /* longer than any line */
}

void channel_read(struct peer *peer)
{
	struct channel *channel = peer->channel;

	if (!channel) {
		channel = peer->channel = calloc(1, sizeof *channel);
		if (!channel) {
			peer_end(peer, PROTOCOL_CLOSED);
			return;
		}
		channel->since = clock_now();
		peer_schedule(peer);
	}
	size_t room = sizeof channel->input - channel->used;
	ssize_t count = recv(peer->fd, channel->input + channel->used, room, 0);

	if (count <= 0)
		return;
	channel->used += (size_t)count;
	take_lines(peer);
}

void channel_resume(struct peer *peer)
{
	peer->channel->paused_until = 0;
	event_add(&peer->readable, NULL);
	peer_schedule(peer);
	take_lines(peer);
}

void channel_free(struct peer *peer, const char *why)
{
	struct channel *channel = peer->channel;

	if (channel->granted) {
		log_line(&peer->responder->log, "%s: session ends after %.0f s, %s: %u connections adopted, "
			 "%u commands", peer_name(&peer->address).text, clock_now() - channel->since, why,
			 channel->adopted, channel->served);
		peer->responder->channels--;
		peer->origin->channels--;
		event_del(&channel->writable);
		/* It may have said all it wanted, and be listening still. */
		evbuffer_write(channel->output, peer->fd);
		evbuffer_free(channel->output);
		if (channel->adopted)
			peer_orphan(peer->responder, &peer->id);
	}
	free(channel);
	peer->channel = NULL;
}
