/* What results are called in a sentence. */
#ifndef IDLEPROBE_WORDS_H
#define IDLEPROBE_WORDS_H

#include "core/types.h"

struct span {
	char text[360];
};

/* The timeout: "12.0 s"; where it is not known well, "4.7 to 12.1 s" or "at most 12.1 s". */
struct span estimate_words(const struct result *);

/* With the interval: "12.0 s (between 11.6 s and 12.4 s)", "15 min (900.3 s; between 899.8 s and 900.8 s)". */
struct span span_words(const struct result *);

/* As many decimals of a second as the interval deserves. */
int span_decimals(const struct result *);

/* How connections end: a sentence. */
struct span signal_words(const struct result *);

/* Why there is no answer, without a full stop. */
const char *reason_words(enum reason);

/* Without an answer: what is known of it all the same. Nothing, or sentences that begin with a blank. */
struct span known_words(const struct result *);

#endif
