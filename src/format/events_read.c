#include "format/events_read.h"

#include "format/names.h"
#include "format/report_parse.h"
#include "format/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_VERSION = 1, MOST_CONNECTIONS = 200000 };

/* Seconds. Longer than any round trip but the worst; a probe that had waited for less is told as pending. */
static const double WAIT = 3;

static const struct shape line_shape[] = {
	{ "event", SHAPE_TEXT },
	{ "at_s", SHAPE_SECONDS },
	{ "input", SHAPE_TEXT, SHAPE_ABSENT },
	{ NULL },
};

static const struct shape start_shape[] = {
	{ "schema_version", SHAPE_WHOLE },
	{ "time", SHAPE_TEXT },
	{ NULL },
};

/* Of the start; a file of an older version has not told them. */
static const struct shape given_shape[] = {
	{ "check", SHAPE_OBJECT, SHAPE_NULL | SHAPE_ABSENT },
	{ "host_now", SHAPE_OBJECT, SHAPE_ABSENT },
	{ "host_now.tcp_keepalive_time_s", SHAPE_WHOLE, SHAPE_NULL | SHAPE_ABSENT },
	{ "host_now.tcp_keepalive_intvl_s", SHAPE_WHOLE, SHAPE_NULL | SHAPE_ABSENT },
	{ "host_now.tcp_keepalive_probes", SHAPE_WHOLE, SHAPE_NULL | SHAPE_ABSENT },
	{ NULL },
};

static const struct shape end_shape[] = {
	{ "time", SHAPE_TEXT },
	{ "interrupted", SHAPE_BOOL },
	{ "error", SHAPE_TEXT, SHAPE_NULL },
	{ NULL },
};

static const struct shape finding_shape[] = {
	{ "survived_s", SHAPE_SECONDS, SHAPE_NULL },
	{ "expired_s", SHAPE_SECONDS, SHAPE_NULL },
	{ NULL },
};

static const struct shape observation_shape[] = {
	{ "connection", SHAPE_WHOLE },
	{ "rtt_ms", SHAPE_NUMBER, SHAPE_ABSENT },
	{ "blur_ms", SHAPE_NUMBER, SHAPE_ABSENT },
	{ "from", SHAPE_TEXT, SHAPE_ABSENT },
	{ "ttl", SHAPE_WHOLE, SHAPE_ABSENT },
	{ "icmp_type", SHAPE_WHOLE, SHAPE_ABSENT },
	{ "icmp_code", SHAPE_WHOLE, SHAPE_ABSENT },
	{ "far", SHAPE_BOOL, SHAPE_ABSENT },
	{ "payload", SHAPE_BOOL, SHAPE_ABSENT },
	{ NULL },
};

static int read_instant(const struct source *source, const cJSON *line, double *instant)
{
	*instant = shape_instant(line, "time");
	if (!isnan(*instant))
		return 0;
	return shape_fail(source, "time is no instant as 2026-11-03T02:14:56Z is; the file is damaged");
}

/* What is not known before the end. */
static void begin_report(struct report *report)
{
	report->result = (struct result){
		.timeout = NAN, .survived = NAN, .expired = NAN,
		.keepalive_refreshes = UNKNOWN, .revived_by_probe = UNKNOWN,
		.payload_refreshes = UNKNOWN, .outbound_refreshes = UNKNOWN,
	};
	report->proxy = report->nat.remapped = UNKNOWN;
}

/* Of start and end; likewise. */
static int read_ends(const struct source *source, struct saved_report *saved, const cJSON *line)
{
	return shape_at(line, "path") ? report_parse_ends(source, saved, line) : 0;
}

static int read_given(const struct source *source, struct saved_report *saved, const cJSON *line)
{
	if (shape_check(source, line, "", given_shape) < 0 ||
	    report_parse_check(source, saved, shape_at(line, "check")) < 0)
		return -1;
	saved->report.advice.host = report_parse_keepalive(shape_at(line, "host_now"));
	return 0;
}

/* What the run had found when its events stop. */
static void tell_killed(const struct events_reader *reader, struct saved_report *saved)
{
	struct report *report = &saved->report;
	struct result *result = &report->result;
	const cJSON *direction;

	result->outcome = OUTCOME_INCONCLUSIVE;
	result->reason = REASON_INTERRUPTED;
	result->survived = reader->survived;
	result->expired = reader->expired;
	report->interrupted = true;
	report->finished_at = report->started_at + reader->at;
	cJSON_ArrayForEach(direction, shape_at(saved->json, "method.directions")) {
		const char *name = cJSON_GetStringValue(direction);

		if (name && strcmp(name, "outbound") == 0) {
			saved->outbound = *result;
			report->outbound.result = &saved->outbound;
		} else if (name && strcmp(name, "inbound") == 0) {
			saved->inbound = *result;
			report->inbound.result = &saved->inbound;
		}
	}
}

