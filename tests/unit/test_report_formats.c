/* Reports as metrics, as JUnit and as a page: what stands in them, and that nothing from a report breaks out. */
#include "example.h"
#include "format/report_html.h"
#include "format/report_junit.h"
#include "format/report_prometheus.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum format { PROMETHEUS, JUNIT, HTML };

/* The caller frees it. */
static char *formatted(enum format format, const struct report *const *reports, size_t count)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	switch (format) {
	case PROMETHEUS: assert_int_equal(report_prometheus(out, reports, count), 0); break;
	case JUNIT: assert_int_equal(report_junit(out, reports, count), 0); break;
	case HTML: assert_int_equal(report_html(out, reports, count), 0); break;
	}
	fclose(out);
	return text;
}

static int occurrences(const char *text, const char *words)
{
	int count = 0;

	while ((text = strstr(text, words))) {
		text += strlen(words);
		count++;
	}
	return count;
}

static void holds(const char *text, const char *words, int times)
{
	if (occurrences(text, words) != times)
		fail_msg("'%s' is there %d times, not %d; the first at: %.60s; in: %.3000s", words, occurrences(text, words), times,
			 strstr(text, words) ? strstr(text, words) - 20 : "", text);
}

static void metrics_of_a_timeout(void **state)
{
	static const char *const lines[] = {
		("# TYPE idleprobe_timeout_seconds gauge\n"
		 "idleprobe_timeout_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 900.3\n"),
		"idleprobe_survived_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 899.8\n",
		"idleprobe_expired_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 900.8\n",
		"idleprobe_direction_survived_seconds{target=\"db.example:5432\",address=\"192.0.2.7\",direction=\"outbound\"} 1200.125\n",
		"idleprobe_direction_timeout_seconds{target=\"db.example:5432\",address=\"192.0.2.7\",direction=\"inbound\"} 900.3\n",
		"idleprobe_outcome{target=\"db.example:5432\",address=\"192.0.2.7\",outcome=\"timeout\"} 1\n",
		"idleprobe_outcome{target=\"db.example:5432\",address=\"192.0.2.7\",outcome=\"inconclusive\"} 0\n",
		"idleprobe_check_minimum_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 600\n",
		"idleprobe_check_passed{target=\"db.example:5432\",address=\"192.0.2.7\"} 1\n",
		"idleprobe_keepalive_refreshes{target=\"db.example:5432\",address=\"192.0.2.7\"} 1\n",
		"idleprobe_keepalive_protects{target=\"db.example:5432\",address=\"192.0.2.7\"} 0\n",
		"idleprobe_keepalive_host_time_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 7200\n",
		"idleprobe_keepalive_host_margin_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} -6450.2\n",
		"idleprobe_keepalive_advised_time_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 440\n",
		"idleprobe_rtt_median_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 0.0014\n",
		"idleprobe_probe_loss_ratio{target=\"db.example:5432\",address=\"192.0.2.7\"} 0.0123\n",
		"idleprobe_last_run_timestamp_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 1793673058.9\n",
		"idleprobe_run_duration_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 962.4\n",
		"idleprobe_warning{target=\"db.example:5432\",address=\"192.0.2.7\",code=\"scan_granularity\"} 1\n",
		"signal=\"silent\",signal_from=\"\",reason=\"\",version=\"0.1.0-of-then\"} 1\n",
	};
	struct example example;

	(void)state;
	example_fill(&example);
	char *text = formatted(PROMETHEUS, (const struct report *[]){ &example.report }, 1);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		holds(text, lines[i], 1);
	holds(text, "direction_timeout_seconds{target=\"db.example:5432\",address=\"192.0.2.7\",direction=\"outbound\"", 0);
	holds(text, "nan", 0);
	free(text);
}

/* A family may stand in a file once, and a series too, or the collector takes none of it. */
static void metrics_of_several(void **state)
{
	struct example examples[4];
	const struct report *reports[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		example_fill(&examples[i]);
		reports[i] = &examples[i].report;
	}
	example_fill_other(&examples[1], OUTCOME_UNREACHABLE, REASON_NONE); /* its address is not known */
	examples[2].report.started_at += 3600; /* a later run of the first's */
	examples[2].report.result.timeout = 350;
	examples[3].report.target.input = "a\\b\"c\nd\xff";
	char *text = formatted(PROMETHEUS, reports, 4);
	holds(text, "# HELP idleprobe_timeout_seconds ", 1);
	holds(text, "\nidleprobe_timeout_seconds{", 2);
	holds(text, "idleprobe_timeout_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 350\n", 1);
	holds(text, "idleprobe_timeout_seconds{target=\"a\\\\b\\\"c\\nd\xef\xbf\xbd\",address=\"192.0.2.7\"} 900.3\n", 1);
	holds(text, "idleprobe_outcome{target=\"db.example:5432\",address=\"\",outcome=\"unreachable\"} 1\n", 1);
	holds(text, "\nidleprobe_outcome{", 15);
	holds(text, "# TYPE", occurrences(text, "# HELP"));
	free(text);
	examples[2].report.started_at -= 3600; /* of the same moment: what came later is taken */
	text = formatted(PROMETHEUS, reports, 4);
	holds(text, "idleprobe_timeout_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 350\n", 1);
	free(text);
	examples[2].report.started_at -= 3600;
	text = formatted(PROMETHEUS, reports, 4);
	holds(text, "idleprobe_timeout_seconds{target=\"db.example:5432\",address=\"192.0.2.7\"} 900.3\n", 1);
	free(text);
}

