/* Durations as people write and read them. */
#ifndef IDLEPROBE_DURATION_H
#define IDLEPROBE_DURATION_H

/* A number of seconds ("90", "1.5"), or numbers with units, largest first: ms s m h d ("250ms", "2h4m", "1.5h").
 * Returns 0, or -1 and leaves *seconds alone: no sign, exponent, blank, "inf" or "nan" is taken. */
int duration_parse(const char *text, double *seconds);

struct duration_text {
	char text[32];
};

/* "250 ms", "12.3 s", "5 s", "15 min", "1 min 30 s", "2 h 4 min", "5 d": the two largest units, for reading; not exact. */
struct duration_text duration_text(double seconds);

#endif
