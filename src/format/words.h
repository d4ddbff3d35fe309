/* What results are called in a sentence. */
#ifndef IDLEPROBE_WORDS_H
#define IDLEPROBE_WORDS_H

#include "core/types.h"

struct span {
	char text[360];
};

/* "12.0 s (between 11.6 s and 12.4 s)", "15 min (900.3 s; between 899.8 s and 900.8 s)"; where nothing is
 * known to be survived "400 ms (before 0.8 s)". */
struct span span_words(const struct result *);

/* Where it is not known well: "after 1.2 to 5.1 s", "within 1.2 s". */
struct span between_words(const struct result *);

/* As many decimals of a second as the interval deserves. */
int span_decimals(const struct result *);

/* How connections end: a sentence. */
struct span signal_words(const struct result *);

/* Why there is no answer, without a full stop. */
const char *reason_words(enum reason);

/* Without an answer: what is known of it all the same. Nothing, or sentences that begin with a blank. */
struct span known_words(const struct result *);

#endif
