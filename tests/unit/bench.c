#include "bench.h"
#include "edge/capture.h"
#include "edge/clock.h"

#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

static void observe(void *arg, const struct observation *o)
{
	struct bench *bench = arg;

	assert_false(bench->acting);
	assert_true(bench->count < MOST);
	bench->seen[bench->count++] = *o;
}

static void begin(struct bench *bench, const char *host, bool listening)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	struct failure failure;
	char input[80];

	*bench = (struct bench){ .base = event_base_new() };
	snprintf(input, sizeof input, "%s:1", host);
	assert_int_equal(target_parse(&bench->target, input, &failure), 0);
	target_look_up(&(struct target *){ &bench->target }, 1, AF_UNSPEC);
	assert_int_equal(target_resolve(&bench->target, AF_UNSPEC, NULL, &failure), 0);

	/* Any free port, which then is the target's. */
	address = bench->target.remote;
	target_set_port(&address, 0);
	bench->listener = socket(bench->target.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bench->listener, (struct sockaddr *)&address, bench->target.length), 0);
	assert_int_equal(getsockname(bench->listener, (struct sockaddr *)&address, &length), 0);
	bench->target.remote = address;
	bench->target.port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	if (listening)
		assert_int_equal(listen(bench->listener, 10), 0);

	bench->capture = capture_new(bench->base, bench->target.interface);
	assert_non_null(bench->capture);
}

static void open_engine(struct bench *bench, struct capture *capture)
{
	const struct engine_config config = { .base = bench->base, .target = &bench->target, .capture = capture,
					      .connections = 4, .observe = observe, .observe_arg = bench };
	struct failure failure;

	bench->engine = engine_new(&config, &failure);
	assert_non_null(bench->engine);
}

void setup(struct bench *bench, const char *host, bool listening)
{
	struct failure failure;

	begin(bench, host, listening);
	open_engine(bench, bench->capture);
	assert_int_equal(capture_start(bench->capture, &failure), 0);
}

void setup_socket(struct bench *bench, const char *host, bool listening)
{
	begin(bench, host, listening);
	open_engine(bench, NULL);
}

void teardown(struct bench *bench)
{
	engine_free(bench->engine);
	capture_free(bench->capture);
	close(bench->listener);
	event_base_free(bench->base);
}

void act(struct bench *bench, enum action_kind kind, int conn)
{
	const struct action action = { kind, conn };

	bench->acting = true;
	engine_act(bench->engine, &action);
	bench->acting = false;
}

void run(struct bench *bench, double seconds)
{
	const struct timeval time = { (time_t)seconds, (suseconds_t)((seconds - floor(seconds)) * 1e6) };

	event_base_loopexit(bench->base, &time);
	event_base_dispatch(bench->base);
}

/* Runs until the next observation, which must be this one. */
const struct observation *expect(struct bench *bench, enum observed what, int conn)
{
	static struct observation o;
	const double deadline = clock_now() + 8;

	while (bench->count == 0 && clock_now() < deadline)
		event_base_loop(bench->base, EVLOOP_ONCE);
	assert_true(bench->count > 0);
	o = bench->seen[0];
	memmove(bench->seen, bench->seen + 1, (size_t)--bench->count * sizeof o);
	assert_int_equal(o.what, what);
	assert_int_equal(o.conn, conn);
	assert_true(o.at <= clock_now());
	return &o;
}

void must_be_refused(struct bench *bench)
{
	act(bench, ACTION_OPEN, 0);
	assert_int_equal(expect(bench, OBSERVED_OPEN_FAILED, 0)->error, ECONNREFUSED);
	act(bench, ACTION_PROBE, 0);
	run(bench, 0.1);
	assert_int_equal(bench->count, 0);
}

void close_by_reset(int fd)
{
	const struct linger abort = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	close(fd);
}

int enter_namespace(void **state)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	(void)state;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0)
		return -1;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int result = ioctl(fd, SIOCSIFFLAGS, &request);

	close(fd);
	return result;
}
