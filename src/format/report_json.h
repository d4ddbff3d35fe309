/* The JSON report of the contract. */
#ifndef IDLEPROBE_REPORT_JSON_H
#define IDLEPROBE_REPORT_JSON_H

#include "format/json.h"
#include "format/report.h"

/* One line; the caller frees it. NULL without memory. */
char *report_json(const struct report *);

/* Parts of it that the event lines share. */
void report_json_subject(cJSON *, const struct report *); /* tool, target, method */
void report_json_result(cJSON *, const struct report *);  /* result */
void report_json_given(cJSON *, const struct report *);   /* check; host_now: settings, as in advice */
void report_json_ends(cJSON *, const struct report *);    /* of path: nat, proxy */

#endif
