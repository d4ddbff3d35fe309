#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/filter.h"
#include "edge/privilege.h"
#include "edge/target.h"

#include <math.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	SNAPLEN = 128,    /* Ethernet, a VLAN tag, IPv6 and the longest TCP header are 118 */
	BUFFER = 1 << 20, /* for each target, some 5000 segments of that length; counts as resident memory; ... */
	BUFFERS = 16,     /* ... and of that at most so many */
	BATCH = 1 << 14,  /* all that waits, as a rule: before it is read no deadline says anything */
};

struct watcher {
	const struct target *target;
	capture_sink *sink;
	void *arg;
};

struct capture {
	struct event_base *base;
	char interface[IF_NAMESIZE];
	pcap_t *pcap;
	struct event *readable;
	int link_type;
	bool ended;
	double read_at;   /* when it was last read */
	struct watcher *watchers;
	size_t count;

	/* Of the batch that is being read. */
	double now, wall_offset; /* from the wall clock, by which the kernel stamps, to clock_now()'s */
	uint32_t tick;
};

static int set_filter(struct capture *capture)
{
	const struct target **targets = calloc(capture->count + 1, sizeof *targets);
	const int on = 1;
	struct bpf_program program;
	int result;

	if (targets == NULL)
		return -1;
	for (size_t i = 0; i < capture->count; i++)
		targets[i] = capture->watchers[i].target;
	result = filter_compile(capture->pcap, targets, capture->count, &program);
	free(targets);
	if (result < 0)
		return -1;
	result = pcap_setfilter(capture->pcap, &program);
	pcap_freecode(&program);
	if (result < 0)
		return -1;
	/* Who takes this process over sees no more than it (socket(7)). */
	return setsockopt(pcap_fileno(capture->pcap), SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on);
}

static int activate(struct capture *capture, struct failure *failure)
{
	const int buffers = capture->count < BUFFERS ? (int)capture->count : BUFFERS;
	const char *interface = capture->interface;
	char what[80];
	pcap_t *pcap = capture->pcap;

	pcap_set_snaplen(pcap, SNAPLEN);
	pcap_set_buffer_size(pcap, buffers * BUFFER);
	pcap_set_immediate_mode(pcap, 1);
	pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
	int status = pcap_activate(pcap);

	if (status == PCAP_ERROR_PERM_DENIED) {
		snprintf(what, sizeof what, "a packet capture on %s", interface);
		return privilege_missing(what, failure);
	}
	if (status == PCAP_ERROR_IFACE_NOT_UP)
		return fail(failure, EXIT_CANNOT_RUN,
			    "the interface %s is down; bring it up with "
			    "`ip link set %s up`, or choose another with -i",
			    interface, interface);
	if (status < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot capture on %s: %s (%s)", interface,
			    pcap_statustostr(status), pcap_geterr(pcap));
	return 0;
}

static double wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The two clocks cannot be read at once: of a few readings the one counts in which the least time passed between
 * them, for the process may have to wait for the CPU there. */
static void read_clocks(struct capture *capture)
{
	enum { READINGS = 5 };
	double shortest = INFINITY;

	capture->tick = clock_tick();
	for (int i = 0; i < READINGS && shortest > 1e-5; i++) {
		double before = clock_now(), wall = wall_clock(), after = clock_now();

		if (after - before < shortest) {
			shortest = after - before;
			capture->wall_offset = wall - (before + after) / 2;
		}
		capture->now = after;
	}
}

static void take(unsigned char *arg, const struct pcap_pkthdr *header, const unsigned char *bytes)
{
	struct capture *capture = (struct capture *)arg;
	double at = (double)header->ts.tv_sec + 1e-9 * (double)header->ts.tv_usec - capture->wall_offset;
	struct segment segment;

	/* The wall clock may have been set; but what is read now came after the previous reading, and not in the
	 * future. Some of it may have come since this reading began. */
	if (at > capture->now)
		at = fmin(at, clock_now());
	if (at < capture->read_at)
		at = capture->read_at;
	if (!packet_decode(capture->link_type, bytes, header->caplen, &segment))
		return;
	for (size_t i = 0; i < capture->count; i++)
		if (filter_concerns(&segment, capture->watchers[i].target))
			capture->watchers[i].sink(capture->watchers[i].arg, &segment, at, capture->tick);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct capture *capture = arg;

	(void)fd;
	(void)what;
	read_clocks(capture);

	int count = pcap_dispatch(capture->pcap, BATCH, take, (unsigned char *)capture);

	/* Where a batch was full older segments wait, which came before this reading. */
	if (count >= 0 && count < BATCH)
		capture->read_at = capture->now;
	/* libpcap 1.10 on Linux: an interface that goes down ends a reading early, with 0, once; capturing
	 * goes on when it comes up. Only where the interface was removed there is an error. */
	if (count >= 0)
		return;
	capture->ended = true;
	event_del(capture->readable);
}

struct capture *capture_new(struct event_base *base, const char *interface)
{
	struct capture *capture = calloc(1, sizeof *capture);

	if (capture == NULL)
		return NULL;
	capture->base = base;
	snprintf(capture->interface, sizeof capture->interface, "%s", interface);
	return capture;
}

bool capture_join(struct capture *capture, const struct target *target, capture_sink *sink, void *arg)
{
	struct watcher *larger = realloc(capture->watchers, (capture->count + 1) * sizeof *larger);

	if (larger == NULL)
		return false;
	capture->watchers = larger;
	capture->watchers[capture->count++] = (struct watcher){ target, sink, arg };
	return true;
}

void capture_leave(struct capture *capture, const void *arg)
{
	for (size_t i = 0; i < capture->count; i++) {
		if (capture->watchers[i].arg != arg)
			continue;
		capture->watchers[i] = capture->watchers[--capture->count];
		return;
	}
}

int capture_start(struct capture *capture, struct failure *failure)
{
	char error[PCAP_ERRBUF_SIZE] = "";

	capture->pcap = pcap_create(capture->interface, error);
	if (capture->pcap == NULL)
		return fail(failure, EXIT_CANNOT_RUN, "cannot capture on %s: %s", capture->interface, error);
	capture->read_at = clock_now();
	if (activate(capture, failure) < 0)
		return -1;
	capture->link_type = pcap_datalink(capture->pcap);
	if (set_filter(capture) < 0 || pcap_setnonblock(capture->pcap, 1, error) < 0 || pcap_get_selectable_fd(capture->pcap) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the capture on %s: %s", capture->interface,
			    pcap_geterr(capture->pcap));
	capture->readable = event_new(capture->base, pcap_get_selectable_fd(capture->pcap), EV_READ | EV_PERSIST, on_readable,
				      capture);
	if (capture->readable == NULL || event_add(capture->readable, NULL) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	return 0;
}

void capture_free(struct capture *capture)
{
	if (capture == NULL)
		return;
	if (capture->readable != NULL)
		event_free(capture->readable);
	if (capture->pcap != NULL)
		pcap_close(capture->pcap);
	free(capture->watchers);
	free(capture);
}

const char *capture_interface(const struct capture *capture)
{
	return capture->interface;
}

bool capture_ended(const struct capture *capture)
{
	return capture->ended;
}

unsigned capture_dropped(struct capture *capture)
{
	struct pcap_stat stat;

	return pcap_stats(capture->pcap, &stat) == 0 ? stat.ps_drop : 0;
}
