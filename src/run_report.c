#include "run_report.h"

#include "edge/clock.h"
#include "run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double run_report_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
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
	case 0: /* a check has no time for the kernel to give up */
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
		next = "a rule of this host's firewall or routing forbids the connection";
		break;
	case EMFILE:
	case ENFILE:
		what = "no file descriptor is left";
		next = "raise the limit with `ulimit -n`, or use fewer --connections";
		break;
	case ENOMEM:
	case ENOBUFS:
		what = "this host has no memory left";
		next = "free some, and measure again";
		break;
	default:
		what = strerror(error);
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

void run_report_target(struct run *run)
{
	const struct target *target = &run->target;
	bool resolved = target->address[0];

	run->report.target.input = target->input;
	run->report.target.host = target->host;
	run->report.target.port = target->port;
	run->report.target.address = resolved ? target->address : NULL;
	run->report.target.interface = resolved && target->interface[0] ? target->interface : NULL;
	run->report.target.source_address = resolved && target->source_address[0] ? target->source_address : NULL;
	run->report.target.family = !resolved ? IP_ANY : target->family == AF_INET6 ? IP_V6 : IP_V4;
}

void run_report_findings(struct run *run)
{
	struct report *report = &run->report;

	report->result = run->findings.whole;
	report->proxy = run->far ? run->findings.proxy : UNKNOWN;
	report->learned = run->findings.learned;
	report->nat.remapped = run->findings.remapped;
	if (run->findings.proxy == YES)
		report->inbound.result = NULL;
	if (report->result.outcome == OUTCOME_UNREACHABLE)
		tell_unreachable(run, report->error, sizeof report->error);
	else
		warn_of_addresses(&report->result, &run->target);
}

int run_report_finish(struct run *run)
{
	struct report *report = &run->report;
	struct keepalive host = report->advice.host;

	report->finished_at = run_report_now();
	report->elapsed = clock_now() - run->started;
	/* Where the wall clock was set meanwhile: both by the clock as it stands now. */
	if (fabs(report->finished_at - report->started_at - report->elapsed) > 1)
		report->started_at = report->finished_at - report->elapsed;
	if (run->survey) {
		report->path = survey_path(run->survey);
		list_samples(run, DIRECTION_OUTBOUND, &report->outbound);
		list_samples(run, DIRECTION_INBOUND, &report->inbound);
	}
	advice_give(&report->result, &host, &report->advice);
	report->consistent = platforms_consistent(run->platforms, &report->result, report->options->precision,
						  &report->consistent_count);
	return report->consistent ? 0 : -1;
}
