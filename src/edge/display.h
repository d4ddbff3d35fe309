/* Lines on the terminal that are drawn again and again, below what else is written there. */
#ifndef IDLEPROBE_DISPLAY_H
#define IDLEPROBE_DISPLAY_H

struct display {
	int drawn; /* lines that stand there now */
};

/* How many lines the terminal of standard error has room for; at least one. */
int display_room(void);

/* One line more, cut to the terminal's width. */
void display_line(struct display *, const char *text);

/* Takes the lines away, before they are drawn anew or something else is written. */
void display_clear(struct display *);

#endif
