#include "format/evidence_text.h"

#include "core/duration.h"
#include "format/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whose idle time, or age, ended it for good. */
static bool is_end(enum sample_outcome outcome)
{
	switch (outcome) {
	case SAMPLE_SILENT:
	case SAMPLE_RESET:
	case SAMPLE_FIN:
	case SAMPLE_ICMP:
		return true;
	case SAMPLE_PENDING:
	case SAMPLE_ALIVE:
	case SAMPLE_LOST:
	case SAMPLE_UNASKED:
		return false;
	}
	return false;
}

static int by_number(const void *a, const void *b)
{
	const int *first = a, *second = b;

	return (*first > *second) - (*first < *second);
}

/* Connections: several probes of one may have gone unanswered. 0 without memory. */
static int count_ended(const struct report_side *side)
{
	int *numbers = calloc(side->sample_count + 1, sizeof *numbers), ended = 0;
	size_t count = 0;

	for (size_t i = 0; numbers && i < side->sample_count; i++)
		if (is_end(side->samples[i].outcome) && !side->samples[i].moot)
			numbers[count++] = side->samples[i].conn;
	if (count)
		qsort(numbers, count, sizeof *numbers, by_number);
	for (size_t i = 0; i < count; i++)
		ended += i == 0 || numbers[i] != numbers[i - 1];
	free(numbers);
	return ended;
}

static void tell_fates(const struct text *text, const struct report_side *side)
{
	const struct result *result = side->result;
	double shortest = INFINITY, longest = 0;
	int answered = 0, ended = count_ended(side);

	for (size_t i = 0; i < side->sample_count; i++) {
		const struct sample *sample = &side->samples[i];

		if (sample->outcome != SAMPLE_ALIVE || sample->control || sample->moot)
			continue;
		answered++;
		shortest = fmin(shortest, sample->idle);
		longest = fmax(longest, sample->idle);
	}
	if (answered)
		text_row(text, "answered", "%d probe%s of connections that had idled for %.1f to %.1f s",
			 answered, answered == 1 ? "" : "s", shortest, longest);
	if (ended && !isnan(result->expired))
		text_row(text, "ended", "%d connection%s; none survived %.1f s", ended, ended == 1 ? "" : "s",
			 result->expired);
	else if (ended)
		text_row(text, "ended", "%d connection%s", ended, ended == 1 ? "" : "s");
}

/* What one direction came to. */
static void tell_direction(const struct text *text, const char *label, const char *whose,
			   const struct report_side *side)
{
	const struct result *result = side->result;

	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		text_row(text, label, "%s get through until %s", whose, span_words(result).text);
		break;
	case OUTCOME_NO_TIMEOUT:
		text_row(text, label, "%s still got through after %s, the longest time tried", whose,
			 duration_text(result->survived).text);
		break;
	case OUTCOME_INCONCLUSIVE:
		text_row(text, label, "no answer: %s", reason_words(result->reason));
		break;
	case OUTCOME_UNREACHABLE:
		text_row(text, label, "no connection could be opened");
		break;
	}
	tell_fates(text, side);
}

/* What one of three words tells; nothing where it is not known. */
static void tell(const struct text *text, const char *label, enum tristate what, const char *yes,
		 const char *no)
{
	if (what != UNKNOWN)
		text_row(text, label, "%s", what == YES ? yes : no);
}

static void tell_directions(const struct text *text, const struct report *report)
{
	if (report->inbound.result)
		tell_direction(text, "inbound", "segments from the far end", &report->inbound);
	if (report->inbound.result && report->outbound.result)
		tell_direction(text, "outbound", "segments from this end", &report->outbound);
	else if (report->outbound.result)
		tell_fates(text, &report->outbound);
}

static const char *learned_words(enum learned learned)
{
	switch (learned) {
	case LEARNED_UNKNOWN: return NULL;
	case LEARNED_NONE: return "neither end is told when a connection expires";
	case LEARNED_NEAR: return "this end alone is told when a connection expires";
	case LEARNED_FAR: return "the far end alone is told when a connection expires";
	case LEARNED_BOTH: return "both ends are told when a connection expires";
	}
	return NULL;
}

/* What only two ends can tell. */
static void tell_ends(const struct text *text, const struct report *report)
{
	const struct path_stats *path = &report->path;
	const struct result *result = &report->result;

	tell(text, "revival", result->revived_by_probe,
	     "a segment from this end brings an expired connection back",
	     "a segment from this end does not bring an expired connection back");
	if (learned_words(report->learned))
		text_row(text, "expiry", "%s", learned_words(report->learned));
	if (path->probes_lost + path->replies_lost > 0)
		text_row(text, "unanswered",
			 "of %d late or lost probes from this end the far end received %d",
			 path->probes_lost + path->replies_lost, path->replies_lost);
	if (report->proxy == YES)
		text_row(text, "proxy",
			 "one stands between: it answered a probe that the far end never received, so what "
			 "the far end sends cannot be followed through it");
	else if (report->nat.address && !report->nat.detected)
		text_row(text, "NAT", "none: the far end sees this one's own address");
	else if (report->nat.address)
		text_row(text, "NAT", "the far end sees this one as %s port %d%s", report->nat.address,
			 report->nat.port,
			 report->nat.remapped == YES
				 ? "; late segments come from another port, which it does not know" : "");
}

/* What restarts the timer. */
static void tell_refreshing(const struct text *text, const struct result *result)
{
	tell(text, "keepalives", result->keepalive_refreshes,
	     "restart the timer: a connection that carried only them outlived it",
	     "do not restart the timer: a connection that carried them ended as early");
	tell(text, "payload", result->payload_refreshes,
	     "restarts it: a connection that carried an octet now and then outlived it",
	     "does not restart it either: a connection that carried an octet now and then ended as early");
	tell(text, "one way", result->outbound_refreshes, "segments from this end alone restart the timer",
	     "segments from this end alone do not restart the timer: it takes those from the far end");
}

void evidence_text(const struct text *text, const struct report *report)
{
	const struct path_stats *path = &report->path;

	tell_directions(text, report);
	tell_refreshing(text, &report->result);
	tell_ends(text, report);
	if (!isnan(path->rtt_median))
		text_row(text, "path", "round trip %.3g ms (%.3g to %.3g), %.2g %% of the probes lost",
			 path->rtt_median * 1000, path->rtt_min * 1000, path->rtt_max * 1000,
			 isnan(path->loss) ? 0 : path->loss * 100);
	text_row(text, "spent", "%s, %d connection%s, %d probe%s%s", duration_text(report->elapsed).text,
		 path->connections, path->connections == 1 ? "" : "s", path->probes,
		 path->probes == 1 ? "" : "s",
		 report->engine && strcmp(report->engine, "socket") == 0 ? ", by plain sockets" : "");
	if (report_meets_rfc5382(report) == NO)
		text_row(text, "RFC 5382", "a NAT should wait for at least 2 h 4 min");
}
