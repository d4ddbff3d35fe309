/* Saved reports and events: what is read is what was written, and what is no report is refused with what is wrong. */
#include "example.h"
#include "format/events.h"
#include "format/report_json.h"
#include "format/report_read.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int read_text(struct saved_reports *list, const char *text, struct failure *failure)
{
	/* Of that size exactly, and gone afterwards: the sanitizer sees who reads beyond, or later. */
	char *copy = strdup(text);
	int status = reports_read(list, "a.json", copy, strlen(copy), failure);

	free(copy);
	return status;
}

static void refused(const char *text, const char *words)
{
	struct saved_reports list = { 0 };
	struct failure failure = { 0 };

	if (read_text(&list, text, &failure) == 0)
		fail_msg("taken: %.300s", text);
	assert_int_equal(failure.code, EXIT_CANNOT_RUN);
	if (!strstr(failure.text, words))
		fail_msg("'%s' is not said, but: %s", words, failure.text);
	reports_free(&list);
}

static void same_octets(const struct report *report)
{
	struct saved_reports list = { 0 };
	struct failure failure;
	char *written = report_json(report), *again;

	if (read_text(&list, written, &failure) < 0)
		fail_msg("%s", failure.text);
	assert_int_equal(list.count, 1);
	again = report_json(&list.items[0]->report);
	assert_string_equal(again, written);
	free(again);
	free(written);
	reports_free(&list);
}

static void what_is_read_is_what_was_written(void **state)
{
	struct example example;

	(void)state;
	example_fill(&example);
	same_octets(&example.report);
	example.report.target.input = "a\xff\"<b>\\\n\xc3\xa9";
	example.report.target.family = IP_V6;
	example.report.interrupted = true;
	example.report.engine = "socket";
	example.report.advice.helps = NO;
	example.report.advice.heartbeat = 450;
	example.options.strategy = STRATEGY_LADDER;
	example.report.result.signal = SIGNAL_RESET_ON_PROBE;
	example.report.result.signal_from = ORIGIN_ENDPOINT;
	same_octets(&example.report);
	for (int reason = REASON_NONE; reason <= REASON_OUT_OF_MEMORY; reason++) {
		example_fill_other(&example, OUTCOME_INCONCLUSIVE, (enum reason)reason);
		same_octets(&example.report);
	}
	example_fill_other(&example, OUTCOME_NO_TIMEOUT, REASON_NONE);
	same_octets(&example.report);
	example_fill_other(&example, OUTCOME_UNREACHABLE, REASON_NONE);
	same_octets(&example.report);
}

/* jq lays them out over many lines. */
static void several_and_laid_out(void **state)
{
	struct saved_reports list = { 0 };
	struct example example;
	struct failure failure;
	char *line, *text, *laid_out;

	(void)state;
	example_fill(&example);
	line = report_json(&example.report);
	cJSON *json = cJSON_Parse(line);
	laid_out = cJSON_Print(json);
	assert_true(asprintf(&text, "\n%s%s\r\n%s", line, laid_out, line) > 0);
	assert_int_equal(read_text(&list, text, &failure), 0);
	assert_int_equal(list.count, 3);
	for (int i = 0; i < 3; i++) {
		char *again = report_json(&list.items[i]->report);

		assert_string_equal(again, line);
		free(again);
	}
	reports_free(&list);
	cJSON_Delete(json);
	free(laid_out);
	free(line);
	free(text);
}

static void one_cut_short(void **state)
{
	struct example example;
	char *line;

	(void)state;
	example_fill(&example);
	line = report_json(&example.report);
	for (size_t length = strlen(line) - 2; length > 0; length--) {
		line[length] = '\0';
		refused(line, "a.json line 1: the report ends in the middle");
	}
	free(line);
}

