#include "format/report_parse.h"

#include "format/names.h"
#include "format/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct shape subject_shape[] = {
	{ "tool", SHAPE_OBJECT },
	{ "tool.version", SHAPE_TEXT },
	{ "target", SHAPE_OBJECT },
	{ "target.input", SHAPE_TEXT },
	{ "target.host", SHAPE_TEXT },
	{ "target.address", SHAPE_TEXT, SHAPE_NULL },
	{ "target.port", SHAPE_WHOLE },
	{ "target.family", SHAPE_TEXT, SHAPE_NULL },
	{ "target.interface", SHAPE_TEXT, SHAPE_NULL },
	{ "target.source_address", SHAPE_TEXT, SHAPE_NULL },
	{ "method", SHAPE_OBJECT },
	{ "method.engine", SHAPE_TEXT },
	{ "method.strategy", SHAPE_TEXT },
	{ "method.directions", SHAPE_ARRAY },
	{ "method.connections", SHAPE_WHOLE },
	{ "method.min_idle_s", SHAPE_SECONDS },
	{ "method.max_idle_s", SHAPE_SECONDS },
	{ "method.precision", SHAPE_NUMBER },
	{ "method.resolution_s", SHAPE_SECONDS },
	{ NULL },
};

static const struct shape result_shape[] = {
	{ "result", SHAPE_OBJECT },
	{ "result.keepalive_refreshes", SHAPE_BOOL, SHAPE_NULL },
	{ "result.revived_by_probe", SHAPE_BOOL, SHAPE_NULL },
	{ "result.payload_refreshes", SHAPE_BOOL, SHAPE_NULL | SHAPE_ABSENT },
	{ "result.outbound_refreshes", SHAPE_BOOL, SHAPE_NULL | SHAPE_ABSENT },
	{ "result.learned_by", SHAPE_TEXT, SHAPE_NULL | SHAPE_ABSENT },
	{ "result.reason", SHAPE_TEXT, SHAPE_NULL },
	{ "result.directions", SHAPE_OBJECT },
	{ "result.directions.outbound", SHAPE_OBJECT, SHAPE_NULL },
	{ "result.directions.inbound", SHAPE_OBJECT, SHAPE_NULL },
	{ NULL },
};

/* Of the result, and of each direction. */
static const struct shape finding_shape[] = {
	{ "outcome", SHAPE_TEXT },
	{ "timeout_s", SHAPE_SECONDS, SHAPE_NULL },
	{ "survived_s", SHAPE_SECONDS, SHAPE_NULL },
	{ "expired_s", SHAPE_SECONDS, SHAPE_NULL },
	{ "signal", SHAPE_TEXT, SHAPE_NULL },
	{ "signal_from", SHAPE_TEXT, SHAPE_NULL },
	{ NULL },
};

