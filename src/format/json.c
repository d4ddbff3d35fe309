#include "format/json.h"

#include "format/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static cJSON *add(cJSON *parent, const char *key, cJSON *item)
{
	if (key ? cJSON_AddItemToObject(parent, key, item) : cJSON_AddItemToArray(parent, item))
		return item;
	cJSON_Delete(item);
	if (parent)
		parent->type = cJSON_Invalid; /* what lacks something is not printed */
	return NULL;
}

cJSON *json_object(cJSON *parent, const char *key)
{
	return add(parent, key, cJSON_CreateObject());
}

cJSON *json_array(cJSON *parent, const char *key)
{
	return add(parent, key, cJSON_CreateArray());
}

void json_null(cJSON *parent, const char *key)
{
	add(parent, key, cJSON_CreateNull());
}

void json_bool(cJSON *parent, const char *key, enum tristate value)
{
	add(parent, key, value == UNKNOWN ? cJSON_CreateNull() : cJSON_CreateBool(value == YES));
}

void json_number(cJSON *parent, const char *key, double value, int decimals)
{
	char text[64];
	int length;

	if (!isfinite(value) || fabs(value) > 1e15) {
		json_null(parent, key);
		return;
	}
	length = snprintf(text, sizeof text, "%.*f", decimals, value);
	if (decimals > 0) {
		while (text[length - 1] == '0')
			text[--length] = '\0';
		if (text[length - 1] == '.')
			text[--length] = '\0';
	}
	add(parent, key, cJSON_CreateRaw(strcmp(text, "-0") == 0 ? "0" : text));
}

void json_text(cJSON *parent, const char *key, const char *text)
{
	const size_t size = text ? strlen(text) * strlen(UTF8_REPLACEMENT) + 1 : 0;
	char *clean;

	if (!text) {
		json_null(parent, key);
		return;
	}
	clean = malloc(size);
	if (!clean) {
		add(parent, key, NULL);
		return;
	}
	utf8_copy(clean, size, text);
	add(parent, key, cJSON_CreateString(clean));
	free(clean);
}

void json_instant(cJSON *parent, const char *key, double unix_seconds)
{
	long long milliseconds = llround(unix_seconds * 1000);
	time_t seconds = (time_t)(milliseconds / 1000);
	char date[32], text[48];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof text, "%s.%03dZ", date, (int)(milliseconds % 1000));
	json_text(parent, key, text);
}

char *json_line(cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object), *line = NULL;

	cJSON_Delete(object);
	if (!text)
		return NULL;
	size_t length = strlen(text);
	line = realloc(text, length + 2);
	if (!line) {
		free(text);
		return NULL;
	}
	memcpy(line + length, "\n", 2);
	return line;
}
