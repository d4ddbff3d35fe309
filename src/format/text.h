/* The layout of text for the person: 80 columns, headings, rows of a label and a sentence. */
#ifndef IDLEPROBE_TEXT_H
#define IDLEPROBE_TEXT_H

#include <stdbool.h>
#include <stdio.h>

struct text {
	FILE *out;
	bool colour;
	bool html;      /* rows as <dt> and <dd>; what is laid out in columns is not there then */
};

/* A paragraph of whole words, from the column of the indentation on, where the caller has come to. */
void text_paragraph(const struct text *, int indent, const char *words);

void text_heading(const struct text *, const char *words);

/* At most 500 octets. */
void text_row(const struct text *, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
