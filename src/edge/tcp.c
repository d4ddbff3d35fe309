/* Keepalives on demand. SO_KEEPALIVE is off while a connection idles. To send one, it is turned on and
 * TCP_KEEPIDLE set to 1 s: setting that on an established socket starts the keepalive timer with what is left
 * of that second since the last segment received (tcp_sock_set_keepidle_locked, net/ipv4/tcp.c), so it fires
 * with the next jiffy. The one that follows by itself would come TCP_KEEPINTVL later, which is 9 hours;
 * SO_KEEPALIVE is turned off long before, which stops the timer (tcp_set_keepalive). So exactly one leaves,
 * however late this process is scheduled.
 *
 * It has left once one more segment without payload has, and with it tcpi_probes has moved on (icsk_probes_out:
 * sent since the last ACK), or an ACK was received since. The number of segments alone would also move with the
 * ACK to a keepalive of the other end's; such an out-of-window segment changes neither of the other two
 * (tcp_validate_incoming).
 *
 * Unanswered ones stay counted in tcpi_probes, and at TCP_KEEPCNT the kernel would end the connection. */
#include "edge/tcp.h"

#include <linux/tcp.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { ESTABLISHED = 1 }; /* TCP_ESTABLISHED of netinet/tcp.h, which does not go with linux/tcp.h */
enum { UNANSWERED_MOST = 127, INTERVAL = 32767 }; /* MAX_TCP_KEEPCNT, MAX_TCP_KEEPINTVL */

static const double GIVE_UP = 2, LOOK_AGAIN = 0.005, QUIET = 1, LONGEST_TICK = 0.01;

static void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof value);
}

static bool look(int fd, struct tcp_info *info)
{
	socklen_t length = sizeof *info;

	memset(info, 0, sizeof *info);
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) == 0;
}

void tcp_prepare(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, UNANSWERED_MOST);
}

void tcp_keep_alive(int fd)
{
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 30);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, 10);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 360 * 1000); /* the same where answers wait to be acknowledged */
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

uint64_t tcp_segments_in(int fd)
{
	struct tcp_info info;

	return look(fd, &info) ? info.tcpi_segs_in : 0;
}

/* The kernel stamps what comes with the number of the present tick (tcp_jiffies32). */
static double tick(void)
{
	struct timespec resolution;

	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return (double)resolution.tv_nsec / 1e9;
}

bool tcp_received(int fd, double now, struct tcp_received *received)
{
	struct tcp_info info;

	if (!look(fd, &info))
		return false;
	*received = (struct tcp_received){
		.open = info.tcpi_state == ESTABLISHED,
		.segments = info.tcpi_segs_in,
		.sent = info.tcpi_segs_out,
		.octets = info.tcpi_bytes_received,
		.unanswered = info.tcpi_probes,
		.acked = fmin(now - info.tcpi_last_ack_recv / 1000.0 + tick(), now),
		.data = fmin(now - info.tcpi_last_data_recv / 1000.0 + tick(), now),
		.blur = 2 * tick(),
		.rtt = info.tcpi_total_retrans > 0 ? NAN : info.tcpi_rtt / 1e6,
	};
	return true;
}

bool tcp_unacknowledged(int fd)
{
	struct tcp_info info;

	return look(fd, &info) && (info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0);
}

static enum tcp_left end(struct tcp_demand *demand, int fd, enum tcp_left how)
{
	if (!demand->payload)
		set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
	demand->pending = false;
	return how;
}

/* Retransmissions are left out. */
static uint32_t empty_out(const struct tcp_info *info)
{
	return info->tcpi_segs_out - info->tcpi_data_segs_out;
}

/* When the last ACK was received, to a jiffy. */
static double acked(const struct tcp_info *info, double now)
{
	return now - info->tcpi_last_ack_recv / 1000.0;
}

/* The ACK before a keepalive is a second older than it at least, so its answer is far from that. */
static bool has_left(const struct tcp_demand *demand, const struct tcp_info *info, double now)
{
	if (demand->payload)
		return info->tcpi_notsent_bytes == 0;
	return empty_out(info) != demand->empty_out &&
	       (info->tcpi_probes > demand->probes || acked(info, now) > demand->acked + QUIET / 2);
}

/* No sooner than the kernel can send it: a second after the last segment that was received. */
static void look_again(struct tcp_demand *demand, const struct tcp_info *info, double now)
{
	double quiet = fmin(info->tcpi_last_ack_recv, info->tcpi_last_data_recv) / 1000;
	double left = demand->payload ? 0 : fmax(QUIET - quiet, 0);

	demand->due = now + left + LOOK_AGAIN;
	demand->unsent = now + fmax(left - LONGEST_TICK, 0);
}

enum tcp_left tcp_demand_look(struct tcp_demand *demand, int fd, double now)
{
	struct tcp_info info;

	if (!look(fd, &info))
		return end(demand, fd, TCP_NOT_LEFT);
	if (has_left(demand, &info, now))
		return end(demand, fd, TCP_LEFT);
	if (now >= demand->since + GIVE_UP)
		return end(demand, fd, TCP_NOT_LEFT);
	look_again(demand, &info, now);
	return TCP_PENDING;
}

enum tcp_left tcp_demand(struct tcp_demand *demand, int fd, bool payload, double now)
{
	struct tcp_info info;

	if (!look(fd, &info))
		return TCP_NOT_LEFT;
	*demand = (struct tcp_demand){
		.pending = true,
		.payload = payload,
		.since = now,
		.unsent = now,
		.empty_out = empty_out(&info),
		.probes = info.tcpi_probes,
		.acked = acked(&info, now),
	};
	if (payload) {
		if (info.tcpi_notsent_bytes > 0 || send(fd, "\n", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
			return end(demand, fd, TCP_NOT_LEFT);
	} else {
		if (info.tcpi_probes >= UNANSWERED_MOST)
			return end(demand, fd, TCP_NOT_LEFT);
		set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	}
	return tcp_demand_look(demand, fd, now);
}
