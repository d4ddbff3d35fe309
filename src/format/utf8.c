#include "format/utf8.h"

#include <string.h>

size_t utf8_sequence(const char *octets)
{
	const unsigned char *text = (const unsigned char *)octets;
	size_t length = text[0] < 0x80 ? 1
			: text[0] < 0xc2 ? 0 /* a continuation, or not the shortest form */
			: text[0] < 0xe0 ? 2
			: text[0] < 0xf0 ? 3
			: text[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

void utf8_copy(char *to, size_t size, const char *text)
{
	const char *end = to + size;

	while (*text) {
		size_t length = utf8_sequence(text), octets = length ? length : strlen(UTF8_REPLACEMENT);

		if (octets >= (size_t)(end - to))
			break;
		memcpy(to, length ? text : UTF8_REPLACEMENT, octets);
		to += octets;
		text += length ? length : 1;
	}
	*to = '\0';
}
