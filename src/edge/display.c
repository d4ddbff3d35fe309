#include "edge/display.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct winsize size(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 2 || size.ws_col < 2)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	return size;
}

int display_room(void)
{
	return size().ws_row - 1;
}

void display_line(struct display *display, const char *text)
{
	/* The cursor stays on the last line: where that is the terminal's last, a line feed would scroll. */
	fprintf(stderr, "%s%.*s", display->drawn ? "\n" : "\r", size().ws_col - 1, text);
	fflush(stderr);
	display->drawn++;
}

void display_clear(struct display *display)
{
	if (display->drawn > 1)
		fprintf(stderr, "\033[%dA", display->drawn - 1);
	if (display->drawn > 0)
		fputs("\r\033[J", stderr);
	fflush(stderr);
	display->drawn = 0;
}
