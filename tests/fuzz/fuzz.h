/* What the fuzz targets share. A target is one function, LLVMFuzzerTestOneInput(): libFuzzer calls it with ever new bytes
 * and keeps those that reach code that none did before. It ends the program where something does not hold. */
#ifndef IDLEPROBE_FUZZ_H
#define IDLEPROBE_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Bytes that decide, one after another. */
struct bytes {
	const uint8_t *at, *end;
};

bool bytes_left(const struct bytes *);
uint8_t bytes_next(struct bytes *);                 /* 0 once they are used up */
uint32_t bytes_number(struct bytes *, int octets);  /* big-endian; at most 4 octets */
int bytes_choice(struct bytes *, int choices);      /* below `choices`, at most 256 */
double bytes_seconds(struct bytes *);               /* from a millisecond to 24 days, finer where shorter */

/* Those of flow_learn(). */
uint32_t ticks(double now);

/* A copy that ends where the memory does, so that the sanitizer sees what reads beyond. Caller frees. */
void *exact_copy(const void *, size_t size);

#define must(holds) ((holds) ? (void)0 : fuzz_failed(#holds, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *what, const char *file, int line);

#endif