static void junit_cases(void **state)
{
	struct example examples[5];
	const struct report *reports[5];

	(void)state;
	example_fill(&examples[0]);
	example_fill(&examples[1]);
	example_fill_other(&examples[2], OUTCOME_INCONCLUSIVE, REASON_TOO_LOSSY);
	example_fill_other(&examples[3], OUTCOME_UNREACHABLE, REASON_NONE);
	example_fill_other(&examples[4], OUTCOME_NO_TIMEOUT, REASON_NONE);
	for (int i = 0; i < 5; i++)
		reports[i] = &examples[i].report;
	examples[1].options.minimum = 1200;
	examples[4].options.minimum = 10000; /* longer than was tried: it cannot be told */
	char *text = formatted(JUNIT, reports, 5);
	holds(text, "<testsuite name=\"idleprobe\" tests=\"5\" failures=\"1\" errors=\"3\" skipped=\"0\" time=\"4812.000\" "
		    "timestamp=\"2026-11-03T02:14:56\">", 1);
	holds(text, "<testcase classname=\"idleprobe\" name=\"db.example:5432\" time=\"962.400\">\n", 5);
	holds(text, "<failure message=\"Idle connections to db.example:5432 (192.0.2.7) stop working after 15 min (900.3 s; between "
		    "899.8 s and 900.8 s). At least 20 min was asked for.\" type=\"timeout\">", 1);
	holds(text, "<error message=\"db.example: name not known; check it\" type=\"unreachable\">", 1);
	holds(text, "<error message=\"No answer for db.example:5432 (192.0.2.7): too many packets", 1);
	holds(text, "type=\"no_timeout\"", 1);
	holds(text, "<system-out>Idle connections to db.example:5432 (192.0.2.7) stop working", 1);
	free(text);
}

static const char hostile[] = "\"'><script>alert(1)</script>&\x01\xff]]>";

static void make_hostile(struct example *example)
{
	struct report *report = &example->report;

	example_fill(example);
	report->target.input = report->target.host = report->target.address = report->target.interface = hostile;
	report->target.source_address = report->nat.address = report->version = hostile;
	example->platform.name = example->platform.source = hostile;
	snprintf(report->result.warnings[0].message, sizeof report->result.warnings[0].message, "%s", hostile);
	snprintf(report->advice.summary, sizeof report->advice.summary, "%s", hostile);
	snprintf(report->error, sizeof report->error, "%s", hostile);
}

static void nothing_breaks_out(void **state)
{
	struct example examples[2];
	const struct report *reports[] = { &examples[0].report, &examples[1].report };

	(void)state;
	make_hostile(&examples[0]);
	make_hostile(&examples[1]);
	examples[1].report.result.outcome = OUTCOME_UNREACHABLE;
	for (int format = JUNIT; format <= HTML; format++) {
		char *text = formatted((enum format)format, reports, 2);

		holds(text, "<script", 0);
		holds(text, "alert(1)</", 0);
		holds(text, "\x01", 0);
		holds(text, "\xff", 0);
		holds(text, "]]>", 0);
		assert_true(occurrences(text, "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;\xef\xbf\xbd\xef\xbf\xbd]]&gt;") > 4);
		free(text);
	}
}

static void page_of_a_timeout(void **state)
{
	struct example example;

	(void)state;
	example_fill(&example);
	char *text = formatted(HTML, (const struct report *[]){ &example.report }, 1);
	holds(text, "<!DOCTYPE html>", 1);
	holds(text, "<strong>15 min</strong>", 1);
	holds(text, "Every connection survived 899.8 s of idle time, none survived 900.8 s.", 1);
	holds(text, "The minimum of 10 min is met.", 1);
	holds(text, "<pre>net.ipv4.tcp_keepalive_time = 440\n", 1);
	holds(text, "<details><summary>postgresql</summary>", 1);
	holds(text, "Fates were mixed", 1);
	holds(text, "Alibaba Cloud NAT gateway", 1);
	holds(text, "<svg class=\"probes\"", 2); /* of each direction */
	holds(text, "<svg class=\"lives\"", 2);
	holds(text, "<rect class=\"interval\"", 1);
	holds(text, "<tr><td>", 7);
	holds(text, "<td>1200.125<td>1210.2<td>alive<td>1.25\n", 1);
	holds(text, "http:", 0); /* nothing is loaded */
	holds(text, "https:", 0);
	holds(text, "url(", 0);
	free(text);
}

