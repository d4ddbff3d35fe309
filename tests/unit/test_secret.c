/* The MAC that a token makes, against Python's hashlib and hmac: key = hashlib.blake2b(TOKEN,
 * digest_size=32).digest(); hmac.new(key, NONCE + " " + ID, hashlib.sha256).hexdigest() */
#include "edge/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char NONCE[] = "0123456789abcdef0123456789abcdef", ID[] = "fedcba9876543210fedcba9876543210";
static const char RIGHT[] = "4c9d2aeb40ad5f0da37f072d4e9e228b221cbe828ee57ec80049bcbe4292d934";

static void is_the_standard_one(void **state)
{
	char mac[SECRET_MAC + 1];

	(void)state;
	secret_mac("swordfish", NONCE, ID, mac);
	assert_string_equal(mac, RIGHT);
	secret_mac("", "a", "b", mac);
	assert_string_equal(mac, "a527a0e06165148efe289aa79064878734a227e0cd2fc14fcb2e891711556212");
}

static void any_other_does_not_match(void **state)
{
	char mac[SECRET_MAC + 1];

	(void)state;
	assert_true(secret_matches("swordfish", NONCE, ID, RIGHT));
	assert_false(secret_matches("Swordfish", NONCE, ID, RIGHT));
	assert_false(secret_matches("swordfish", ID, NONCE, RIGHT));
	assert_false(secret_matches("swordfish", NONCE, ID, ""));
	assert_false(secret_matches("swordfish", NONCE, ID, "-"));
	for (int i = 0; i < SECRET_MAC; i++) {
		strcpy(mac, RIGHT);
		mac[i] = mac[i] == '0' ? '1' : '0';
		assert_false(secret_matches("swordfish", NONCE, ID, mac));
	}
	strcpy(mac, RIGHT);
	mac[SECRET_MAC - 1] = '\0';
	assert_false(secret_matches("swordfish", NONCE, ID, mac));
}

static void random_is_hex_and_different(void **state)
{
	char a[65], b[65];

	(void)state;
	memset(a, 'x', sizeof a);
	secret_random_hex(a, 32);
	assert_int_equal(strlen(a), 32);
	assert_int_equal(strspn(a, "0123456789abcdef"), 32);
	secret_random_hex(a, 64);
	secret_random_hex(b, 64);
	assert_int_equal(strlen(b), 64);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_standard_one),
		cmocka_unit_test(any_other_does_not_match),
		cmocka_unit_test(random_is_hex_and_different),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
