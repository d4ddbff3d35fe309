#include "edge/target.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOKUPS = 50 /* at once */ };

static int parse_port(struct target *target, const char *text, struct failure *failure)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || port < 1 || port > 65535)
		return fail(failure, EXIT_USAGE,
			    "'%s': '%s' is no port; give HOST:PORT with a number from 1 to 65535",
			    target->input, text);
	target->port = (uint16_t)port;
	return 0;
}

int target_parse(struct target *target, const char *input, struct failure *failure)
{
	const char *host = input, *end;

	*target = (struct target){ .port = DEFAULT_PORT };
	if (strlen(input) >= sizeof target->input)
		return fail(failure, EXIT_USAGE,
			    "the target '%.40s...' is too long for a host name and a port", input);
	strcpy(target->input, input);

	if (*input == '[') {
		host++;
		end = strchr(host, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return fail(failure, EXIT_USAGE, "'%s': write an IPv6 target as [ADDRESS]:PORT",
				    input);
		if (end[1] == ':' && parse_port(target, end + 2, failure) < 0)
			return -1;
	} else {
		end = strchrnul(host, ':');
		if (*end == ':' && strchr(end + 1, ':') != NULL)
			return fail(failure, EXIT_USAGE,
				    "'%s': put an IPv6 address in brackets, as [ADDRESS]:PORT", input);
		if (*end == ':' && parse_port(target, end + 1, failure) < 0)
			return -1;
	}
	size_t length = (size_t)(end - host);

	if (length == 0)
		return fail(failure, EXIT_USAGE, "'%s' names no host; give HOST:PORT", input);
	if (length >= sizeof target->host)
		return fail(failure, EXIT_USAGE, "the host name '%.40s...' is longer than a name can be",
			    host);
	memcpy(target->host, host, length);
	return 0;
}

struct lookup {
	struct target *target;
	int family;
	pthread_t thread;
	bool alone; /* no thread could be had */
};

static void *look_up(void *arg)
{
	struct lookup *lookup = arg;
	struct addrinfo hints = { .ai_family = lookup->family, .ai_socktype = SOCK_STREAM };

	lookup->target->lookup_error = getaddrinfo(lookup->target->host, NULL, &hints, &lookup->target->found);
	lookup->target->lookup_errno = errno;
	return NULL;
}

void target_look_up(struct target *const *targets, size_t count, int family)
{
	struct lookup lookups[LOOKUPS];

	for (size_t first = 0; first < count; first += LOOKUPS) {
		size_t some = count - first < LOOKUPS ? count - first : LOOKUPS;

		for (size_t i = 0; i < some; i++) {
			lookups[i] = (struct lookup){ .target = targets[first + i], .family = family };
			lookups[i].alone = pthread_create(&lookups[i].thread, NULL, look_up, &lookups[i]) != 0;
		}
		/* No thread is left when privileges are given up, which each thread has for itself. */
		for (size_t i = 0; i < some; i++) {
			if (lookups[i].alone)
				look_up(&lookups[i]);
			else
				pthread_join(lookups[i].thread, NULL);
		}
	}
}

void target_forget(struct target *target)
{
	if (target->found != NULL)
		freeaddrinfo(target->found);
	target->found = NULL;
}

static int take_found(struct target *target, int family, struct failure *failure)
{
	struct addrinfo *found = target->found;
	int error = target->lookup_error;

	if (error != 0) {
		const char *what = error == EAI_SYSTEM ? strerror(target->lookup_errno) : gai_strerror(error);

		if (error == EAI_AGAIN)
			return fail(failure, EXIT_CANNOT_RUN,
				    "cannot look up '%s': %s. No name server answered: check "
				    "the network, or give the address",
				    target->host, what);
		if (family != AF_UNSPEC)
			return fail(failure, EXIT_CANNOT_RUN,
				    "cannot look up '%s' in IPv%c: %s. Check the name, or leave "
				    "out -%c",
				    target->host, family == AF_INET ? '4' : '6', what,
				    family == AF_INET ? '4' : '6');
		return fail(failure, EXIT_CANNOT_RUN,
			    "cannot look up '%s': %s. Check the name, or give the address", target->host,
			    what);
	}
	for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
		target->address_count++;
	memcpy(&target->remote, found->ai_addr, found->ai_addrlen);
	target->length = found->ai_addrlen;
	target->family = found->ai_family;
	target_forget(target);
	return 0;
}

static int find_interface(struct target *target, const char *name, struct failure *failure)
{
	char list[200] = "";
	size_t used = 0;

	target->interface_index = if_nametoindex(name);
	if (target->interface_index != 0) {
		snprintf(target->interface, sizeof target->interface, "%s", name);
		target->interface_given = true;
		return 0;
	}
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i != NULL && i->if_index != 0 && used < sizeof list; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, " %s", i->if_name);
	if_freenameindex(all);
	return fail(failure, EXIT_USAGE, "there is no interface '%.40s'; there are:%s", name, list);
}