/* Applies `change` to the item at a path's parent, and gives what is then written. */
static char *without(const char *line, const char *path)
{
	cJSON *json = cJSON_Parse(line), *parent = json;
	const char *key = path, *dot;
	char name[40], *text;

	while ((dot = strchr(key, '.'))) {
		snprintf(name, sizeof name, "%.*s", (int)(dot - key), key);
		parent = cJSON_GetObjectItemCaseSensitive(parent, name);
		assert_non_null(parent);
		key = dot + 1;
	}
	assert_true(cJSON_HasObjectItem(parent, key));
	cJSON_DeleteItemFromObjectCaseSensitive(parent, key);
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

static void every_key_of_the_contract_is_needed(void **state)
{
	static const char *const keys[] = {
		"schema_version", "started_at", "finished_at", "elapsed_s", "interrupted", "tool", "target", "target.input",
		"target.host", "target.address", "target.port", "target.family", "target.interface", "target.source_address",
		"method.engine", "method.strategy", "method.directions", "method.connections", "method.min_idle_s",
		"method.max_idle_s", "method.precision", "method.resolution_s", "path.rtt_ms.min", "path.rtt_ms.median",
		"path.rtt_ms.max", "path.loss", "path.reply_ttl", "path.nat", "result.outcome", "result.timeout_s",
		"result.survived_s", "result.expired_s", "result.signal", "result.signal_from", "result.keepalive_refreshes",
		"result.revived_by_probe", "result.reason", "result.directions.outbound.outcome",
		"result.directions.inbound.expired_s", "advice.keepalive_helps", "advice.tcp_keepalive_time_s",
		"advice.host_now.protects", "advice.summary", "advice.settings", "consistent_with", "check", "warnings", "samples",
	};
	struct example example;
	char *line, *text, words[100];

	(void)state;
	example_fill(&example);
	line = report_json(&example.report);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		text = without(line, keys[i]);
		snprintf(words, sizeof words, "%s is missing", keys[i]);
		refused(text, words);
		free(text);
	}
	/* What was added later may be missing: an older version's report. */
	text = without(line, "result.learned_by");
	struct saved_reports list = { 0 };
	struct failure failure;
	assert_int_equal(read_text(&list, text, &failure), 0);
	assert_int_equal(list.items[0]->report.learned, LEARNED_UNKNOWN);
	reports_free(&list);
	free(text);
	free(line);
}

/* The text with the first `from` replaced. */
static char *changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *result;

	if (!at)
		fail_msg("no %s", from);
	assert_true(asprintf(&result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
	return result;
}

static void values_that_are_wrong(void **state)
{
	static const struct {
		const char *from, *to, *words;
	} cases[] = {
		{ "\"elapsed_s\":962.4", "\"elapsed_s\":\"long\"", "elapsed_s is not a number" },
		{ "\"elapsed_s\":962.4", "\"elapsed_s\":null", "elapsed_s is not a number" },
		{ "\"elapsed_s\":962.4", "\"elapsed_s\":1e999", "elapsed_s is not a number" },
		{ "\"elapsed_s\":962.4", "\"elapsed_s\":-1", "elapsed_s is not a number of seconds from 0 to 10^9" },
		{ "\"max_idle_s\":7500", "\"max_idle_s\":1e14", "method.max_idle_s is not a number of seconds" },
		{ "\"timeout_s\":900.3", "\"timeout_s\":null", "result.timeout_s is null, though the outcome is timeout" },
		{ "\"expired_s\":900.8", "\"expired_s\":null", "result.expired_s is null, though the outcome is timeout" },
		{ "\"survived_s\":1200.125", "\"survived_s\":null",
		  "result.directions.outbound.survived_s is null, though the outcome is no_timeout" },
		{ "\"started_at\":\"2026-11", "\"started_at\":\"1969-11", "started_at is no instant" },
		{ "\"interrupted\":false", "\"interrupted\":0", "interrupted is not true or false" },
		{ "\"port\":5432", "\"port\":-1", "target.port is not a whole number" },
		{ "\"connection\":3", "\"connection\":3.5", "samples[1].connection is not a whole number" },
		{ "\"connection\":3", "\"connection\":1e30", "samples[1].connection is not a whole number" },
		{ "\"outcome\":\"timeout\"", "\"outcome\":\"asleep\"", "result.outcome is 'asleep', which this version does not know" },
		{ "\"direction\":\"inbound\"", "\"direction\":\"up\"", "direction is 'up'" },
		{ "\"started_at\":\"2026-11", "\"started_at\":\"2026-1x", "started_at is no instant" },
		{ "\"schema_version\":1", "\"schema_version\":2", "schema_version is 2, and this version reads 1 only" },
		{ "\"kind\":\"idleprobe.report\"", "\"kind\":\"other\"", "no report of idleprobe's" },
		{ "\"samples\":[{", "\"samples\":[7,{", "samples[0].connection is missing" },
		{ "\"settings\":[", "\"settings\":0,\"was\":[", "advice.settings is not an array" },
	};
	struct example example;
	char *line;

	(void)state;
	example_fill(&example);
	line = report_json(&example.report);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = changed(line, cases[i].from, cases[i].to);

		refused(text, cases[i].words);
		free(text);
	}
	free(line);
	refused("", "this is empty");
	refused("\n\n", "this is empty");
	refused("{}", "no report of idleprobe's");
	refused("[]", "no report of idleprobe's");
	refused("7", "no report of idleprobe's");
	refused("\n\nIdle connections", "line 3: this is no JSON");
}

