#include "format/report_json.h"

#include "core/recipes.h"
#include "format/names.h"
#include "version.h"

#include <math.h>

enum { SCHEMA_VERSION = 1, MS = 3 /* decimals of a time in seconds: more than that is of no use */ };

static void add_target(cJSON *root, const struct report *report)
{
	cJSON *target = json_object(root, "target");

	json_text(target, "input", report->target.input);
	json_text(target, "host", report->target.host);
	json_text(target, "address", report->target.address);
	json_number(target, "port", report->target.port, 0);
	json_text(target, "family",
		  report->target.family == IP_V4 ? "ipv4" : report->target.family == IP_V6 ? "ipv6" : NULL);
	json_text(target, "interface", report->target.interface);
	json_text(target, "source_address", report->target.source_address);
}

static void add_method(cJSON *root, const struct report *report)
{
	const struct options *options = report->options;
	cJSON *method = json_object(root, "method");
	cJSON *directions;

	json_text(method, "engine", report->engine ? report->engine : "raw");
	json_text(method, "strategy", strategy_name((enum strategy)options->strategy));
	directions = json_array(method, "directions");
	if (report->outbound.result)
		json_text(directions, NULL, "outbound");
	if (report->inbound.result)
		json_text(directions, NULL, "inbound");
	json_number(method, "connections", options->connections, 0);
	json_number(method, "min_idle_s", options->min_idle, MS);
	json_number(method, "max_idle_s", options->max_idle, MS);
	json_number(method, "precision", options->precision, 6);
	json_number(method, "resolution_s", options->resolution, MS);
}

void report_json_subject(cJSON *root, const struct report *report)
{
	cJSON *tool = json_object(root, "tool");

	json_text(tool, "name", "idleprobe");
	json_text(tool, "version", report->version ? report->version : idleprobe_version);
	add_target(root, report);
	add_method(root, report);
}

static void add_nat(cJSON *path, const struct report_nat *nat)
{
	if (!nat->address) {
		json_null(path, "nat");
		return;
	}
	cJSON *object = json_object(path, "nat");
	json_bool(object, "detected", nat->detected ? YES : NO);
	json_text(object, "observed_address", nat->address);
	json_number(object, "observed_port", nat->port, 0);
	json_bool(object, "remapped", nat->remapped);
}

/* What is told of the path by those at its ends. */
static void add_ends(cJSON *path, const struct report *report)
{
	add_nat(path, &report->nat);
	json_bool(path, "proxy", report->proxy);
}

void report_json_ends(cJSON *root, const struct report *report)
{
	add_ends(json_object(root, "path"), report);
}

static void add_path(cJSON *root, const struct report *report)
{
	const struct path_stats *stats = &report->path;
	cJSON *path = json_object(root, "path");
	cJSON *rtt = json_object(path, "rtt_ms");

	json_number(rtt, "min", stats->rtt_min * 1000, 3);
	json_number(rtt, "median", stats->rtt_median * 1000, 3);
	json_number(rtt, "max", stats->rtt_max * 1000, 3);
	json_number(path, "loss", stats->loss, 4);
	json_number(path, "reply_ttl", stats->reply_ttl > 0 ? stats->reply_ttl : NAN, 0);
	add_ends(path, report);
	json_number(path, "unanswered_received", report->nat.address ? stats->replies_lost : NAN, 0);
	json_number(path, "unanswered_missed", report->nat.address ? stats->probes_lost : NAN, 0);
	json_number(path, "connections_opened", stats->connections, 0);
	json_number(path, "probes_sent", stats->probes, 0);
}

/* What one direction and the whole have in common. */
static void add_finding(cJSON *object, const struct result *result)
{
	json_text(object, "outcome", outcome_name(result->outcome));
	json_number(object, "timeout_s", result->timeout, MS);
	json_number(object, "survived_s", result->survived, MS);
	json_number(object, "expired_s", result->expired, MS);
	json_text(object, "signal", signal_name(result->signal));
	json_text(object, "signal_from", origin_name(result->signal_from));
}

static void add_direction(cJSON *directions, const char *name, const struct result *result)
{
	if (result)
		add_finding(json_object(directions, name), result);
	else
		json_null(directions, name);
}

void report_json_result(cJSON *root, const struct report *report)
{
	const struct result *result = &report->result;
	cJSON *object = json_object(root, "result");

	add_finding(object, result);
	json_bool(object, "keepalive_refreshes", result->keepalive_refreshes);
	json_bool(object, "revived_by_probe", result->revived_by_probe);
	json_bool(object, "payload_refreshes", result->payload_refreshes);
	json_bool(object, "outbound_refreshes", result->outbound_refreshes);
	json_text(object, "learned_by", learned_name(report->learned));
	/* One that this version has read and does not know is none to it. */
	json_text(object, "reason", result->outcome == OUTCOME_INCONCLUSIVE && result->reason == REASON_NONE
				    ? "unknown" : reason_name(result->reason));
	cJSON *directions = json_object(object, "directions");
	add_direction(directions, "outbound", report->outbound.result);
	add_direction(directions, "inbound", report->inbound.result);
}

