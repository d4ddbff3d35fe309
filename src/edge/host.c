#include "edge/host.h"

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

struct keepalive host_keepalive(void)
{
	struct keepalive host = {
		.time = read_number("/proc/sys/net/ipv4/tcp_keepalive_time"),
		.intvl = read_number("/proc/sys/net/ipv4/tcp_keepalive_intvl"),
		.probes = read_number("/proc/sys/net/ipv4/tcp_keepalive_probes"),
	};

	return host.intvl > 0 && host.probes > 0 ? host : (struct keepalive){ 0 };
}
