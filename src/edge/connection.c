#include "edge/connection.h"
#include "edge/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Linux sends SYNs at 0, 1 and 3 s, since 6.5 at 0, 1, 2, 3, 4 and 5 s (tcp_syn_linear_timeouts). */
static const struct timeval CONNECT_TIMEOUT = { 6, 0 };

struct connection {
	int fd;
	struct event *event;
	struct sockaddr_storage source;
	const struct target *target;
	connection_notify *notify;
	void *arg;
};

/* Discards in the kernel (MSG_TRUNC on a TCP socket, tcp(7)), so that the window stays open. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	enum { CHUNK = 1 << 20, ROUNDS = 16 };
	struct connection *connection = arg;
	ssize_t count = 1;

	(void)what;
	for (int i = 0; i < ROUNDS && count > 0; i++)
		count = recv(fd, NULL, CHUNK, MSG_TRUNC);
	if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	event_del(connection->event);
	connection->notify(connection->arg, CONNECTION_OVER, count < 0 ? errno : 0);
}

/* A connect() to a port of this host that nobody listens on may be given that very port, and then meets
 * itself. */
static bool met_itself(const struct connection *connection)
{
	return memcmp(&connection->source, &connection->target->remote, connection->target->length) == 0;
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct connection *connection = arg;
	struct event_base *base = event_get_base(connection->event);
	int error = 0;
	socklen_t length = sizeof error;

	if (what & EV_TIMEOUT)
		error = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	else if (error == 0 && met_itself(connection))
		error = ECONNREFUSED;
	if (error != 0) {
		connection->notify(connection->arg, CONNECTION_FAILED, error);
		return;
	}
	event_assign(connection->event, base, fd, EV_READ | EV_PERSIST, on_readable, connection);
	event_add(connection->event, NULL);
	connection->notify(connection->arg, CONNECTION_OPENED, 0);
}

static int begin(struct connection *connection, struct event_base *base)
{
	const struct target *target = connection->target;
	socklen_t length = sizeof connection->source;

	connection->fd = socket(target->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return -1;
	if (target->interface_given &&
	    setsockopt(connection->fd, SOL_SOCKET, SO_BINDTODEVICE, target->interface,
		       (socklen_t)strlen(target->interface)) < 0)
		return -1;
	if (connect(connection->fd, (const struct sockaddr *)&target->remote, target->length) < 0 &&
	    errno != EINPROGRESS)
		return -1;
	if (getsockname(connection->fd, (struct sockaddr *)&connection->source, &length) < 0)
		return -1;
	connection->event = event_new(base, connection->fd, EV_WRITE, on_connected, connection);
	if (connection->event == NULL || event_add(connection->event, &CONNECT_TIMEOUT) < 0) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

struct connection *connection_open(struct event_base *base, const struct target *target,
				   connection_notify *notify, void *arg)
{
	struct connection *connection = malloc(sizeof *connection);

	if (connection == NULL)
		return NULL;
	*connection = (struct connection){ .fd = -1, .target = target, .notify = notify, .arg = arg };
	if (begin(connection, base) < 0) {
		int error = errno;

		connection_close(connection);
		errno = error;
		return NULL;
	}
	return connection;
}

const struct sockaddr_storage *connection_source(const struct connection *connection)
{
	return &connection->source;
}

void connection_close(struct connection *connection)
{
	if (connection == NULL)
		return;
	if (connection->event != NULL)
		event_free(connection->event);
	if (connection->fd >= 0) {
		/* Unread data would turn the FIN into an RST (tcp_close). */
		recv(connection->fd, NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);
		close(connection->fd);
	}
	free(connection);
}
