/* The near end of the control channel, against a far end that says what the test has it say: a responder that
 * works, one that does not serve, and servers that are none. */
#include "bench.h"
#include "edge/clock.h"
#include "edge/farside.h"
#include "edge/secret.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef"
#define NONCE "fedcba9876543210fedcba9876543210"

enum { STATES = 8 };

static const struct protocol_id id = { ID };

struct stage {
	struct bench bench;
	struct farside *near;
	int fd;                          /* of the far end */
	enum farside_state states[STATES];
	int count;
	struct protocol_answer answer;   /* the latest that was passed on */
	double answered_at;
	int answers;
};

static void on_changed(void *arg, enum farside_state state)
{
	struct stage *stage = arg;

	assert_true(stage->count < STATES);
	assert_int_equal(farside_state(stage->near), state);
	stage->states[stage->count++] = state;
}

static void on_answer(void *arg, const struct protocol_answer *answer, double at)
{
	struct stage *stage = arg;

	stage->answer = *answer;
	stage->answered_at = at;
	stage->answers++;
}

static int came(struct stage *stage)
{
	struct pollfd listener = { .fd = stage->bench.listener, .events = POLLIN };

	run(&stage->bench, 0.05);
	if (poll(&listener, 1, 0) < 1)
		return -1;
	return accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void come(struct stage *stage)
{
	stage->fd = came(stage);
	assert_true(stage->fd >= 0);
}

typedef void answer_taker(void *arg, const struct protocol_answer *, double at);

static void raise_curtain(struct stage *stage, const char *host, const char *token, answer_taker *answer)
{
	*stage = (struct stage){ .fd = -1 };
	setup_socket(&stage->bench, host, true);
	const struct farside_config config = { .base = stage->bench.base, .target = &stage->bench.target,
					       .token = token, .changed = on_changed, .answer = answer,
					       .arg = stage };

	stage->near = farside_new(&config);
	assert_non_null(stage->near);
	come(stage);
}

static void curtain(struct stage *stage)
{
	assert_int_equal(stage->count, 0);
	farside_free(stage->near);
	close(stage->fd);
	teardown(&stage->bench);
}

static void say(struct stage *stage, const char *text)
{
	assert_int_equal(send(stage->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	run(&stage->bench, 0.05);
}

/* As a responder that sees this end's own address; and one that sees another. */
static void greet(struct stage *stage, bool translated)
{
	struct protocol_banner banner = { .version = PROTOCOL_VERSION, .id = id, .nonce = { NONCE } };
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	char line[PROTOCOL_LONGEST + 1];
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;

	assert_int_equal(getpeername(stage->fd, (struct sockaddr *)&address, &length), 0);
	if (address.ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, banner.address, sizeof banner.address);
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, banner.address, sizeof banner.address);
	banner.port = (uint16_t)(ntohs(v4->sin_port) ^ translated);
	protocol_write_banner(&banner, line);
	say(stage, line);
}

/* What the near end says, and no more: exactly this, soon. */
static void hears(struct stage *stage, const char *expected)
{
	const double deadline = clock_now() + 2;
	char said[4 * PROTOCOL_LONGEST] = "";
	size_t length = 0;

	do {
		ssize_t count = recv(stage->fd, said + length, sizeof said - 1 - length, 0);

		length += count > 0 ? (size_t)count : 0;
		if (length < strlen(expected))
			run(&stage->bench, 0.05);
	} while (length < strlen(expected) && clock_now() < deadline);
	assert_string_equal(said, expected);
}

static void hears_nothing_and_is_left(struct stage *stage)
{
	char octet;

	assert_int_equal(recv(stage->fd, &octet, 1, 0), 0);
}

/* Runs until the next change of state, which must be this one, and comes within so many seconds. */
static void becomes(struct stage *stage, enum farside_state state, double most)
{
	const double begun = clock_now();

	while (stage->count == 0 && clock_now() < begun + most)
		run(&stage->bench, 0.02);
	assert_true(stage->count > 0);
	assert_int_equal(stage->states[0], state);
	memmove(stage->states, stage->states + 1, (size_t)--stage->count * sizeof *stage->states);
}

static void refuses(struct stage *stage, const char *words)
{
	becomes(stage, FARSIDE_REFUSED, 0.5);
	assert_int_equal(farside_failure(stage->near)->code, EXIT_CANNOT_RUN);
	assert_non_null(strstr(farside_failure(stage->near)->text, words));
	assert_false(farside_send(stage->near, PROTOCOL_REPORT, &id));
	run(&stage->bench, 1.2); /* nor does it try again */
	assert_int_equal(came(stage), -1);
}

static void open_channel(struct stage *stage)
{
	greet(stage, false);
	hears(stage, "CONTROL 1 -\n");
	say(stage, "OK 5000\n");
	becomes(stage, FARSIDE_READY, 0.5);
}

static void commands_and_answers(const char *host)
{
	struct stage stage;

	raise_curtain(&stage, host, NULL, on_answer);
	assert_null(farside_banner(stage.near));
	assert_false(farside_send(stage.near, PROTOCOL_REPORT, &id));
	greet(&stage, false);
	assert_false(farside_send(stage.near, PROTOCOL_REPORT, &id)); /* not before it was let in */
	hears(&stage, "CONTROL 1 -\n");
	double before = clock_now();

	say(&stage, "OK 5000\n");
	becomes(&stage, FARSIDE_READY, 0.5);
	assert_string_equal(farside_banner(stage.near)->id.text, ID);
	assert_false(farside_translated(stage.near));

	assert_true(farside_send(stage.near, PROTOCOL_KEEPALIVE, &id));
	run(&stage.bench, 0.05);
	hears(&stage, "KEEPALIVE " ID "\n");
	/* Both at once; by its clock 20 and 30 ms after OK. */
	say(&stage, "SENT " ID " 5020\nSTATE " ID " reset 7 5030\n");
	assert_int_equal(stage.answers, 2);
	assert_int_equal(stage.answer.kind, PROTOCOL_STATE);
	assert_int_equal(stage.answer.segments_in, 7);
	assert_true(stage.answered_at >= before + 0.03 && stage.answered_at < before + 0.03 + 0.5);
	say(&stage, "ERROR " ID " not_sent 5040\n");
	assert_int_equal(stage.answer.error, PROTOCOL_NOT_SENT);

	run(&stage.bench, 1);
	hears(&stage, "PING\n");
	say(&stage, "PONG 6100\n");
	assert_int_equal(stage.answers, 3); /* that one is its own */
	curtain(&stage);
}

static void commands_and_answers_ipv4(void **state)
{
	(void)state;
	commands_and_answers("127.0.0.1");
}

static void commands_and_answers_ipv6(void **state)
{
	(void)state;
	commands_and_answers("[::1]");
}

static void another_address_is_seen(void **state)
{
	struct stage stage;

	(void)state;
	raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
	greet(&stage, true);
	assert_true(farside_translated(stage.near));
	curtain(&stage);
}

static void token(void **state)
{
	char mac[PROTOCOL_MAC + 1], line[PROTOCOL_LONGEST];
	struct stage stage;

	(void)state;
	raise_curtain(&stage, "127.0.0.1", "secret", on_answer);
	greet(&stage, false);
	secret_mac("secret", NONCE, ID, mac);
	snprintf(line, sizeof line, "CONTROL 1 %s\n", mac);
	hears(&stage, line);
	say(&stage, "ERROR - bad_token 5000\n");
	refuses(&stage, "refuses the token: --token or $IDLEPROBE_TOKEN must be as on its side");
	curtain(&stage);

	raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
	greet(&stage, false);
	say(&stage, "ERROR - bad_token 5000\n");
	refuses(&stage, "wants a token: give it by --token");
	curtain(&stage);
}

/* Who knows it from the banner says nothing; an older one is told by the far end. */
static void another_version(void **state)
{
	struct stage stage;

	(void)state;
	raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
	say(&stage, "IDLEPROBE/2 whatever it says then\n");
	refuses(&stage, "speaks version 2 of the protocol, this idleprobe version 1");
	hears_nothing_and_is_left(&stage);
	curtain(&stage);

	raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
	greet(&stage, false);
	say(&stage, "ERROR - bad_version 5000\n");
	refuses(&stage, "speaks another version of the protocol");
	curtain(&stage);
}

/* No octet is sent to a server that is no responder. */
static void strangers(void **state)
{
	static char much[PROTOCOL_LONGEST + 1];
	const struct {
		const char *greeting;
		double most; /* seconds until it is known for one */
	} cases[] = {
		{ "", 1.5 }, { "IDLEPROBE/1 ", 1.5 }, { "IDLEPROBE/1 " ID "\n", 0.5 },
		{ "SSH-2.0-OpenSSH_9.2\r\n", 0.5 }, { "\n", 0.5 }, { much, 0.5 },
	};
	struct stage stage;

	(void)state;
	memset(much, 'I', sizeof much - 1); /* no line end ever comes */
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
		say(&stage, cases[i].greeting);
		becomes(&stage, FARSIDE_STRANGER, cases[i].most);
		hears_nothing_and_is_left(&stage);
		assert_false(farside_send(stage.near, PROTOCOL_PING, &id));
		assert_null(farside_banner(stage.near));
		curtain(&stage);
	}
	raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
	close(stage.fd);
	becomes(&stage, FARSIDE_STRANGER, 0.5);
	stage.fd = -1;
	curtain(&stage);
}

/* Anew, with a clock that began anew. */
static void lost_and_regained(struct stage *stage)
{
	becomes(stage, FARSIDE_AWAY, 0.5);
	hears_nothing_and_is_left(stage);
	assert_false(farside_send(stage->near, PROTOCOL_REPORT, &id));
	close(stage->fd);
	run(&stage->bench, 1.1);
	come(stage);
	greet(stage, false);
	hears(stage, "CONTROL 1 -\n");
	double before = clock_now();

	say(stage, "OK 10\n");
	becomes(stage, FARSIDE_READY, 0.5);
	farside_send(stage->near, PROTOCOL_BYTE, &id);
	say(stage, "SENT " ID " 20\n");
	assert_true(stage->answered_at >= before + 0.01 && stage->answered_at <= clock_now());
	hears(stage, "BYTE " ID "\n");
}

static void what_is_no_answer_ends_the_channel(void **state)
{
	struct stage stage;

	(void)state;
	raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
	open_channel(&stage);
	say(&stage, "HELLO\nOK 5001\n"); /* nor is anything taken that follows */
	lost_and_regained(&stage);
	assert_int_equal(stage.answers, 1);
	curtain(&stage);
}

/* A channel that a middlebox has forgotten shows nothing but silence. */
static void silence_ends_the_channel(void **state)
{
	struct stage stage;

	(void)state;
	raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
	open_channel(&stage);
	double begun = clock_now();

	becomes(&stage, FARSIDE_AWAY, 8);
	double lasted = clock_now() - begun;

	assert_true(lasted > 5.5 && lasted < 7); /* the first ping, and the patience with it */
	close(stage.fd);
	run(&stage.bench, 1.1);
	come(&stage);
	open_channel(&stage);
	curtain(&stage);
}

/* Told from the event loop, as all else; and a responder that is back by then is found. */
static void out_of_descriptors(void **state)
{
	struct rlimit before, none;
	struct stage stage;

	(void)state;
	raise_curtain(&stage, "127.0.0.1", NULL, on_answer);
	open_channel(&stage);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 3, before.rlim_max };
	close(stage.fd);
	becomes(&stage, FARSIDE_AWAY, 0.5);
	setrlimit(RLIMIT_NOFILE, &none);
	run(&stage.bench, 1.5);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(came(&stage), -1);
	run(&stage.bench, 1);
	come(&stage);
	open_channel(&stage);
	curtain(&stage);
}


