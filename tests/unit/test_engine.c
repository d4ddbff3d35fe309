/* The raw engine on the loopback of a network namespace of its own: real sockets, a real capture, real
 * probes. */
#include "bench.h"
#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/engine.h"
#include "edge/privilege.h"
#include "edge/target.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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
	struct bench bench;

	(void)state;
	setup(&bench, "127.0.0.1", true);
	act(&bench, ACTION_OPEN, 7);
	expect(&bench, OBSERVED_OPEN, 7);
	int server = accept(bench.listener, NULL, NULL);

	close_by_reset(server);
	assert_int_equal(expect(&bench, OBSERVED_RESET, 7)->from, ORIGIN_ENDPOINT);
	teardown(&bench);
}

/* The socket knows of it too, if not who sent it. */
static void end_that_the_capture_missed(void **state)
{
	const enum observed ends[] = { OBSERVED_FIN, OBSERVED_RESET };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench bench;

		setup(&bench, "127.0.0.1", true);
		act(&bench, ACTION_OPEN, 0);
		expect(&bench, OBSERVED_OPEN, 0);
		int server = accept(bench.listener, NULL, NULL);

		capture_leave(bench.capture, bench.engine);
		if (ends[i] == OBSERVED_RESET)
			close_by_reset(server);
		else
			close(server);
		const struct observation *o = expect(&bench, ends[i], 0);

		assert_int_equal(o->from, ORIGIN_UNKNOWN);
		assert_int_equal(o->ttl, 0);
		act(&bench, ACTION_PROBE, 0);
		run(&bench, 0.1);
		assert_int_equal(bench.count, 0);
		teardown(&bench);
	}
}

static void refused(void **state)
{
	struct bench bench;

	(void)state;
	setup(&bench, "127.0.0.1", false);
	must_be_refused(&bench);
	teardown(&bench);
}

/* Where nobody listens on a port that this host gives to its own connections too. */
static void meets_itself(void **state)
{
	static const char range[] = "/proc/sys/net/ipv4/ip_local_port_range";
	struct bench bench;

	(void)state;
	setup(&bench, "127.0.0.1", false);
	close(bench.listener);
	bench.listener = -1;
	FILE *file = fopen(range, "w");

	assert_non_null(file);
	assert_true(fprintf(file, "%u %u\n", bench.target.port, bench.target.port) > 0 && fclose(file) == 0);
	must_be_refused(&bench);
	file = fopen(range, "w");
	assert_true(fputs("32768 60999\n", file) >= 0 && fclose(file) == 0);
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

	assert_null(engine_new(&many, &failure));
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

/* Somebody's ICMP error about a raw packet that was never sent: older kernels let it wait on the raw
 * socket. */
static void spoofed_icmp(void **state)
{
	struct {
		struct icmphdr icmp;
		struct iphdr quoted;
		uint8_t rest[8];
	} error = {
		.icmp = { .type = ICMP_DEST_UNREACH, .code = ICMP_HOST_UNREACH },
		.quoted = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_RAW,
			    .saddr = htonl(INADDR_LOOPBACK), .daddr = htonl(INADDR_LOOPBACK) },
	};
	struct bench bench;
	uint32_t sum = 0;
	uint16_t word;

	(void)state;
	setup(&bench, "127.0.0.1", true);
	act(&bench, ACTION_OPEN, 0);
	expect(&bench, OBSERVED_OPEN, 0);
	for (size_t i = 0; i < sizeof error; i += sizeof word) {
		memcpy(&word, (char *)&error + i, sizeof word);
		sum += word;
	}
	error.icmp.checksum = (uint16_t)~((sum & 0xffff) + (sum >> 16));
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	for (int i = 0; i < 3; i++)
		assert_int_equal(sendto(raw, &error, sizeof error, 0, (struct sockaddr *)&bench.target.remote,
					bench.target.length), sizeof error);
	act(&bench, ACTION_PROBE, 0);
	expect(&bench, OBSERVED_SENT, 0);
	expect(&bench, OBSERVED_REPLY, 0);
	close(raw);
	teardown(&bench);
}

static bool holds(const char *capabilities)
{
	cap_t own = cap_get_proc();
	char *text = cap_to_text(own, NULL);
	bool same = strcmp(text, capabilities) == 0;

	cap_free(text);
	cap_free(own);
	return same;
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
		bool good = privilege_keep_raw(&failure) == 0 && holds("cap_net_raw=ep");

		setup(&bench, "127.0.0.1", true); /* which needs no more than that */
		good = good && privilege_drop(&failure) == 0;
		good = good && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
		good = good && prctl(PR_CAPBSET_READ, CAP_NET_RAW, 0, 0, 0) == 0;
		good = good && holds("=");
		good = good && socket(AF_INET, SOCK_RAW, IPPROTO_RAW) < 0 && errno == EPERM;
		const struct engine_config config = { .base = bench.base,
						      .target = &bench.target,
						      .capture = bench.capture,
						      .connections = 4 };

		good = good && engine_new(&config, &failure) == NULL && failure.code == EXIT_CANNOT_RUN;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifetime_ipv4),
		cmocka_unit_test(lifetime_ipv6),
		cmocka_unit_test(reset),
		cmocka_unit_test(end_that_the_capture_missed),
		cmocka_unit_test(refused),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(flood),
		cmocka_unit_test(spoofed_icmp),
		cmocka_unit_test(privileges),
		cmocka_unit_test(meets_itself),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
