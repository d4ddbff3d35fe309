/* Reading JSON that others may have written: what must be where is a table, and what is not so is refused
 * with a message that says what and where. Afterwards values are simply taken, by their paths:
 * "result.directions.outbound". */
#ifndef IDLEPROBE_SHAPE_H
#define IDLEPROBE_SHAPE_H

#include "core/failure.h"
#include "core/types.h"

#include <cjson/cJSON.h>

/* Where a piece of JSON comes from. */
struct source {
	const char *name;   /* of the file */
	int line;           /* on which the piece begins */
	struct failure *failure;
};

/* SHAPE_SECONDS: from 0 to 10^9, thirty years, so that an int holds it, and a long long its milliseconds. */
enum shape_kind {
	SHAPE_BOOL,
	SHAPE_NUMBER,
	SHAPE_SECONDS,
	SHAPE_WHOLE,
	SHAPE_TEXT,
	SHAPE_OBJECT,
	SHAPE_ARRAY,
};
enum { SHAPE_NULL = 1, SHAPE_ABSENT = 2 }; /* may be null; may be missing, as what was added later */

struct shape {
	const char *path;   /* objects come in rows before what is in them; the last row's is NULL */
	enum shape_kind kind;
	int may;
};

/* `parent`: the path of the item itself, for the message; "" for a whole. 0, or -1 with the failure. */
int shape_check(const struct source *, const cJSON *, const char *parent, const struct shape *);

/* Fails with "FILE line N: ..." (EXIT_CANNOT_RUN); returns -1. */
int shape_fail(const struct source *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is at the path, of an item that was checked. Missing is as null. */
const cJSON *shape_at(const cJSON *, const char *path); /* NULL: nothing, or null */
double shape_number(const cJSON *, const char *path);   /* NAN: null */
int shape_whole(const cJSON *, const char *path);       /* 0: null */
const char *shape_text(const cJSON *, const char *path); /* NULL: null; the item's own */
enum tristate shape_bool(const cJSON *, const char *path);

/* An RFC 3339 instant in UTC, as seconds since 1970; NAN where it is none, or earlier. */
double shape_instant(const cJSON *, const char *path);

#endif
