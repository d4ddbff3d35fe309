/* The lines between `measure` and `respond`: there and back, every field's bounds, and what is none (under
 * ASan as well). */
#include "core/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef"
#define NONCE "fedcba9876543210fedcba9876543210"
#define MAC ID NONCE
#define MOST "18446744073709551615"

static const struct protocol_id id = { ID };

/* Any of the three; on the heap and no longer than told, so that ASan sees a read past the end. */
enum kind { BANNER, COMMAND, ANSWER, KINDS };

static union parsed {
	struct protocol_banner banner;
	struct protocol_command command;
	struct protocol_answer answer;
} parsed;

static bool reads(enum kind kind, const char *line, size_t length)
{
	char *copy = malloc(length ? length : 1);
	bool read = false;

	memcpy(copy, line, length);
	switch (kind) {
	case BANNER:
		read = protocol_read_banner(length ? copy : copy + 1, length, &parsed.banner);
		break;
	case COMMAND:
		read = protocol_read_command(length ? copy : copy + 1, length, &parsed.command);
		break;
	case ANSWER:
		read = protocol_read_answer(length ? copy : copy + 1, length, &parsed.answer);
		break;
	case KINDS:
		break;
	}
	free(copy);
	return read;
}

/* Writes what was read, with the line feed. */
static size_t writes(enum kind kind, char *line)
{
	switch (kind) {
	case BANNER:
		return protocol_write_banner(&parsed.banner, line);
	case COMMAND:
		return protocol_write_command(&parsed.command, line);
	case ANSWER:
		return protocol_write_answer(&parsed.answer, line);
	case KINDS:
		break;
	}
	return 0;
}

static const struct {
	enum kind kind;
	const char *line;
} right[] = {
	{ BANNER, "IDLEPROBE/1 " ID " 192.0.2.7 40112 " NONCE },
	{ BANNER, "IDLEPROBE/1 " ID " 2001:db8::7 0 " NONCE },
	{ BANNER, "IDLEPROBE/1 " ID " 0000:0000:0000:0000:0000:ffff:192.168.100.228 65535 " NONCE },
	{ COMMAND, "CONTROL 1 -" },
	{ COMMAND, "CONTROL 1 " MAC },
	{ COMMAND, "ADOPT " ID },
	{ COMMAND, "REPORT " ID },
	{ COMMAND, "KEEPALIVE " ID },
	{ COMMAND, "BYTE " ID },
	{ COMMAND, "CLOSE " ID },
	{ COMMAND, "PING" },
	{ ANSWER, "OK 0" },
	{ ANSWER, "OK " MOST },
	{ ANSWER, "PONG 12" },
	{ ANSWER, "SENT " ID " 7" },
	{ ANSWER, "STATE " ID " open 0 1" },
	{ ANSWER, "STATE " ID " reset 1 2" },
	{ ANSWER, "STATE " ID " fin 2 3" },
	{ ANSWER, "STATE " ID " timed_out 3 4" },
	{ ANSWER, "STATE " ID " closed " MOST " " MOST },
	{ ANSWER, "ERROR - bad_token 1" },
	{ ANSWER, "ERROR - bad_version 1" },
	{ ANSWER, "ERROR - bad_command 1" },
	{ ANSWER, "ERROR " ID " unknown_id 1" },
	{ ANSWER, "ERROR " ID " too_many 1" },
	{ ANSWER, "ERROR " ID " not_sent 1" },
};

enum { RIGHT = sizeof right / sizeof *right };

static void there_and_back(void **state)
{
	char line[PROTOCOL_LONGEST + 1];

	(void)state;
	for (int i = 0; i < RIGHT; i++) {
		if (!reads(right[i].kind, right[i].line, strlen(right[i].line)))
			fail_msg("'%s' was not read", right[i].line);
		size_t length = writes(right[i].kind, line);

		assert_int_equal(length, strlen(line));
		assert_int_equal(line[length - 1], '\n');
		line[length - 1] = '\0';
		assert_string_equal(line, right[i].line);
	}
}

