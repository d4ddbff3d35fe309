/* The socket engine on loopback, with a capture beside it as the witness of what happened when. */
#include "bench.h"
#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/tcp.h"

#include <errno.h>
#include <linux/filter.h>
#include <math.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define QUIET 1.0   /* the kernel sends a keepalive no sooner after what came */
#define EXACT 0.025 /* two ticks at HZ=100, and what it takes to look */
#define BLURRED 0.3 /* where nothing was awaited, or the machine is busy */

/* When segments without payload passed: of this end's, and of the far one's. */
struct witness {
	const struct bench *bench;
	double left, came;
};

static void see(void *arg, const struct segment *segment, double at, uint32_t tick)
{
	struct witness *witness = arg;

	(void)tick;
	if (segment->length > 0)
		return;
	if (segment->to.port == witness->bench->target.port)
		witness->left = at;
	else
		witness->came = at;
}

static void watch(struct bench *bench, struct witness *witness)
{
	struct failure failure;

	*witness = (struct witness){ bench, NAN, NAN };
	assert_true(capture_join(bench->capture, &bench->target, see, witness));
	assert_int_equal(capture_start(bench->capture, &failure), 0);
}

/* Opens connection 0, and returns the far end. */
static int opened(struct bench *bench)
{
	act(bench, ACTION_OPEN, 0);
	expect(bench, OBSERVED_OPEN, 0);
	int server = accept(bench->listener, NULL, NULL);

	assert_true(server >= 0);
	tcp_prepare(server);
	return server;
}

/* The machine may be busy, and then the engine knows less: but it must not know it wrong. */
static void assert_about(double truth, double earliest, double latest)
{
	assert_true(earliest <= truth && truth <= latest);
	assert_true(latest - earliest < BLURRED);
}

static void answered(struct bench *bench, const struct witness *witness)
{
	act(bench, ACTION_PROBE, 0);
	struct observation sent = *expect(bench, OBSERVED_SENT, 0);
	struct observation reply = *expect(bench, OBSERVED_REPLY, 0);

	run(bench, 0.1); /* the witness is slower than the kernel's word */
	assert_about(witness->left, sent.at, sent.at + sent.blur);
	assert_about(witness->came, reply.at - reply.blur - reply.rtt, reply.at);
	assert_true(reply.rtt >= 0 && reply.rtt < BLURRED);
	assert_int_equal(reply.ttl, 0);
	assert_int_equal(reply.from, ORIGIN_UNKNOWN);
}