static const struct shape report_shape[] = {
	{ "started_at", SHAPE_TEXT },
	{ "finished_at", SHAPE_TEXT },
	{ "elapsed_s", SHAPE_SECONDS },
	{ "interrupted", SHAPE_BOOL },
	{ "path", SHAPE_OBJECT },
	{ "path.rtt_ms", SHAPE_OBJECT },
	{ "path.rtt_ms.min", SHAPE_NUMBER, SHAPE_NULL },
	{ "path.rtt_ms.median", SHAPE_NUMBER, SHAPE_NULL },
	{ "path.rtt_ms.max", SHAPE_NUMBER, SHAPE_NULL },
	{ "path.loss", SHAPE_NUMBER, SHAPE_NULL },
	{ "path.reply_ttl", SHAPE_WHOLE, SHAPE_NULL },
	{ "path.unanswered_received", SHAPE_WHOLE, SHAPE_NULL | SHAPE_ABSENT },
	{ "path.unanswered_missed", SHAPE_WHOLE, SHAPE_NULL | SHAPE_ABSENT },
	{ "path.connections_opened", SHAPE_WHOLE, SHAPE_ABSENT },
	{ "path.probes_sent", SHAPE_WHOLE, SHAPE_ABSENT },
	{ "advice", SHAPE_OBJECT },
	{ "advice.keepalive_helps", SHAPE_BOOL, SHAPE_NULL },
	{ "advice.tcp_keepalive_time_s", SHAPE_WHOLE, SHAPE_NULL },
	{ "advice.tcp_keepalive_intvl_s", SHAPE_WHOLE, SHAPE_NULL },
	{ "advice.tcp_keepalive_probes", SHAPE_WHOLE, SHAPE_NULL },
	{ "advice.margin_s", SHAPE_NUMBER, SHAPE_NULL | SHAPE_ABSENT },
	{ "advice.heartbeat_s", SHAPE_WHOLE, SHAPE_NULL | SHAPE_ABSENT },
	{ "advice.host_now", SHAPE_OBJECT },
	{ "advice.host_now.tcp_keepalive_time_s", SHAPE_WHOLE, SHAPE_NULL },
	{ "advice.host_now.tcp_keepalive_intvl_s", SHAPE_WHOLE, SHAPE_NULL },
	{ "advice.host_now.tcp_keepalive_probes", SHAPE_WHOLE, SHAPE_NULL },
	{ "advice.host_now.protects", SHAPE_BOOL, SHAPE_NULL },
	{ "advice.host_now.margin_s", SHAPE_NUMBER, SHAPE_NULL | SHAPE_ABSENT },
	{ "advice.summary", SHAPE_TEXT },
	{ "advice.settings", SHAPE_ARRAY },
	{ "consistent_with", SHAPE_ARRAY },
	{ "check", SHAPE_OBJECT, SHAPE_NULL },
	{ "warnings", SHAPE_ARRAY },
	{ "error", SHAPE_TEXT, SHAPE_NULL | SHAPE_ABSENT },
	{ "samples", SHAPE_ARRAY },
	{ NULL },
};

static const struct shape ends_shape[] = {
	{ "path", SHAPE_OBJECT },
	{ "path.nat", SHAPE_OBJECT, SHAPE_NULL },
	{ "path.proxy", SHAPE_BOOL, SHAPE_NULL | SHAPE_ABSENT },
	{ NULL },
};

static const struct shape nat_shape[] = {
	{ "detected", SHAPE_BOOL },
	{ "observed_address", SHAPE_TEXT },
	{ "observed_port", SHAPE_WHOLE },
	{ "remapped", SHAPE_BOOL, SHAPE_NULL | SHAPE_ABSENT },
	{ NULL },
};

static const struct shape check_shape[] = { { "min_s", SHAPE_SECONDS }, { NULL } };

static const struct shape warning_shape[] = { { "code", SHAPE_TEXT }, { "message", SHAPE_TEXT }, { NULL } };

static const struct shape platform_shape[] = {
	{ "platform", SHAPE_TEXT },
	{ "timeout_s", SHAPE_SECONDS },
	{ "source", SHAPE_TEXT },
	{ NULL },
};

static const struct shape sample_shape[] = {
	{ "connection", SHAPE_WHOLE },
	{ "direction", SHAPE_TEXT },
	{ "idle_s", SHAPE_SECONDS },
	{ "age_s", SHAPE_SECONDS },
	{ "outcome", SHAPE_TEXT },
	{ "rtt_ms", SHAPE_NUMBER, SHAPE_NULL },
	{ "control", SHAPE_BOOL, SHAPE_ABSENT },
	{ NULL },
};

/* For name_value(). */
#define WORDS(what, type) \
	static const char *what##_word(int value) \
	{ \
		return what##_name((enum type)value); \
	}
WORDS(outcome, outcome)
WORDS(signal, signal_kind)
WORDS(origin, origin)
WORDS(reason, reason)
WORDS(warning, warning_code)
WORDS(sample, sample_outcome)
WORDS(learned, learned)
WORDS(strategy, strategy)

/* The value goes to *value. 0, or -1 with the failure. */
static int read_word(const struct source *source, const cJSON *item, const char *parent, const char *key,
		     const char *(*word_of)(int value), int *value)
{
	const char *word = shape_text(item, key);

	*value = name_value(word, word_of);
	if (*value >= 0)
		return 0;
	return shape_fail(source,
			  "%s.%s is '%.40s', which this version does not know; a newer idleprobe reads it",
			  parent, key, word);
}

