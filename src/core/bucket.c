#include "core/bucket.h"

struct bucket bucket_of(double rate, double most, double now)
{
	return (struct bucket){ .rate = rate, .most = most, .level = most, .at = now };
}

bool bucket_take(struct bucket *bucket, double now)
{
	bucket->level += (now - bucket->at) * bucket->rate;
	bucket->at = now;
	if (bucket->level > bucket->most)
		bucket->level = bucket->most;
	if (bucket->level < 1)
		return false;
	bucket->level--;
	return true;
}
