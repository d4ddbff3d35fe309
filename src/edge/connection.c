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
	struct greeting *greeting; /* NULL: none is wanted (any more) */
	connection_notify *notify;
	void *arg;
};

/* Reads the first line. False where there is, or will be, more of it. */
static bool read_greeting(struct connection *connection)
{
	struct greeting *greeting = connection->greeting;
	ssize_t count = recv(connection->fd, greeting->line + greeting->length, sizeof greeting->line - greeting->length, MSG_PEEK);

	if (count <= 0)
		return true;

	char *end = memchr(greeting->line + greeting->length, '\n', (size_t)count);
	size_t taken = end ? (size_t)(end - greeting->line) - greeting->length + 1 : (size_t)count;

	recv(connection->fd, NULL, taken, MSG_TRUNC);
	greeting->length += taken - (end != NULL);
	if (!end && greeting->length < sizeof greeting->line)
		return false;
	connection->greeting = NULL;
	connection->notify(connection->arg, CONNECTION_GREETED, 0);
	return true;
}

/* Discards in the kernel (MSG_TRUNC on a TCP socket, tcp(7)), so that the window stays open. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	enum { CHUNK = 1 << 20, ROUNDS = 16 };
	struct connection *connection = arg;
	ssize_t count = 1;

	(void)what;
	if (connection->greeting && !read_greeting(connection))
		return;
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

int connection_socket(const struct target *target)
{
	int fd = socket(target->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && target->interface_given &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, target->interface, (socklen_t)strlen(target->interface)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int begin(struct connection *connection, struct event_base *base)
{
	const struct target *target = connection->target;
	socklen_t length = sizeof connection->source;

	connection->fd = connection_socket(target);
	if (connection->fd < 0)
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

struct connection *connection_open(struct event_base *base, const struct target *target, struct greeting *greeting,
				   connection_notify *notify, void *arg)
{
	struct connection *connection = malloc(sizeof *connection);

	if (connection == NULL)
		return NULL;
	*connection = (struct connection){ .fd = -1, .target = target, .greeting = greeting, .notify = notify,
					   .arg = arg };
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

int connection_fd(const struct connection *connection)
{
	return connection->fd;
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