static void fields_are_filled_in(void **state)
{
	struct protocol_banner banner;
	struct protocol_command command;
	struct protocol_answer answer;

	(void)state;
	assert_true(protocol_read_banner(right[0].line, strlen(right[0].line), &banner));
	assert_int_equal(banner.version, 1);
	assert_string_equal(banner.id.text, ID);
	assert_string_equal(banner.address, "192.0.2.7");
	assert_int_equal(banner.port, 40112);
	assert_string_equal(banner.nonce.text, NONCE);

	assert_true(protocol_read_command("CONTROL 1 " MAC, strlen("CONTROL 1 " MAC), &command));
	assert_int_equal(command.verb, PROTOCOL_CONTROL);
	assert_int_equal(command.version, 1);
	assert_string_equal(command.mac, MAC);
	assert_string_equal(command.id.text, "");
	assert_true(protocol_read_command("CONTROL 1 -", strlen("CONTROL 1 -"), &command));
	assert_string_equal(command.mac, "");
	assert_true(protocol_read_command("BYTE " ID, strlen("BYTE " ID), &command));
	assert_int_equal(command.verb, PROTOCOL_BYTE);
	assert_string_equal(command.id.text, ID);

	assert_true(protocol_read_answer("STATE " ID " timed_out 34 56", strlen("STATE " ID " timed_out 34 56"), &answer));
	assert_int_equal(answer.kind, PROTOCOL_STATE);
	assert_int_equal(answer.state, PROTOCOL_TIMED_OUT);
	assert_int_equal(answer.segments_in, 34);
	assert_int_equal(answer.clock, 56);
	assert_true(protocol_read_answer("ERROR - bad_token 9", strlen("ERROR - bad_token 9"), &answer));
	assert_int_equal(answer.error, PROTOCOL_BAD_TOKEN);
	assert_string_equal(answer.id.text, "");
	assert_int_equal(answer.clock, 9);
}

/* Of another version only the number is understood: what follows may be anything. */
static void another_version_is_told(void **state)
{
	static const char *const banners[] = { "IDLEPROBE/2 x y", "IDLEPROBE/2", ("IDLEPROBE/9999 " ID), "IDLEPROBE/0 -" };

	(void)state;
	for (size_t i = 0; i < sizeof banners / sizeof *banners; i++) {
		assert_true(reads(BANNER, banners[i], strlen(banners[i])));
		assert_int_not_equal(parsed.banner.version, PROTOCOL_VERSION);
		assert_string_equal(parsed.banner.id.text, "");
	}
	assert_true(reads(COMMAND, "CONTROL 2 sha3:xyz more", strlen("CONTROL 2 sha3:xyz more")));
	assert_int_equal(parsed.command.version, 2);
	assert_string_equal(parsed.command.mac, "");
	assert_true(reads(COMMAND, "CONTROL 2", strlen("CONTROL 2")));
}