/* A link-local address means nothing without an interface (RFC 4007). */
static int scope(struct target *target, struct failure *failure)
{
	struct sockaddr_in6 *remote = (struct sockaddr_in6 *)&target->remote;

	if (target->family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&remote->sin6_addr))
		return 0;
	if (remote->sin6_scope_id == 0)
		remote->sin6_scope_id = target->interface_index;
	if (remote->sin6_scope_id == 0)
		return fail(failure, EXIT_USAGE,
			    "'%s' is a link-local address: say on which interface, with "
			    "-i INTERFACE or as [%s%%INTERFACE]:%u",
			    target->host, target->host, target->port);
	return 0;
}

int target_source(const struct target *target, struct sockaddr_storage *source)
{
	socklen_t length = sizeof *source;
	int fd = socket(target->family, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return errno;
	if ((target->interface_given && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, target->interface,
						   (socklen_t)strlen(target->interface)) < 0) ||
	    connect(fd, (const struct sockaddr *)&target->remote, target->length) < 0 ||
	    getsockname(fd, (struct sockaddr *)source, &length) < 0)
		error = errno;
	close(fd);
	target_set_port(source, 0);
	return error;
}

void target_set_port(struct sockaddr_storage *address, uint16_t port)
{
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)address)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)address)->sin_port = htons(port);
}

static bool add_attribute(struct nlmsghdr *message, size_t size, uint16_t type, const void *data,
			  size_t length)
{
	struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));

	if (NLMSG_ALIGN(message->nlmsg_len) + RTA_SPACE(length) > size)
		return false;
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), data, length);
	message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + (uint32_t)RTA_SPACE(length);
	return true;
}

/* Asks the kernel by which interface it would send (rtnetlink(7)); 0 if it does not say. The source address
 * does not tell: it may be another interface's, and one's own address is reached over the loopback. */
static unsigned route_interface(const struct target *target)
{
	union {
		struct nlmsghdr header;
		char bytes[4096];
	} m = { .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_GETROUTE,
			    .nlmsg_flags = NLM_F_REQUEST } };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&target->remote;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&target->remote;
	struct rtmsg *route = NLMSG_DATA(&m.header);
	uint32_t index = 0;

	route->rtm_family = (unsigned char)target->family;
	route->rtm_dst_len = target->family == AF_INET ? 32 : 128;
	if (target->family == AF_INET)
		add_attribute(&m.header, sizeof m, RTA_DST, &v4->sin_addr, sizeof v4->sin_addr);
	else
		add_attribute(&m.header, sizeof m, RTA_DST, &v6->sin6_addr, sizeof v6->sin6_addr);
	if (target->family == AF_INET6 && v6->sin6_scope_id != 0)
		add_attribute(&m.header, sizeof m, RTA_OIF, &v6->sin6_scope_id, sizeof v6->sin6_scope_id);

	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t length = -1;

	if (fd >= 0 && send(fd, &m, m.header.nlmsg_len, 0) >= 0)
		length = recv(fd, &m, sizeof m, 0);
	if (fd >= 0)
		close(fd);
	if (length < 0 || !NLMSG_OK(&m.header, (size_t)length) || m.header.nlmsg_type != RTM_NEWROUTE)
		return 0;
	int left = (int)RTM_PAYLOAD(&m.header);

	for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == RTA_OIF)
			memcpy(&index, RTA_DATA(a), sizeof index);
	return index;
}

static void print_address(const struct sockaddr_storage *address, socklen_t length, char *text, size_t size)
{
	if (getnameinfo((const struct sockaddr *)address, length, text, (socklen_t)size, NULL, 0,
			NI_NUMERICHOST) != 0)
		snprintf(text, size, "?");
}

int target_resolve(struct target *target, int family, const char *interface, struct failure *failure)
{
	if (interface != NULL && find_interface(target, interface, failure) < 0)
		return -1;
	if (take_found(target, family, failure) < 0 || scope(target, failure) < 0)
		return -1;
	target_set_port(&target->remote, target->port);
	print_address(&target->remote, target->length, target->address, sizeof target->address);

	int error = target_source(target, &target->local);

	if (error != 0)
		return fail(failure, EXIT_CANNOT_RUN, "no route to %s%s%s: %s. Look at `ip route get %s`",
			    target->address, interface ? " through " : "", interface ? target->interface : "",
			    strerror(error), target->address);
	print_address(&target->local, target->length, target->source_address, sizeof target->source_address);
	if (!target->interface_given) {
		target->interface_index = route_interface(target);
		if (target->interface_index == 0 ||
		    !if_indextoname(target->interface_index, target->interface))
			return fail(failure, EXIT_CANNOT_RUN,
				    "cannot tell which interface leads to %s; name it with -i",
				    target->address);
	}
	return 0;
}