static void add_keepalive(cJSON *object, const struct keepalive *keepalive)
{
	bool known = keepalive->time > 0;

	json_number(object, "tcp_keepalive_time_s", known ? keepalive->time : NAN, 0);
	json_number(object, "tcp_keepalive_intvl_s", known ? keepalive->intvl : NAN, 0);
	json_number(object, "tcp_keepalive_probes", known ? keepalive->probes : NAN, 0);
	json_number(object, "dead_peer_found_s", known ? keepalive_gives_up(keepalive) : NAN, 0);
}

static void add_settings(cJSON *parent, const struct advice *advice)
{
	cJSON *list = json_array(parent, "settings");
	struct recipes recipes;

	recipes_give(advice, &recipes);
	for (size_t i = 0; i < recipes.count; i++) {
		cJSON *row = json_object(list, NULL);

		json_text(row, "for", recipes.list[i].name);
		json_text(row, "text", recipes.list[i].text);
	}
}

static void add_advice(cJSON *root, const struct advice *advice)
{
	cJSON *object = json_object(root, "advice");

	json_bool(object, "keepalive_helps", advice->helps);
	add_keepalive(object, &advice->use);
	json_number(object, "margin_s", advice->margin, MS);
	json_number(object, "heartbeat_s", advice->heartbeat ? advice->heartbeat : NAN, 0);
	cJSON *host = json_object(object, "host_now");
	add_keepalive(host, &advice->host);
	json_bool(host, "protects", advice->protects);
	json_number(host, "margin_s", advice->host_margin, MS);
	json_text(object, "summary", advice->summary);
	add_settings(object, advice);
}

static void add_consistent(cJSON *root, const struct report *report)
{
	cJSON *list = json_array(root, "consistent_with");

	for (size_t i = 0; i < report->consistent_count; i++) {
		cJSON *row = json_object(list, NULL);
		json_text(row, "platform", report->consistent[i]->name);
		json_number(row, "timeout_s", report->consistent[i]->timeout, MS);
		json_text(row, "source", report->consistent[i]->source);
	}
}

static void add_rfc5382(cJSON *root, const struct report *report)
{
	cJSON *rfc5382 = json_object(root, "rfc5382");

	json_number(rfc5382, "established_minimum_s", RFC5382_MINIMUM, 0);
	json_bool(rfc5382, "meets", report_meets_rfc5382(report));
}

static void add_check(cJSON *root, const struct report *report)
{
	if (isnan(report->options->minimum)) {
		json_null(root, "check");
		return;
	}
	cJSON *check = json_object(root, "check");
	json_number(check, "min_s", report->options->minimum, MS);
	json_bool(check, "passed", report_passed(report));
}

void report_json_given(cJSON *root, const struct report *report)
{
	add_check(root, report);
	add_keepalive(json_object(root, "host_now"), &report->advice.host);
}

static void add_warnings(cJSON *root, const struct result *result)
{
	cJSON *list = json_array(root, "warnings");

	for (size_t i = 0; i < result->warning_count; i++) {
		cJSON *row = json_object(list, NULL);
		json_text(row, "code", warning_name(result->warnings[i].code));
		json_text(row, "message", result->warnings[i].message);
	}
}

static void add_samples(cJSON *list, const char *direction, const struct report_side *side)
{
	for (size_t i = 0; i < side->sample_count; i++) {
		const struct sample *sample = &side->samples[i];

		if (sample->moot)
			continue; /* of no idle time */

		cJSON *row = json_object(list, NULL);

		json_number(row, "connection", side->numbers ? side->numbers[sample->conn] : sample->conn, 0);
		json_text(row, "direction", direction);
		json_number(row, "idle_s", sample->idle, MS);
		json_number(row, "age_s", sample->age, MS);
		json_text(row, "outcome", sample_name(sample->outcome));
		json_number(row, "rtt_ms", sample->rtt * 1000, 3);
		json_bool(row, "control", sample->control ? YES : NO);
	}
}

char *report_json(const struct report *report)
{
	cJSON *root = cJSON_CreateObject();

	json_text(root, "kind", "idleprobe.report");
	json_number(root, "schema_version", SCHEMA_VERSION, 0);
	json_instant(root, "started_at", report->started_at);
	json_instant(root, "finished_at", report->finished_at);
	json_number(root, "elapsed_s", report->elapsed, MS);
	json_bool(root, "interrupted", report->interrupted ? YES : NO);
	report_json_subject(root, report);
	add_path(root, report);
	report_json_result(root, report);
	add_advice(root, &report->advice);
	add_consistent(root, report);
	add_rfc5382(root, report);
	add_check(root, report);
	add_warnings(root, &report->result);
	json_text(root, "error", report->error[0] ? report->error : NULL);

	cJSON *samples = json_array(root, "samples");

	add_samples(samples, "outbound", &report->outbound);
	add_samples(samples, "inbound", &report->inbound);
	return json_line(root);
}