static int take_samples(const struct events_reader *reader, struct saved_report *saved)
{
	struct report_side *sides[] = { &saved->report.outbound, &saved->report.inbound };
	size_t count;
	const struct sample *samples = ledger_samples(reader->ledger, &count);
	struct sample *next = saved->samples = calloc(count + 1, sizeof *next);

	if (!next)
		return -1;
	for (int i = 0; i < 2; i++) {
		sides[i]->samples = next;
		for (size_t k = 0; k < count; k++)
			if (reader->inbound[samples[k].conn] == (i == 1))
				*next++ = samples[k];
		sides[i]->sample_count = (size_t)(next - sides[i]->samples);
	}
	return 0;
}

/* The documented timeouts that the run would have named. */
static int list_consistent(struct saved_report *saved)
{
	struct report *report = &saved->report;

	saved->documented = platforms_load();
	if (saved->documented)
		report->consistent =
			platforms_consistent(saved->documented, &report->result, saved->options.precision,
					     &report->consistent_count);
	return report->consistent ? 0 : -1;
}

static void forget_run(struct events_reader *reader)
{
	ledger_free(reader->ledger);
	free(reader->inbound);
	*reader = (struct events_reader){ .input = reader->input };
}

static int end_run(struct events_reader *reader, const struct source *source)
{
	struct saved_report *saved = reader->run;

	if (!saved || !reader->ledger)
		return 0;
	/* Not this host's, which may be another than the one that measured. */
	struct keepalive host = saved->report.advice.host;

	saved->report.elapsed = reader->at;
	if (!reader->ended)
		tell_killed(reader, saved);
	ledger_expire_waits(reader->ledger, reader->at, reader->ended ? 0 : WAIT);
	saved->report.path = ledger_path(reader->ledger);
	advice_give(&saved->report.result, &host, &saved->report.advice);
	bool done = take_samples(reader, saved) == 0 && list_consistent(saved) == 0;
	forget_run(reader);
	return done ? 0 : shape_fail(source, "out of memory");
}

static int read_start(struct events_reader *reader, const struct source *source, struct saved_reports *list,
		      cJSON *line, bool *kept)
{
	struct saved_report *saved;

	if (end_run(reader, source) < 0 || shape_check(source, line, "start", start_shape) < 0)
		return -1;
	if (shape_whole(line, "schema_version") != SCHEMA_VERSION)
		return shape_fail(source,
				  "schema_version is %d, and this version reads %d only; use the idleprobe "
				  "that wrote it, or a newer one",
				  shape_whole(line, "schema_version"), SCHEMA_VERSION);
	saved = reports_add(list);
	if (!saved)
		return shape_fail(source, "out of memory");
	begin_report(&saved->report);
	if (read_instant(source, line, &saved->report.started_at) < 0 ||
	    report_parse_subject(source, saved, line) < 0 || read_given(source, saved, line) < 0 ||
	    read_ends(source, saved, line) < 0) {
		reports_drop(list);
		return -1;
	}
	*kept = true;
	saved->json = line;
	reader->run = saved;
	reader->survived = reader->expired = NAN;
	reader->ledger = ledger_new();
	return reader->ledger ? 0 : shape_fail(source, "out of memory");
}

static int read_end(struct events_reader *reader, const struct source *source, cJSON *line, bool *kept)
{
	struct report *report = &reader->run->report;
	struct result told = report->result;

	/* The report points into it. */
	*kept = cJSON_AddItemToObject(reader->run->json, "end", line);
	if (!*kept)
		return shape_fail(source, "out of memory");
	if (shape_check(source, line, "end", end_shape) < 0 ||
	    read_instant(source, line, &report->finished_at) < 0 ||
	    report_parse_result(source, reader->run, line) < 0 || read_ends(source, reader->run, line) < 0)
		return -1;
	memcpy(report->result.warnings, told.warnings, sizeof told.warnings);
	report->result.warning_count = told.warning_count;
	report->interrupted = shape_bool(line, "interrupted") == YES;
	utf8_copy(report->error, sizeof report->error, shape_text(line, "error") ? shape_text(line, "error") : "");
	reader->ended = true;
	return end_run(reader, source);
}

/* For name_value(). */
static const char *observed_word(int value)
{
	return observed_name((enum observed)value);
}

static const char *origin_word(int value)
{
	return origin_name((enum origin)value);
}

