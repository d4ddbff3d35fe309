#include "edge/farside.h"

#include "edge/clock.h"
#include "edge/connection.h"
#include "edge/secret.h"
#include "edge/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTING 3.5    /* seconds: Linux sends SYNs at 0, 1 and 3 s */
#define GREETING 1.0      /* seconds in which a responder shows its banner */
#define PATIENCE 5.0      /* seconds without an answer to what was sent, after which the channel is made anew */
#define PING_FIRST 1.0    /* seconds between pings, that the middlebox keep the channel; later ... */
#define PING_SHARE 0.01   /* ... this share of the channel's age, ... */
#define PING_LAST 15.0    /* ... and at most this */
#define RETRY 1.0         /* seconds between attempts to make the channel anew */
#define CLOCK_DRIFT 1e-4  /* by which two hosts' clocks differ at most */

struct farside {
	struct farside_config config;
	enum farside_state state;
	struct bufferevent *channel; /* NULL while there is none */
	struct event *timer;
	bool greeted;                /* this channel's banner was read */
	double begun, asked_at, heard_at; /* of this channel; asked_at: first of what is unanswered, NAN */
	double next_ping;
	double offset, offset_at;    /* of the far clock to this one, and when it was last corrected; NAN */
	struct protocol_banner banner;
	struct sockaddr_storage own;
	struct failure failure;
};

static void begin(struct farside *far);

static void schedule(struct farside *far, double when)
{
	double wait = fmax(when - clock_now(), 0);
	struct timeval interval = { (time_t)wait, (suseconds_t)((wait - floor(wait)) * 1e6) };

	evtimer_add(far->timer, &interval);
}

static void change(struct farside *far, enum farside_state state)
{
	far->state = state;
	far->config.changed(far->config.arg, state);
}

static void hang_up(struct farside *far)
{
	if (far->channel) {
		/* An answer that comes meanwhile, and is not read, would turn the FIN into an RST (tcp_close). */
		shutdown(bufferevent_getfd(far->channel), SHUT_WR);
		recv(bufferevent_getfd(far->channel), NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);
		bufferevent_free(far->channel);
	}
	far->channel = NULL;
	far->greeted = false;
	far->asked_at = NAN;
}

/* The channel does not work. Before it ever did, the target is a stranger. */
static void lost(struct farside *far)
{
	bool worked = far->state == FARSIDE_READY || far->state == FARSIDE_AWAY;

	hang_up(far);
	if (!worked) {
		evtimer_del(far->timer);
		change(far, FARSIDE_STRANGER);
		return;
	}
	schedule(far, clock_now() + RETRY);
	if (far->state != FARSIDE_AWAY)
		change(far, FARSIDE_AWAY);
}

static void refuse(struct farside *far, const char *why)
{
	const struct target *target = far->config.target;

	hang_up(far);
	evtimer_del(far->timer);
	fail(&far->failure, EXIT_CANNOT_RUN, "the responder at %s port %u %s", target->address, target->port, why);
	change(far, FARSIDE_REFUSED);
}

static void write_command(struct farside *far, const struct protocol_command *command)
{
	char line[PROTOCOL_LONGEST + 1];

	bufferevent_write(far->channel, line, protocol_write_command(command, line));
	if (isnan(far->asked_at))
		far->asked_at = clock_now();
}

static void greet(struct farside *far, const char *line, size_t length)
{
	struct protocol_command command = { .verb = PROTOCOL_CONTROL, .version = PROTOCOL_VERSION, .mac = "-" };
	struct protocol_banner banner;
	char why[200];

	if (!protocol_read_banner(line, length, &banner)) {
		lost(far);
		return;
	}
	if (banner.version != PROTOCOL_VERSION) {
		snprintf(why, sizeof why, "speaks version %d of the protocol, this idleprobe version %d: update the older of the "
			 "two, or measure without it: --direction out", banner.version, PROTOCOL_VERSION);
		refuse(far, why);
		return;
	}
	far->greeted = true;
	far->banner = banner;
	schedule(far, clock_now() + PATIENCE);
	if (far->config.token)
		secret_mac(far->config.token, banner.nonce.text, banner.id.text, command.mac);
	write_command(far, &command);
}

/* The moment here that the far clock's stands for. The least of all delays is the best guess of the one-way delay; it
 * may grow again by as much as clocks drift apart. */
static double translate(struct farside *far, uint64_t clock, double now)
{
	double offset = now - (double)clock / 1000;

	if (!isnan(far->offset))
		offset = fmin(offset, far->offset + CLOCK_DRIFT * (now - far->offset_at));
	far->offset = offset;
	far->offset_at = now;
	return fmin((double)clock / 1000 + offset, now);
}

static void ready(struct farside *far, double now)
{
	far->next_ping = now + PING_FIRST;
	schedule(far, far->next_ping);
	change(far, FARSIDE_READY);
}