int report_parse_subject(const struct source *source, struct saved_report *saved, const cJSON *root)
{
	struct report *report = &saved->report;
	struct options *options = &saved->options;
	const char *family;

	if (shape_check(source, root, "", subject_shape) < 0 ||
	    read_word(source, shape_at(root, "method"), "method", "strategy", strategy_word,
		      &options->strategy) < 0)
		return -1;
	family = shape_text(root, "target.family");
	report->version = shape_text(root, "tool.version");
	report->engine = shape_text(root, "method.engine");
	report->target.input = shape_text(root, "target.input");
	report->target.host = shape_text(root, "target.host");
	report->target.address = shape_text(root, "target.address");
	report->target.interface = shape_text(root, "target.interface");
	report->target.source_address = shape_text(root, "target.source_address");
	report->target.port = shape_whole(root, "target.port");
	report->target.family = !family ? IP_ANY : strcmp(family, "ipv6") == 0 ? IP_V6 : IP_V4;
	options->connections = shape_whole(root, "method.connections");
	options->min_idle = shape_number(root, "method.min_idle_s");
	options->max_idle = shape_number(root, "method.max_idle_s");
	options->precision = shape_number(root, "method.precision");
	options->resolution = shape_number(root, "method.resolution_s");
	return 0;
}

/* The numbers that the outcome is told with. */
static int check_finding(const struct source *source, const char *parent, const struct result *result)
{
	const char *missing = NULL;

	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		missing = isnan(result->timeout) ? "timeout_s" : isnan(result->expired) ? "expired_s" : NULL;
		break;
	case OUTCOME_NO_TIMEOUT:
		missing = isnan(result->survived) ? "survived_s" : NULL;
		break;
	case OUTCOME_INCONCLUSIVE:
	case OUTCOME_UNREACHABLE:
		break;
	}
	if (!missing)
		return 0;
	return shape_fail(source,
			  "%s.%s is null, though the outcome is %s; the file is damaged, copy it or measure "
			  "again",
			  parent, missing, outcome_name(result->outcome));
}

static int read_finding(const struct source *source, const cJSON *item, const char *parent,
			struct result *result)
{
	int outcome, signal, from;

	if (shape_check(source, item, parent, finding_shape) < 0 ||
	    read_word(source, item, parent, "outcome", outcome_word, &outcome) < 0 ||
	    read_word(source, item, parent, "signal", signal_word, &signal) < 0 ||
	    read_word(source, item, parent, "signal_from", origin_word, &from) < 0)
		return -1;
	*result = (struct result){
		.outcome = (enum outcome)outcome,
		.timeout = shape_number(item, "timeout_s"),
		.survived = shape_number(item, "survived_s"),
		.expired = shape_number(item, "expired_s"),
		.signal = (enum signal_kind)signal,
		.signal_from = (enum origin)from,
		.keepalive_refreshes = UNKNOWN,
		.revived_by_probe = UNKNOWN,
		.payload_refreshes = UNKNOWN,
		.outbound_refreshes = UNKNOWN,
	};
	return check_finding(source, parent, result);
}

static int read_direction(const struct source *source, const cJSON *root, const char *path,
			  struct result *result, struct report_side *side)
{
	const cJSON *item = shape_at(root, path);

	side->result = item ? result : NULL;
	return item ? read_finding(source, item, path, result) : 0;
}

int report_parse_result(const struct source *source, struct saved_report *saved, const cJSON *root)
{
	struct report *report = &saved->report;
	struct result *result = &report->result;
	int reason, learned;

	if (shape_check(source, root, "", result_shape) < 0 ||
	    read_finding(source, shape_at(root, "result"), "result", result) < 0 ||
	    read_word(source, root, "", "result.learned_by", learned_word, &learned) < 0 ||
	    read_direction(source, root, "result.directions.outbound", &saved->outbound,
			   &report->outbound) < 0 ||
	    read_direction(source, root, "result.directions.inbound", &saved->inbound, &report->inbound) < 0)
		return -1;
	/* More reasons may be added (contract): one that is not known here is told as none. */
	reason = name_value(shape_text(root, "result.reason"), reason_word);
	result->reason = reason < 0 ? REASON_NONE : (enum reason)reason;
	result->keepalive_refreshes = shape_bool(root, "result.keepalive_refreshes");
	result->revived_by_probe = shape_bool(root, "result.revived_by_probe");
	result->payload_refreshes = shape_bool(root, "result.payload_refreshes");
	result->outbound_refreshes = shape_bool(root, "result.outbound_refreshes");
	report->learned = (enum learned)learned;
	return 0;
}

