#include "edge/listener.h"
#include "edge/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	AT_ONCE = 64,
	/* Nobody has more to say to a responder than a few lines: the kernel need not buffer more of
	 * anybody's. */
	RECEIVE_BUFFER = 8192,
	SEND_BUFFER = 32768,
};

static const struct timeval REST = { 1, 0 };

struct listener {
	struct listener_config config;
	int fd;
	struct event *event; /* readable; while it rests, the timeout */
};

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void watch(struct listener *listener, short what, const struct timeval *timeout)
{
	event_assign(listener->event, listener->config.base, listener->fd, what, on_ready, listener);
	event_add(listener->event, timeout);
}

static struct sockaddr_in6 mapped(const struct sockaddr_storage *address)
{
	struct sockaddr_in6 result = { .sin6_family = AF_INET6 };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

	if (address->ss_family == AF_INET6)
		return *(const struct sockaddr_in6 *)address;
	result.sin6_port = v4->sin_port;
	memset(result.sin6_addr.s6_addr + 10, 0xff, 2);
	memcpy(result.sin6_addr.s6_addr + 12, &v4->sin_addr, 4);
	return result;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;

	if (what & EV_TIMEOUT)
		watch(listener, EV_READ | EV_PERSIST, NULL);
	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_storage peer;
		socklen_t length = sizeof peer;
		int accepted = accept4(fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (accepted >= 0) {
			struct sockaddr_in6 address = mapped(&peer);

			listener->config.accepted(listener->config.arg, accepted, &address);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			int error = errno;

			event_del(listener->event);
			watch(listener, EV_TIMEOUT, &REST);
			listener->config.resting(listener->config.arg, error);
			return;
		} else if (errno == EAGAIN) {
			return;
		} /* any other error is of the one connection, accept(2) */
	}
}

static int parse(const char *text, struct sockaddr_storage *address, socklen_t *length, struct failure *failure)
{
	struct target target;
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (target_parse(&target, text, failure) < 0) {
		struct failure inner = *failure;

		return fail(failure, inner.code, "--listen: %s", inner.text);
	}
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, target.host, &v4.sin_addr) == 1) {
		memcpy(address, &v4, *length = sizeof v4);
	} else if (inet_pton(AF_INET6, target.host, &v6.sin6_addr) == 1) {
		memcpy(address, &v6, *length = sizeof v6);
	} else {
		return fail(failure, EXIT_USAGE, "--listen: '%.60s' is no numeric address; give one of this host's as "
			    "ADDR:PORT or [IPV6]:PORT, 0.0.0.0 or [::] for all", target.host);
	}
	target_set_port(address, target.port);
	return 0;
}

static void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof value);
}

static int open_socket(const struct sockaddr_storage *address, socklen_t length)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
	if (address->ss_family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, (const struct sockaddr *)address, length) < 0 || listen(fd, SOMAXCONN) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int cannot_listen(const char *text, int error, struct failure *failure)
{
	const char *advice = "";

	if (error == EADDRINUSE)
		advice = ". Another program has that port; `ss -ltnp` tells which. Give another one with --listen";
	else if (error == EADDRNOTAVAIL)
		advice = ". This host has no such address; `ip address` lists its own";
	else if (error == EACCES)
		advice = ". Ports below 1024 need root or cap_net_bind_service; take a higher one";
	return fail(failure, EXIT_CANNOT_RUN, "cannot listen on %s: %s%s", text, strerror(error), advice);
}

struct listener *listener_new(const struct listener_config *config, const char *text, bool *absent,
			      struct failure *failure)
{
	struct sockaddr_storage address;
	socklen_t length;

	if (absent)
		*absent = false;
	if (parse(text, &address, &length, failure) < 0)
		return NULL;
	int fd = open_socket(&address, length);

	if (fd < 0) {
		if (absent)
			*absent = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
		cannot_listen(text, errno, failure);
		return NULL;
	}
	struct listener *listener = malloc(sizeof *listener);
	struct event *event = event_new(config->base, fd, EV_READ | EV_PERSIST, on_ready, listener);

	if (!listener || !event || event_add(event, NULL) < 0) {
		fail(failure, EXIT_CANNOT_RUN, "out of memory");
		if (event)
			event_free(event);
		free(listener);
		close(fd);
		return NULL;
	}
	*listener = (struct listener){ .config = *config, .fd = fd, .event = event };
	return listener;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	event_free(listener->event);
	close(listener->fd);
	free(listener);
}
