/* JSON as the contract wants it: a thin layer over cJSON, which prints large integers in exponent form and
 * lets invalid UTF-8 through (1.7.15). Nothing here fails by itself: without memory json_line() returns
 * NULL. */
#ifndef IDLEPROBE_JSON_H
#define IDLEPROBE_JSON_H

#include "core/types.h"

#include <cjson/cJSON.h>

/* Adds to an object, or, with a NULL key, to an array. */
cJSON *json_object(cJSON *parent, const char *key);
cJSON *json_array(cJSON *parent, const char *key);
void json_null(cJSON *parent, const char *key);
void json_bool(cJSON *parent, const char *key, enum tristate);                /* UNKNOWN: null */
void json_number(cJSON *parent, const char *key, double value, int decimals); /* rounded; NAN, infinite: null */
void json_text(cJSON *parent, const char *key, const char *text);             /* NULL: null; invalid UTF-8: U+FFFD */
void json_instant(cJSON *parent, const char *key, double unix_seconds);       /* RFC 3339, UTC, milliseconds */

/* One line with its newline; the caller frees it. Deletes the object. */
char *json_line(cJSON *object);

#endif
