/* What the two ends' token is used for, and random numbers (libsodium). */
#ifndef IDLEPROBE_SECRET_H
#define IDLEPROBE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

enum { SECRET_MAC = 64 }; /* hex digits */

/* HMAC-SHA-256 of "NONCE ID" in lower-case hex, under the BLAKE2b hash of the token. The hash only brings
 * a token of any length to a key's: a token that can be guessed stays one, so it should be random. */
void secret_mac(const char *token, const char *nonce, const char *id, char mac[SECRET_MAC + 1]);

/* Whether that is the MAC; takes the same time wherever they differ. */
bool secret_matches(const char *token, const char *nonce, const char *id, const char *mac);

/* So many random hex digits, an even number up to 64, and a terminating zero. */
void secret_random_hex(char *text, size_t digits);

#endif