int report_parse_ends(const struct source *source, struct saved_report *saved, const cJSON *root)
{
	struct report *report = &saved->report;
	const cJSON *nat = shape_at(root, "path.nat");

	if (shape_check(source, root, "", ends_shape) < 0 ||
	    (nat && shape_check(source, nat, "path.nat", nat_shape) < 0))
		return -1;
	report->proxy = shape_bool(root, "path.proxy");
	report->nat = (struct report_nat){
		.detected = shape_bool(nat, "detected") == YES,
		.address = shape_text(nat, "observed_address"),
		.port = shape_whole(nat, "observed_port"),
		.remapped = shape_bool(nat, "remapped"),
	};
	return 0;
}

int report_parse_check(const struct source *source, struct saved_report *saved, const cJSON *check)
{
	if (check && shape_check(source, check, "check", check_shape) < 0)
		return -1;
	saved->options.minimum = shape_number(check, "min_s");
	return 0;
}

static void read_path(struct report *report, const cJSON *root)
{
	report->path = (struct path_stats){
		.rtt_min = shape_number(root, "path.rtt_ms.min") / 1000,
		.rtt_median = shape_number(root, "path.rtt_ms.median") / 1000,
		.rtt_max = shape_number(root, "path.rtt_ms.max") / 1000,
		.loss = shape_number(root, "path.loss"),
		.reply_ttl = shape_whole(root, "path.reply_ttl"),
		.probes = shape_whole(root, "path.probes_sent"),
		.connections = shape_whole(root, "path.connections_opened"),
		.probes_lost = shape_whole(root, "path.unanswered_missed"),
		.replies_lost = shape_whole(root, "path.unanswered_received"),
	};
}

struct keepalive report_parse_keepalive(const cJSON *item)
{
	return (struct keepalive){ shape_whole(item, "tcp_keepalive_time_s"),
				   shape_whole(item, "tcp_keepalive_intvl_s"),
				   shape_whole(item, "tcp_keepalive_probes") };
}

/* The settings for this and that follow from it (recipes.h). */
static void read_advice(struct advice *advice, const cJSON *item)
{
	advice->helps = shape_bool(item, "keepalive_helps");
	advice->use = report_parse_keepalive(item);
	advice->host = report_parse_keepalive(shape_at(item, "host_now"));
	advice->protects = shape_bool(item, "host_now.protects");
	advice->margin = shape_number(item, "margin_s");
	advice->host_margin = shape_number(item, "host_now.margin_s");
	advice->heartbeat = shape_whole(item, "heartbeat_s");
	utf8_copy(advice->summary, sizeof advice->summary, shape_text(item, "summary"));
}

int report_parse_warning(const struct source *source, struct saved_report *saved, const cJSON *item,
			 const char *parent)
{
	struct result *result = &saved->report.result;
	struct warning *warning = &result->warnings[result->warning_count];
	int code;

	if (shape_check(source, item, parent, warning_shape) < 0)
		return -1;
	if (result->warning_count == WARNING_CODES)
		return 0;
	/* Of a code that is not known here, the message still is for people. */
	code = name_value(shape_text(item, "code"), warning_word);
	warning->code = code < 0 ? WARNING_CODES : (enum warning_code)code;
	utf8_copy(warning->message, sizeof warning->message, shape_text(item, "message"));
	result->warning_count++;
	return 0;
}

static int read_warnings(const struct source *source, struct saved_report *saved, const cJSON *list)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (report_parse_warning(source, saved, item, "warnings[]") < 0)
			return -1;
	return 0;
}

