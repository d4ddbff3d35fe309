#include "format/shape.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const double MOST = 1e15; /* what json_number() writes */

static const cJSON *find(const cJSON *item, const char *path)
{
	while (item && *path) {
		size_t length = strcspn(path, ".");
		char key[40];

		snprintf(key, sizeof key, "%.*s", (int)length, path);
		item = cJSON_GetObjectItemCaseSensitive(item, key);
		path += length + (path[length] == '.');
	}
	return item;
}

static bool fits(const cJSON *item, enum shape_kind kind)
{
	double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;

	switch (kind) {
	case SHAPE_BOOL: return cJSON_IsBool(item);
	case SHAPE_NUMBER: return fabs(value) < MOST;
	case SHAPE_SECONDS: return value >= 0 && value <= 1e9;
	case SHAPE_WHOLE: return value >= 0 && value <= 1e9 && value == floor(value);
	case SHAPE_TEXT: return cJSON_IsString(item);
	case SHAPE_OBJECT: return cJSON_IsObject(item);
	case SHAPE_ARRAY: return cJSON_IsArray(item);
	}
	return false;
}

static const char *kind_words(enum shape_kind kind)
{
	switch (kind) {
	case SHAPE_BOOL: return "true or false";
	case SHAPE_NUMBER: return "a number";
	case SHAPE_SECONDS: return "a number of seconds from 0 to 10^9";
	case SHAPE_WHOLE: return "a whole number from 0 to 10^9";
	case SHAPE_TEXT: return "text";
	case SHAPE_OBJECT: return "an object";
	case SHAPE_ARRAY: return "an array";
	}
	return "";
}

int shape_fail(const struct source *source, const char *format, ...)
{
	char what[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	return fail(source->failure, EXIT_CANNOT_RUN, "%.150s line %d: %s", source->name, source->line, what);
}

int shape_check(const struct source *source, const cJSON *item, const char *parent, const struct shape *shape)
{
	const char *dot = *parent ? "." : "";

	for (; shape->path; shape++) {
		const cJSON *found = find(item, shape->path);

		if (!found && !(shape->may & SHAPE_ABSENT))
			return shape_fail(source,
					  "%s%s%s is missing; the file is damaged, copy it or measure again",
					  parent, dot, shape->path);
		if (!found || (cJSON_IsNull(found) && shape->may & SHAPE_NULL) || fits(found, shape->kind))
			continue;
		return shape_fail(source, "%s%s%s is not %s%s; the file is damaged, copy it or measure again",
				  parent, dot, shape->path, kind_words(shape->kind),
				  shape->may & SHAPE_NULL ? " or null" : "");
	}
	return 0;
}

const cJSON *shape_at(const cJSON *item, const char *path)
{
	const cJSON *found = find(item, path);

	return cJSON_IsNull(found) ? NULL : found;
}

double shape_number(const cJSON *item, const char *path)
{
	const cJSON *found = shape_at(item, path);

	return found ? found->valuedouble : NAN;
}

int shape_whole(const cJSON *item, const char *path)
{
	const cJSON *found = shape_at(item, path);

	return found ? (int)found->valuedouble : 0;
}

const char *shape_text(const cJSON *item, const char *path)
{
	const cJSON *found = shape_at(item, path);

	return found ? found->valuestring : NULL;
}

enum tristate shape_bool(const cJSON *item, const char *path)
{
	const cJSON *found = shape_at(item, path);

	return !found ? UNKNOWN : cJSON_IsTrue(found) ? YES : NO;
}

double shape_instant(const cJSON *item, const char *path)
{
	const char *text = shape_text(item, path), *rest;
	struct tm date = { 0 };
	double fraction = 0, place = 0.1;

	if (!text || !(rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &date)))
		return NAN;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, place /= 10)
			fraction += (*rest - '0') * place;
	if (strcmp(rest, "Z") != 0 || date.tm_year < 70)
		return NAN;
	return (double)timegm(&date) + fraction;
}
