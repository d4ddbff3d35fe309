#include "core/advice.h"

#include "core/duration.h"

#include <math.h>
#include <stdio.h>

/* Three probes before the entry ends: one or two may be lost on the way, and the path still stays open. */
static bool in_time(const struct keepalive *keepalive, double survived)
{
	return keepalive->time > 0 && keepalive->time + 2.0 * keepalive->intvl < survived;
}

/* Rounded down to a figure that a person would choose. */
static int neat(double seconds)
{
	int step = seconds >= 600 ? 60 : seconds >= 60 ? 10 : seconds >= 20 ? 5 : 1;

	return (int)(seconds / step) * step;
}

/* The first probe before half of the time is over, the next ones a sixth of that apart. */
static struct keepalive settings_for(double survived)
{
	struct keepalive use = { .time = neat(fmin(survived, 86400) / 2), .probes = 9 };

	use.intvl = neat(use.time / 6.0);
	if (use.intvl < 1)
		use.intvl = 1;
	return in_time(&use, survived) ? use : (struct keepalive){ 0 };
}

static void compare_host(const struct keepalive *host, double survived, struct advice *advice)
{
	if (host->time > 0)
		advice->protects = in_time(host, survived) ? YES : NO;
}

static void advise_keepalive(const struct result *result, struct advice *advice)
{
	struct keepalive *use = &advice->use;
	const char *hold = result->keepalive_refreshes == UNKNOWN ? "should hold the path open (not tested)" : "hold the path open";
	struct duration_text now = duration_text(advice->host.time);
	char compared[120] = "";

	*use = settings_for(result->survived);
	if (!use->time) {
		advice->helps = NO;
		snprintf(advice->summary, sizeof advice->summary, "The timeout is too short for the kernel's keepalives, which "
			 "count in whole seconds: do not let connections fall idle, or lengthen the timeout.");
		return;
	}
	advice->helps = result->keepalive_refreshes;
	compare_host(&advice->host, result->survived, advice);
	snprintf(advice->linux_text, sizeof advice->linux_text,
		 "net.ipv4.tcp_keepalive_time = %d\nnet.ipv4.tcp_keepalive_intvl = %d\nnet.ipv4.tcp_keepalive_probes = %d\n",
		 use->time, use->intvl, use->probes);
	if (advice->protects == YES)
		snprintf(compared, sizeof compared, " This host's own settings do that.");
	else if (advice->protects == NO)
		snprintf(compared, sizeof compared, " This host's own settings send the first after %s%s.", now.text,
			 advice->host.time < result->survived ? ", and then too few in time" : ", which is too late");
	snprintf(advice->summary, sizeof advice->summary,
		 "TCP keepalives %s: set SO_KEEPALIVE on the socket, and let the first be sent after %s.%s", hold,
		 duration_text(use->time).text, compared);
}

static void advise_heartbeat(const struct result *result, struct advice *advice)
{
	const char *who = result->outcome == OUTCOME_CLOSED_BY_ENDPOINT ? "the endpoint" : "the device";

	advice->helps = NO;
	advice->protects = NO;
	advice->heartbeat = neat(fmin(result->survived, 86400) / 2);
	if (advice->heartbeat)
		snprintf(advice->summary, sizeof advice->summary, "TCP keepalives do not help: they do not restart %s's timer. "
			 "Let the application send a message at least every %s, or lengthen the timeout where it is set.", who,
			 duration_text(advice->heartbeat).text);
	else
		snprintf(advice->summary, sizeof advice->summary, "TCP keepalives do not help: they do not restart %s's timer. "
			 "Lengthen the timeout where it is set.", who);
}

void advice_give(const struct result *result, const struct keepalive *host, struct advice *advice)
{
	*advice = (struct advice){ .helps = UNKNOWN, .protects = UNKNOWN, .host = *host };
	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		if (result->keepalive_refreshes == NO || isnan(result->survived))
			advise_heartbeat(result, advice);
		else
			advise_keepalive(result, advice);
		return;
	case OUTCOME_NO_TIMEOUT:
		snprintf(advice->summary, sizeof advice->summary,
			 "Connections that idle for up to %s need no keepalives on this path, as far as probes from this side can show.",
			 duration_text(result->survived).text);
		return;
	case OUTCOME_INCONCLUSIVE:
		if (isnan(result->survived)) {
			snprintf(advice->summary, sizeof advice->summary, "No advice without an answer.");
			return;
		}
		snprintf(advice->summary, sizeof advice->summary,
			 "No advice without an answer; connections did survive %s of idle time.",
			 duration_text(result->survived).text);
		return;
	case OUTCOME_UNREACHABLE:
		snprintf(advice->summary, sizeof advice->summary, "No advice without a connection.");
		return;
	}
}
