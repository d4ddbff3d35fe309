/* The report as JSON, read back and held against the contract, and as text. */
#include "format/events.h"
#include "format/names.h"
#include "format/progress.h"
#include "format/report_json.h"
#include "format/report_text.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct example {
	struct report report;
	struct options options;
	struct sample samples[5];
	struct platform platform;
	const struct platform *consistent[1];
};

/* The report of the contract's example. */
static void fill(struct example *example)
{
	struct report *report = &example->report;
	static const struct keepalive host = { 7200, 75, 9 };

	memset(example, 0, sizeof *example);
	options_default(&example->options);
	report->options = &example->options;
	report->started_at = 1793672096.5;
	report->finished_at = 1793673058.9;
	report->elapsed = 962.4;
	report->target.input = "db.example:5432";
	report->target.host = "db.example";
	report->target.address = "192.0.2.7";
	report->target.port = 5432;
	report->target.family = IP_V4;
	report->target.interface = "eth0";
	report->target.source_address = "198.51.100.4";
	report->path = (struct path_stats){ 0.0012, 0.0014, 0.009, 0, 58, 210, 96 };
	report->result = (struct result){ .outcome = OUTCOME_TIMEOUT, .timeout = 900.3, .survived = 899.8, .expired = 900.8,
					  .signal = SIGNAL_SILENT, .keepalive_refreshes = YES, .revived_by_probe = UNKNOWN,
					  .payload_refreshes = UNKNOWN, .outbound_refreshes = UNKNOWN };
	example->samples[0] = (struct sample){ .conn = 3, .idle = 899.8, .age = 910.2, .rtt = 0.0014, .outcome = SAMPLE_ALIVE };
	example->samples[1] = (struct sample){ .conn = 4, .idle = 900.8, .age = 900.8, .rtt = NAN, .outcome = SAMPLE_SILENT };
	example->samples[2] = (struct sample){ .conn = 4, .idle = 901.4, .age = 901.4, .rtt = NAN, .outcome = SAMPLE_SILENT };
	example->samples[3] = (struct sample){ .conn = 0, .idle = 2, .age = 950, .rtt = 0.0014, .outcome = SAMPLE_ALIVE,
					       .control = true };
	example->samples[4] = (struct sample){ .conn = 5, .rtt = 0.0014, .outcome = SAMPLE_ALIVE, .moot = true };
	report->outbound.samples = example->samples;
	report->outbound.sample_count = 5;
	report->outbound.result = &report->result;
	report->proxy = UNKNOWN;
	example->platform = (struct platform){ "Alibaba Cloud NAT gateway", "a page", 900, SIGNAL_NONE, UNKNOWN, UNKNOWN };
	example->consistent[0] = &example->platform;
	report->consistent = example->consistent;
	report->consistent_count = 1;
	advice_give(&report->result, &host, &report->advice);
}

static void no_answer(struct example *example, enum outcome outcome, enum reason reason)
{
	struct result *result = &example->report.result;

	fill(example);
	*result = (struct result){ .outcome = outcome, .reason = reason, .timeout = NAN, .survived = NAN, .expired = NAN,
				   .keepalive_refreshes = UNKNOWN, .revived_by_probe = UNKNOWN,
				   .payload_refreshes = UNKNOWN, .outbound_refreshes = UNKNOWN };
	example->report.interrupted = reason == REASON_INTERRUPTED;
	if (outcome == OUTCOME_NO_TIMEOUT)
		result->survived = 7500;
	if (outcome == OUTCOME_UNREACHABLE) {
		example->report.path = (struct path_stats){ .rtt_min = NAN, .rtt_median = NAN, .rtt_max = NAN };
		example->report.outbound.sample_count = 0;
		snprintf(example->report.error, sizeof example->report.error, "192.0.2.7 port 5432: no route");
	}
	example->report.consistent_count = 0;
	advice_give(result, &(struct keepalive){ 0 }, &example->report.advice);
}

/* A descriptor for what tests/schema/validate.py is to look at when all tests are over. */
static int open_left(void)
{
	const char *directory = getenv("REPORTS");
	char name[4096] = "/dev/null";

	if (directory)
		snprintf(name, sizeof name, "%s/test_report.json", directory);

	int fd = open(name, O_WRONLY | O_APPEND | O_CREAT, 0644);

	assert_true(fd >= 0);
	return fd;
}

static void leave(const char *lines)
{
	int fd = open_left();

	assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
	close(fd);
}

