#include "edge/buffer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static ssize_t append(void *arg, const char *data, size_t count)
{
	struct buffer *buffer = arg;

	if (buffer->room - buffer->length < count) {
		size_t room = 2 * (buffer->room + count);
		char *larger = realloc(buffer->text, room);

		if (!larger)
			return 0; /* an error, of a cookie's write function (fopencookie(3)) */
		buffer->text = larger;
		buffer->room = room;
	}
	memcpy(buffer->text + buffer->length, data, count);
	buffer->length += count;
	return (ssize_t)count;
}

FILE *buffer_open(struct buffer *buffer)
{
	return fopencookie(buffer, "w", (cookie_io_functions_t){ .write = append });
}
