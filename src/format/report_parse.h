/* One saved report's JSON, into what the formatters take. The JSON must outlive the report. Each returns 0,
 * or -1 with the failure. */
#ifndef IDLEPROBE_REPORT_PARSE_H
#define IDLEPROBE_REPORT_PARSE_H

#include "format/report_read.h"
#include "format/shape.h"

/* Of the kind "idleprobe.report", and of the schema that is known. */
int report_parse(const struct source *, struct saved_report *, const cJSON *);

/* Parts of a report that events hold too: tool, target, method; result; and of path: nat, proxy. */
int report_parse_subject(const struct source *, struct saved_report *, const cJSON *);
int report_parse_result(const struct source *, struct saved_report *, const cJSON *);
int report_parse_ends(const struct source *, struct saved_report *, const cJSON *);

/* One warning, which is checked and added; `parent` is its path, for the message. */
int report_parse_warning(const struct source *, struct saved_report *, const cJSON *, const char *parent);

/* Of such a part itself, NULL where there is none: check; settings, which are whole numbers already. */
int report_parse_check(const struct source *, struct saved_report *, const cJSON *);
struct keepalive report_parse_keepalive(const cJSON *);

#endif
