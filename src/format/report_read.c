#include "format/report_read.h"

#include "format/events_read.h"
#include "format/report_parse.h"

#include <stdlib.h>
#include <string.h>

enum { SCHEMA_VERSION = 1 };

static void free_report(struct saved_report *saved)
{
	free(saved->report.consistent);
	free(saved->platforms);
	free(saved->samples);
	platforms_free(saved->documented);
	cJSON_Delete(saved->json);
	free(saved);
}

struct saved_report *reports_add(struct saved_reports *list)
{
	struct saved_report **items = realloc(list->items, (list->count + 1) * sizeof *items);
	struct saved_report *saved = calloc(1, sizeof *saved);

	if (items)
		list->items = items;
	if (!items || !saved) {
		free(saved);
		return NULL;
	}
	options_default(&saved->options);
	saved->report.options = &saved->options;
	return items[list->count++] = saved;
}

void reports_drop(struct saved_reports *list)
{
	free_report(list->items[--list->count]);
}

void reports_free(struct saved_reports *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_report(list->items[i]);
	free(list->items);
	*list = (struct saved_reports){ 0 };
}

/* The list owns the JSON from here on, whatever comes of it. */
static int add_report(const struct source *source, struct saved_reports *list, cJSON *json)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "schema_version");
	struct saved_report *saved = reports_add(list);

	if (!saved) {
		cJSON_Delete(json);
		return shape_fail(source, "out of memory");
	}
	saved->json = json;
	if (!cJSON_IsNumber(version))
		shape_fail(source, "schema_version is missing; the file is damaged, copy it or measure "
				   "again");
	else if (version->valuedouble != SCHEMA_VERSION)
		shape_fail(source,
			   "schema_version is %g, and this version reads %d only; use the idleprobe that "
			   "wrote it, or a newer one",
			   version->valuedouble, SCHEMA_VERSION);
	else if (report_parse(source, saved, json) == 0) {
		/* They are most of it, and no string in them is needed. */
		cJSON_DeleteItemFromObjectCaseSensitive(json, "samples");
		return 0;
	}
	reports_drop(list);
	return -1;
}

/* One object of the file. */
static int add_json(const struct source *source, struct saved_reports *list, struct events_readers *events,
		    cJSON *json)
{
	const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "kind"));
	bool kept = false;
	int status;

	if (kind && strcmp(kind, "idleprobe.report") == 0) {
		status = events_read_end(events, source);
		if (status < 0)
			cJSON_Delete(json);
		return status < 0 ? status : add_report(source, list, json);
	}
	if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "event")))
		status = events_read(events, source, list, json, &kept);
	else
		status = shape_fail(source, "this is JSON, but no report of idleprobe's (\"kind\" is not "
					    "\"idleprobe.report\") and no line of its events; name what "
					    "`measure -o` or `--events` wrote");
	if (!kept)
		cJSON_Delete(json);
	return status;
}

static int count_lines(const char *text, const char *end)
{
	int lines = 0;

	while (text < end && (text = memchr(text, '\n', (size_t)(end - text)))) {
		lines++;
		text++;
	}
	return lines;
}

/* Does the text end before what it began? */
static bool is_cut_short(const char *text, const char *end)
{
	bool quoted = false;
	int depth = 0;

	for (; text < end; text++) {
		if (quoted && *text == '\\')
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (*text == '{' || *text == '[') - (*text == '}' || *text == ']');
	}
	return quoted || depth > 0;
}

static int no_json(const struct source *source, const char *text, const char *stop, const char *end)
{
	struct source place = { source->name, source->line + count_lines(text, stop), source->failure };

	if (*text == '{' && is_cut_short(text, end))
		return shape_fail(&place, "the report ends in the middle, as when the disk was full or a "
					  "copy was cut short; copy it again, or give the file of --events");
	return shape_fail(&place, "this is no JSON; name what `measure -o` or `--events` wrote");
}

/* What a terminal may take for a command is no part of a report. */
static void clean(cJSON *item)
{
	for (; item; item = item->next) {
		for (char *text = item->valuestring; text && *text; text++) {
			bool c1 = text[0] == '\xc2' && (unsigned char)text[1] >= 0x80 &&
				  (unsigned char)text[1] < 0xa0;

			if (((unsigned char)*text < ' ' && *text != '\n' && *text != '\t') || *text == 0x7f)
				*text = '?';
			else if (c1)
				text[0] = text[1] = '?';
		}
		clean(item->child);
	}
}

/* NULs too: a machine that crashed may leave them at the end of a file. */
static const char *skip_blanks(const char *text, const char *end)
{
	while (text < end && memchr(" \t\r\n", *text, sizeof " \t\r\n"))
		text++;
	return text;
}

int reports_read(struct saved_reports *list, const char *name, const char *text, size_t length,
		 struct failure *failure)
{
	struct source source = { strcmp(name, "-") == 0 ? "standard input" : name, 1, failure };
	struct events_readers events = { 0 };
	const char *end = text + length, *next = skip_blanks(text, end);
	int status = 0;

	if (next == end)
		return shape_fail(&source, "this is empty; name what `measure -o` or `--events` wrote");
	while (status == 0 && next < end) {
		const char *stop = next;
		cJSON *json;

		source.line += count_lines(text, next);
		text = next;
		json = cJSON_ParseWithLengthOpts(text, (size_t)(end - text), &stop, false);
		/* A run that was killed may have been at its last line. */
		if (!json && events_in_run(&events) && !memchr(text, '\n', (size_t)(end - text)))
			break;
		clean(json);
		status = json ? add_json(&source, list, &events, json) : no_json(&source, text, stop, end);
		next = skip_blanks(stop, end);
	}
	/* Whatever comes after: a run that has begun is told as far as it came. */
	struct failure unused;
	if (status < 0)
		source.failure = &unused;
	if (events_read_end(&events, &source) < 0)
		status = -1;
	events_readers_free(&events);
	return status;
}
