#include "format/report_prometheus.h"

#include "format/escape.h"
#include "format/names.h"
#include "version.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Names follow prometheus.io/docs/practices/naming: base units, the unit last, _ratio for a share of 1, _info
 * for what is in the labels. The values are the latest run's and so gauges, without _total. */
struct metric {
	const char *name, *help;
	double (*value)(const struct report *); /* NAN: none */
};

static double truth(enum tristate what)
{
	return what == UNKNOWN ? NAN : what == YES;
}

static double above_zero(double number)
{
	return number > 0 ? number : NAN;
}

static double timeout(const struct report *report) { return report->result.timeout; }
static double survived(const struct report *report) { return report->result.survived; }
static double expired(const struct report *report) { return report->result.expired; }
static double minimum(const struct report *report) { return report->options->minimum; }
static double passed(const struct report *report) { return truth(report_passed(report)); }
static double meets(const struct report *report) { return truth(report_meets_rfc5382(report)); }
static double refreshes(const struct report *report) { return truth(report->result.keepalive_refreshes); }
static double protects(const struct report *report) { return truth(report->advice.protects); }
static double host_time(const struct report *report) { return above_zero(report->advice.host.time); }
static double host_margin(const struct report *report) { return report->advice.host_margin; }
static double advised_time(const struct report *report) { return above_zero(report->advice.use.time); }
static double advised_interval(const struct report *report) { return above_zero(report->advice.use.intvl); }
static double heartbeat(const struct report *report) { return above_zero(report->advice.heartbeat); }
static double rtt_min(const struct report *report) { return report->path.rtt_min; }
static double rtt_median(const struct report *report) { return report->path.rtt_median; }
static double rtt_max(const struct report *report) { return report->path.rtt_max; }
static double loss(const struct report *report) { return report->path.loss; }
static double connections(const struct report *report) { return report->path.connections; }
static double probes(const struct report *report) { return report->path.probes; }
static double interrupted(const struct report *report) { return report->interrupted; }
static double duration(const struct report *report) { return report->elapsed; }
static double finished(const struct report *report) { return report->finished_at; }

static const struct metric metrics[] = {
	{ "idleprobe_timeout_seconds",
	  "Idle time after which connections stop working, the best estimate.", timeout },
	{ "idleprobe_survived_seconds",
	  "Longest idle time up to which every connection survived.", survived },
	{ "idleprobe_expired_seconds", "Shortest idle time from which on no connection survived.", expired },
	{ "idleprobe_check_minimum_seconds",
	  "Idle time that connections were asked to survive (--min).", minimum },
	{ "idleprobe_check_passed", "1 if the minimum was met, 0 if not.", passed },
	{ "idleprobe_rfc5382_compliant",
	  "1 if connections survive the 7440 s of RFC 5382, REQ-5, 0 if not.", meets },
	{ "idleprobe_keepalive_refreshes",
	  "1 if keepalives restart the timer, 0 if they do not.", refreshes },
	{ "idleprobe_keepalive_protects",
	  "1 if the host's keepalive settings hold connections open, 0 if not.", protects },
	{ "idleprobe_keepalive_host_time_seconds",
	  "Idle time before the first keepalive, as the host has it.", host_time },
	{ "idleprobe_keepalive_host_margin_seconds",
	  "How long before the timeout the host's third keepalive leaves; below 0 it is too late.", host_margin },
	{ "idleprobe_keepalive_advised_time_seconds",
	  "Idle time before the first keepalive, as advised.", advised_time },
	{ "idleprobe_keepalive_advised_interval_seconds",
	  "Time between keepalives, as advised.", advised_interval },
	{ "idleprobe_heartbeat_advised_seconds",
	  "Time between messages of the application's, as advised.", heartbeat },
	{ "idleprobe_rtt_min_seconds", "Shortest round trip of a probe.", rtt_min },
	{ "idleprobe_rtt_median_seconds", "Median round trip of a probe.", rtt_median },
	{ "idleprobe_rtt_max_seconds", "Longest round trip of a probe.", rtt_max },
	{ "idleprobe_probe_loss_ratio", "Share of the probes on living connections that were lost.", loss },
	{ "idleprobe_connections_opened", "Test connections of the run.", connections },
	{ "idleprobe_probes_sent", "Probes of the run.", probes },
	{ "idleprobe_run_interrupted", "1 if the run was ended before it was done, 0 if not.", interrupted },
	{ "idleprobe_run_duration_seconds", "How long the run took.", duration },
	{ "idleprobe_last_run_timestamp_seconds", "When the run ended, in seconds since 1970.", finished },
};

/* Of each direction apart: a sum or a minimum over the plain ones must not count them twice. */
struct side_metric {
	const char *name, *help;
	double (*value)(const struct result *);
};

static double side_timeout(const struct result *result) { return result->timeout; }
static double side_survived(const struct result *result) { return result->survived; }
static double side_expired(const struct result *result) { return result->expired; }

static const struct side_metric side_metrics[] = {
	{ "idleprobe_direction_timeout_seconds",
	  "The timeout of each direction that was measured.", side_timeout },
	{ "idleprobe_direction_survived_seconds",
	  "Longest idle time survived, of each direction.", side_survived },
	{ "idleprobe_direction_expired_seconds",
	  "Shortest idle time not survived, of each direction.", side_expired },
};

/* Of one series? No address, where the name was not found, is an empty label. */
static int by_series(const struct report *a, const struct report *b)
{
	const char *first = a->target.address, *second = b->target.address;
	int input = strcmp(a->target.input, b->target.input);

	return input ? input : strcmp(first ? first : "", second ? second : "");
}

