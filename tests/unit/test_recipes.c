/* The advice, as settings ready to paste: the numbers in each are those of the advice. */
#include "core/recipes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum number { TIME, INTVL, PROBES, TIME_MS, INTVL_MS, BEAT, BEAT_MS, HALF_BEAT_MS, NUMBERS };

/* What stands before a number, which it is, and how many other numbers stand between. */
struct place {
	const char *name, *before;
	enum number number;
	int skip;
};

static const struct place keepalive[] = {
	{ "linux", "net.ipv4.tcp_keepalive_time = ", TIME },
	{ "linux", "net.ipv4.tcp_keepalive_intvl = ", INTVL },
	{ "linux", "net.ipv4.tcp_keepalive_probes = ", PROBES },
	{ "c", "TCP_KEEPIDLE, &(int){ ", TIME },
	{ "c", "TCP_KEEPINTVL, &(int){ ", INTVL },
	{ "c", "TCP_KEEPCNT, &(int){ ", PROBES },
	{ "postgresql", "tcp_keepalives_idle = ", TIME },
	{ "postgresql", "tcp_keepalives_interval = ", INTVL },
	{ "postgresql", "tcp_keepalives_count = ", PROBES },
	{ "libpq", "keepalives_idle=", TIME },
	{ "libpq", "keepalives_interval=", INTVL },
	{ "libpq", "keepalives_count=", PROBES },
	{ "mysql", "net.ipv4.tcp_keepalive_time = ", TIME },
	{ "mysql", "net.ipv4.tcp_keepalive_intvl = ", INTVL },
	{ "mysql", "net.ipv4.tcp_keepalive_probes = ", PROBES },
	{ "mariadb", "\ntcp_keepalive_time = ", TIME },
	{ "mariadb", "\ntcp_keepalive_interval = ", INTVL },
	{ "mariadb", "\ntcp_keepalive_probes = ", PROBES },
	{ "ssh_client", "ServerAliveInterval ", TIME },
	{ "ssh_server", "ClientAliveInterval ", TIME },
	{ "nginx", "so_keepalive=", TIME },
	{ "nginx", "so_keepalive=", INTVL, 1 },
	{ "nginx", "so_keepalive=", PROBES, 2 },
	{ "haproxy", "clitcpka-idle ", TIME },
	{ "haproxy", "clitcpka-intvl ", INTVL },
	{ "haproxy", "clitcpka-cnt ", PROBES },
	{ "haproxy", "srvtcpka-idle ", TIME },
	{ "haproxy", "srvtcpka-intvl ", INTVL },
	{ "haproxy", "srvtcpka-cnt ", PROBES },
	{ "redis", "\ntcp-keepalive ", TIME },
	{ "grpc", "\"grpc.keepalive_time_ms\", ", TIME_MS },
	{ "grpc", "\"grpc.http2.min_ping_interval_without_data_ms\", ", INTVL_MS },
	{ "go", "Idle:     ", TIME },
	{ "go", "Interval: ", INTVL },
	{ "go", "Count:    ", PROBES },
	{ "java", "TCP_KEEPIDLE, ", TIME },
	{ "java", "TCP_KEEPINTERVAL, ", INTVL },
	{ "java", "TCP_KEEPCOUNT, ", PROBES },
	{ "python", "TCP_KEEPIDLE, ", TIME },
	{ "python", "TCP_KEEPINTVL, ", INTVL },
	{ "python", "TCP_KEEPCNT, ", PROBES },
	{ "nodejs", "setKeepAlive(true, ", TIME_MS },
	{ "nodejs", "setKeepAlive(true, ", INTVL_MS, 1 },
	{ "nodejs", "setKeepAlive(true, ", PROBES, 2 },
	{ "kubernetes", "tcp_keepalive_time\n        value: \"", TIME },
	{ "kubernetes", "tcp_keepalive_intvl\n        value: \"", INTVL },
	{ "kubernetes", "tcp_keepalive_probes\n        value: \"", PROBES },
	{ NULL },
};

static const struct place heartbeat[] = {
	{ "postgresql", "\nidle_session_timeout = 0\n", NUMBERS },
	{ "libpq", "every ", BEAT },
	{ "mysql", "every ", BEAT },
	{ "mariadb", "every ", BEAT },
	{ "ssh_client", "ServerAliveInterval ", BEAT },
	{ "ssh_server", "ClientAliveInterval ", BEAT },
	{ "nginx", "proxy_timeout ", NUMBERS },
	{ "nginx", "proxy_read_timeout ", NUMBERS },
	{ "haproxy", "timeout client ", NUMBERS },
	{ "haproxy", "timeout server ", NUMBERS },
	{ "haproxy", "timeout tunnel ", NUMBERS },
	{ "redis", "every ", BEAT },
	{ "grpc", "\"grpc.keepalive_time_ms\", ", BEAT_MS },
	{ "grpc", "\"grpc.http2.min_ping_interval_without_data_ms\", ", HALF_BEAT_MS },
	{ "go", "SendPingTimeout: ", BEAT },
	{ "java", "    ", BEAT },
	{ "python", "ping_interval=", BEAT },
	{ "nodejs", "socket.ping(), ", BEAT_MS },
	{ NULL },
};

