#include "format/escape.h"

#include "format/utf8.h"

#include <stdbool.h>
#include <string.h>

/* XML 1.0, 2.2: what a document cannot hold, not even as a reference. */
static bool is_forbidden(const char *text, size_t length)
{
	if (length == 3)
		return memcmp(text, "\xef\xbf\xbe", 3) == 0 || memcmp(text, "\xef\xbf\xbf", 3) == 0;
	return length == 0 || (length == 1 && (unsigned char)*text < ' ' && !strchr("\t\n\r", *text));
}

static void put(FILE *out, const char *text, size_t length)
{
	if (is_forbidden(text, length))
		fputs(UTF8_REPLACEMENT, out);
	else
		fwrite(text, 1, length, out);
}

void escape_xml(FILE *out, const char *text)
{
	for (size_t length; text && *text; text += length ? length : 1) {
		length = utf8_sequence(text);
		switch (*text) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		case '\'': fputs("&#39;", out); break;
		default: put(out, text, length);
		}
	}
}

void escape_label(FILE *out, const char *text)
{
	for (size_t length; text && *text; text += length ? length : 1) {
		length = utf8_sequence(text);
		switch (*text) {
		case '\\': fputs("\\\\", out); break;
		case '"': fputs("\\\"", out); break;
		case '\n': fputs("\\n", out); break;
		default: put(out, text, length);
		}
	}
}
