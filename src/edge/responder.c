#include "edge/responder.h"
#include "core/admission.h"
#include "edge/clock.h"
#include "edge/listener.h"
#include "edge/peer.h"
#include "edge/privilege.h"
#include "edge/sandbox.h"
#include "edge/target.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { LISTENERS = 16, SPARE_DESCRIPTORS = 32 };

/* What only the running of it needs; the rest is the peers'. */
struct service {
	struct responder responder;
	struct listener *listeners[LISTENERS];
	int listener_count;
	struct event *signals[2];
};

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct responder *responder = arg;

	(void)what;
	log_line(&responder->log, "%s: closing %d connections", number == SIGINT ? "interrupted" : "terminated",
		 responder->open);
	event_base_loopbreak(responder->base);
}

static void on_refusals(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval every = { 10, 0 };
	struct responder *responder = arg;

	(void)fd;
	(void)what;
	if (responder->refused == 0)
		return;
	log_line(&responder->log, "%u more connections were refused in the last 10 s", responder->refused);
	responder->refused = 0;
	event_add(responder->refusals, &every);
}

static void on_accepted(void *arg, int fd, const struct sockaddr_in6 *address)
{
	peer_accept(arg, fd, address);
}

static void on_resting(void *arg, int error)
{
	struct responder *responder = arg;

	log_line(&responder->log, "no connection can be accepted for a second: %s; %d are open", strerror(error),
		 responder->open);
}

/* A descriptor for each connection that may be open at once. */
static int raise_limit(const struct responder_config *config, struct failure *failure)
{
	rlim_t needed = (rlim_t)config->connections + LISTENERS + SPARE_DESCRIPTORS;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= needed)
		return 0;
	limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur == needed)
		return 0;
	return fail(failure, EXIT_CANNOT_RUN, "too few file descriptors: %d connections need %lu, and the limit is "
		    "%lu. Raise it (ulimit -Hn, or LimitNOFILE= in the unit), or hold at most --connections %d",
		    config->connections, (unsigned long)needed, (unsigned long)limit.rlim_max,
		    (int)limit.rlim_max - LISTENERS - SPARE_DESCRIPTORS);
}

static int listen_on(struct service *service, const char *address, bool may_be_absent, struct failure *failure)
{
	struct listener_config config = { service->responder.base, on_accepted, on_resting, &service->responder };
	bool absent;
	struct listener *listener = listener_new(&config, address, &absent, failure);

	if (!listener)
		return may_be_absent && absent ? 0 : -1;
	service->listeners[service->listener_count++] = listener;
	log_line(&service->responder.log, "listening on %s", address);
	return 0;
}

static int listen_all(struct service *service, struct failure *failure)
{
	const struct responder_config *config = service->responder.config;

	if (config->listen_count == 0) {
		char all4[32], all6[32];

		snprintf(all4, sizeof all4, "0.0.0.0:%d", DEFAULT_PORT);
		snprintf(all6, sizeof all6, "[::]:%d", DEFAULT_PORT);
		return listen_on(service, all4, false, failure) < 0 ? -1 : listen_on(service, all6, true, failure);
	}
	for (int i = 0; i < config->listen_count; i++)
		if (listen_on(service, config->listen[i], false, failure) < 0)
			return -1;
	return 0;
}

static int begin(struct service *service, struct failure *failure)
{
	static const int numbers[2] = { SIGINT, SIGTERM };
	struct responder *responder = &service->responder;

	responder->base = event_base_new();
	responder->admission = admission_new(responder->config->connections, responder->config->per_address);
	if (!responder->base || !responder->admission ||
	    !(responder->refusals = evtimer_new(responder->base, on_refusals, responder)))
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	for (int i = 0; i < 2; i++) {
		service->signals[i] = evsignal_new(responder->base, numbers[i], on_signal, responder);
		if (!service->signals[i] || event_add(service->signals[i], NULL) < 0)
			return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	}
	if (raise_limit(responder->config, failure) < 0)
		return -1;
	if (listen_all(service, failure) < 0 || privilege_drop(failure) < 0)
		return -1;
	return sandbox_enter(&(struct sandbox){ .accepts = true }, failure);
}

static void end(struct service *service)
{
	struct responder *responder = &service->responder;

	for (int i = 0; i < service->listener_count; i++)
		listener_free(service->listeners[i]);
	while (responder->by_id)
		peer_free(*(struct peer **)responder->by_id); /* the tree's root */
	for (int i = 0; i < 2; i++)
		if (service->signals[i])
			event_free(service->signals[i]);
	if (responder->refusals)
		event_free(responder->refusals);
	admission_free(responder->admission);
	if (responder->base)
		event_base_free(responder->base);
}

int responder_run(const struct responder_config *config, struct failure *failure)
{
	struct service service = { .responder.config = config };
	int status;

	clock_now();
	signal(SIGPIPE, SIG_IGN);
	log_open(&service.responder.log);
	TAILQ_INIT(&service.responder.past);
	status = begin(&service, failure);
	if (status == 0)
		event_base_dispatch(service.responder.base);
	end(&service);
	return status;
}
