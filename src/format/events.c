#include "format/events.h"

#include "format/names.h"
#include "format/report_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cJSON *event(const char *name, double at)
{
	cJSON *root = cJSON_CreateObject();

	json_text(root, "event", name);
	json_number(root, "at_s", at, 3);
	return root;
}

static void put(struct events *events, cJSON *root)
{
	if (events->target)
		json_text(root, "input", events->target);

	char *line = json_line(root);
	size_t length = line ? strlen(line) : 0;

	/* One write(), so that lines of several runs that share a file stay whole. */
	ssize_t written = length ? write(events->fd, line, length) : 0;

	if (!length)
		events->error = ENOMEM;
	else if (written < 0)
		events->error = errno;
	else if ((size_t)written < length)
		events->error = ENOSPC; /* the part that found room was written */
	free(line);
}

static bool wanted(const struct events *events)
{
	return events->fd >= 0 && !events->error;
}

void events_start(struct events *events, const struct report *report)
{
	events->survived = events->expired = NAN;
	if (!wanted(events))
		return;
	cJSON *root = event("start", 0);
	json_number(root, "schema_version", 1, 0);
	json_instant(root, "time", report->started_at);
	report_json_subject(root, report);
	report_json_given(root, report);
	report_json_ends(root, report);
	put(events, root);
}

static void tell(struct events *events, const struct observation *seen)
{
	FILE *out = events->verbose;
	const char *named = events->target ? events->target : "", *gap = events->target ? "  " : "";

	fprintf(out, "%10.3f s  %s%sconnection %-4d %s", seen->at, named, gap, seen->conn, observed_name(seen->what));
	if (!isnan(seen->rtt))
		fprintf(out, " after %.1f ms", seen->rtt * 1000);
	if (origin_name(seen->from) && seen->what != OBSERVED_REPLY)
		fprintf(out, " from %s", origin_name(seen->from));
	if (seen->what == OBSERVED_ICMP)
		fprintf(out, ", type %u code %u", seen->icmp_type, seen->icmp_code);
	if (seen->error)
		fprintf(out, ": %s", strerror(seen->error));
	fputc('\n', out);
}

void events_observation(struct events *events, const struct observation *seen)
{
	if (events->verbose)
		tell(events, seen);
	if (!wanted(events))
		return;
	cJSON *root = event(observed_name(seen->what), seen->at);
	json_number(root, "connection", seen->conn, 0);
	if (!isnan(seen->rtt))
		json_number(root, "rtt_ms", seen->rtt * 1000, 3);
	if (seen->blur > 0)
		json_number(root, "blur_ms", seen->blur * 1000, 3);
	if (origin_name(seen->from))
		json_text(root, "from", origin_name(seen->from));
	if (seen->ttl)
		json_number(root, "ttl", seen->ttl, 0);
	if (seen->far)
		json_bool(root, "far", YES);
	if (seen->payload)
		json_bool(root, "payload", YES);
	if (seen->what == OBSERVED_ICMP) {
		json_number(root, "icmp_type", seen->icmp_type, 0);
		json_number(root, "icmp_code", seen->icmp_code, 0);
	}
	if (seen->error)
		json_text(root, "error", strerror(seen->error));
	put(events, root);
}

static bool same(double a, double b)
{
	return (isnan(a) && isnan(b)) || fabs(a - b) < 0.001;
}

static void tell_finding(const struct events *events, double now)
{
	FILE *out = events->verbose;

	fprintf(out, "%10.3f s  %s%ssurvived %.1f s", now, events->target ? events->target : "", events->target ? "  " : "",
		events->survived);
	if (!isnan(events->expired))
		fprintf(out, ", expired by %.1f s", events->expired);
	fputc('\n', out);
}

void events_finding(struct events *events, double now, double survived, double expired)
{
	if (same(survived, events->survived) && same(expired, events->expired))
		return;
	events->survived = survived;
	events->expired = expired;
	if (events->verbose)
		tell_finding(events, now);
	if (!wanted(events))
		return;
	cJSON *root = event("finding", now);
	json_number(root, "survived_s", survived, 3);
	json_number(root, "expired_s", expired, 3);
	put(events, root);
}

void events_end(struct events *events, const struct report *report)
{
	const struct result *result = &report->result;

	if (!wanted(events))
		return;
	for (size_t i = 0; i < result->warning_count; i++) {
		cJSON *root = event("warning", report->elapsed);
		json_text(root, "code", warning_name(result->warnings[i].code));
		json_text(root, "message", result->warnings[i].message);
		put(events, root);
	}
	cJSON *root = event("end", report->elapsed);
	json_instant(root, "time", report->finished_at);
	json_bool(root, "interrupted", report->interrupted ? YES : NO);
	report_json_result(root, report);
	report_json_ends(root, report);
	json_text(root, "error", report->error[0] ? report->error : NULL);
	put(events, root);
}