static void take_answer(struct farside *far, const char *line, size_t length)
{
	struct protocol_answer answer;
	double now = clock_now();

	if (!protocol_read_answer(line, length, &answer)) {
		lost(far);
		return;
	}
	far->heard_at = now;
	far->asked_at = NAN;

	double at = translate(far, answer.clock, now);

	switch (answer.kind) {
	case PROTOCOL_OK:
		ready(far, now);
		return;
	case PROTOCOL_PONG:
		return;
	case PROTOCOL_ERROR:
		if (answer.error == PROTOCOL_BAD_TOKEN) {
			refuse(far, far->config.token ? "refuses the token: --token or $IDLEPROBE_TOKEN must be as on its side"
						      : "wants a token: give it by --token or $IDLEPROBE_TOKEN, or measure without it: "
							"--direction out");
			return;
		}
		if (answer.error == PROTOCOL_BAD_VERSION) {
			refuse(far, "speaks another version of the protocol: update the older of the two, or measure without it: "
				    "--direction out");
			return;
		}
		break;
	case PROTOCOL_STATE:
	case PROTOCOL_SENT:
		break;
	}
	far->config.answer(far->config.arg, &answer, at);
}

static void on_readable(struct bufferevent *channel, void *arg)
{
	struct farside *far = arg;
	struct evbuffer *input = bufferevent_get_input(channel);
	size_t length;

	/* Each line may end the channel. */
	while (far->channel == channel) {
		char *line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF);

		if (!line) {
			if (evbuffer_get_length(input) >= PROTOCOL_LONGEST)
				lost(far);
			return;
		}
		if (far->greeted)
			take_answer(far, line, length);
		else
			greet(far, line, length);
		free(line);
	}
}

static void on_event(struct bufferevent *channel, short what, void *arg)
{
	struct farside *far = arg;
	socklen_t length = sizeof far->own;

	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		lost(far);
	} else if (what & BEV_EVENT_CONNECTED) {
		getsockname(bufferevent_getfd(channel), (struct sockaddr *)&far->own, &length);
		schedule(far, clock_now() + GREETING);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct protocol_command ping = { .verb = PROTOCOL_PING };
	struct farside *far = arg;
	double now = clock_now();

	(void)fd;
	(void)what;
	if (!far->channel && far->state == FARSIDE_AWAY) {
		begin(far);
		return;
	}
	if (far->state != FARSIDE_READY || now > far->asked_at + PATIENCE) {
		lost(far);
		return;
	}
	if (now >= far->next_ping) {
		write_command(far, &ping);
		far->next_ping = now + fmin(fmax(PING_SHARE * (now - far->begun), PING_FIRST), PING_LAST);
	}
	schedule(far, fmin(far->next_ping, far->asked_at + PATIENCE));
}

/* What fails here is told from the event loop, as all else. */
static void begin(struct farside *far)
{
	const struct target *target = far->config.target;
	int fd = connection_socket(target), yes = 1;

	far->begun = far->heard_at = clock_now();
	far->offset = NAN; /* a responder's clock begins with it */
	if (fd >= 0)
		far->channel = bufferevent_socket_new(far->config.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!far->channel) {
		if (fd >= 0)
			close(fd);
		schedule(far, far->begun + RETRY);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	bufferevent_setcb(far->channel, on_readable, NULL, on_event, far);
	bufferevent_enable(far->channel, EV_READ | EV_WRITE);
	schedule(far, far->begun + CONNECTING);
	if (bufferevent_socket_connect(far->channel, (const struct sockaddr *)&target->remote, (int)target->length) < 0)
		hang_up(far);
}

struct farside *farside_new(const struct farside_config *config)
{
	struct farside *far = calloc(1, sizeof *far);

	if (!far)
		return NULL;
	far->config = *config;
	far->asked_at = far->offset = NAN;
	far->timer = evtimer_new(config->base, on_timer, far);
	if (!far->timer) {
		free(far);
		return NULL;
	}
	begin(far);
	return far;
}

void farside_free(struct farside *far)
{
	if (!far)
		return;
	hang_up(far);
	event_free(far->timer);
	free(far);
}

bool farside_send(struct farside *far, enum protocol_verb verb, const struct protocol_id *id)
{
	struct protocol_command command = { .verb = verb, .id = *id };

	if (far->state != FARSIDE_READY)
		return false;
	write_command(far, &command);
	return true;
}

enum farside_state farside_state(const struct farside *far)
{
	return far->state;
}

const struct failure *farside_failure(const struct farside *far)
{
	return &far->failure;
}

const struct protocol_banner *farside_banner(const struct farside *far)
{
	return far->banner.version ? &far->banner : NULL;
}

bool farside_translated(const struct farside *far)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&far->own;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&far->own;
	bool is_v4 = far->own.ss_family == AF_INET;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(far->own.ss_family, is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr, text, sizeof text);
	return strcmp(text, far->banner.address) != 0 || ntohs(is_v4 ? v4->sin_port : v6->sin6_port) != far->banner.port;
}
