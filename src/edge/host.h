/* What this host is set to. */
#ifndef IDLEPROBE_HOST_H
#define IDLEPROBE_HOST_H

#include "core/advice.h"

/* The keepalive defaults of this network namespace (/proc/sys/net/ipv4/tcp_keepalive_*); time 0 where unreadable. */
struct keepalive host_keepalive(void);

/* How many connections to one address and port there can be at once (net.ipv4.ip_local_port_range). */
int host_local_ports(void);

#endif
