#include "edge/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_in_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(fd) && !(no_color && *no_color) && terminal && strcmp(terminal, "dumb") != 0;
}
