/* UTF-8, as all that is written has to be. */
#ifndef IDLEPROBE_UTF8_H
#define IDLEPROBE_UTF8_H

#include <stddef.h>

/* What stands for octets that are none. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Length of the valid sequence that the text begins with (RFC 3629: shortest form, no surrogates), 0 if there
 * is none. */
size_t utf8_sequence(const char *);

/* Copies whole sequences, as many as fit, with the replacement for each octet that belongs to none. */
void utf8_copy(char *to, size_t size, const char *text);

#endif
