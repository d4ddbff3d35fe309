/* The raw engine on the loopback of a network namespace of its own: real sockets, a real capture, real
 * probes. */
#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/engine.h"
#include "edge/privilege.h"
#include "edge/target.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 64 };

struct bench {
	struct event_base *base;
	struct target target;
	struct capture *capture;
	struct engine *engine;
	int listener;
	struct observation seen[MOST];
	int count;
	bool acting; /* inside engine_act() */
};

static void observe(void *arg, const struct observation *o)
{
	struct bench *bench = arg;

	assert_false(bench->acting);
	assert_true(bench->count < MOST);
	bench->seen[bench->count++] = *o;
}

static void setup(struct bench *bench, const char *host, bool listening)
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

	const struct engine_config config = { .base = bench->base, .target = &bench->target, .capture = bench->capture,
					      .connections = 4, .observe = observe, .observe_arg = bench };

	bench->engine = engine_raw_new(&config, &failure);
	assert_non_null(bench->engine);
	assert_int_equal(capture_start(bench->capture, &failure), 0);
}

static void teardown(struct bench *bench)
{
	engine_free(bench->engine);
	capture_free(bench->capture);
	close(bench->listener);
	event_base_free(bench->base);
}

static void act(struct bench *bench, enum action_kind kind, int conn)
{
	const struct action action = { kind, conn };

	bench->acting = true;
	engine_act(bench->engine, &action);
	bench->acting = false;
}

static void run(struct bench *bench, double seconds)
{
	const struct timeval time = { (time_t)seconds, (suseconds_t)((seconds - floor(seconds)) * 1e6) };

	event_base_loopexit(bench->base, &time);
	event_base_dispatch(bench->base);
}

/* Runs until the next observation, which must be this one. */
static const struct observation *expect(struct bench *bench, enum observed what, int conn)
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

/* The client's own socket, found among this process's descriptors: nothing else hands it out. */
static int client_socket(const struct bench *bench, int server_side)
{
	struct sockaddr_storage client, address;
	socklen_t length = sizeof client;

	assert_int_equal(getpeername(server_side, (struct sockaddr *)&client, &length), 0);
	for (int fd = 3; fd < 100; fd++) {
		length = sizeof address;
		if (fd != server_side && getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
		    memcmp(&address, &client, bench->target.length) == 0)
			return fd;
	}
	return -1;
}

static void lifetime(const char *host)
{
	struct bench bench;
	char byte = 0;

	setup(&bench, host, true);
	act(&bench, ACTION_PROBE, 0); /* not opened: nothing */
	act(&bench, ACTION_OPEN, 0);
	act(&bench, ACTION_PROBE, 0); /* not open yet: nothing */
	const struct observation *o = expect(&bench, OBSERVED_OPEN, 0);

	assert_true(o->rtt >= 0 && o->rtt < 0.5);
	assert_int_equal(o->ttl, 64);
	int server = accept(bench.listener, NULL, NULL);

	assert_true(server >= 0);
	for (int i = 0; i < 2; i++) {
		act(&bench, ACTION_PROBE, 0);
		double sent = expect(&bench, OBSERVED_SENT, 0)->at;

		o = expect(&bench, OBSERVED_REPLY, 0);
		assert_float_equal(o->rtt, o->at - sent, 1e-6);
		assert_int_equal(o->from, ORIGIN_ENDPOINT);
		run(&bench, 0.6); /* tcp_invalid_ratelimit */
	}
	/* Neither kernel has been disturbed: payload passes both ways, with timestamps that PAWS finds in
	 * order. */
	assert_int_equal(send(client_socket(&bench, server), "c", 1, 0), 1);
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_int_equal(byte, 'c');
	expect(&bench, OBSERVED_OUTBOUND, 0);
	expect(&bench, OBSERVED_REPLY, 0); /* its ACK, which nothing tells from a late answer to the probe */
	assert_int_equal(send(server, "s", 1, 0), 1);
	expect(&bench, OBSERVED_UNASKED, 0);
	expect(&bench, OBSERVED_OUTBOUND, 0);
	act(&bench, ACTION_PROBE, 0); /* with the new numbers */
	expect(&bench, OBSERVED_SENT, 0);
	expect(&bench, OBSERVED_REPLY, 0);

	close(server);
	assert_int_equal(expect(&bench, OBSERVED_FIN, 0)->from, ORIGIN_ENDPOINT);
	act(&bench, ACTION_PROBE, 0);
	run(&bench, 1.2); /* longer than the engine waits for the capture to confirm what the socket says */
	assert_int_equal(bench.count, 0);
	struct engine_stats stats = engine_stats(bench.engine);

	assert_int_equal(stats.probes_sent, 3);
	assert_int_equal(stats.dropped, 0);
	assert_int_equal(stats.send_errors, 0);
	assert_false(stats.address_changed);
	act(&bench, ACTION_CLOSE, 0);
	act(&bench, ACTION_CLOSE, 0);
	teardown(&bench);
}