/* Readers ignore keys that they do not know; reasons and warnings may be added (contract). */
static void what_a_newer_version_adds(void **state)
{
	struct saved_reports list = { 0 };
	struct example example;
	struct failure failure;
	char *line, *text;

	(void)state;
	example_fill(&example);
	line = report_json(&example.report);
	text = changed(line, "\"reason\":null", "\"reason\":\"moon\",\"tides\":[1,{}]");
	free(line);
	line = changed(text, "scan_granularity", "flood");
	assert_int_equal(read_text(&list, line, &failure), 0);
	assert_int_equal(list.items[0]->report.result.reason, REASON_NONE);
	assert_int_equal(list.items[0]->report.result.warning_count, 1);
	assert_non_null(strstr(list.items[0]->report.result.warnings[0].message, "mixed"));
	char *written = report_json(&list.items[0]->report);
	assert_non_null(strstr(written, "\"code\":\"unknown\""));
	free(written);
	reports_free(&list);
	example_fill_other(&example, OUTCOME_INCONCLUSIVE, REASON_TOO_LOSSY);
	free(line);
	free(text);
	line = report_json(&example.report);
	text = changed(line, "too_lossy", "moonshine");
	assert_int_equal(read_text(&list, text, &failure), 0);
	written = report_json(&list.items[0]->report);
	assert_non_null(strstr(written, "\"reason\":\"unknown\""));
	free(written);
	reports_free(&list);
	free(line);
	free(text);
}

static void terminal_commands_are_no_part_of_it(void **state)
{
	struct saved_reports list = { 0 };
	struct example example;
	struct failure failure;
	char *line, *text;

	(void)state;
	example_fill(&example);
	line = report_json(&example.report);
	text = changed(line, "db.example:5432", "\\u001b]0;x\\u0007\\u009b1m");
	assert_int_equal(read_text(&list, text, &failure), 0);
	assert_string_equal(list.items[0]->report.target.input, "?]0;x???1m");
	reports_free(&list);
	free(line);
	free(text);
}

/* What stands for an octet that is no text is longer than it: what is read first must not be cut when it is read again. */
static void octets_that_are_no_text(void **state)
{
	struct saved_reports list = { 0 };
	struct example example;
	struct failure failure;
	char octets[201], *line, *text;

	(void)state;
	example_fill(&example);
	memset(octets, 0xff, sizeof octets - 1);
	octets[sizeof octets - 1] = '\0';
	line = report_json(&example.report);
	text = changed(line, example.report.result.warnings[0].message, octets);
	assert_int_equal(read_text(&list, text, &failure), 0);
	same_octets(&list.items[0]->report);
	reports_free(&list);
	free(line);
	free(text);
}

static void passes_on(const char *text, const char *words)
{
	struct saved_reports list = { 0 };
	struct failure failure;

	assert_int_equal(read_text(&list, text, &failure), 0);
	char *written = report_json(&list.items[0]->report);
	assert_non_null(strstr(written, words));
	free(written);
	reports_free(&list);
}

/* In milliseconds they are more than an int holds. */
static void settings_that_are_large(void **state)
{
	struct example example;

	(void)state;
	example_fill(&example);
	char *line = report_json(&example.report);
	char *time = changed(line, "\"tcp_keepalive_time_s\":440", "\"tcp_keepalive_time_s\":1000000000");
	passes_on(time, "setKeepAlive(true, 1000000000000, ");
	char *none = changed(line, "\"tcp_keepalive_time_s\":440", "\"tcp_keepalive_time_s\":null");
	char *beat = changed(none, "\"heartbeat_s\":null", "\"heartbeat_s\":1000000000");
	passes_on(beat, "socket.ping(), 1000000000000");
	free(line);
	free(time);
	free(none);
	free(beat);
}