static void what_is_none(void **state)
{
	static const struct {
		enum kind kind;
		const char *line;
	} wrong[] = {
		{ BANNER, "" },
		{ BANNER, "SSH-2.0-OpenSSH_9.2p1" },
		{ BANNER, "220 mail.example ESMTP" },
		{ BANNER, "IDLEPROBE/" },
		{ BANNER, "IDLEPROBE/1" },
		{ BANNER, "IDLEPROBE/10000 x" },
		{ BANNER, "IDLEPROBE/-1 x" },
		{ BANNER, "IDLEPROBE/01 " ID " 192.0.2.7 40112 " NONCE },
		{ BANNER, "idleprobe/1 " ID " 192.0.2.7 40112 " NONCE },
		{ BANNER, "IDLEPROBE/1 " ID " 192.0.2.7 65536 " NONCE },
		{ BANNER, "IDLEPROBE/1 " ID " 192.0.2.7 -1 " NONCE },
		{ BANNER, "IDLEPROBE/1 " ID " 192.0.2.7 +1 " NONCE },
		{ BANNER, "IDLEPROBE/1 " ID "0 192.0.2.7 1 " NONCE },
		{ BANNER, "IDLEPROBE/1 x" ID " 192.0.2.7 1 " NONCE },
		{ BANNER, "IDLEPROBE/1 " ID " host.example 1 " NONCE },
		{ BANNER, "IDLEPROBE/1 " ID " 1111111111111111111111111111111111111111111111 1 " NONCE },
		{ BANNER, "IDLEPROBE/1 " ID " 192.0.2.7 1 " NONCE " " },
		{ BANNER, "IDLEPROBE/1 " ID " 192.0.2.7 1 " NONCE " x" },
		{ BANNER, "IDLEPROBE/1 " ID "  192.0.2.7 1 " NONCE },
		{ BANNER, "IDLEPROBE/1 " ID " 192.0.2.7 1 " NONCE "\r" },
		{ COMMAND, "" },
		{ COMMAND, " " },
		{ COMMAND, "PING " },
		{ COMMAND, " PING" },
		{ COMMAND, "PING x" },
		{ COMMAND, "ping" },
		{ COMMAND, "PIN" },
		{ COMMAND, "PINGS" },
		{ COMMAND, "ADOPT" },
		{ COMMAND, "ADOPT -" },
		{ COMMAND, "ADOPT 0123456789abcdef0123456789abcde" },
		{ COMMAND, "ADOPT 0123456789ABCDEF0123456789ABCDEF" },
		{ COMMAND, "ADOPT 0123456789abcdefg123456789abcdef" },
		{ COMMAND, "ADOPT " ID "0" },
		{ COMMAND, "ADOPT " ID " " ID },
		{ COMMAND, "CONTROL" },
		{ COMMAND, "CONTROL 1" },
		{ COMMAND, "CONTROL x -" },
		{ COMMAND, "CONTROL 10000 -" },
		{ COMMAND, "CONTROL 1 --" },
		{ COMMAND, "CONTROL 1 " ID },
		{ COMMAND, "CONTROL 1 " MAC "0" },
		{ COMMAND, "GET / HTTP/1.1" },
		{ COMMAND, "OK 1" },
		{ ANSWER, "OK" },
		{ ANSWER, "OK -" },
		{ ANSWER, "OK 1 2" },
		{ ANSWER, "OK 01" },
		{ ANSWER, "OK 18446744073709551616" },
		{ ANSWER, "OK 99999999999999999999" },
		{ ANSWER, "OK 184467440737095516150" },
		{ ANSWER, "SENT - 1" },
		{ ANSWER, "SENT " ID },
		{ ANSWER, "STATE " ID " open 1" },
		{ ANSWER, "STATE " ID " opened 1 2" },
		{ ANSWER, "STATE " ID " ope 1 2" },
		{ ANSWER, "STATE - open 1 2" },
		{ ANSWER, "ERROR - no_such_error 1" },
		{ ANSWER, "ERROR bad_token 1" },
		{ ANSWER, "ADOPT " ID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (reads(wrong[i].kind, wrong[i].line, strlen(wrong[i].line)))
			fail_msg("'%s' was read", wrong[i].line);
}

static void every_truncation(void **state)
{
	(void)state;
	for (int i = 0; i < RIGHT; i++) {
		const char *line = right[i].line;
		const char *clock = strrchr(line, ' ');

		for (size_t length = 0; length < strlen(line); length++) {
			/* A number that is cut short is a number. */
			bool number = right[i].kind == ANSWER && clock && line + length > clock + 1;

			if (reads(right[i].kind, line, length) && !number)
				fail_msg("'%.*s' was read", (int)length, line);
		}
	}
}

static void too_long_or_not_ascii(void **state)
{
	char line[2 * PROTOCOL_LONGEST];
	static const char control[] = "CONTROL 2 ";

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, control, strlen(control));
	assert_true(reads(COMMAND, line, PROTOCOL_LONGEST - 1));
	assert_false(reads(COMMAND, line, PROTOCOL_LONGEST));
	assert_false(reads(COMMAND, line, sizeof line));
	for (int octet = 0; octet < 256; octet++) {
		line[20] = (char)octet;
		assert_int_equal(reads(COMMAND, line, 40), octet >= ' ' && octet <= '~');
	}
	assert_false(reads(COMMAND, "PING\0", 5));
}

static void random_octets_are_none(void **state)
{
	unsigned short seed[3] = { 7, 4, 40 };

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char line[300];
		size_t length = (size_t)nrand48(seed) % sizeof line;
		int start = (int)(nrand48(seed) % RIGHT);

		/* Half of them are lines of ours with a few octets changed. */
		for (size_t j = 0; j < length; j++)
			line[j] = (char)nrand48(seed);
		if (i % 2) {
			length = strlen(right[start].line);
			memcpy(line, right[start].line, length);
			for (int j = 0; j < 3; j++) {
				size_t where = (size_t)nrand48(seed) % length;

				line[where] = (char)nrand48(seed);
			}
		}
		for (int kind = 0; kind < KINDS; kind++) {
			char again[PROTOCOL_LONGEST + 1];

			/* What is read is written as it was, or is of another version. */
			if (!reads((enum kind)kind, line, length))
				continue;
			assert_int_equal(i % 2, 1);
			if ((kind == BANNER && parsed.banner.version != PROTOCOL_VERSION) ||
			    (kind == COMMAND && parsed.command.verb == PROTOCOL_CONTROL &&
			     parsed.command.version != PROTOCOL_VERSION))
				continue;
			assert_int_equal(writes((enum kind)kind, again), length + 1);
			assert_memory_equal(again, line, length);
		}
	}
}

static void the_longest_fits(void **state)
{
	struct protocol_banner banner = { .version = 9999, .id = id, .nonce = id, .port = 65535 };
	struct protocol_answer answer = { .kind = PROTOCOL_STATE, .id = id, .state = PROTOCOL_TIMED_OUT,
					  .segments_in = UINT64_MAX, .clock = UINT64_MAX };
	char line[PROTOCOL_LONGEST + 1];

	(void)state;
	memset(banner.address, 'f', sizeof banner.address - 1);
	assert_true(protocol_write_banner(&banner, line) <= PROTOCOL_LONGEST);
	assert_true(protocol_write_answer(&answer, line) <= PROTOCOL_LONGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),	   cmocka_unit_test(fields_are_filled_in),
		cmocka_unit_test(another_version_is_told), cmocka_unit_test(what_is_none),
		cmocka_unit_test(every_truncation),	   cmocka_unit_test(too_long_or_not_ascii),
		cmocka_unit_test(random_octets_are_none),  cmocka_unit_test(the_longest_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
