#include "core/duration.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct unit {
	const char *name;
	double seconds;
} units[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }, { "ms", 0.001 } };

enum { UNITS = sizeof units / sizeof *units };

/* "12", "12.5" or ".5": what strtod() takes beyond that (signs, hexadecimal, "inf", the locale's comma) is not meant. */
static const char *parse_number(const char *text, double *value)
{
	size_t whole = strspn(text, "0123456789");
	size_t length = whole;
	double unit = 1;

	if (text[whole] == '.')
		length += 1 + strspn(text + whole + 1, "0123456789");
	if (length == 0 || (whole == 0 && length == 1))
		return NULL;
	*value = 0;
	for (size_t i = 0; i < whole; i++)
		*value = *value * 10 + (text[i] - '0');
	for (size_t i = whole + 1; i < length; i++)
		*value += (text[i] - '0') * (unit /= 10);
	return text + length;
}

static int parse_unit(const char *text, size_t *length)
{
	*length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	for (int i = 0; i < UNITS; i++)
		if (strlen(units[i].name) == *length && strncmp(text, units[i].name, *length) == 0)
			return i;
	return -1;
}

int duration_parse(const char *text, double *seconds)
{
	double sum = 0;
	int previous = -1;

	do {
		double value;
		size_t length;
		const char *rest = parse_number(text, &value);

		if (!rest)
			return -1;
		if (*rest == '\0' && previous == -1) {
			sum = value;
			text = rest;
			break;
		}
		int unit = parse_unit(rest, &length);
		if (unit <= previous) /* also no unit at all */
			return -1;
		previous = unit;
		sum += value * units[unit].seconds;
		text = rest + length;
	} while (*text);
	if (!isfinite(sum))
		return -1;
	*seconds = sum;
	return 0;
}

struct duration_text duration_text(double seconds)
{
	static const struct scale {
		double from; /* whole seconds from here on are told in these two units */
		long large, small;
		const char *large_name, *small_name;
	} scales[] = {
		{ 86400, 86400, 3600, "d", "h" },
		{ 3600, 3600, 60, "h", "min" },
		{ 60, 60, 1, "min", "s" },
	};
	struct duration_text out;

	for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
		const struct scale *scale = &scales[i];
		double rounded = round(seconds / scale->small);

		if (!(round(seconds) >= scale->from) || rounded > 1e15)
			continue;
		long parts = (long)rounded, per = scale->large / scale->small;
		if (parts % per)
			snprintf(out.text, sizeof out.text, "%ld %s %ld %s", parts / per, scale->large_name, parts % per,
				 scale->small_name);
		else
			snprintf(out.text, sizeof out.text, "%ld %s", parts / per, scale->large_name);
		return out;
	}
	if (seconds >= 1e15)
		snprintf(out.text, sizeof out.text, "%.3g s", seconds);
	else if (seconds < 0.9995)
		snprintf(out.text, sizeof out.text, "%.0f ms", seconds * 1000);
	else
		snprintf(out.text, sizeof out.text, seconds == floor(seconds) ? "%.0f s" : "%.1f s", seconds);
	return out;
}