static cJSON *read_back(const struct report *report)
{
	char *line = report_json(report);

	assert_non_null(line);
	leave(line);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1); /* one line */
	cJSON *root = cJSON_Parse(line);
	assert_non_null(root);
	free(line);
	return root;
}

/* "path.rtt_ms.min", "samples.0.idle_s" */
static const cJSON *at(const cJSON *item, const char *path)
{
	char text[100];

	snprintf(text, sizeof text, "%s", path);
	for (char *key = strtok(text, "."); key; key = strtok(NULL, ".")) {
		item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, atoi(key)) : cJSON_GetObjectItemCaseSensitive(item, key);
		if (!item)
			fail_msg("no %s in %s", key, path);
	}
	return item;
}

static void same_number(const cJSON *root, const char *path, double value)
{
	const cJSON *item = at(root, path);

	if (!cJSON_IsNumber(item) || fabs(item->valuedouble - value) > 1e-9)
		fail_msg("%s is not %g", path, value);
}

static void same_text(const cJSON *root, const char *path, const char *value)
{
	const cJSON *item = at(root, path);

	assert_true(cJSON_IsString(item));
	assert_string_equal(item->valuestring, value);
}

static void is_null(const cJSON *root, const char *path)
{
	if (!cJSON_IsNull(at(root, path)))
		fail_msg("%s is not null", path);
}

static const char *const contract_keys[] = {
	"kind", "schema_version", "tool.name", "tool.version", "started_at", "finished_at", "elapsed_s", "interrupted",
	"target.input", "target.host", "target.address", "target.port", "target.family", "target.interface",
	"target.source_address", "method.engine", "method.strategy", "method.directions", "method.connections",
	"method.min_idle_s", "method.max_idle_s", "method.precision", "method.resolution_s", "path.rtt_ms.min",
	"path.rtt_ms.median", "path.rtt_ms.max", "path.loss", "path.reply_ttl", "path.nat", "result.outcome",
	"result.timeout_s", "result.survived_s", "result.expired_s", "result.signal", "result.signal_from",
	"result.keepalive_refreshes", "result.revived_by_probe", "result.payload_refreshes",
	"result.outbound_refreshes", "result.learned_by", "path.proxy", "path.unanswered_received", "path.unanswered_missed", "result.reason", "result.directions.outbound.outcome",
	"result.directions.outbound.timeout_s", "result.directions.outbound.survived_s",
	"result.directions.outbound.expired_s", "result.directions.outbound.signal",
	"result.directions.outbound.signal_from", "result.directions.inbound", "advice.keepalive_helps",
	"advice.tcp_keepalive_time_s", "advice.tcp_keepalive_intvl_s", "advice.tcp_keepalive_probes",
	"advice.host_now.tcp_keepalive_time_s", "advice.host_now.tcp_keepalive_intvl_s",
	"advice.dead_peer_found_s", "advice.margin_s", "advice.heartbeat_s", "advice.host_now.dead_peer_found_s",
	"advice.host_now.margin_s", "advice.host_now.tcp_keepalive_probes", "advice.host_now.protects", "advice.summary", "advice.settings",
	"consistent_with", "rfc5382.established_minimum_s", "rfc5382.meets", "check", "warnings", "samples",
};

static void every_key_is_always_there(void **state)
{
	static const struct {
		enum outcome outcome;
		enum reason reason;
	} cases[] = {
		{ OUTCOME_INCONCLUSIVE, REASON_INTERRUPTED },
		{ OUTCOME_UNREACHABLE, REASON_NONE },
		{ OUTCOME_NO_TIMEOUT, REASON_NONE },
	};
	struct example example;

	(void)state;
	fill(&example);
	for (size_t i = 0; i <= sizeof cases / sizeof *cases; i++) {
		cJSON *root = read_back(&example.report);

		for (size_t k = 0; k < sizeof contract_keys / sizeof *contract_keys; k++)
			at(root, contract_keys[k]);
		cJSON_Delete(root);
		if (i < sizeof cases / sizeof *cases)
			no_answer(&example, cases[i].outcome, cases[i].reason);
	}
}

