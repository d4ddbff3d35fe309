/* Preloaded into the program under test (LD_PRELOAD), it makes go wrong what a lab cannot: memory that is refused, a
 * wall clock that is set, a machine that sleeps. What goes wrong when the environment says:
 *   FAULT_MEMORY=N       the N-th allocation is refused; N+: all from there on. Those of libseccomp are not counted: without
 *                        memory version 2.5.4 crashes, hangs, or loads a filter that lacks most of its rules
 *   FAULT_COUNT=FILE     how many allocations there were, written at the end
 *   FAULT_WALL=AT:BY     AT seconds after the start the wall clock is set by BY seconds, on the packets' stamps too
 *   FAULT_SUSPEND=AT:FOR AT seconds after the start the machine sleeps for so long: nothing runs, and CLOCK_MONOTONIC
 *                        does not count it
 *   FAULT_UNCONFINED=1   no seccomp filter, for programs that run this one in their own way (valgrind)
 * Build: cc -shared -fPIC -o fault.so fault.c */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long allocations, refused = -1;
static bool all_from_there, building_filter;
static struct { double at, by; bool over; } wall, sleeping;
static struct timespec begun;
static int count_file = -1;

static double since_start(void)
{
	struct timespec now;

	syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now);
	return (double)(now.tv_sec - begun.tv_sec) + 1e-9 * (double)(now.tv_nsec - begun.tv_nsec);
}

__attribute__((constructor)) static void begin(void)
{
	const char *memory = getenv("FAULT_MEMORY"), *clock = getenv("FAULT_WALL"), *suspend = getenv("FAULT_SUSPEND");
	const char *count = getenv("FAULT_COUNT");

	syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &begun);
	wall.over = !clock || sscanf(clock, "%lf:%lf", &wall.at, &wall.by) != 2;
	sleeping.over = !suspend || sscanf(suspend, "%lf:%lf", &sleeping.at, &sleeping.by) != 2;
	if (wall.over)
		wall.by = 0;
	if (count)
		count_file = creat(count, 0666);
	allocations = 0; /* those of the libraries' own beginnings are theirs */
	if (memory) {
		refused = atol(memory);
		all_from_there = strchr(memory, '+');
	}
}

__attribute__((destructor)) static void end(void)
{
	if (count_file >= 0)
		dprintf(count_file, "%ld\n", allocations);
}

static bool refuse(void)
{
	if (building_filter)
		return false;

	long number = ++allocations;
	bool no = refused > 0 && (number == refused || (all_from_there && number > refused));

	if (no)
		errno = ENOMEM; /* as the C library's own do */
	return no;
}

void *malloc(size_t size)
{
	static void *(*next)(size_t);

	if (!next)
		next = NEXT(malloc);
	return refuse() ? NULL : next(size);
}

void *calloc(size_t count, size_t size)
{
	static void *(*next)(size_t, size_t);

	if (!next)
		next = NEXT(calloc);
	return refuse() ? NULL : next(count, size);
}

void *realloc(void *old, size_t size)
{
	static void *(*next)(void *, size_t);

	if (!next)
		next = NEXT(realloc);
	return refuse() ? NULL : next(old, size);
}

static double set_by(double at)
{
	return at >= wall.at ? wall.by : 0;
}

static void shift(struct timespec *time, double by)
{
	double whole = (double)(long)by;

	time->tv_sec += (time_t)whole;
	time->tv_nsec += (long)((by - whole) * 1e9);
	if (time->tv_nsec < 0) {
		time->tv_nsec += 1000000000;
		time->tv_sec--;
	} else if (time->tv_nsec >= 1000000000) {
		time->tv_nsec -= 1000000000;
		time->tv_sec++;
	}
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int status = (int)syscall(SYS_clock_gettime, clock, time);

	if (status == 0 && clock == CLOCK_REALTIME)
		shift(time, set_by(since_start()));
	else if (status == 0 && clock == CLOCK_MONOTONIC && sleeping.over)
		shift(time, -sleeping.by);
	return status;
}

/* It falls asleep where it would wait, which is where it is nearly all the time. */
int epoll_wait(int epoll, struct epoll_event *events, int room, int patience)
{
	double left = sleeping.at - since_start();

	if (!sleeping.over && (patience < 0 || left * 1000 < patience)) {
		int count = left > 0 ? NEXT(epoll_wait)(epoll, events, room, (int)(left * 1000) + 1) : 0;

		if (count != 0)
			return count;
		poll(NULL, 0, (int)(sleeping.by * 1000));
		sleeping.over = true;
	}
	return NEXT(epoll_wait)(epoll, events, room, patience);
}

struct stamped {
	pcap_handler handler;
	unsigned char *arg;
	double offset; /* from the true wall clock to the seconds since the start */
};

/* What came after the clock was set bears its stamp. */
static void restamp(unsigned char *arg, const struct pcap_pkthdr *header, const unsigned char *bytes)
{
	struct stamped *stamped = (struct stamped *)arg;
	struct pcap_pkthdr changed = *header;
	struct timespec time = { changed.ts.tv_sec, changed.ts.tv_usec }; /* in ns: PCAP_TSTAMP_PRECISION_NANO */

	shift(&time, set_by((double)time.tv_sec + 1e-9 * (double)time.tv_nsec + stamped->offset));
	changed.ts.tv_sec = time.tv_sec;
	changed.ts.tv_usec = time.tv_nsec;
	stamped->handler(stamped->arg, &changed, bytes);
}

int pcap_dispatch(pcap_t *pcap, int most, pcap_handler handler, unsigned char *arg)
{
	struct stamped stamped = { handler, arg, 0 };
	struct timespec now;

	if (wall.over)
		return NEXT(pcap_dispatch)(pcap, most, handler, arg);
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	stamped.offset = since_start() - ((double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
	return NEXT(pcap_dispatch)(pcap, most, restamp, (unsigned char *)&stamped);
}

/* Of libseccomp, whose header need not be there. */
void *seccomp_init(uint32_t action);
void *seccomp_init(uint32_t action)
{
	building_filter = true;
	return NEXT(seccomp_init)(action);
}

void seccomp_release(void *filter);
void seccomp_release(void *filter)
{
	NEXT(seccomp_release)(filter);
	building_filter = false;
}

int seccomp_load(void *filter);
int seccomp_load(void *filter)
{
	int (*next)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "seccomp_load");

	return getenv("FAULT_UNCONFINED") || !next ? 0 : next(filter);
}
