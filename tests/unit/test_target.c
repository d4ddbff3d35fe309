/* Targets as users write them, and what loopback addresses resolve to. */
#include "edge/target.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void good(void **state)
{
	static const struct {
		const char *input, *host;
		uint16_t port;
	} cases[] = {
		{ "db.example:5432", "db.example", 5432 },  { "db.example", "db.example", 7440 },
		{ "192.0.2.7:1", "192.0.2.7", 1 },	    { "[2001:db8::1]:65535", "2001:db8::1", 65535 },
		{ "[2001:db8::1]", "2001:db8::1", 7440 },   { "[fe80::1%eth0]:22", "fe80::1%eth0", 22 },
	};
	struct target target;
	struct failure failure;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(target_parse(&target, cases[i].input, &failure), 0);
		assert_string_equal(target.input, cases[i].input);
		assert_string_equal(target.host, cases[i].host);
		assert_int_equal(target.port, cases[i].port);
	}
}

static void bad(void **state)
{
	static const char *const inputs[] = {
		"",        ":443",    "host:",    "host:0",   "host:65536",   "host:99999999999999999999",
		"host:-1", "host:+1", "host: 1",  "host:80x", "http://host/", "2001:db8::1",
		"::1",     "[::1",    "[::1]443", "[::1]:",   "[]:443",
	};
	char name[400];
	struct target target;
	struct failure failure;

	(void)state;
	for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
		failure.code = EXIT_ANSWER;
		assert_int_equal(target_parse(&target, inputs[i], &failure), -1);
		assert_int_equal(failure.code, EXIT_USAGE);
	}
	for (size_t length = 250; length < sizeof name; length++) {
		memset(name, 'a', length);
		name[length] = '\0';
		assert_int_equal(target_parse(&target, name, &failure), length < 256 ? 0 : -1);
	}
}

static int resolve(const char *input, int family, const char *interface, struct target *target,
		   struct failure *failure)
{
	int status;

	assert_int_equal(target_parse(target, input, failure), 0);
	target_look_up(&target, 1, family);
	status = target_resolve(target, family, interface, failure);
	target_forget(target);
	return status;
}

static void loopback(void **state)
{
	struct target target;
	struct failure failure;

	(void)state;
	assert_int_equal(resolve("127.0.0.1:80", AF_UNSPEC, NULL, &target, &failure), 0);
	assert_int_equal(target.family, AF_INET);
	assert_string_equal(target.interface, "lo");
	assert_string_equal(target.address, "127.0.0.1");
	assert_string_equal(target.source_address, "127.0.0.1");
	assert_int_equal(ntohs(((struct sockaddr_in *)&target.remote)->sin_port), 80);
	assert_int_equal(((struct sockaddr_in *)&target.local)->sin_port, 0);
	assert_int_equal(target.address_count, 1);
	assert_false(target.interface_given);

	assert_int_equal(resolve("127.0.0.1:80", AF_INET, "lo", &target, &failure), 0);
	assert_true(target.interface_given);
}

static void not_resolved(void **state)
{
	struct target target;
	struct failure failure;

	(void)state;
	assert_int_equal(resolve("127.0.0.1", AF_INET6, NULL, &target, &failure), -1);
	assert_int_equal(failure.code, EXIT_CANNOT_RUN);
	assert_int_equal(resolve("[::1]", AF_INET, NULL, &target, &failure), -1);
	assert_int_equal(failure.code, EXIT_CANNOT_RUN);
	assert_int_equal(resolve("127.0.0.1", AF_UNSPEC, "nosuch0", &target, &failure), -1);
	assert_int_equal(failure.code, EXIT_USAGE);
	assert_non_null(strstr(failure.text, " lo"));
	assert_int_equal(resolve("[fe80::1]", AF_UNSPEC, NULL, &target, &failure), -1);
	assert_int_equal(failure.code, EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(loopback),
		cmocka_unit_test(not_resolved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