static void lifetime(const char *host)
{
	struct witness witness;
	struct bench bench;

	setup_socket(&bench, host, true);
	watch(&bench, &witness);
	act(&bench, ACTION_PROBE, 0); /* not opened: nothing */
	act(&bench, ACTION_OPEN, 0);
	act(&bench, ACTION_PROBE, 0); /* not open yet: nothing */
	struct observation open = *expect(&bench, OBSERVED_OPEN, 0);
	int server = accept(bench.listener, NULL, NULL);

	assert_true(open.rtt >= 0 && open.rtt < 0.5);
	run(&bench, 0.1);
	assert_about(witness.left, open.at - open.blur, open.at + 0.001); /* the handshake's last ACK */
	act(&bench, ACTION_PROBE, 0);
	act(&bench, ACTION_PROBE, 0); /* one at a time */
	struct observation sent = *expect(&bench, OBSERVED_SENT, 0);

	assert_true(sent.at + sent.blur >= open.at - open.blur + QUIET);
	assert_true(sent.at >= open.at + QUIET - EXACT); /* it is known that it had to wait */
	expect(&bench, OBSERVED_REPLY, 0);
	for (int i = 0; i < 3; i++) {
		run(&bench, QUIET + 0.003 * i);
		answered(&bench, &witness);
	}
	run(&bench, 1.5); /* SO_KEEPALIVE is off: nothing leaves by itself */
	assert_int_equal(bench.count, 0);
	assert_true(witness.left < clock_now() - 1.4);

	close(server);
	assert_int_equal(expect(&bench, OBSERVED_FIN, 0)->from, ORIGIN_UNKNOWN);
	act(&bench, ACTION_PROBE, 0);
	run(&bench, 0.3);
	assert_int_equal(bench.count, 0);
	assert_int_equal(engine_stats(bench.engine).probes_sent, 4);
	assert_int_equal(engine_stats(bench.engine).send_errors, 0);
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

/* What the far end says unasked is seen, and told from an answer. */
static void unasked(void **state)
{
	struct tcp_demand demand;
	struct witness witness;
	struct bench bench;

	(void)state;
	setup_socket(&bench, "127.0.0.1", true);
	watch(&bench, &witness);
	int server = opened(&bench);

	run(&bench, QUIET);
	answered(&bench, &witness);
	assert_int_equal(send(server, "s", 1, 0), 1);
	double at = clock_now();
	const struct observation *o = expect(&bench, OBSERVED_UNASKED, 0);

	assert_true(o->payload);
	assert_about(at, o->at - o->blur - 0.001, o->at + 0.001);
	expect(&bench, OBSERVED_OUTBOUND, 0);
	run(&bench, QUIET + 0.1);
	tcp_demand(&demand, server, false, clock_now());
	o = expect(&bench, OBSERVED_UNASKED, 0);
	assert_false(o->payload);
	assert_about(witness.came, o->at - o->blur, o->at);
	expect(&bench, OBSERVED_OUTBOUND, 0);
	answered(&bench, &witness);
	close(server);
	teardown(&bench);
}

/* A probe that nobody answers, and then one that somebody does. */
static void silence(void **state)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = { 1, &nothing };
	struct witness witness;
	struct bench bench;

	(void)state;
	setup_socket(&bench, "127.0.0.1", true);
	watch(&bench, &witness);
	int server = opened(&bench);

	run(&bench, QUIET);
	assert_int_equal(setsockopt(server, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
	for (int i = 0; i < 2; i++) {
		act(&bench, ACTION_PROBE, 0);
		const struct observation *sent = expect(&bench, OBSERVED_SENT, 0);

		run(&bench, QUIET + 0.2);
		assert_about(witness.left, sent->at, sent->at + sent->blur);
		assert_int_equal(bench.count, 0);
	}
	assert_int_equal(setsockopt(server, SOL_SOCKET, SO_DETACH_FILTER, &program, sizeof program), 0);
	answered(&bench, &witness);
	close(server);
	teardown(&bench);
}

/* The far end knows nothing of the connection any more: the probe is told first, then the RST that it drew. */
static void reset_on_probe(void **state)
{
	const int on = 1;
	struct bench bench;

	(void)state;
	setup_socket(&bench, "127.0.0.1", true);
	int server = opened(&bench);

	run(&bench, QUIET);
	assert_int_equal(setsockopt(server, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on), 0);
	close(server); /* without a word (tcp_close) */
	act(&bench, ACTION_PROBE, 0);
	double left = expect(&bench, OBSERVED_SENT, 0)->at;
	const struct observation *o = expect(&bench, OBSERVED_RESET, 0);

	assert_int_equal(o->from, ORIGIN_UNKNOWN);
	assert_true(o->at >= left && o->at < left + BLURRED);
	teardown(&bench);
}

static void reset_by_itself(void **state)
{
	struct bench bench;

	(void)state;
	setup_socket(&bench, "127.0.0.1", true);
	int server = opened(&bench);

	close_by_reset(server);
	assert_int_equal(expect(&bench, OBSERVED_RESET, 0)->from, ORIGIN_UNKNOWN);
	teardown(&bench);
}

static void refused(void **state)
{
	struct bench bench;

	(void)state;
	setup_socket(&bench, "127.0.0.1", false);
	must_be_refused(&bench);
	teardown(&bench);
}

/* Runs in a child, for there is no way back. */
static void unprivileged(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct bench bench;
		cap_t none = cap_init();

		cap_set_proc(none);
		if (socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW) >= 0)
			_exit(1);
		setup_socket(&bench, "127.0.0.1", true);
		opened(&bench);
		act(&bench, ACTION_PROBE, 0);
		expect(&bench, OBSERVED_SENT, 0);
		expect(&bench, OBSERVED_REPLY, 0);
		_exit(0);
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
		cmocka_unit_test(unasked),
		cmocka_unit_test(silence),
		cmocka_unit_test(reset_on_probe),
		cmocka_unit_test(reset_by_itself),
		cmocka_unit_test(refused),
		cmocka_unit_test(unprivileged),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
