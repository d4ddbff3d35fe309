#include "edge/host.h"

#include <stdint.h>
#include <stdio.h>

static int read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	int value = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%d", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

int host_local_ports(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int first, last, count = UINT16_MAX;

	if (!file)
		return count;
	if (fscanf(file, "%d %d", &first, &last) == 2)
		count = last - first + 1;
	fclose(file);
	return count;
}

struct keepalive host_keepalive(void)
{
	struct keepalive host = {
		.time = read_number("/proc/sys/net/ipv4/tcp_keepalive_time"),
		.intvl = read_number("/proc/sys/net/ipv4/tcp_keepalive_intvl"),
		.probes = read_number("/proc/sys/net/ipv4/tcp_keepalive_probes"),
	};

	return host.intvl > 0 && host.probes > 0 ? host : (struct keepalive){ 0 };
}