static void pass_on(void *arg, const struct protocol_answer *answer, double at)
{
	engine_answer(((struct stage *)arg)->bench.engine, answer, at);
}

/* A test connection is known to the far end by the banner that it got, however that is cut; and one that the
 * far end does not know (any more) is over. */
static void a_test_connection(void **state)
{
	struct stage stage;

	(void)state;
	raise_curtain(&stage, "127.0.0.1", NULL, pass_on);
	open_channel(&stage);
	engine_set_far(stage.bench.engine, stage.near);
	act(&stage.bench, ACTION_OPEN, 0);
	expect(&stage.bench, OBSERVED_OPEN, 0);
	int channel = stage.fd;

	come(&stage);
	say(&stage, "IDLEPROBE/1 ");
	say(&stage, NONCE);
	run(&stage.bench, 0.2);
	int connection = stage.fd;

	stage.fd = channel;
	hears(&stage, "");
	stage.fd = connection;
	say(&stage, " 127.0.0.1 4711 " ID "\nand more");
	stage.fd = channel;
	hears(&stage, "ADOPT " NONCE "\n");
	run(&stage.bench, 0.5); /* the kernel acknowledges within 0.2 s (TCP_DELACK_MAX, include/net/tcp.h) */
	stage.bench.count = 0;  /* payload came unasked */
	say(&stage, "STATE " ID " open 3 5100\nERROR " ID " unknown_id 5200\n"); /* of none of its own */
	say(&stage, "STATE " NONCE " open 3 5100\n");
	run(&stage.bench, 0.2);
	assert_int_equal(stage.bench.count, 0);
	say(&stage, "ERROR " NONCE " unknown_id 5200\n");
	const struct observation *o = expect(&stage.bench, OBSERVED_RESET, 0);

	assert_int_equal(o->from, ORIGIN_ENDPOINT);
	assert_true(o->far);
	close(connection);
	curtain(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_and_answers_ipv4),
		cmocka_unit_test(commands_and_answers_ipv6),
		cmocka_unit_test(another_address_is_seen),
		cmocka_unit_test(token),
		cmocka_unit_test(another_version),
		cmocka_unit_test(strangers),
		cmocka_unit_test(what_is_no_answer_ends_the_channel),
		cmocka_unit_test(silence_ends_the_channel),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(a_test_connection),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
