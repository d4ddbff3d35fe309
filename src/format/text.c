#include "format/text.h"

#include "format/escape.h"

#include <stdarg.h>
#include <string.h>

enum { WIDTH = 80, LABEL = 13 /* columns */ };

void text_paragraph(const struct text *text, int indent, const char *words)
{
	FILE *out = text->out;
	int column = indent;

	while (*words) {
		size_t length = strcspn(words, " \n");

		if (column > indent && column + 1 + (int)length > WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fwrite(words, 1, length, out);
		column += (int)length;
		words += length + strspn(words + length, " \n");
	}
	fputc('\n', out);
}

void text_heading(const struct text *text, const char *words)
{
	fprintf(text->out, text->colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", words);
}

void text_row(const struct text *text, const char *label, const char *format, ...)
{
	char words[500];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	if (text->html) {
		fputs("<dt>", text->out);
		escape_xml(text->out, label);
		fputs("<dd>", text->out);
		escape_xml(text->out, words);
		fputc('\n', text->out);
		return;
	}
	fprintf(text->out, "  %-*s", LABEL, label);
	text_paragraph(text, LABEL + 2, words);
}
