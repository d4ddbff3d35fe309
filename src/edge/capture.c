#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/privilege.h"
#include "edge/target.h"

#include <arpa/inet.h>
#include <math.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	SNAPLEN = 128,    /* Ethernet, a VLAN tag, IPv6 and the longest TCP header are 118 */
	BUFFER = 1 << 20, /* some 5000 segments of that length; counts as resident memory */
	BATCH = 256,
};

struct capture {
	pcap_t *pcap;
	int fd, link_type;
	double read_at;   /* when it was last read */

	/* Of the batch that is being read. */
	capture_sink *sink;
	void *sink_arg;
	double now, wall_offset; /* from the wall clock, by which the kernel stamps, to clock_now()'s */
	uint32_t tick;
};

/* ICMP errors are chosen by the destination of the packet they quote, at fixed offsets: neither the outer nor
 * the quoted header has options as a rule. icmp[] knows the length of the IPv4 header, ip6[] counts from the
 * IPv6 header. */
static void write_filter(const struct target *target, char *filter, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	if (target->family == AF_INET) {
		const struct in_addr *a = &((const struct sockaddr_in *)&target->remote)->sin_addr;

		inet_ntop(AF_INET, a, address, sizeof address);
		snprintf(filter, size,
			 "(tcp and host %s and port %u) or (icmp and (icmp[0] == 3 or icmp[0] == 11 or "
			 "icmp[0] == 12) and icmp[24:4] == 0x%08x)",
			 address, target->port, ntohl(a->s_addr));
		return;
	}
	const struct in6_addr *a = &((const struct sockaddr_in6 *)&target->remote)->sin6_addr;

	inet_ntop(AF_INET6, a, address, sizeof address);
	snprintf(filter, size,
		 "(ip6 and tcp and host %s and port %u) or (icmp6 and (ip6[40] == 1 or ip6[40] == 3 or "
		 "ip6[40] == 4) and ip6[72:4] == 0x%08x and ip6[76:4] == 0x%08x and ip6[80:4] == 0x%08x and "
		 "ip6[84:4] == 0x%08x)",
		 address, target->port, ntohl(a->s6_addr32[0]), ntohl(a->s6_addr32[1]),
		 ntohl(a->s6_addr32[2]), ntohl(a->s6_addr32[3]));
}

static int set_filter(struct capture *capture, const struct target *target)
{
	struct bpf_program program;
	char filter[400];

	write_filter(target, filter, sizeof filter);
	if (pcap_compile(capture->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return -1;
	int result = pcap_setfilter(capture->pcap, &program);

	pcap_freecode(&program);
	return result;
}

static int activate(struct capture *capture, const struct target *target, struct failure *failure)
{
	char error[PCAP_ERRBUF_SIZE], what[80];
	pcap_t *pcap = capture->pcap;

	pcap_set_snaplen(pcap, SNAPLEN);
	pcap_set_buffer_size(pcap, BUFFER);
	pcap_set_immediate_mode(pcap, 1);
	pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
	int status = pcap_activate(pcap);

	if (status == PCAP_ERROR_PERM_DENIED) {
		snprintf(what, sizeof what, "a packet capture on %s", target->interface);
		return privilege_missing(what, failure);
	}
	if (status == PCAP_ERROR_IFACE_NOT_UP)
		return fail(failure, EXIT_CANNOT_RUN,
			    "the interface %s is down; bring it up with "
			    "`ip link set %s up`, or choose another with -i",
			    target->interface, target->interface);
	if (status < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot capture on %s: %s (%s)", target->interface,
			    pcap_statustostr(status), pcap_geterr(pcap));
	capture->link_type = pcap_datalink(pcap);
	capture->fd = pcap_get_selectable_fd(pcap);
	if (set_filter(capture, target) < 0 || pcap_setnonblock(pcap, 1, error) < 0 || capture->fd < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the capture on %s: %s",
			    target->interface, pcap_geterr(pcap));
	return 0;
}

struct capture *capture_new(const struct target *target, struct failure *failure)
{
	struct capture *capture = calloc(1, sizeof *capture);
	char error[PCAP_ERRBUF_SIZE] = "out of memory";

	if (capture != NULL)
		capture->pcap = pcap_create(target->interface, error);
	if (capture == NULL || capture->pcap == NULL) {
		fail(failure, EXIT_CANNOT_RUN, "cannot capture on %s: %s", target->interface, error);
		capture_free(capture);
		return NULL;
	}
	capture->read_at = clock_now();
	if (activate(capture, target, failure) < 0) {
		capture_free(capture);
		return NULL;
	}
	return capture;
}

void capture_free(struct capture *capture)
{
	if (capture == NULL)
		return;
	if (capture->pcap != NULL)
		pcap_close(capture->pcap);
	free(capture);
}

int capture_fd(const struct capture *capture)
{
	return capture->fd;
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
	if (packet_decode(capture->link_type, bytes, header->caplen, &segment))
		capture->sink(capture->sink_arg, &segment, at, capture->tick);
}

bool capture_read(struct capture *capture, capture_sink *sink, void *arg)
{
	capture->sink = sink;
	capture->sink_arg = arg;
	read_clocks(capture);

	int count = pcap_dispatch(capture->pcap, BATCH, take, (unsigned char *)capture);

	/* Where a batch was full older segments wait, which came before this reading. */
	if (count >= 0 && count < BATCH)
		capture->read_at = capture->now;
	/* libpcap 1.10 on Linux: an interface that goes down ends a reading early, with 0, once; capturing
	 * goes on when it comes up. Only where the interface was removed there is an error. */
	return count >= 0;
}

unsigned capture_dropped(struct capture *capture)
{
	struct pcap_stat stat;

	return pcap_stats(capture->pcap, &stat) == 0 ? stat.ps_drop : 0;
}
