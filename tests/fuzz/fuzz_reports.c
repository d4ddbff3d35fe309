/* Saved reports and events: whatever is read as one can be written in each format, and what is written as JSON is read
 * back as the same. */
#include "format/report_html.h"
#include "format/report_json.h"
#include "format/report_junit.h"
#include "format/report_nagios.h"
#include "format/report_prometheus.h"
#include "format/report_read.h"
#include "format/report_text.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_REPORTS = 20 };

static void must_come_back(const struct report *report)
{
	struct saved_reports back = { 0 };
	struct failure failure;
	char *line = report_json(report), *again;

	must(line);
	if (reports_read(&back, "written", line, strlen(line), &failure) < 0)
		fuzz_failed(failure.text, __FILE__, __LINE__);
	again = report_json(&back.items[0]->report);
	must(again && strcmp(line, again) == 0);
	must(report_exit_code(report) == report_exit_code(&back.items[0]->report));
	free(again);
	free(line);
	reports_free(&back);
}

static void write_all(const struct saved_reports *list)
{
	const struct report *reports[MOST_REPORTS];
	struct nagios_item items[MOST_REPORTS];
	size_t count = list->count < MOST_REPORTS ? list->count : MOST_REPORTS, length = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);

	must(out);
	for (size_t i = 0; i < count; i++) {
		reports[i] = &list->items[i]->report;
		items[i] = (struct nagios_item){ "target", reports[i], "" };
		report_text(out, reports[i], i & 1);
		must_come_back(reports[i]);
	}
	must(report_html(out, reports, count) == 0);
	must(report_prometheus(out, reports, count) == 0);
	must(report_junit(out, reports, count) == 0);
	report_nagios(out, items, count);
	must(fclose(out) == 0 && strlen(text) == length); /* no NUL in it */
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct saved_reports list = { 0 };
	struct failure failure = { .text = "" };
	char *text = malloc(count + 1);

	must(text);
	memcpy(text, bytes, count);
	text[count] = '\0';
	if (reports_read(&list, "fuzzed", text, count, &failure) < 0)
		must(failure.code == EXIT_CANNOT_RUN && failure.text[0]);
	free(text); /* nothing points into it */
	write_all(&list);
	reports_free(&list);
	return 0;
}
