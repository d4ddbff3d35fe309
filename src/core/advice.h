/* What to do about a measured timeout: keepalive settings that hold the path open, or what else does. */
#ifndef IDLEPROBE_ADVICE_H
#define IDLEPROBE_ADVICE_H

#include "core/types.h"

/* tcp(7): tcp_keepalive_time, _intvl (seconds) and _probes. A time of 0: not known, or none. */
struct keepalive {
	int time, intvl, probes;
};

struct advice {
	enum tristate helps;       /* do TCP keepalives hold the path open? UNKNOWN where nothing needs to */
	struct keepalive use;      /* the settings advised; time 0 where none are */
	struct keepalive host;     /* this host's; time 0 where not known */
	enum tristate protects;    /* do this host's settings do? Only sockets with SO_KEEPALIVE use them */
	double margin;             /* seconds from the third probe of `use` to what was survived; NAN: none */
	double host_margin;        /* the same of `host`; negative: the probe comes so much too late */
	int heartbeat;             /* seconds between messages of the application's that do; 0: none */
	char summary[600];
};

/* Without an answer it is cautious: it goes by what was survived. */
void advice_give(const struct result *, const struct keepalive *host, struct advice *);

/* Is there anything to set? */
bool advice_has_settings(const struct advice *);

/* Seconds from the last that was heard of a peer until the kernel gives it up (net/ipv4/tcp_timer.c,
 * tcp_keepalive_timer). */
double keepalive_gives_up(const struct keepalive *);

#endif