static void the_values_of_the_example(void **state)
{
	struct example example;

	(void)state;
	fill(&example);
	cJSON *root = read_back(&example.report);
	same_text(root, "kind", "idleprobe.report");
	same_number(root, "schema_version", 1);
	same_text(root, "started_at", "2026-11-03T02:14:56.500Z");
	same_number(root, "elapsed_s", 962.4);
	assert_true(cJSON_IsFalse(at(root, "interrupted")));
	same_number(root, "target.port", 5432);
	same_text(root, "target.family", "ipv4");
	same_text(root, "method.directions.0", "outbound");
	same_number(root, "method.max_idle_s", 7500);
	same_number(root, "method.precision", 0.01);
	same_number(root, "path.rtt_ms.median", 1.4);
	same_number(root, "path.reply_ttl", 58);
	is_null(root, "path.nat");
	same_text(root, "result.outcome", "timeout");
	same_number(root, "result.timeout_s", 900.3);
	same_text(root, "result.signal", "silent");
	is_null(root, "result.signal_from");
	assert_true(cJSON_IsTrue(at(root, "result.keepalive_refreshes")));
	is_null(root, "result.revived_by_probe");
	is_null(root, "result.reason");
	same_number(root, "result.directions.outbound.expired_s", 900.8);
	is_null(root, "result.directions.inbound");
	same_number(root, "advice.tcp_keepalive_time_s", 440);
	same_number(root, "advice.host_now.tcp_keepalive_time_s", 7200);
	assert_true(cJSON_IsFalse(at(root, "advice.host_now.protects")));
	same_number(root, "advice.dead_peer_found_s", 1070); /* 440 + 9 * 70 */
	same_number(root, "advice.margin_s", 319.8);
	same_number(root, "advice.host_now.dead_peer_found_s", 7875);
	same_number(root, "advice.host_now.margin_s", -6450.2);
	same_text(root, "advice.settings.0.for", "linux");
	same_text(root, "advice.settings.0.text", "net.ipv4.tcp_keepalive_time = 440\nnet.ipv4.tcp_keepalive_intvl = 70\n"
						  "net.ipv4.tcp_keepalive_probes = 9\n");
	same_text(root, "advice.settings.16.for", "kubernetes");
	same_text(root, "consistent_with.0.platform", "Alibaba Cloud NAT gateway");
	same_number(root, "consistent_with.0.timeout_s", 900);
	assert_true(cJSON_IsFalse(at(root, "rfc5382.meets")));
	is_null(root, "check");
	same_number(root, "samples.0.connection", 3);
	same_text(root, "samples.0.direction", "outbound");
	same_number(root, "samples.0.idle_s", 899.8);
	same_text(root, "samples.0.outcome", "alive");
	same_number(root, "samples.0.rtt_ms", 1.4);
	is_null(root, "samples.1.rtt_ms");
	assert_int_equal(cJSON_GetArraySize(at(root, "samples")), 4); /* what confirms a handshake is of no idle time */
	cJSON_Delete(root);
}

/* Readers that are no C library: what is printed counts, not what cJSON reads back. */
static void numbers_and_bytes_that_trip_cjson(void **state)
{
	struct example example;

	(void)state;
	fill(&example);
	example.options.max_idle = 2592000;
	example.report.result.expired = INFINITY;
	example.report.result.survived = 1.0 / 3;
	example.report.path.loss = -1e-9;
	example.report.target.input = "a\xff" "b\xc0\xaf\xed\xa0\x80" "\xc3\xa9\n\"";
	char *line = report_json(&example.report);
	assert_non_null(strstr(line, "\"max_idle_s\":2592000,"));
	assert_non_null(strstr(line, "\"expired_s\":null"));
	assert_non_null(strstr(line, "\"survived_s\":0.333,"));
	assert_non_null(strstr(line, "\"loss\":0,"));
	assert_non_null(strstr(line, "\"input\":\"a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
				     "\xc3\xa9\\n\\\"\""));
	free(line);
}

