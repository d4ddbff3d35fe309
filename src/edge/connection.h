/* A test connection: an ordinary kernel socket that sends nothing and throws away what it receives. */
#ifndef IDLEPROBE_CONNECTION_H
#define IDLEPROBE_CONNECTION_H

#include <event2/event.h>
#include <sys/socket.h>

struct connection;
struct target;

struct greeting {
	char line[256]; /* without its line feed */
	size_t length;
};

enum connection_event {
	CONNECTION_OPENED,
	CONNECTION_GREETED, /* its first line came, of those that want one */
	CONNECTION_FAILED, /* was not opened; with an errno */
	CONNECTION_OVER,   /* the far end ended it: 0 for a FIN, or an errno */
};

/* Called from the event loop only. After FAILED and OVER nothing more is called; the connection is still to
 * be closed. */
typedef void connection_notify(void *arg, enum connection_event, int error);

/* A non-blocking TCP socket for the target, bound to the interface the user named. -1 with errno set. */
int connection_socket(const struct target *);

/* Begins to connect, for at most 6 s. `greeting`: room for the first line that comes, which is read; NULL where nothing
 * that comes is looked at. NULL with errno set. */
struct connection *connection_open(struct event_base *, const struct target *, struct greeting *greeting,
				   connection_notify *, void *arg);

/* Its own address and port. Known from the beginning. */
const struct sockaddr_storage *connection_source(const struct connection *);

/* Its descriptor, to ask the kernel about it. */
int connection_fd(const struct connection *);

/* Ends it in order, with a FIN, and frees it. NULL is allowed. */
void connection_close(struct connection *);

#endif
