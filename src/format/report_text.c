#include "format/report_text.h"

#include "core/duration.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { WIDTH = 80, LABEL = 13 /* columns */ };

struct text {
	FILE *out;
	const struct report *report;
	bool colour;
	char name[330]; /* of the target */
};

static void name_target(struct text *text)
{
	const char *host = text->report->target.host, *address = text->report->target.address;
	bool brackets = strchr(host, ':');
	size_t length = (size_t)snprintf(text->name, sizeof text->name, "%s%.255s%s:%d", brackets ? "[" : "", host,
					 brackets ? "]" : "", text->report->target.port);

	if (address && strcmp(address, host) != 0)
		snprintf(text->name + length, sizeof text->name - length, " (%.60s)", address);
}

/* A paragraph of whole words, from the column of the indentation on, where the caller has come to. */
static void paragraph(FILE *out, int indent, const char *words)
{
	int column = indent;

	while (*words) {
		size_t length = strcspn(words, " \n");

		if (column > indent && column + 1 + (int)length > WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fwrite(words, 1, length, out);
		column += (int)length;
		words += length + strspn(words + length, " \n");
	}
	fputc('\n', out);
}

static void heading(const struct text *text, const char *words)
{
	fprintf(text->out, text->colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", words);
}

__attribute__((format(printf, 3, 4)))
static void row(const struct text *text, const char *label, const char *format, ...)
{
	char words[500];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	fprintf(text->out, "  %-*s", LABEL, label);
	paragraph(text->out, LABEL + 2, words);
}

struct span {
	char text[120];
};

/* "12.0 s (between 11.6 s and 12.4 s)", "15 min (900.3 s; between 899.8 s and 900.8 s)" */
static struct span span(const struct result *result)
{
	/* As many decimals as the interval deserves. */
	double width = result->expired - result->survived;
	int decimals = width < 0.02 ? 3 : width < 0.2 ? 2 : 1;
	struct span span;
	char exact[32] = "";

	if (result->timeout >= 60)
		snprintf(exact, sizeof exact, "%.*f s; ", decimals, result->timeout);
	snprintf(span.text, sizeof span.text, "%s (%sbetween %.*f s and %.*f s)", duration_text(result->timeout).text, exact,
		 decimals, result->survived, decimals, result->expired);
	return span;
}

static const char *origin_words(enum origin origin)
{
	switch (origin) {
	case ORIGIN_PATH: return "from a device on the path";
	case ORIGIN_ENDPOINT: return "from the endpoint itself";
	case ORIGIN_NONE:
	case ORIGIN_UNKNOWN: return "whose sender cannot be told";
	}
	return "";
}

static struct span signal_words(const struct result *result)
{
	const char *from = origin_words(result->signal_from);
	struct span words = { "" };

	switch (result->signal) {
	case SIGNAL_NONE:
		break;
	case SIGNAL_SILENT:
		snprintf(words.text, sizeof words.text, "They end silently: what is sent later gets no answer.");
		break;
	case SIGNAL_RESET_ON_PROBE:
		snprintf(words.text, sizeof words.text, "They end silently; what is sent later draws an RST %s.", from);
		break;
	case SIGNAL_RESET_AT_EXPIRY:
		snprintf(words.text, sizeof words.text, "They end with an RST that comes by itself, %s.", from);
		break;
	case SIGNAL_FIN_AT_EXPIRY:
		snprintf(words.text, sizeof words.text, "They end with a FIN that comes by itself, %s.", from);
		break;
	case SIGNAL_ICMP:
		snprintf(words.text, sizeof words.text, "They end silently; what is sent later draws an ICMP error.");
		break;
	}
	return words;
}

static const char *reason_words(enum reason reason)
{
	switch (reason) {
	case REASON_NONE:
		return "the evidence does not allow one";
	case REASON_ENDPOINT_KEEPALIVE:
		return "the endpoint sends keepalives of its own, so that connections never idle for longer";
	case REASON_ENDPOINT_RESTARTED:
		return "the endpoint ended all connections at one moment, as when a server restarts";
	case REASON_PATH_OUTAGE:
		return "the path stopped working during the run";
	case REASON_INCONSISTENT_EXPIRY:
		return "connections that had idled equally long fared differently, so that one number would be wrong";
	case REASON_TOO_LOSSY:
		return "too many packets were lost to tell an expired connection from a lost probe";
	case REASON_CAPTURE_DROPS:
		return "this host lost too many of the captured packets";
	case REASON_INTERRUPTED:
		return "the run was stopped before there was one";
	case REASON_STATE_LOST:
		return "all connections were lost at one moment, as when a device on the path restarts";
	case REASON_ADDRESS_CHANGED:
		return "this host's address changed during the run";
	}
	return "";
}

static void answer(const struct text *text)
{
	const struct result *result = &text->report->result;
	char words[900] = "";
	size_t length;

	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
		snprintf(words, sizeof words, "Idle connections to %s stop working after %s.", text->name, span(result).text);
		break;
	case OUTCOME_CLOSED_BY_ENDPOINT:
		snprintf(words, sizeof words, "%s itself closes idle connections after %s.", text->name, span(result).text);
		break;
	case OUTCOME_NO_TIMEOUT:
		snprintf(words, sizeof words, "Idle connections to %s keep working for at least %s, the longest time tried.",
			 text->name, duration_text(result->survived).text);
		break;
	case OUTCOME_INCONCLUSIVE:
		length = (size_t)snprintf(words, sizeof words, "No answer for %s: %s.", text->name, reason_words(result->reason));
		if (!isnan(result->survived))
			length += (size_t)snprintf(words + length, sizeof words - length, " Connections survived %.1f s of idle time.",
						   result->survived);
		if (!isnan(result->expired))
			snprintf(words + length, sizeof words - length, " None survived %.1f s.", result->expired);
		break;
	case OUTCOME_UNREACHABLE:
		snprintf(words, sizeof words, "%s could not be reached, so nothing was measured.", text->name);
		break;
	}
	/* The first line is the answer: a colleague, or `head -1`, gets all of it. */
	fprintf(text->out, text->colour ? "\033[1m%s\033[0m\n" : "%s\n", words);
	if (result->outcome == OUTCOME_TIMEOUT)
		fprintf(text->out, "%s\n", signal_words(result).text);
	if (text->report->inbound.result && text->report->outbound.result && result->outcome == OUTCOME_TIMEOUT &&
	    text->report->outbound.result->outcome == OUTCOME_NO_TIMEOUT)
		fprintf(text->out, "Only what the far end sends after such a pause is lost; what this end sends gets through.\n");
	if (result->outcome == OUTCOME_CLOSED_BY_ENDPOINT)
		fprintf(text->out, "It does so with %s; whether it is the server or a proxy in front of it cannot be told.\n",
			result->signal == SIGNAL_FIN_AT_EXPIRY ? "a FIN" : "an RST");
}

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

static int count_ended(const struct report_side *side)
{
	int ended = 0;

	for (size_t i = 0; i < side->sample_count; i++) {
		size_t earlier = 0;

		if (!is_end(side->samples[i].outcome) || side->samples[i].moot)
			continue;
		while (earlier < i && !(is_end(side->samples[earlier].outcome) &&
					side->samples[earlier].conn == side->samples[i].conn))
			earlier++;
		ended += earlier == i;
	}
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
		row(text, "answered", "%d probe%s of connections that had idled for %.1f to %.1f s", answered,
		    answered == 1 ? "" : "s", shortest,
		    longest);
	if (ended && !isnan(result->expired))
		row(text, "ended", "%d connection%s; none survived %.1f s", ended, ended == 1 ? "" : "s", result->expired);
	else if (ended)
		row(text, "ended", "%d connection%s", ended, ended == 1 ? "" : "s");
}

/* What one direction came to. */
static void tell_direction(const struct text *text, const char *label, const char *whose, const struct report_side *side)
{
	const struct result *result = side->result;

	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		row(text, label, "%s get through until %s", whose, span(result).text);
		break;
	case OUTCOME_NO_TIMEOUT:
		row(text, label, "%s still got through after %s, the longest time tried", whose, duration_text(result->survived).text);
		break;
	case OUTCOME_INCONCLUSIVE:
		row(text, label, "no answer: %s", reason_words(result->reason));
		break;
	case OUTCOME_UNREACHABLE:
		row(text, label, "no connection could be opened");
		break;
	}
	tell_fates(text, side);
}