static void bounds_and_exit_codes(void **state)
{
	static const struct {
		enum outcome outcome;
		double survived, expired, minimum;
		enum tristate passed, meets;
		enum exit_code code;
	} cases[] = {
		{ OUTCOME_TIMEOUT, 899, 901, NAN, UNKNOWN, NO, EXIT_ANSWER },
		{ OUTCOME_TIMEOUT, 899, 901, 600, YES, NO, EXIT_ANSWER },
		{ OUTCOME_TIMEOUT, 899, 901, 900.5, NO, NO, EXIT_BOUND_BROKEN },
		{ OUTCOME_TIMEOUT, 7450, 7470, NAN, UNKNOWN, YES, EXIT_ANSWER },
		{ OUTCOME_TIMEOUT, 7430, 7450, NAN, UNKNOWN, UNKNOWN, EXIT_ANSWER },
		{ OUTCOME_NO_TIMEOUT, 7500, NAN, 7500, YES, YES, EXIT_ANSWER },
		{ OUTCOME_NO_TIMEOUT, 60, NAN, 60, YES, UNKNOWN, EXIT_ANSWER },
		{ OUTCOME_CLOSED_BY_ENDPOINT, 7.9, 8.1, 10, NO, UNKNOWN, EXIT_BOUND_BROKEN },
		{ OUTCOME_CLOSED_BY_ENDPOINT, 7.9, 8.1, 5, YES, UNKNOWN, EXIT_ANSWER },
		{ OUTCOME_INCONCLUSIVE, 100, NAN, 5, UNKNOWN, UNKNOWN, EXIT_NO_ANSWER },
		{ OUTCOME_INCONCLUSIVE, 100, NAN, NAN, UNKNOWN, UNKNOWN, EXIT_NO_ANSWER },
		{ OUTCOME_UNREACHABLE, NAN, NAN, 5, UNKNOWN, UNKNOWN, EXIT_CANNOT_RUN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct example example;

		if (cases[i].outcome == OUTCOME_TIMEOUT || cases[i].outcome == OUTCOME_CLOSED_BY_ENDPOINT)
			fill(&example);
		else
			no_answer(&example, cases[i].outcome, cases[i].outcome == OUTCOME_INCONCLUSIVE ? REASON_TOO_LOSSY : REASON_NONE);
		if (cases[i].outcome == OUTCOME_CLOSED_BY_ENDPOINT) {
			example.report.result.signal = SIGNAL_FIN_AT_EXPIRY;
			example.report.result.signal_from = ORIGIN_ENDPOINT;
		}
		example.options.minimum = cases[i].minimum;
		example.report.result.outcome = cases[i].outcome;
		example.report.result.survived = cases[i].survived;
		example.report.result.expired = cases[i].expired;
		example.report.result.timeout = (cases[i].survived + cases[i].expired) / 2;
		advice_give(&example.report.result, &(struct keepalive){ 7200, 75, 9 }, &example.report.advice);
		if (report_passed(&example.report) != cases[i].passed || report_exit_code(&example.report) != cases[i].code ||
		    report_meets_rfc5382(&example.report) != cases[i].meets)
			fail_msg("case %zu: passed %d, exit %d, RFC 5382 %d", i, report_passed(&example.report),
				 report_exit_code(&example.report), report_meets_rfc5382(&example.report));
		cJSON *root = read_back(&example.report);
		if (isnan(cases[i].minimum)) {
			is_null(root, "check");
		} else {
			same_number(root, "check.min_s", cases[i].minimum);
			assert_true(cases[i].passed == UNKNOWN ? cJSON_IsNull(at(root, "check.passed"))
							       : cJSON_IsTrue(at(root, "check.passed")) == (cases[i].passed == YES));
		}
		cJSON_Delete(root);
	}
}

static char *text_of(const struct report *report, bool colour)
{
	static char *text;
	size_t length;

	free(text);
	FILE *stream = open_memstream(&text, &length);
	report_text(stream, report, colour);
	fclose(stream);
	return text;
}

static void says(const struct report *report, const char *words)
{
	const char *text = text_of(report, false);

	if (!strstr(text, words))
		fail_msg("\"%s\" is not in:\n%s", words, text);
}

static void first_line_is(const struct report *report, const char *line)
{
	char *text = text_of(report, false);

	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, line);
}

static void text_of_a_timeout(void **state)
{
	struct example example;
	struct result *result = &example.report.result;

	(void)state;
	fill(&example);
	first_line_is(&example.report, "Idle connections to db.example:5432 (192.0.2.7) stop working after 15 min "
				       "(900.3 s; between 899.8 s and 900.8 s).");
	says(&example.report, "They end silently: what is sent later gets no answer.\n");
	says(&example.report, "  answered     1 probe of connections that had idled for 899.8 to 899.8 s\n");
	says(&example.report, "  ended        1 connection; none survived 900.8 s\n"); /* two unanswered probes, one connection */
	says(&example.report, "  keepalives   restart the timer");
	says(&example.report, "  path         round trip 1.4 ms (1.2 to 9), 0 % of the probes lost\n");
	says(&example.report, "  spent        16 min 2 s, 96 connections, 210 probes\n");
	says(&example.report, "    net.ipv4.tcp_keepalive_time = 440\n");
	says(&example.report, "  Ready to paste (--json, advice.settings) for: c, postgresql, libpq, mysql,\n"
			      "  mariadb, ssh_client, ssh_server, nginx, haproxy, redis, grpc, go, java,\n"
			      "  python, nodejs, kubernetes\n");
	says(&example.report, "  Alibaba Cloud NAT gateway, 15 min\n");

	example.report.target.host = "2001:db8::7";
	example.report.target.address = "2001:db8::7";
	result->timeout = 12.0, result->survived = 11.6, result->expired = 12.4;
	first_line_is(&example.report,
		      "Idle connections to [2001:db8::7]:5432 stop working after 12 s (between 11.6 s and 12.4 s).");
	result->survived = 11.994, result->expired = 12.006;
	first_line_is(&example.report,
		      "Idle connections to [2001:db8::7]:5432 stop working after 12 s (between 11.994 s and 12.006 s).");
}

