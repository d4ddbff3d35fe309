#include "run.h"

#include "core/verdict.h"
#include "edge/clock.h"
#include "edge/host.h"
#include "edge/privilege.h"
#include "format/names.h"
#include "loop.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void describe_target(struct run *run, const struct options *options)
{
	const struct target *target = &run->target;
	bool resolved = target->address[0];

	run->report.options = options;
	run->report.target.input = target->input;
	run->report.target.host = target->host;
	run->report.target.port = target->port;
	run->report.target.address = resolved ? target->address : NULL;
	run->report.target.interface = resolved && target->interface[0] ? target->interface : NULL;
	run->report.target.source_address = resolved && target->source_address[0] ? target->source_address : NULL;
	run->report.target.family = !resolved ? IP_ANY : target->family == AF_INET6 ? IP_V6 : IP_V4;
}

static void tell_unreachable(const struct run *run, char *text, size_t size)
{
	const struct target *target = &run->target;
	int error = survey_error(run->survey);
	const char *what, *next;

	switch (error) {
	case ECONNREFUSED:
		what = "connection refused";
		next = "nothing listens on that port, or a firewall rejects it; check host and port";
		break;
	case ETIMEDOUT:
		what = "no answer to any connection attempt";
		next = "the host is down, or a firewall drops the attempts; check host, port and firewall rules";
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
		what = "no route";
		next = "check the address, and what `ip route get` says of it";
		break;
	case EACCES:
	case EPERM:
		what = "not permitted";
		next = "a firewall rule of this host forbids the connection";
		break;
	default:
		what = error ? strerror(error) : "no connection could be opened";
		next = "check host and port";
	}
	snprintf(text, size, "%s port %u: %s: %s", target->address, target->port, what, next);
}

static void warn_of_addresses(struct result *result, const struct target *target)
{
	struct warning *warning = &result->warnings[result->warning_count];

	if (target->address_count < 2 || result->warning_count == WARNING_CODES)
		return;
	result->warning_count++;
	warning->code = WARNING_SEVERAL_ADDRESSES;
	snprintf(warning->message, sizeof warning->message,
		 "%.80s has %d addresses; only %.50s was measured. To measure another, name it.", target->host,
		 target->address_count, target->address);
}

static void list_samples(const struct run *run, enum direction direction, struct report_side *side)
{
	const struct search *search = survey_search(run->survey, direction);

	if (!search)
		return;
	side->samples = ledger_samples(search_ledger(search), &side->sample_count);
	side->numbers = survey_numbers(run->survey, direction);
}

/* What the report says besides the result; also where there was no search. */
static int finish(struct run *run, double started, struct failure *failure)
{
	struct report *report = &run->report;
	struct keepalive host = report->advice.host;

	report->finished_at = wall_clock();
	report->elapsed = clock_now() - started;
	if (run->survey) {
		report->path = survey_path(run->survey);
		list_samples(run, DIRECTION_OUTBOUND, &report->outbound);
		list_samples(run, DIRECTION_INBOUND, &report->inbound);
	}
	advice_give(&report->result, &host, &report->advice);
	report->consistent = platforms_consistent(run->platforms, &report->result, report->options->precision,
						  &report->consistent_count);
	return report->consistent ? 0 : fail(failure, EXIT_CANNOT_RUN, "out of memory");
}

/* Whether the target is a responder, which is waited for. Nothing is sent to one that is not. */
static int find_far(struct run *run, struct loop *loop, struct failure *failure)
{
	const struct options *options = run->report.options;
	const struct farside_config config = {
		.base = loop->base,
		.target = &run->target,
		.token = options->token,
		.changed = loop_on_far_changed,
		.answer = loop_on_far_answer,
		.arg = loop,
	};

	if (options->direction == DIRECTIONS_OUT || options->connections < 2 * FEWEST_CONNECTIONS)
		return 0;
	loop->far = run->far = farside_new(&config);
	if (!run->far)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	if (loop_run(loop, failure) < 0)
		return -1;
	if (farside_state(run->far) == FARSIDE_REFUSED) {
		*failure = *farside_failure(run->far);
		return -1;
	}
	if (farside_state(run->far) != FARSIDE_READY) {
		farside_free(run->far);
		loop->far = run->far = NULL;
	}
	if (!run->far && !loop->interrupted && (options->direction == DIRECTIONS_IN || options->direction == DIRECTIONS_BOTH))
		return fail(failure, EXIT_CANNOT_RUN, "%s port %u shows no banner of `idleprobe respond` within a second; start it there, "
			    "or probe from this side alone: --direction out", run->target.address, run->target.port);
	return 0;
}