/* Whatever the octets, it is read or refused; under the sanitizers that says something. */
static void damaged_octets(void **state)
{
	struct example example;
	unsigned seed = 1;

	(void)state;
	example_fill(&example);
	char *line = report_json(&example.report);
	for (int i = 0; i < 3000; i++) {
		struct saved_reports list = { 0 };
		struct failure failure;
		char *text = strdup(line);

		for (int changes = rand_r(&seed) % 3; changes >= 0; changes--)
			text[(size_t)rand_r(&seed) % strlen(line)] = "0\"{}[],:-9e.ntx\\\xff"[rand_r(&seed) % 17];
		if (read_text(&list, text, &failure) == 0)
			for (size_t k = 0; k < list.count; k++)
				free(report_json(&list.items[k]->report));
		reports_free(&list);
		free(text);
	}
	free(line);
}

/* The lines of a run, of which `end` is the last only where it was not killed; the caller frees them. */
static char *events_of(struct example *example, bool killed)
{
	static const struct observation seen[] = {
		{ .what = OBSERVED_OPEN, .conn = 0, .at = 0.1, .rtt = 0.01, .from = ORIGIN_ENDPOINT, .ttl = 58 },
		{ .what = OBSERVED_OPEN, .conn = 1, .at = 0.2, .rtt = 0.01, .from = ORIGIN_ENDPOINT, .ttl = 58 },
		{ .what = OBSERVED_SENT, .conn = 0, .at = 0.3, .rtt = NAN },
		{ .what = OBSERVED_REPLY, .conn = 0, .at = 0.31, .rtt = 0.01, .from = ORIGIN_ENDPOINT, .ttl = 58 },
		{ .what = OBSERVED_SENT, .conn = 0, .at = 10.31, .rtt = NAN },
		{ .what = OBSERVED_REPLY, .conn = 0, .at = 10.32, .rtt = 0.01, .from = ORIGIN_ENDPOINT, .ttl = 58 },
		{ .what = OBSERVED_OPEN, .conn = 2, .at = 10.4, .rtt = 0.01, .from = ORIGIN_ENDPOINT, .ttl = 58 },
		{ .what = OBSERVED_SENT, .conn = 2, .at = 11, .rtt = NAN, .far = true },
		{ .what = OBSERVED_SENT, .conn = 0, .at = 30.32, .rtt = NAN, .blur = 0.006 },
		{ .what = OBSERVED_SENT, .conn = 0, .at = 36, .rtt = NAN },
	};
	FILE *file = tmpfile();
	struct events events = { .fd = fileno(file) };
	char *text = calloc(1, 20000);

	events_start(&events, &example->report);
	for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
		events_observation(&events, &seen[i]);
	events_finding(&events, 36, 10, 20);
	if (!killed)
		events_end(&events, &example->report);
	assert_int_equal(events.error, 0);
	assert_true(pread(events.fd, text, 19999, 0) > 0);
	fclose(file);
	return text;
}

static void events_of_a_killed_run(void **state)
{
	struct saved_reports list = { 0 };
	struct example example;
	struct failure failure;

	(void)state;
	example_fill(&example);
	char *text = events_of(&example, true);
	assert_int_equal(read_text(&list, text, &failure), 0);
	assert_int_equal(list.count, 1);
	const struct report *report = &list.items[0]->report;
	assert_int_equal(report->result.outcome, OUTCOME_INCONCLUSIVE);
	assert_int_equal(report->result.reason, REASON_INTERRUPTED);
	assert_true(report->interrupted && report->result.survived == 10 && report->result.expired == 20 && report->elapsed == 36);
	assert_true(fabs(report->finished_at - example.report.started_at - 36) < 0.01);
	assert_string_equal(report->target.input, "db.example:5432");
	assert_string_equal(report->nat.address, "203.0.113.9");
	assert_true(report->options->minimum == 600 && report->advice.host.time == 7200 && report->advice.use.time > 0);
	assert_non_null(report->inbound.result);
	assert_int_equal(report->inbound.sample_count, 1); /* it is the far side's probe */
	assert_int_equal(report->outbound.sample_count, 4);
	assert_true(fabs(report->outbound.samples[1].idle - 10) < 0.001 && report->outbound.samples[1].outcome == SAMPLE_ALIVE);
	assert_true(fabs(report->outbound.samples[2].idle - 20) < 0.001 && report->outbound.samples[2].outcome == SAMPLE_SILENT);
	assert_true(fabs(report->outbound.samples[2].slack - 0.016) < 0.0001); /* a round trip, and what is not known */
	assert_int_equal(report->outbound.samples[3].outcome, SAMPLE_PENDING); /* it was killed too soon after */
	assert_int_equal(report->path.connections, 3);
	reports_free(&list);

	/* Killed in the middle of a line: that line is lost and no more. Elsewhere it is damage, which is told. */
	char *half = changed(text, "\"event\":\"finding\"", "\"event");
	strcpy(strstr(half, "\"event,"), "\"event");
	assert_int_equal(read_text(&list, half, &failure), 0);
	assert_true(list.count == 1 && isnan(list.items[0]->report.result.survived));
	reports_free(&list);
	free(half);
	half = changed(text, "\"event\":\"reply\"", "\"event\"");
	assert_int_equal(read_text(&list, half, &failure), -1);
	assert_non_null(strstr(failure.text, "line 5: "));
	assert_int_equal(list.count, 1);
	assert_int_equal(list.items[0]->report.outbound.sample_count, 1);
	reports_free(&list);
	free(half);
	free(text);
}