/* The series in order, of each the latest run first; of two that began together the one that came later. */
static int by_series_and_age(const void *a, const void *b)
{
	const struct report *const *const *first = a, *const *const *second = b;
	const struct report *one = **first, *other = **second;
	int series = by_series(one, other);

	if (series)
		return series;
	if (one->started_at != other->started_at)
		return one->started_at > other->started_at ? -1 : 1;
	return *first > *second ? -1 : 1;
}

/* NULL without memory; the caller frees it. */
static const struct report **latest_of(const struct report *const *reports, size_t *count)
{
	const struct report *const **slots = calloc(*count + 1, sizeof *slots);
	const struct report **latest = calloc(*count + 1, sizeof *latest);
	size_t kept = 0;

	for (size_t i = 0; slots && i < *count; i++)
		slots[i] = &reports[i];
	if (slots)
		qsort(slots, *count, sizeof *slots, by_series_and_age);
	for (size_t i = 0; slots && latest && i < *count; i++)
		if (i == 0 || by_series(*slots[i], *slots[i - 1]) != 0)
			latest[kept++] = *slots[i];
	if (!slots) {
		free(latest);
		latest = NULL;
	}
	free(slots);
	*count = kept;
	return latest;
}

static void block(FILE *out, const char *name, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void label(FILE *out, const char *name, const char *value)
{
	fprintf(out, ",%s=\"", name);
	escape_label(out, value);
	fputc('"', out);
}

/* "name{target="...",address="..."", to which labels may be added. */
static void begin(FILE *out, const char *name, const struct report *report)
{
	fprintf(out, "%s{target=\"", name);
	escape_label(out, report->target.input);
	fputc('"', out);
	label(out, "address", report->target.address);
}

static void end(FILE *out, double value)
{
	fprintf(out, "} %.15g\n", value);
}

static void put_metric(FILE *out, const struct metric *metric, const struct report *const *reports,
		       size_t count)
{
	bool begun = false;

	for (size_t i = 0; i < count; i++) {
		double value = metric->value(reports[i]);

		if (isnan(value))
			continue;
		if (!begun)
			block(out, metric->name, metric->help);
		begun = true;
		begin(out, metric->name, reports[i]);
		end(out, value);
	}
}

static void put_directions(FILE *out, const struct side_metric *metric, const struct report *const *reports,
			   size_t count)
{
	bool begun = false;

	for (size_t i = 0; i < count; i++) {
		const struct result *sides[] = { reports[i]->outbound.result, reports[i]->inbound.result };

		for (int k = 0; k < 2; k++) {
			if (!sides[k] || isnan(metric->value(sides[k])))
				continue;
			if (!begun)
				block(out, metric->name, metric->help);
			begun = true;
			begin(out, metric->name, reports[i]);
			label(out, "direction", k ? "inbound" : "outbound");
			end(out, metric->value(sides[k]));
		}
	}
}

/* A state set: all are there, and one is 1, so that a rule need not know which was before. */
static void put_outcomes(FILE *out, const struct report *const *reports, size_t count)
{
	static const char name[] = "idleprobe_outcome";

	block(out, name, "1 for the outcome of the run, 0 for the others.");
	for (size_t i = 0; i < count; i++)
		for (int outcome = OUTCOME_TIMEOUT; outcome <= OUTCOME_UNREACHABLE; outcome++) {
			begin(out, name, reports[i]);
			label(out, "outcome", outcome_name((enum outcome)outcome));
			end(out, (int)reports[i]->result.outcome == outcome);
		}
}

static void put_info(FILE *out, const struct report *const *reports, size_t count)
{
	static const char name[] = "idleprobe_run_info";

	block(out, name, "What the run was, and how connections ended, in its labels.");
	for (size_t i = 0; i < count; i++) {
		const struct report *report = reports[i];

		begin(out, name, report);
		label(out, "interface", report->target.interface);
		label(out, "source_address", report->target.source_address);
		label(out, "strategy", strategy_name((enum strategy)report->options->strategy));
		label(out, "signal", signal_name(report->result.signal));
		label(out, "signal_from", origin_name(report->result.signal_from));
		label(out, "reason", reason_name(report->result.reason));
		label(out, "version", report->version ? report->version : idleprobe_version);
		end(out, 1);
	}
}

static void put_warnings(FILE *out, const struct report *const *reports, size_t count)
{
	static const char name[] = "idleprobe_warning";
	bool begun = false;

	for (size_t i = 0; i < count; i++) {
		const struct result *result = &reports[i]->result;

		for (size_t k = 0; k < result->warning_count; k++) {
			if (result->warnings[k].code == WARNING_CODES)
				continue; /* of a newer version: its name is not known */
			if (!begun)
				block(out, name, "1 for each warning of the run.");
			begun = true;
			begin(out, name, reports[i]);
			label(out, "code", warning_name(result->warnings[k].code));
			end(out, 1);
		}
	}
}

int report_prometheus(FILE *out, const struct report *const *reports, size_t count)
{
	const struct report **latest = latest_of(reports, &count);

	if (!latest)
		return -1;
	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
		put_metric(out, &metrics[i], latest, count);
	for (size_t i = 0; i < sizeof side_metrics / sizeof *side_metrics; i++)
		put_directions(out, &side_metrics[i], latest, count);
	put_outcomes(out, latest, count);
	put_info(out, latest, count);
	put_warnings(out, latest, count);
	free(latest);
	return 0;
}