/* Each in a sentence, and none where it is not known. */
static void text_of_what_only_two_ends_tell(void **state)
{
	static const struct {
		enum learned learned;
		const char *words;
	} ends[] = {
		{ LEARNED_NONE, "  expiry       neither end is told when a connection expires\n" },
		{ LEARNED_NEAR, "  expiry       this end alone is told when a connection expires\n" },
		{ LEARNED_FAR, "  expiry       the far end alone is told when a connection expires\n" },
		{ LEARNED_BOTH, "  expiry       both ends are told when a connection expires\n" },
	};
	static const char *const labels[] = { "inbound", "revival", "expiry", "payload", "one way", "NAT", "proxy" };
	struct example example;
	struct report *report = &example.report;

	(void)state;
	fill(&example);
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		char line[20];

		snprintf(line, sizeof line, "\n  %s ", labels[i]);
		assert_null(strstr(text_of(report, false), line));
	}
	report->inbound = report->outbound;
	report->nat = (struct report_nat){ .detected = true, .address = "203.0.113.9", .port = 40112, .remapped = UNKNOWN };
	report->proxy = NO;
	report->result.revived_by_probe = NO;
	says(report, "  inbound      segments from the far end get through until 15 min (900.3 s;\n");
	says(report, "  revival      a segment from this end does not bring an expired connection back\n");
	says(report, "  NAT          the far end sees this one as 203.0.113.9 port 40112\n");
	report->nat.remapped = YES;
	says(report, "203.0.113.9 port 40112; late\n               segments come from another port, which it does not know\n");
	report->nat.detected = false;
	says(report, "  NAT          none: the far end sees this one's own address\n");
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		report->learned = ends[i].learned;
		says(report, ends[i].words);
	}
	report->result.outbound_refreshes = NO;
	says(report, "  one way      segments from this end alone do not restart the timer: it takes\n");
	report->result.keepalive_refreshes = NO;
	report->result.payload_refreshes = YES;
	says(report, "  payload      restarts it: a connection that carried an octet now and then\n");
}

static void text_tells_a_proxy_from_the_server(void **state)
{
	struct example example;
	struct report *report = &example.report;

	(void)state;
	fill(&example);
	report->result.outcome = OUTCOME_CLOSED_BY_ENDPOINT;
	report->result.signal = SIGNAL_FIN_AT_EXPIRY;
	says(report, "\nIt does so with a FIN; whether it is the server or a proxy in front of it cannot be told.\n");
	report->proxy = NO;
	says(report, "\nIt does so with a FIN; no proxy stands between.\n");
	report->proxy = YES;
	report->nat = (struct report_nat){ .detected = true, .address = "203.0.113.9", .port = 40112, .remapped = UNKNOWN };
	says(report, "\nIt does so with a FIN, and is a proxy: the far end is another.\n");
	says(report, "\n  proxy        one stands between: it answered a probe that the far end never\n");
	assert_null(strstr(text_of(report, false), "NAT  ")); /* the address is the proxy's */
}

