/* Saved reports, back into what the formatters take. */
#ifndef IDLEPROBE_REPORT_READ_H
#define IDLEPROBE_REPORT_READ_H

#include "format/report.h"

#include <cjson/cJSON.h>

struct saved_report {
	struct report report;         /* its pointers point into what follows */
	struct options options;
	struct result outbound, inbound;
	struct sample *samples;       /* of both directions, outbound first */
	struct platform *platforms;   /* those that the report names ... */
	struct platforms *documented; /* ... or all that are known; NULL: not looked at */
	cJSON *json;                  /* owns the strings */
};

struct saved_reports {
	struct saved_report **items;
	size_t count;
};

/* Adds the reports of a file's text, which ends with a NUL (`name` is for messages): what `measure --json` or
 * `-o` wrote, one object or several, or what `measure --events` did (events_read.h). Keys that it does not
 * know are passed over. 0, or -1 with EXIT_CANNOT_RUN at the first that is no report, or is one of a newer
 * schema; those before it are added all the same. */
int reports_read(struct saved_reports *, const char *name, const char *text, size_t length, struct failure *);
void reports_free(struct saved_reports *);

/* For events_read.c: a new one at the end of the list, NULL without memory; and that one off it again. */
struct saved_report *reports_add(struct saved_reports *);
void reports_drop(struct saved_reports *);

#endif