static void tell_directions(const struct text *text)
{
	const struct report *report = text->report;

	if (!report->inbound.result) {
		tell_fates(text, &report->outbound);
		return;
	}
	tell_direction(text, "inbound", "segments from the far end", &report->inbound);
	if (report->outbound.result)
		tell_direction(text, "outbound", "segments from this end", &report->outbound);
	if (report->result.revived_by_probe != UNKNOWN)
		row(text, "revival", report->result.revived_by_probe == YES
			    ? "a segment from this end brings an expired connection back"
			    : "a segment from this end does not bring an expired connection back");
	if (report->path.probes_lost + report->path.replies_lost > 0)
		row(text, "unanswered", "of %d late or lost probes from this end the far end received %d",
		    report->path.probes_lost + report->path.replies_lost, report->path.replies_lost);
	if (report->nat.address && report->nat.detected)
		row(text, "NAT", "the far end sees this one as %s port %d", report->nat.address, report->nat.port);
}

static void tell_keepalives(const struct text *text)
{
	switch (text->report->result.keepalive_refreshes) {
	case YES:
		row(text, "keepalives", "restart the timer: a connection that carried only them outlived it");
		return;
	case NO:
		row(text, "keepalives", "do not restart the timer: a connection that carried them ended as early");
		return;
	case UNKNOWN:
		return;
	}
}