static struct advice advise(double survived, enum tristate refreshes)
{
	struct result result = { .outcome = OUTCOME_TIMEOUT, .survived = survived, .timeout = survived + 0.5,
				 .expired = survived + 1, .keepalive_refreshes = refreshes, .signal = SIGNAL_SILENT };
	struct advice advice;

	advice_give(&result, &(struct keepalive){ 7200, 75, 9 }, &advice);
	return advice;
}

static long number_at(const struct recipes *recipes, const struct place *place)
{
	const char *text = recipe_named(recipes, place->name), *at = text ? strstr(text, place->before) : NULL;
	char *end;

	if (!at)
		fail_msg("\"%s\" is not in what is for %s:\n%s", place->before, place->name, text ? text : "(nothing)");
	long value = strtol(at + strlen(place->before), &end, 10);
	for (int i = 0; i < place->skip; i++)
		value = strtol(end + strcspn(end, "0123456789"), &end, 10);
	return value;
}

/* Each of the numbers, read back from the text, is that of the advice; and each recipe was looked at. */
static void read_back(const struct advice *advice, const struct place *places, size_t expected)
{
	const struct keepalive *use = &advice->use;
	const int numbers[NUMBERS] = {
		[TIME] = use->time, [INTVL] = use->intvl, [PROBES] = use->probes, [TIME_MS] = use->time * 1000,
		[INTVL_MS] = use->intvl * 1000, [BEAT] = advice->heartbeat, [BEAT_MS] = advice->heartbeat * 1000,
		[HALF_BEAT_MS] = advice->heartbeat * 500,
	};
	struct recipes recipes;
	size_t seen = 0;

	recipes_give(advice, &recipes);
	for (const struct place *place = places; place->name; place++) {
		long value = number_at(&recipes, place);

		if (place->number < NUMBERS && value != numbers[place->number])
			fail_msg("%ld, not %d, stands after \"%s\":\n%s", value, numbers[place->number], place->before,
				 recipe_named(&recipes, place->name));
		seen += place == places || strcmp(place->name, place[-1].name) != 0;
	}
	assert_int_equal(seen, recipes.count);
	assert_int_equal(recipes.count, expected);
}

static void well_formed(const struct advice *advice)
{
	struct recipes recipes;

	recipes_give(advice, &recipes);
	for (size_t i = 0; i < recipes.count; i++) {
		const char *text = recipes.list[i].text;
		size_t length = strlen(text);

		assert_true(length > 0 && length < sizeof recipes.list[i].text - 1); /* so that nothing was cut off */
		assert_int_equal(text[length - 1], '\n');
		for (size_t k = 0; k < length; k++)
			if (text[k] == '{' && text[k + 1] >= 'a' && text[k + 1] <= 'z')
				fail_msg("a word was not replaced for %s:\n%s", recipes.list[i].name, text);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(recipes.list[k].name, recipes.list[i].name);
	}
}

static void keepalives_in_every_recipe(void **state)
{
	(void)state;
	srand(2);
	for (int i = 0; i < 2000; i++) {
		struct advice advice = advise(5 * pow(10, 5.6 * rand() / RAND_MAX), YES);

		assert_true(advice.use.time > 0);
		read_back(&advice, keepalive, RECIPES);
		well_formed(&advice);
	}
}

static void heartbeats_where_keepalives_do_not_help(void **state)
{
	(void)state;
	srand(3);
	for (int i = 0; i < 2000; i++) {
		struct advice advice = advise(2 * pow(10, 6.0 * rand() / RAND_MAX), NO);

		assert_true(advice.heartbeat > 0);
		read_back(&advice, heartbeat, RECIPES - 3); /* not for linux, c, kubernetes: they have nothing to send */
		well_formed(&advice);
	}
}

/* Longer than what was found too short, and never shorter than what is usual. */
static void a_timeout_is_only_lengthened(void **state)
{
	static const struct {
		double survived;
		long proxy, mysql;
	} cases[] = { { 59.8, 7440, 28800 }, { 7000, 13920, 28800 }, { 86000, 171840, 171840 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct advice advice = advise(cases[i].survived, NO);
		struct recipes recipes;

		recipes_give(&advice, &recipes);
		assert_int_equal(number_at(&recipes, &(struct place){ "nginx", "proxy_timeout " }), cases[i].proxy);
		assert_int_equal(number_at(&recipes, &(struct place){ "haproxy", "timeout tunnel " }), cases[i].proxy);
		assert_int_equal(number_at(&recipes, &(struct place){ "mysql", "wait_timeout = " }), cases[i].mysql);
		assert_true(cases[i].proxy > cases[i].survived);
	}
}

static void nothing_where_nothing_is_advised(void **state)
{
	struct advice advice = advise(1.5, NO); /* no whole second is half of it */
	struct recipes recipes;

	(void)state;
	assert_int_equal(advice.heartbeat, 0);
	recipes_give(&advice, &recipes);
	assert_int_equal(recipes.count, 0);
	assert_null(recipe_named(&recipes, "linux"));
	advice_give(&(struct result){ .outcome = OUTCOME_NO_TIMEOUT, .survived = 7500 }, &(struct keepalive){ 0 }, &advice);
	recipes_give(&advice, &recipes);
	assert_int_equal(recipes.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keepalives_in_every_recipe),
		cmocka_unit_test(heartbeats_where_keepalives_do_not_help),
		cmocka_unit_test(a_timeout_is_only_lengthened),
		cmocka_unit_test(nothing_where_nothing_is_advised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
