/* What the kernel can be asked to do, and to tell, about one TCP socket: keepalives on demand above all. */
#ifndef IDLEPROBE_TCP_H
#define IDLEPROBE_TCP_H

#include <stdbool.h>
#include <stdint.h>

/* Readies a connected socket for demands. The kernel sends no keepalive on it by itself. */
void tcp_prepare(int fd);

/* Lets the kernel keep the connection alive, and end it where the other end is gone without a word: in
 * about six minutes, time enough for an outage to pass. Not to be mixed with demands. */
void tcp_keep_alive(int fd);

/* Received in all; also of a socket that the other end has reset. 0 where the kernel does not say. */
uint64_t tcp_segments_in(int fd);

/* Has it sent, or yet to send, what the other end has not acknowledged? */
bool tcp_unacknowledged(int fd);

/* What came on a socket, as far as the kernel remembers it. Times are the latest that are possible; blur: by how much
 * earlier it may have been, for the kernel counts in ticks. */
struct tcp_received {
	bool open;           /* neither end has closed it, nor reset */
	uint32_t segments;   /* in all: whatever came, acceptable or not */
	uint32_t sent;       /* likewise */
	uint64_t octets;
	unsigned unanswered; /* keepalives sent since the last ACK that was acceptable */
	double acked, data;  /* when that came, and the last payload */
	double blur;         /* of both */
	double rtt;          /* of the handshake; NAN where a SYN was sent again */
};

/* False where the kernel does not say. */
bool tcp_received(int fd, double now, struct tcp_received *);

/* One segment that was asked for and has not been seen to leave yet. */
struct tcp_demand {
	bool pending;
	bool payload;       /* one octet; else a keepalive */
	double since;       /* seconds, as all times here */
	double due;         /* when to look again */
	double unsent;      /* it had not left by then */
	uint32_t empty_out; /* these: as they were when it was asked for; segments without payload */
	uint8_t probes;
	double acked;
};

enum tcp_left { TCP_PENDING, TCP_LEFT, TCP_NOT_LEFT };

/* Asks for one zero-length keepalive, or one octet, and looks at once whether it has left. The kernel
 * sends a keepalive a jiffy or two later, but only if nothing was received for a second and nothing is
 * unacknowledged; after two seconds it is given up. An octet is refused while an earlier one waits, so
 * that no more than one ever does. */
enum tcp_left tcp_demand(struct tcp_demand *, int fd, bool payload, double now);

/* To be called at `due`, until it says something other than TCP_PENDING. */
enum tcp_left tcp_demand_look(struct tcp_demand *, int fd, double now);

#endif
