#include "core/advice.h"

#include "core/duration.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	FEWEST_PROBES = 3,  /* before the entry ends: one or two may be lost, and the path still stays open */
	PROBES = 9,         /* the kernel's own default: a peer that is away for a while is not given up */
	LONGEST = 9 * 3600, /* a socket takes at most 32767 s (MAX_TCP_KEEPIDLE, include/net/tcp.h) */
};

double keepalive_gives_up(const struct keepalive *keepalive)
{
	return keepalive->time + (double)keepalive->intvl * keepalive->probes;
}

/* How long before the end of what was survived the third probe leaves. */
static double margin_of(const struct keepalive *keepalive, double survived)
{
	return survived - (keepalive->time + (FEWEST_PROBES - 1.0) * keepalive->intvl);
}

/* What the margin should be. Where the timeout was seen only as a zone, because the device looks through its
 * table every few seconds or because of loss, the next connection may fare a little worse than any that was
 * tried. */
static double margin_wanted(const struct result *result)
{
	double zone = result->expired - result->survived;

	return fmin(fmax(zone, 0.1 * result->survived), 0.3 * result->survived);
}

/* Rounded down to a figure that a person would choose. */
static int neat(double seconds)
{
	int step = seconds >= 600 ? 60 : seconds >= 60 ? 10 : seconds >= 20 ? 5 : 1;

	return (int)(seconds / step) * step;
}

/* The first probe before half of the time is over, the next ones a sixth of that apart; sooner where whole
 * seconds are coarse. */
static struct keepalive settings_for(const struct result *result)
{
	double wanted = margin_wanted(result);

	for (int time = neat(fmin(result->survived / 2, LONGEST)); time > 0; time--) {
		struct keepalive use = { .time = time, .intvl = neat(time / 6.0), .probes = PROBES };

		if (use.intvl < 1)
			use.intvl = 1;
		if (margin_of(&use, result->survived) >= wanted)
			return use;
	}
	return (struct keepalive){ 0 };
}

/* Adds to the summary. */
static void say(struct advice *advice, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct advice *advice, const char *format, ...)
{
	size_t length = strlen(advice->summary);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(advice->summary + length, sizeof advice->summary - length, format, arguments);
	va_end(arguments);
}

static void compare_host(const struct result *result, struct advice *advice)
{
	const struct keepalive *host = &advice->host;
	double margin = margin_of(host, result->survived);

	if (!host->time)
		return;
	/* Without an answer the timeout may be longer than what was survived, up to what nothing did. */
	if (result->outcome == OUTCOME_INCONCLUSIVE && margin <= 0 &&
	    !(margin_of(host, result->expired) <= 0))
		return;
	advice->host_margin = margin;
	advice->protects = margin > 0 && host->probes >= FEWEST_PROBES ? YES : NO;
}

static void say_host(struct advice *advice)
{
	const struct keepalive *host = &advice->host;
	struct duration_text spare = duration_text(fabs(advice->host_margin)),
			     first = duration_text(host->time);

	if (!host->time)
		return;
	if (advice->protects == UNKNOWN)
		say(advice,
		    " This host's own settings send the first after %s; whether that is soon enough is not "
		    "known.",
		    first.text);
	else if (advice->protects == YES)
		say(advice, " This host's own settings do that, with %s to spare.", spare.text);
	else if (advice->host_margin > 0)
		say(advice,
		    " This host's own settings give a connection up after %d unanswered probe%s, which may "
		    "just have been lost.",
		    host->probes, host->probes == 1 ? "" : "s");
	else
		say(advice, " This host's own settings send the first after %s, and the third %s too late.",
		    first.text, spare.text);
}

static void advise_keepalive(const struct result *result, struct advice *advice)
{
	bool tested = result->keepalive_refreshes != UNKNOWN;

	advice->helps = result->keepalive_refreshes;
	advice->margin = margin_of(&advice->use, result->survived);
	compare_host(result, advice);
	say(advice,
	    "TCP keepalives %s: set SO_KEEPALIVE on the socket, and let the first be sent after %s, the next "
	    "ones every %s. A dead peer is then found within %s.",
	    tested ? "hold the path open" : "should hold the path open (not tested)",
	    duration_text(advice->use.time).text, duration_text(advice->use.intvl).text,
	    duration_text(keepalive_gives_up(&advice->use)).text);
	say_host(advice);
}

/* Why keepalives do not help, and what does. */
static void advise_heartbeat(const struct result *result, struct advice *advice, const char *why)
{
	advice->protects = advice->helps;
	advice->heartbeat = neat(result->survived / 2);
	if (advice->heartbeat)
		say(advice,
		    "%s Let the application send a message at least every %s, or lengthen the timeout where "
		    "it is set.",
		    why, duration_text(advice->heartbeat).text);
	else
		say(advice, "%s Lengthen the timeout where it is set.", why);
}

/* Something ended idle connections that had survived for some time. */
static void advise(const struct result *result, struct advice *advice)
{
	bool endpoint = result->outcome == OUTCOME_CLOSED_BY_ENDPOINT;

	advice->helps = NO;
	if (result->keepalive_refreshes == NO) {
		advise_heartbeat(result, advice, endpoint
			? "TCP keepalives do not help: they do not restart the endpoint's timer."
			: "TCP keepalives do not help: they do not restart the device's timer.");
		return;
	}
	if (endpoint && result->keepalive_refreshes == UNKNOWN) {
		advice->helps = UNKNOWN;
		advise_heartbeat(result, advice,
				 "TCP keepalives will hardly help (not tested): an endpoint counts what is "
				 "sent to the application.");
		return;
	}
	advice->use = settings_for(result);
	if (advice->use.time)
		advise_keepalive(result, advice);
	else
		advise_heartbeat(result, advice,
				 "The timeout is too short for the kernel's keepalives, which count in whole "
				 "seconds.");
}

/* Without an answer the timeout is still no shorter than what was survived, and what goes by that holds. */
static void advise_cautiously(const struct result *result, struct advice *advice)
{
	if (isnan(result->survived)) {
		say(advice, "No advice without an answer.");
		return;
	}
	if (result->keepalive_refreshes != NO)
		advice->use = settings_for(result);
	if (!advice->use.time) {
		say(advice, "No advice without an answer; connections did survive %s of idle time.",
		    duration_text(result->survived).text);
		return;
	}
	say(advice,
	    "There is no answer, so this is cautious: it goes by the %s of idle time that every connection "
	    "survived, and the timeout may be longer. ",
	    duration_text(result->survived).text);
	advise_keepalive(result, advice);
}

bool advice_has_settings(const struct advice *advice)
{
	return advice->use.time || advice->heartbeat;
}

void advice_give(const struct result *result, const struct keepalive *host, struct advice *advice)
{
	*advice = (struct advice){
		.helps = UNKNOWN, .protects = UNKNOWN, .host = *host, .margin = NAN, .host_margin = NAN
	};
	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		if (isnan(result->survived))
			say(advice, "No advice: no idle time is known to be survived. Measure again with a "
				    "shorter --min-idle and a finer --resolution.");
		else
			advise(result, advice);
		return;
	case OUTCOME_NO_TIMEOUT:
		say(advice,
		    "Connections that idle for up to %s need no keepalives on this path, as far as probes "
		    "from this side can show.",
		    duration_text(result->survived).text);
		return;
	case OUTCOME_INCONCLUSIVE:
		advise_cautiously(result, advice);
		return;
	case OUTCOME_UNREACHABLE:
		say(advice, "No advice without a connection.");
		return;
	}
}
