#include "format/report_junit.h"

#include "core/duration.h"
#include "format/escape.h"
#include "format/names.h"
#include "format/report_text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum fate { PASSED, FAILED, IN_ERROR };

static enum fate fate_of(const struct report *report)
{
	switch (report_exit_code(report)) {
	case EXIT_ANSWER: return PASSED;
	case EXIT_BOUND_BROKEN: return FAILED;
	case EXIT_USAGE:
	case EXIT_NO_ANSWER:
	case EXIT_CANNOT_RUN: return IN_ERROR;
	}
	return IN_ERROR;
}

/* Its first line is the answer. NULL without memory; the caller frees it. */
static char *text_of(const struct report *report)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	report_text(out, report, false);
	if (report->error[0])
		fprintf(out, "%s\n", report->error);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	escape_xml(out, value);
	fputc('"', out);
}

static void element(FILE *out, const char *name, const char *message, const char *type, const char *text)
{
	fprintf(out, "      <%s", name);
	if (message)
		attribute(out, "message", message);
	if (type)
		attribute(out, "type", type);
	fputc('>', out);
	escape_xml(out, text);
	fprintf(out, "</%s>\n", name);
}

static int put_case(FILE *out, const struct report *report)
{
	char *text = text_of(report);
	char answer[1000], broken[1100];

	if (!text)
		return -1;
	snprintf(answer, sizeof answer, "%.*s", (int)strcspn(text, "\n"), text);
	fputs("    <testcase", out);
	attribute(out, "classname", "idleprobe");
	attribute(out, "name", report->target.input);
	fprintf(out, " time=\"%.3f\">\n", report->elapsed);
	switch (fate_of(report)) {
	case PASSED:
		element(out, "system-out", NULL, NULL, text);
		break;
	case FAILED:
		snprintf(broken, sizeof broken, "%s At least %s was asked for.", answer,
			 duration_text(report->options->minimum).text);
		element(out, "failure", broken, outcome_name(report->result.outcome), text);
		break;
	case IN_ERROR:
		/* Why a target could not be reached says more. */
		element(out, "error", report->error[0] ? report->error : answer,
			outcome_name(report->result.outcome), text);
		break;
	}
	fputs("    </testcase>\n", out);
	free(text);
	return 0;
}

/* Of the suite, which began with its first run; they may have run side by side. */
static void put_sums(FILE *out, const struct report *const *reports, size_t count)
{
	double begun = count ? reports[0]->started_at : 0, time = 0;
	size_t failures = 0, errors = 0;
	time_t seconds;
	char date[32];
	struct tm utc;

	for (size_t i = 0; i < count; i++) {
		failures += fate_of(reports[i]) == FAILED;
		errors += fate_of(reports[i]) == IN_ERROR;
		time += reports[i]->elapsed;
		if (reports[i]->started_at < begun)
			begun = reports[i]->started_at;
	}
	seconds = (time_t)begun;
	gmtime_r(&seconds, &utc);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
	fprintf(out,
		" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" time=\"%.3f\" timestamp=\"%s\"",
		count, failures, errors, time, date);
}

int report_junit(FILE *out, const struct report *const *reports, size_t count)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"idleprobe\"",
	      out);
	put_sums(out, reports, count);
	fputs(">\n", out);
	for (size_t i = 0; i < count; i++)
		if (put_case(out, reports[i]) < 0)
			return -1;
	fputs("  </testsuite>\n</testsuites>\n", out);
	return 0;
}
