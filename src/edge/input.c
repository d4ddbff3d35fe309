#include "edge/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Up to the end or one octet more than INPUT_MOST. NULL with errno. */
static char *read_all(int fd, size_t *length)
{
	size_t room = 0;
	char *text = NULL;

	*length = 0;
	for (;;) {
		if (*length + 1 >= room) {
			char *larger = realloc(text, room = room ? 2 * room : 65536);

			if (!larger)
				break;
			text = larger;
		}
		ssize_t got = read(fd, text + *length, room - 1 - *length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		*length += (size_t)got;
		if (got == 0 || *length > INPUT_MOST) {
			text[*length] = '\0';
			return text;
		}
	}
	free(text);
	return NULL;
}

char *input_read(const char *name, size_t *length, struct failure *failure)
{
	bool standard = strcmp(name, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = fd < 0 ? NULL : read_all(fd, length);
	int error = errno;

	if (fd >= 0 && !standard)
		close(fd);
	if (!text) {
		fail(failure, EXIT_CANNOT_RUN, "%.300s cannot be read: %s; name a file that `measure -o` or "
		     "`--events` wrote", standard ? "standard input" : name, strerror(error));
	} else if (*length > INPUT_MOST) {
		fail(failure, EXIT_CANNOT_RUN, "%.300s is larger than %d MiB, and so no report; split the "
		     "file, one report a line", standard ? "standard input" : name, INPUT_MOST >> 20);
		free(text);
		text = NULL;
	}
	return text;
}