static void describe_far(struct run *run)
{
	const struct protocol_banner *banner = farside_banner(run->far);

	snprintf(run->observed, sizeof run->observed, "%s", banner->address);
	run->report.nat = (struct report_nat){ farside_translated(run->far), run->observed, banner->port, UNKNOWN };
}

static int survey_start(struct run *run, struct loop *loop, struct failure *failure)
{
	const struct options *options = run->report.options;
	struct survey_config config = {
		.search = {
			.strategy = (enum strategy)options->strategy,
			.min_idle = options->min_idle,
			.max_idle = options->max_idle,
			.precision = options->precision,
			.resolution = options->resolution,
			.connections = options->connections,
		},
		.outbound = options->direction != DIRECTIONS_IN,
		.inbound = run->far,
		.thorough = options->direction == DIRECTIONS_BOTH,
	};

	config.search.documented = platforms_timeouts(run->platforms, &config.search.documented_count);
	loop->survey = run->survey = survey_new(&config);
	if (!run->survey)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	run->report.outbound.result = config.outbound ? &run->findings.outbound : NULL;
	run->report.inbound.result = config.inbound ? &run->findings.inbound : NULL;
	if (run->far) {
		describe_far(run);
		engine_set_far(loop->engine, run->far);
	}
	events_start(loop->events, &run->report);
	return 0;
}

/* Runs the loop until the answer stands or the user has had enough. */
static int survey_run(struct run *run, struct loop *loop, struct failure *failure)
{
	struct engine_stats stats;

	if (loop_run(loop, failure) < 0)
		return -1;
	if (survey_out_of_memory(run->survey))
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");

	run->report.interrupted = loop->interrupted;
	stats = engine_stats(loop->engine);
	findings_reach(run->survey, &(struct circumstances){
		.interrupted = loop->interrupted,
		.address_changed = stats.address_changed,
		.capture_drops = stats.dropped,
		.clock_jump = loop->latest,
	}, &run->findings);
	run->report.result = run->findings.whole;
	run->report.proxy = run->far ? run->findings.proxy : UNKNOWN;
	run->report.learned = run->findings.learned;
	run->report.nat.remapped = run->findings.remapped;
	if (run->findings.proxy == YES)
		run->report.inbound.result = NULL;
	if (run->report.result.outcome == OUTCOME_UNREACHABLE)
		tell_unreachable(run, run->report.error, sizeof run->report.error);
	else
		warn_of_addresses(&run->report.result, &run->target);
	return 0;
}

static int measure(struct run *run, struct loop *loop, struct failure *failure)
{
	const struct options *options = run->report.options;
	const struct engine_config config = {
		.base = loop->base,
		.target = &run->target,
		.connections = options->connections,
		.observe = loop_on_observation,
		.observe_arg = loop,
	};

	loop->engine = engine_raw_new(&config, failure);
	if (!loop->engine || privilege_drop(failure) < 0)
		return -1;
	if (loop_watch(loop, !options->quiet && !options->verbose && isatty(STDERR_FILENO)) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the event loop");
	if (find_far(run, loop, failure) < 0 || survey_start(run, loop, failure) < 0)
		return -1;
	return survey_run(run, loop, failure);
}

int run_measure(struct run *run, const struct options *options, struct events *events, struct failure *failure)
{
	static const int families[] = { [IP_ANY] = AF_UNSPEC, [IP_V4] = AF_INET, [IP_V6] = AF_INET6 };
	double started = clock_now();
	struct loop loop;
	int status;

	*run = (struct run){ .report = { .started_at = wall_clock(), .result = verdict_none, .proxy = UNKNOWN } };
	run->report.outbound.result = &run->report.result;
	run->report.advice.host = host_keepalive();
	run->report.path = (struct path_stats){ .rtt_min = NAN, .rtt_median = NAN, .rtt_max = NAN, .loss = NAN };
	if (target_parse(&run->target, options->targets[0], failure) < 0)
		return -1;
	run->platforms = platforms_load();
	if (!run->platforms)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	status = target_resolve(&run->target, families[options->ip_version], options->interface, failure);
	describe_target(run, options);
	if (status < 0 && failure->code == EXIT_CANNOT_RUN) {
		/* It was tried: that is a report. */
		snprintf(run->report.error, sizeof run->report.error, "%s", failure->text);
		events_start(events, &run->report);
	} else if (status < 0) {
		return -1;
	} else {
		status = loop_open(&loop, failure);
		loop.events = events;
		if (status == 0)
			status = measure(run, &loop, failure);
		loop_unwatch(&loop);
		loop_close(&loop);
		if (status < 0)
			return -1;
	}
	if (finish(run, started, failure) < 0)
		return -1;
	events_end(events, &run->report);
	return 0;
}

void run_free(struct run *run)
{
	free(run->report.consistent);
	platforms_free(run->platforms);
	survey_free(run->survey);
}