static void text_of_each_signal(void **state)
{
	static const struct {
		enum signal_kind signal;
		enum origin from;
		const char *words;
	} cases[] = {
		{ SIGNAL_RESET_ON_PROBE, ORIGIN_PATH, "what is sent later draws an RST from a device on the path." },
		{ SIGNAL_RESET_ON_PROBE, ORIGIN_ENDPOINT, "what is sent later draws an RST from the endpoint itself." },
		{ SIGNAL_RESET_AT_EXPIRY, ORIGIN_PATH, "They end with an RST that comes by itself, from a device on the path." },
		{ SIGNAL_RESET_AT_EXPIRY, ORIGIN_UNKNOWN, "whose sender cannot be told." },
		{ SIGNAL_FIN_AT_EXPIRY, ORIGIN_PATH, "They end with a FIN that comes by itself, from a device on the path." },
		{ SIGNAL_ICMP, ORIGIN_PATH, "what is sent later draws an ICMP error." },
	};
	struct example example;

	(void)state;
	fill(&example);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		example.report.result.signal = cases[i].signal;
		example.report.result.signal_from = cases[i].from;
		says(&example.report, cases[i].words);
	}
}

static void text_of_the_other_answers(void **state)
{
	struct example example;
	struct result *result = &example.report.result;

	(void)state;
	fill(&example);
	result->outcome = OUTCOME_CLOSED_BY_ENDPOINT;
	result->signal = SIGNAL_FIN_AT_EXPIRY;
	result->signal_from = ORIGIN_ENDPOINT;
	result->keepalive_refreshes = NO;
	result->timeout = 8, result->survived = 7.9, result->expired = 8.1;
	advice_give(result, &(struct keepalive){ 7200, 75, 9 }, &example.report.advice);
	first_line_is(&example.report, "db.example:5432 (192.0.2.7) itself closes idle connections after 8 s "
				       "(between 7.90 s and 8.10 s).");
	says(&example.report, "It does so with a FIN;");
	says(&example.report, "  keepalives   do not restart the timer");
	says(&example.report, "TCP keepalives do not help");
	says(&example.report, "  Ready to paste (--json, advice.settings) for: postgresql, libpq, mysql,");
	assert_null(strstr(text_of(&example.report, false), "sysctl.d"));

	no_answer(&example, OUTCOME_NO_TIMEOUT, REASON_NONE);
	result->survived = 7500;
	first_line_is(&example.report, "Idle connections to db.example:5432 (192.0.2.7) keep working for at least 2 h 5 min, "
				       "the longest time tried.");
	result->warnings[result->warning_count++] = (struct warning){ WARNING_OUTBOUND_ONLY, "Mind this." };
	says(&example.report, "\nWarnings\n  - Mind this.\n");

	no_answer(&example, OUTCOME_UNREACHABLE, REASON_NONE);
	first_line_is(&example.report, "db.example:5432 (192.0.2.7) could not be reached, so nothing was measured.");
}

static void text_of_each_reason(void **state)
{
	static const char *const words[] = {
		[REASON_NONE] = "does not allow one",
		[REASON_ENDPOINT_KEEPALIVE] = "keepalives of its own",
		[REASON_ENDPOINT_RESTARTED] = "as when a server restarts",
		[REASON_PATH_OUTAGE] = "the path stopped working",
		[REASON_INCONSISTENT_EXPIRY] = "fared differently",
		[REASON_TOO_LOSSY] = "too many packets were lost",
		[REASON_CAPTURE_DROPS] = "captured packets",
		[REASON_INTERRUPTED] = "the run was stopped",
		[REASON_STATE_LOST] = "as when a device on the path restarts",
		[REASON_ADDRESS_CHANGED] = "address changed",
		[REASON_UNANSWERED] = "no keepalive was answered",
		[REASON_PROXY] = "a proxy stands between",
		[REASON_OUT_OF_MEMORY] = "no memory left",
	};
	struct example example;

	(void)state;
	for (enum reason reason = REASON_NONE; reason <= REASON_OUT_OF_MEMORY; reason++) {
		no_answer(&example, OUTCOME_INCONCLUSIVE, reason);
		says(&example.report, "No answer for db.example:5432 (192.0.2.7): ");
		says(&example.report, words[reason]);
	}
	example.report.result.survived = 4;
	example.report.result.expired = 9;
	says(&example.report, " Connections survived 4.0 s of idle time. None survived 9.0 s.\n");
}

/* As behind a proxy, or in a file that names other directions than there are. */
static void text_where_no_direction_was_measured(void **state)
{
	struct example example;

	(void)state;
	no_answer(&example, OUTCOME_INCONCLUSIVE, REASON_PROXY);
	example.report.outbound.result = NULL;
	says(&example.report, "a proxy stands between");
}

