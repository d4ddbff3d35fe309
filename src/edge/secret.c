#include "edge/secret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* May be called again and again. It fails only where the system has no random numbers to give; nothing may
 * go on then. */
static void begin(void)
{
	if (sodium_init() < 0)
		abort();
}

void secret_mac(const char *token, const char *nonce, const char *id, char mac[SECRET_MAC + 1])
{
	unsigned char key[crypto_auth_hmacsha256_KEYBYTES], code[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;

	begin();
	crypto_generichash(key, sizeof key, (const unsigned char *)token, strlen(token), NULL, 0);
	crypto_auth_hmacsha256_init(&state, key, sizeof key);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)nonce, strlen(nonce));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)" ", 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)id, strlen(id));
	crypto_auth_hmacsha256_final(&state, code);
	sodium_bin2hex(mac, SECRET_MAC + 1, code, sizeof code);
	sodium_memzero(key, sizeof key);
	sodium_memzero(&state, sizeof state);
}

bool secret_matches(const char *token, const char *nonce, const char *id, const char *mac)
{
	char right[SECRET_MAC + 1];

	secret_mac(token, nonce, id, right);
	return strlen(mac) == SECRET_MAC && sodium_memcmp(right, mac, SECRET_MAC) == 0;
}

void secret_random_hex(char *text, size_t digits)
{
	unsigned char bytes[32];

	begin();
	randombytes_buf(bytes, digits / 2);
	sodium_bin2hex(text, digits + 1, bytes, digits / 2);
}