/* The events do not tell when a connection was asked for, nor which are controls. */
static int open_up_to(struct events_reader *reader, const struct source *source, int conn, double at)
{
	size_t wanted = (size_t)conn + 1;
	bool *inbound;

	if (conn >= MOST_CONNECTIONS)
		return shape_fail(source, "connection %d is beyond what a run opens; the file is damaged",
				  conn);
	if (wanted <= reader->connections)
		return 0;
	inbound = realloc(reader->inbound, wanted * sizeof *inbound);
	if (!inbound)
		return shape_fail(source, "out of memory");
	reader->inbound = inbound;
	for (; reader->connections < wanted; reader->connections++) {
		inbound[reader->connections] = false;
		if (!ledger_open(reader->ledger, (int)reader->connections, false, at))
			return shape_fail(source, "out of memory");
	}
	return 0;
}

static int read_observation(struct events_reader *reader, const struct source *source, const cJSON *line,
			    enum observed what)
{
	struct observation seen = { .what = what, .at = shape_number(line, "at_s") };
	int from;

	if (shape_check(source, line, shape_text(line, "event"), observation_shape) < 0)
		return -1;
	seen.conn = shape_whole(line, "connection");
	seen.rtt = shape_number(line, "rtt_ms") / 1000;
	seen.blur = fmax(shape_number(line, "blur_ms") / 1000, 0); /* 0 where it is not there (NAN) */
	from = name_value(shape_text(line, "from"), origin_word);
	seen.from = from < 0 ? ORIGIN_UNKNOWN : (enum origin)from;
	seen.ttl = (uint8_t)shape_whole(line, "ttl");
	seen.icmp_type = (uint8_t)shape_whole(line, "icmp_type");
	seen.icmp_code = (uint8_t)shape_whole(line, "icmp_code");
	seen.far = shape_bool(line, "far") == YES;
	seen.payload = shape_bool(line, "payload") == YES;
	if (open_up_to(reader, source, seen.conn, seen.at) < 0)
		return -1;
	reader->inbound[seen.conn] |= what == OBSERVED_SENT && seen.far;
	return ledger_observe(reader->ledger, &seen) ? 0 : shape_fail(source, "out of memory");
}

static int read_finding(struct events_reader *reader, const struct source *source, const cJSON *line)
{
	if (shape_check(source, line, "finding", finding_shape) < 0)
		return -1;
	reader->survived = shape_number(line, "survived_s");
	reader->expired = shape_number(line, "expired_s");
	return 0;
}

static int read_line(struct events_reader *reader, const struct source *source, cJSON *line, bool *kept)
{
	const char *name = shape_text(line, "event");
	int what;

	if (!reader->run)
		return shape_fail(source, "the events begin in the middle of a run, without its start; copy "
					  "the file again");
	reader->at = shape_number(line, "at_s");
	if (strcmp(name, "end") == 0)
		return read_end(reader, source, line, kept);
	if (strcmp(name, "warning") == 0)
		return report_parse_warning(source, reader->run, line, name);
	if (strcmp(name, "finding") == 0)
		return read_finding(reader, source, line);
	what = name_value(name, observed_word);
	/* Other events may be added. */
	return what < 0 ? 0 : read_observation(reader, source, line, (enum observed)what);
}

/* That of the runs side by side which the line is of. NULL without memory. */
static struct events_reader *reader_of(struct events_readers *readers, const char *input)
{
	struct events_reader *larger;

	for (size_t i = 0; i < readers->count; i++) {
		struct events_reader *reader = &readers->items[i];

		if (reader->input && input ? strcmp(reader->input, input) == 0 : reader->input == input)
			return reader;
	}
	larger = realloc(readers->items, (readers->count + 1) * sizeof *larger);
	if (!larger)
		return NULL;
	readers->items = larger;
	larger[readers->count] = (struct events_reader){ .input = input ? strdup(input) : NULL };
	return input && !larger[readers->count].input ? NULL : &larger[readers->count++];
}

int events_read(struct events_readers *readers, const struct source *source, struct saved_reports *list,
		cJSON *line, bool *kept)
{
	struct events_reader *reader;

	if (shape_check(source, line, "", line_shape) < 0)
		return -1;
	reader = reader_of(readers, shape_text(line, "input"));
	if (!reader)
		return shape_fail(source, "out of memory");
	if (strcmp(shape_text(line, "event"), "start") == 0)
		return read_start(reader, source, list, line, kept);
	return read_line(reader, source, line, kept);
}

bool events_in_run(const struct events_readers *readers)
{
	for (size_t i = 0; i < readers->count; i++)
		if (readers->items[i].run)
			return true;
	return false;
}

int events_read_end(struct events_readers *readers, const struct source *source)
{
	int status = 0;

	for (size_t i = 0; i < readers->count; i++)
		if (end_run(&readers->items[i], source) < 0)
			status = -1;
	return status;
}

void events_readers_free(struct events_readers *readers)
{
	for (size_t i = 0; i < readers->count; i++) {
		forget_run(&readers->items[i]);
		free(readers->items[i].input);
	}
	free(readers->items);
	*readers = (struct events_readers){ 0 };
}
