#include "edge/clock.h"

#include <time.h>

double clock_now(void)
{
	static struct timespec first;
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (first.tv_sec == 0 && first.tv_nsec == 0)
		first = now;
	return (double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec);
}

uint32_t clock_tick(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}
