#include "core/grow.h"

#include <stdlib.h>

enum { FIRST = 16 };

bool grow(void **array, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return true;

	size_t wanted = *room ? 2 * *room : FIRST;
	void *larger = realloc(*array, wanted * size);

	if (!larger)
		return false;
	*array = larger;
	*room = wanted;
	return true;
}