static void events_of_runs_that_ended(void **state)
{
	struct saved_reports list = { 0 };
	struct example example;
	struct failure failure;
	char *killed, *whole, *text;

	(void)state;
	example_fill(&example);
	killed = events_of(&example, true);
	whole = events_of(&example, false);
	assert_true(asprintf(&text, "%s%s%s", whole, killed, whole) > 0); /* --events appends */
	assert_int_equal(read_text(&list, text, &failure), 0);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.items[1]->report.result.outcome, OUTCOME_INCONCLUSIVE);
	for (int i = 0; i < 3; i += 2) {
		const struct report *report = &list.items[i]->report;

		assert_int_equal(report->result.outcome, OUTCOME_TIMEOUT);
		assert_true(report->result.timeout == 900.3 && report->inbound.result->timeout == 900.3);
		assert_int_equal(report->result.warning_count, 1);
		assert_int_equal(report->result.warnings[0].code, WARNING_SCAN_GRANULARITY);
		assert_int_equal(report->advice.use.time, 440);
		assert_int_equal(report->advice.protects, NO);
		assert_int_equal(report_passed(report), YES);
		assert_int_equal(report->nat.remapped, NO);
		assert_string_equal(report->nat.address, "203.0.113.9");
		assert_int_equal(report->proxy, NO);
		assert_true(report->consistent_count > 0); /* 900 s are documented of someone */
	}
	reports_free(&list);
	free(killed);
	free(text);
	/* An older version did not tell what was given. */
	char *unasked = changed(whole, "\"check\":", "\"was\":"), *unknown = changed(unasked, "\"host_now\":", "\"then\":");
	text = changed(unknown, "\"path\":", "\"way\":");
	free(unknown);
	free(unasked);
	assert_int_equal(read_text(&list, text, &failure), 0);
	assert_true(isnan(list.items[0]->options.minimum));
	assert_int_equal(list.items[0]->report.advice.host.time, 0);
	assert_int_equal(list.items[0]->report.advice.protects, UNKNOWN);
	reports_free(&list);
	free(text);
	text = changed(whole, "\"event\":\"start\"", "\"event\":\"begin\"");
	refused(text, "line 1: the events begin in the middle of a run");
	free(text);
	text = changed(whole, "\"connection\":2", "\"connection\":999999999");
	refused(text, "line 8: connection 999999999 is beyond");
	free(text);
	free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_what_was_written),
		cmocka_unit_test(several_and_laid_out),
		cmocka_unit_test(one_cut_short),
		cmocka_unit_test(every_key_of_the_contract_is_needed),
		cmocka_unit_test(values_that_are_wrong),
		cmocka_unit_test(what_a_newer_version_adds),
		cmocka_unit_test(terminal_commands_are_no_part_of_it),
		cmocka_unit_test(octets_that_are_no_text),
		cmocka_unit_test(settings_that_are_large),
		cmocka_unit_test(damaged_octets),
		cmocka_unit_test(events_of_a_killed_run),
		cmocka_unit_test(events_of_runs_that_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