static int read_platforms(const struct source *source, struct saved_report *saved, const cJSON *list)
{
	struct report *report = &saved->report;
	size_t count = (size_t)cJSON_GetArraySize(list);
	const cJSON *item;

	saved->platforms = calloc(count + 1, sizeof *saved->platforms);
	report->consistent = calloc(count + 1, sizeof *report->consistent);
	if (!saved->platforms || !report->consistent)
		return shape_fail(source, "out of memory");
	cJSON_ArrayForEach(item, list) {
		struct platform *platform = &saved->platforms[report->consistent_count];

		if (shape_check(source, item, "consistent_with[]", platform_shape) < 0)
			return -1;
		platform->name = shape_text(item, "platform");
		platform->source = shape_text(item, "source");
		platform->timeout = shape_number(item, "timeout_s");
		report->consistent[report->consistent_count++] = platform;
	}
	return 0;
}

static int read_sample(const struct source *source, const cJSON *item, size_t number, struct sample *sample)
{
	char place[40];
	int outcome;

	snprintf(place, sizeof place, "samples[%zu]", number);
	if (shape_check(source, item, place, sample_shape) < 0 ||
	    read_word(source, item, place, "outcome", sample_word, &outcome) < 0)
		return -1;
	*sample = (struct sample){
		.conn = shape_whole(item, "connection"),
		.at = NAN,
		.idle = shape_number(item, "idle_s"),
		.age = shape_number(item, "age_s"),
		.left = NAN,
		.rtt = shape_number(item, "rtt_ms") / 1000,
		.outcome = (enum sample_outcome)outcome,
		.control = shape_bool(item, "control") == YES,
	};
	return 0;
}

static int read_samples(const struct source *source, struct saved_report *saved, const cJSON *list)
{
	static const char *const directions[] = { "outbound", "inbound" };
	struct report_side *sides[] = { &saved->report.outbound, &saved->report.inbound };
	struct sample *next = saved->samples = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *next);

	if (!next)
		return shape_fail(source, "out of memory");
	for (int i = 0; i < 2; i++) {
		const cJSON *item;
		size_t number = 0;

		sides[i]->samples = next;
		cJSON_ArrayForEach(item, list) {
			const char *direction;

			if (read_sample(source, item, number++, next) < 0)
				return -1;
			direction = shape_text(item, "direction");
			if (strcmp(direction, "outbound") != 0 && strcmp(direction, "inbound") != 0)
				return shape_fail(source,
						  "samples[%zu].direction is '%.40s'; expected is outbound "
						  "or inbound",
						  number - 1, direction);
			next += strcmp(direction, directions[i]) == 0;
		}
		sides[i]->sample_count = (size_t)(next - sides[i]->samples);
	}
	return 0;
}

static int read_times(const struct source *source, struct report *report, const cJSON *root)
{
	report->started_at = shape_instant(root, "started_at");
	report->finished_at = shape_instant(root, "finished_at");
	report->elapsed = shape_number(root, "elapsed_s");
	report->interrupted = shape_bool(root, "interrupted") == YES;
	if (isnan(report->started_at) || isnan(report->finished_at))
		return shape_fail(source,
				  "%s is no instant as 2026-11-03T02:14:56Z is; the report is damaged",
				  isnan(report->started_at) ? "started_at" : "finished_at");
	return 0;
}

int report_parse(const struct source *source, struct saved_report *saved, const cJSON *root)
{
	struct report *report = &saved->report;

	if (report_parse_subject(source, saved, root) < 0 || report_parse_result(source, saved, root) < 0 ||
	    shape_check(source, root, "", report_shape) < 0 || read_times(source, report, root) < 0 ||
	    report_parse_ends(source, saved, root) < 0 ||
	    report_parse_check(source, saved, shape_at(root, "check")) < 0 ||
	    read_platforms(source, saved, shape_at(root, "consistent_with")) < 0 ||
	    read_warnings(source, saved, shape_at(root, "warnings")) < 0 ||
	    read_samples(source, saved, shape_at(root, "samples")) < 0)
		return -1;
	read_path(report, root);
	read_advice(&report->advice, shape_at(root, "advice"));
	utf8_copy(report->error, sizeof report->error, shape_text(root, "error") ? shape_text(root, "error") : "");
	return 0;
}
