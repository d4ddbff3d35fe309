#include "edge/inject.h"
#include "edge/privilege.h"
#include "edge/target.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int inject_open(const struct target *target, struct failure *failure)
{
	/* IPPROTO_RAW: the IP header is the caller's (raw(7)), and nothing is ever received. */
	int fd = socket(target->family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	const int on = 1;

	if (fd < 0 && (errno == EPERM || errno == EACCES))
		return privilege_missing("a raw socket", failure);
	if (fd < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot open a raw socket: %s", strerror(errno));
	/* Without RECVERR a full transmit queue drops and says nothing (raw_send_hdrinc, net/ipv4/raw.c). */
	bool v6 = target->family == AF_INET6;

	if ((v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof on) < 0) ||
	    setsockopt(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on) < 0 ||
	    (target->interface_given && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, target->interface,
						   (socklen_t)strlen(target->interface)) < 0)) {
		fail(failure, EXIT_CANNOT_RUN, "cannot set up a raw socket on %s: %s", target->interface,
		     strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* For the sake of RECVERR an ICMP error that quotes a packet of protocol 255 leaves its error on the socket
 * (raw_err, net/ipv4/raw.c; no more in 6.18.44), where the next packet fails of it. Anybody can send
 * those, and none is about us; each fails one attempt. What goes on failing is of the packet itself. */
enum { ATTEMPTS = 4 };

int inject_send(int fd, const struct target *target, const uint8_t *packet, size_t length)
{
	struct sockaddr_storage to = target->remote;

	target_set_port(&to, 0); /* for IPv6 raw sockets a port would be a protocol number (ipv6(7)) */
	for (int i = 0; i < ATTEMPTS; i++) {
		if (sendto(fd, packet, length, 0, (struct sockaddr *)&to, target->length) >= 0)
			return 0;
		if (errno == ENOBUFS || errno == EAGAIN)
			break; /* never of an ICMP error, and not to be had at once */
	}
	return errno;
}