static void lifetime_ipv4(void **state)
{
	(void)state;
	lifetime("127.0.0.1");
}

static void lifetime_ipv6(void **state)
{
	(void)state;
	lifetime("[::1]");
}

static void reset(void **state)
{
	const struct linger abort = { 1, 0 };
	struct bench bench;

	(void)state;
	setup(&bench, "127.0.0.1", true);
	act(&bench, ACTION_OPEN, 7);
	expect(&bench, OBSERVED_OPEN, 7);
	int server = accept(bench.listener, NULL, NULL);

	setsockopt(server, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
	close(server);
	assert_int_equal(expect(&bench, OBSERVED_RESET, 7)->from, ORIGIN_ENDPOINT);
	teardown(&bench);
}

static void refused(void **state)
{
	struct bench bench;

	(void)state;
	setup(&bench, "127.0.0.1", false);
	act(&bench, ACTION_OPEN, 0);
	assert_int_equal(expect(&bench, OBSERVED_OPEN_FAILED, 0)->error, ECONNREFUSED);
	act(&bench, ACTION_PROBE, 0);
	run(&bench, 0.1);
	assert_int_equal(bench.count, 0);
	teardown(&bench);
}

static void out_of_descriptors(void **state)
{
	struct rlimit before, none;
	struct failure failure;
	struct bench bench;

	(void)state;
	setup(&bench, "127.0.0.1", true);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 3, before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	act(&bench, ACTION_OPEN, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(expect(&bench, OBSERVED_OPEN_FAILED, 0)->error, EMFILE);

	const struct engine_config many = { .base = bench.base,
					    .target = &bench.target,
					    .capture = bench.capture,
					    .connections = INT_MAX - 99 };

	assert_null(engine_raw_new(&many, &failure));
	assert_int_equal(failure.code, EXIT_CANNOT_RUN);
	assert_non_null(strstr(failure.text, "ulimit -n 2147483580"));
	teardown(&bench);
}

/* Much arrives and nobody wants it: the window stays open and the probes are answered. */
static void flood(void **state)
{
	static const char zeros[1 << 16];
	struct bench bench;

	(void)state;
	setup(&bench, "127.0.0.1", true);
	act(&bench, ACTION_OPEN, 0);
	expect(&bench, OBSERVED_OPEN, 0);
	int server = accept(bench.listener, NULL, NULL);

	for (size_t sent = 0; sent < 8 << 20; sent += sizeof zeros) {
		assert_int_equal(send(server, zeros, sizeof zeros, MSG_DONTWAIT), sizeof zeros);
		event_base_loop(bench.base, EVLOOP_NONBLOCK);
		bench.count = 0;
	}
	run(&bench, 0.3);
	bench.count = 0;
	act(&bench, ACTION_PROBE, 0);
	expect(&bench, OBSERVED_SENT, 0);
	expect(&bench, OBSERVED_REPLY, 0);
	close(server);
	teardown(&bench);
}

/* Runs in a child, for there is no way back. */
static void privileges(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct failure failure;
		struct bench bench;
		bool good = true;

		setup(&bench, "127.0.0.1", true);
		good = good && privilege_drop(&failure) == 0;
		good = good && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
		good = good && prctl(PR_CAPBSET_READ, CAP_NET_RAW, 0, 0, 0) == 0;
		cap_t caps = cap_get_proc();
		char *text = cap_to_text(caps, NULL);

		good = good && strcmp(text, "=") == 0;
		good = good && socket(AF_INET, SOCK_RAW, IPPROTO_RAW) < 0 && errno == EPERM;
		const struct engine_config config = { .base = bench.base,
						      .target = &bench.target,
						      .capture = bench.capture,
						      .connections = 4 };

		good = good && engine_raw_new(&config, &failure) == NULL && failure.code == EXIT_CANNOT_RUN;
		good = good && strstr(failure.text, "sudo setcap cap_net_raw+ep /") != NULL;
		act(&bench, ACTION_OPEN, 0); /* what was opened before goes on working */
		expect(&bench, OBSERVED_OPEN, 0);
		act(&bench, ACTION_PROBE, 0);
		expect(&bench, OBSERVED_SENT, 0);
		expect(&bench, OBSERVED_REPLY, 0);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int enter_namespace(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifetime_ipv4),
		cmocka_unit_test(lifetime_ipv6),
		cmocka_unit_test(reset),
		cmocka_unit_test(refused),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(flood),
		cmocka_unit_test(privileges),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