static void page_without_an_answer(void **state)
{
	struct example example;
	char *text;

	(void)state;
	example_fill_other(&example, OUTCOME_INCONCLUSIVE, REASON_TOO_LOSSY);
	text = formatted(HTML, (const struct report *[]){ &example.report }, 1);
	holds(text, "<strong>no answer</strong>", 1);
	holds(text, "Reason: too many packets were lost", 1);
	holds(text, "nan", 0);
	holds(text, "What to do", 0);
	free(text);
	example.report.result.survived = 600;
	advice_give(&example.report.result, &(struct keepalive){ 0 }, &example.report.advice);
	text = formatted(HTML, (const struct report *[]){ &example.report }, 1);
	holds(text, "<h2>What to do</h2>\n<p>There is no answer, so this is cautious: ", 1);
	free(text);
	example_fill_other(&example, OUTCOME_UNREACHABLE, REASON_NONE);
	text = formatted(HTML, (const struct report *[]){ &example.report }, 1);
	holds(text, "<strong>unreachable</strong>", 1);
	holds(text, "<p>db.example: name not known; check it", 1);
	holds(text, "<svg", 0);
	free(text);
	example_fill(&example);
	example.report.result.survived = example.inbound.survived = NAN;
	text = formatted(HTML, (const struct report *[]){ &example.report }, 1);
	holds(text, "No connection survived 900.8 s of idle time.", 1);
	holds(text, "nan s", 0);
	free(text);
	/* Connections that have not been idle for any time yet. */
	example_fill(&example);
	for (int i = 0; i < 4; i++)
		example.inbound_samples[i].idle = example.inbound_samples[i].age = 0;
	text = formatted(HTML, (const struct report *[]){ &example.report }, 1);
	holds(text, "Minf", 0);
	holds(text, "Mnan", 0);
	holds(text, "nan s", 0);
	free(text);
}

/* The default run, of a long timeout: 96 connections, of which each is probed 16 times, and controls all the time. */
static void page_of_a_large_run(void **state)
{
	enum { CONNECTIONS = 96, PROBES = 16, CONTROLS = 1500 };
	struct sample *samples = calloc(CONNECTIONS * PROBES + CONTROLS, sizeof *samples);
	struct example example;
	size_t count = 0;

	(void)state;
	example_fill(&example);
	for (int i = 0; i < CONTROLS; i++)
		samples[count++] = (struct sample){ .conn = i % 2, .idle = 10, .age = 5.123 * i, .rtt = 0.0123, .control = true,
						    .outcome = SAMPLE_ALIVE };
	for (int i = 0; i < CONNECTIONS * PROBES; i++)
		samples[count++] = (struct sample){ .conn = 2 + i % CONNECTIONS, .idle = 7012.345 - i, .age = 7512.345 - i, .rtt = 0.0123,
						    .outcome = i % 2 ? SAMPLE_ALIVE : SAMPLE_SILENT };
	example.report.inbound.samples = samples;
	example.report.inbound.sample_count = count;
	char *text = formatted(HTML, (const struct report *[]){ &example.report }, 1);
	if (strlen(text) >= 200 * 1024)
		fail_msg("%zu octets", strlen(text));
	holds(text, "These are the first 1500", 1);
	free(text);
	free(samples);
}

/* No probe was sent after any time at all, and nothing is known of the interval: then it is not marked. */
static void page_without_an_interval(void **state)
{
	struct example example;
	const struct report *report = &example.report;
	char *page;

	(void)state;
	example_fill(&example);
	example.report.outbound.result = example.report.inbound.result = NULL;
	for (int i = 0; i < 3; i++)
		example.outbound_samples[i].age = example.outbound_samples[i].idle = 0;
	page = formatted(HTML, &report, 1);
	holds(page, "ticks mark", 0);
	holds(page, "nan s", 0);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_of_a_timeout),
		cmocka_unit_test(metrics_of_several),
		cmocka_unit_test(junit_cases),
		cmocka_unit_test(nothing_breaks_out),
		cmocka_unit_test(page_of_a_timeout),
		cmocka_unit_test(page_without_an_answer),
		cmocka_unit_test(page_of_a_large_run),
		cmocka_unit_test(page_without_an_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
