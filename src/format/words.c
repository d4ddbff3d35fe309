#include "format/words.h"

#include "core/duration.h"

#include <math.h>
#include <stdio.h>

int span_decimals(const struct result *result)
{
	double width = result->expired - (isnan(result->survived) ? 0 : result->survived);

	return width < 0.02 ? 3 : width < 0.2 ? 2 : 1;
}

/* So wide that one number would say too much. */
static bool is_wide(const struct result *result)
{
	return isnan(result->survived) || result->expired - result->survived > 0.25 * result->timeout;
}

struct span estimate_words(const struct result *result)
{
	double survived = isnan(result->survived) ? 0 : result->survived;
	int decimals = span_decimals(result);
	struct span span;

	if (!is_wide(result))
		snprintf(span.text, sizeof span.text, "%s", duration_text(result->timeout).text);
	else if (survived > 0)
		snprintf(span.text, sizeof span.text, "%.*f to %.*f s", decimals, survived, decimals, result->expired);
	else
		snprintf(span.text, sizeof span.text, "at most %.*f s", decimals, result->expired);
	return span;
}

struct span span_words(const struct result *result)
{
	struct span estimate = estimate_words(result), span;
	int decimals = span_decimals(result);
	char exact[32] = "";

	if (is_wide(result))
		return estimate;
	if (result->timeout >= 60)
		snprintf(exact, sizeof exact, "%.*f s; ", decimals, result->timeout);
	snprintf(span.text, sizeof span.text, "%.40s (%sbetween %.*f s and %.*f s)", estimate.text, exact, decimals,
		 result->survived, decimals, result->expired);
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

struct span signal_words(const struct result *result)
{
	const char *from = origin_words(result->signal_from);
	struct span words = { "" };

	switch (result->signal) {
	case SIGNAL_NONE:
		break;
	case SIGNAL_SILENT:
		snprintf(words.text, sizeof words.text,
			 "They end silently: what is sent later gets no answer.");
		break;
	case SIGNAL_RESET_ON_PROBE:
		snprintf(words.text, sizeof words.text,
			 "They end silently; what is sent later draws an RST %s.", from);
		break;
	case SIGNAL_RESET_AT_EXPIRY:
		snprintf(words.text, sizeof words.text, "They end with an RST that comes by itself, %s.",
			 from);
		break;
	case SIGNAL_FIN_AT_EXPIRY:
		snprintf(words.text, sizeof words.text, "They end with a FIN that comes by itself, %s.",
			 from);
		break;
	case SIGNAL_ICMP:
		snprintf(words.text, sizeof words.text,
			 "They end silently; what is sent later draws an ICMP error.");
		break;
	}
	return words;
}

const char *reason_words(enum reason reason)
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
		return "connections that had idled equally long fared differently, so that one number would "
		       "be wrong";
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
	case REASON_UNANSWERED:
		return "connections open, but no keepalive was answered: something on the path drops them, or the "
		       "far end's TCP takes no notice of them";
	case REASON_PROXY:
		return "a proxy stands between, and the far side's probes end there; probe from this side: "
		       "--direction out";
	case REASON_OUT_OF_MEMORY:
		return "this host had no memory left for what was observed; free some, and measure again";
	}
	return "";
}

struct span known_words(const struct result *result)
{
	struct span words = { "" };
	size_t length = 0;

	if (!isnan(result->survived))
		length = (size_t)snprintf(words.text, sizeof words.text,
					  " Connections survived %.1f s of idle time.", result->survived);
	if (!isnan(result->expired))
		snprintf(words.text + length, sizeof words.text - length, " None survived %.1f s.",
			 result->expired);
	return words;
}
