#include "fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool bytes_left(const struct bytes *bytes)
{
	return bytes->at < bytes->end;
}

uint8_t bytes_next(struct bytes *bytes)
{
	return bytes_left(bytes) ? *bytes->at++ : 0;
}

uint32_t bytes_number(struct bytes *bytes, int octets)
{
	uint32_t number = 0;

	while (octets-- > 0)
		number = number << 8 | bytes_next(bytes);
	return number;
}

int bytes_choice(struct bytes *bytes, int choices)
{
	return bytes_next(bytes) % choices;
}

double bytes_seconds(struct bytes *bytes)
{
	uint8_t byte = bytes_next(bytes);

	return ldexp(1 + (byte & 7) / 8.0, (byte >> 3) - 10);
}

uint32_t ticks(double now)
{
	return (uint32_t)(uint64_t)(now * 1000);
}

void *exact_copy(const void *from, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, from, size);
	return copy;
}

void fuzz_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}