static void evidence(const struct text *text)
{
	const struct report *report = text->report;
	const struct path_stats *path = &report->path;

	heading(text, "Evidence");
	tell_directions(text);
	tell_keepalives(text);
	if (!isnan(path->rtt_median))
		row(text, "path", "round trip %.3g ms (%.3g to %.3g), %.2g %% of the probes lost", path->rtt_median * 1000,
		    path->rtt_min * 1000, path->rtt_max * 1000, isnan(path->loss) ? 0 : path->loss * 100);
	row(text, "spent", "%s, %d connections, %d probes", duration_text(report->elapsed).text, path->connections,
	    path->probes);
	if (report_meets_rfc5382(report) == NO)
		row(text, "RFC 5382", "a NAT should wait for at least 2 h 4 min");
}

static void bound(const struct text *text)
{
	const struct result *result = &text->report->result;
	double minimum = text->report->options->minimum;
	const char *verdict = "cannot be told";

	if (isnan(minimum))
		return;
	switch (report_passed(text->report)) {
	case YES: verdict = "met"; break;
	case NO: verdict = "not met"; break;
	case UNKNOWN: break;
	}
	heading(text, "Bound");
	row(text, duration_text(minimum).text, "%s%s", verdict,
	    result->survived < minimum && minimum < result->expired
		    ? ", by the best estimate; it lies inside the measured interval, so a smaller --precision or --resolution tells better"
		    : "");
}

static void advice(const struct text *text)
{
	const struct advice *advice = &text->report->advice;
	const char *line = advice->linux_text;

	heading(text, "What to do");
	fputs("  ", text->out);
	paragraph(text->out, 2, advice->summary);
	if (*line)
		fprintf(text->out, "  On Linux, for this host, in /etc/sysctl.d/ (or per socket: TCP_KEEPIDLE ...):\n");
	for (; *line; line += strcspn(line, "\n") + 1)
		fprintf(text->out, "    %.*s\n", (int)strcspn(line, "\n"), line);
}

static void platforms(const struct text *text)
{
	const struct report *report = text->report;

	if (!report->consistent_count)
		return;
	heading(text, "Consistent with what is documented of (no proof: vendors share values)");
	for (size_t i = 0; i < report->consistent_count; i++)
		fprintf(text->out, "  %s, %s\n", report->consistent[i]->name,
			duration_text(report->consistent[i]->timeout).text);
}

static void warnings(const struct text *text)
{
	const struct result *result = &text->report->result;

	if (!result->warning_count)
		return;
	heading(text, "Warnings");
	for (size_t i = 0; i < result->warning_count; i++) {
		fputs(text->colour ? "  \033[33m-\033[0m " : "  - ", text->out);
		paragraph(text->out, 4, result->warnings[i].message);
	}
}

void report_text(FILE *out, const struct report *report, bool colour)
{
	struct text text = { .out = out, .report = report, .colour = colour };

	name_target(&text);
	answer(&text);
	if (report->result.outcome == OUTCOME_UNREACHABLE)
		return;
	bound(&text);
	evidence(&text);
	if (report->result.outcome != OUTCOME_INCONCLUSIVE)
		advice(&text);
	platforms(&text);
	warnings(&text);
}