static void text_where_nothing_is_known_to_survive(void **state)
{
	struct example example;
	struct result *result = &example.report.result;

	(void)state;
	fill(&example);
	result->timeout = 0.4, result->survived = NAN, result->expired = 0.8;
	example.options.minimum = 0.5;
	advice_give(result, &(struct keepalive){ 7200, 75, 9 }, &example.report.advice);
	first_line_is(&example.report, "Idle connections to db.example:5432 (192.0.2.7) stop working after at most 0.8 s.");
	says(&example.report, "\nBound\n  500 ms       not met, by the best estimate");
	says(&example.report, "No advice: no idle time is known to be survived.");
	assert_null(strstr(text_of(&example.report, false), "nan"));
	cJSON *root = read_back(&example.report);
	is_null(root, "result.survived_s");
	cJSON_Delete(root);
}

static void text_is_cautious_without_an_answer(void **state)
{
	struct example example;
	struct result *result = &example.report.result;

	(void)state;
	no_answer(&example, OUTCOME_INCONCLUSIVE, REASON_INTERRUPTED);
	assert_null(strstr(text_of(&example.report, false), "What to do"));
	result->survived = 600;
	advice_give(result, &(struct keepalive){ 7200, 75, 9 }, &example.report.advice);
	says(&example.report, "\nWhat to do\n  There is no answer, so this is cautious: ");
	says(&example.report, "    net.ipv4.tcp_keepalive_time = 300\n");
	cJSON_Delete(read_back(&example.report));
}

static void text_of_the_bound(void **state)
{
	struct example example;

	(void)state;
	fill(&example);
	example.options.minimum = 600;
	says(&example.report, "\nBound\n  10 min       met\n");
	example.options.minimum = 1200;
	says(&example.report, "  20 min       not met\n");
	example.options.minimum = 900;
	says(&example.report, "  15 min       met, by the best estimate");
}

static void lines_are_short_and_plain(void **state)
{
	struct example example;
	int number = 0;

	(void)state;
	fill(&example);
	example.report.consistent_count = 0; /* names are as long as they are */
	for (const char *line = text_of(&example.report, false); *line; line += strcspn(line, "\n") + 1) {
		size_t length = strcspn(line, "\n");

		assert_true(number++ == 0 || length <= 80); /* the answer is one line, for head -1 */
		assert_true(length == 0 || line[length - 1] != ' ');
	}
	assert_null(strchr(text_of(&example.report, false), '\033'));
	assert_non_null(strchr(text_of(&example.report, true), '\033'));
}

static void events_are_lines(void **state)
{
	struct example example;
	struct events events = { .survived = NAN, .expired = NAN };
	char text[8192];
	int ends[2], count = 0;
	static const char *const names[] = { "start", "opened", "open_failed", "icmp", "finding", "warning", "end" };

	(void)state;
	fill(&example);
	example.report.result.warnings[example.report.result.warning_count++] = (struct warning){ WARNING_EVICTION, "m" };
	assert_int_equal(pipe(ends), 0);
	events.fd = ends[1];
	events_start(&events, &example.report);
	events_observation(&events, &(struct observation){ .what = OBSERVED_OPEN, .at = 0.5, .rtt = 0.001, .from = ORIGIN_ENDPOINT, .ttl = 63,
								   .blur = 0.004 });
	events_observation(&events, &(struct observation){ OBSERVED_OPEN_FAILED, 1, 0.5, NAN, ORIGIN_NONE, 111, 0, 0, 0 });
	events_observation(&events, &(struct observation){ .what = OBSERVED_ICMP, .at = 9, .rtt = NAN, .from = ORIGIN_PATH, .ttl = 62, .icmp_type = 3, .icmp_code = 1 });
	events_finding(&events, 1, 1.5, NAN);
	events_finding(&events, 2, 1.5, NAN); /* no news */
	events_end(&events, &example.report);
	close(ends[1]);
	text[read(ends[0], text, sizeof text - 1)] = '\0';
	close(ends[0]);
	leave(text);
	for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		cJSON *root = cJSON_Parse(line);

		assert_non_null(root);
		assert_true(count < 7);
		same_text(root, "event", names[count]);
		assert_true(cJSON_IsNumber(at(root, "at_s")));
		if (count == 0)
			same_text(root, "target.address", "192.0.2.7");
		if (count == 1)
			same_number(root, "blur_ms", 4);
		if (count == 3)
			same_number(root, "icmp_type", 3);
		if (count == 4)
			is_null(root, "expired_s");
		if (count == 6)
			same_number(root, "result.timeout_s", 900.3);
		cJSON_Delete(root);
		count++;
	}
	assert_int_equal(count, 7);
}

/* Each at least once, for the schema to know it. */
static void every_word_of_a_report(void **state)
{
	struct example example;
	struct report *report = &example.report;
	struct sample samples[SAMPLE_ICMP + 1];

	(void)state;
	fill(&example);
	for (enum warning_code code = 0; code < WARNING_CODES; code++) {
		assert_non_null(warning_name(code));
		report->result.warnings[report->result.warning_count++] = (struct warning){ code, "m" };
	}
	for (enum sample_outcome outcome = SAMPLE_PENDING; outcome <= SAMPLE_ICMP; outcome++) {
		assert_non_null(sample_name(outcome));
		samples[outcome] = (struct sample){ .conn = 1, .idle = 5, .age = 5, .rtt = NAN, .outcome = outcome };
	}
	report->outbound.samples = samples;
	report->outbound.sample_count = SAMPLE_ICMP + 1;
	example.options.strategy = STRATEGY_LADDER;
	report->target.family = IP_V6;
	cJSON_Delete(read_back(report));
	for (enum signal_kind signal = SIGNAL_RESET_ON_PROBE; signal <= SIGNAL_ICMP; signal++)
		for (enum origin from = ORIGIN_PATH; from <= ORIGIN_UNKNOWN; from++) {
			report->result.signal = signal;
			report->result.signal_from = from;
			cJSON_Delete(read_back(report));
		}
	report->nat = (struct report_nat){ .detected = true, .address = "203.0.113.9", .port = 40112, .remapped = NO };
	for (report->learned = LEARNED_UNKNOWN; report->learned <= LEARNED_BOTH; report->learned++)
		cJSON_Delete(read_back(report));
	for (enum reason reason = REASON_ENDPOINT_KEEPALIVE; reason <= REASON_OUT_OF_MEMORY; reason++) {
		no_answer(&example, OUTCOME_INCONCLUSIVE, reason);
		cJSON_Delete(read_back(report));
	}
}

static void every_word_of_an_event(void **state)
{
	struct events events = { .survived = NAN, .expired = NAN };

	(void)state;
	events.fd = open_left();
	for (enum observed what = OBSERVED_OPEN; what <= OBSERVED_ICMP; what++) {
		assert_non_null(observed_name(what));
		events_observation(&events, &(struct observation){ .what = what, .at = 1, .rtt = NAN, .from = ORIGIN_UNKNOWN });
	}
	assert_int_equal(events.error, 0);
	close(events.fd);
}

static void progress_is_honest(void **state)
{
	struct search_progress progress = { .idle = 123, .alive = 94, .ended = 2, .survived = 118, .expired = NAN,
					    .left_min = 0, .left_max = 7377, .phase = "searching" };

	(void)state;
	assert_string_equal(progress_line(&progress).text,
			    "searching: idle 2 min 3 s, 94 alive, 2 ended; longer than 1 min 58 s; at most 2 h 3 min left");
	progress.expired = 130;
	progress.left_min = 3;
	progress.left_max = 14;
	assert_string_equal(progress_line(&progress).text,
			    "searching: idle 2 min 3 s, 94 alive, 2 ended; between 118.0 and 130.0 s; 3 s to 14 s left");
	progress.survived = progress.expired = NAN;
	progress.left_max = 0;
	assert_string_equal(progress_line(&progress).text,
			    "searching: idle 2 min 3 s, 94 alive, 2 ended; nothing known yet; nearly done");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_always_there),
		cmocka_unit_test(the_values_of_the_example),
		cmocka_unit_test(numbers_and_bytes_that_trip_cjson),
		cmocka_unit_test(bounds_and_exit_codes),
		cmocka_unit_test(text_of_a_timeout),
		cmocka_unit_test(text_of_what_only_two_ends_tell),
		cmocka_unit_test(text_tells_a_proxy_from_the_server),
		cmocka_unit_test(text_of_each_signal),
		cmocka_unit_test(text_of_the_other_answers),
		cmocka_unit_test(text_of_each_reason),
		cmocka_unit_test(text_where_no_direction_was_measured),
		cmocka_unit_test(text_where_nothing_is_known_to_survive),
		cmocka_unit_test(text_is_cautious_without_an_answer),
		cmocka_unit_test(text_of_the_bound),
		cmocka_unit_test(lines_are_short_and_plain),
		cmocka_unit_test(events_are_lines),
		cmocka_unit_test(every_word_of_a_report),
		cmocka_unit_test(every_word_of_an_event),
		cmocka_unit_test(progress_is_honest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
