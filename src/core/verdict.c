#include "core/verdict.h"

#include "core/bracket.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define DROPS_LIMIT 0.1    /* of the probes: more captured segments lost than that, and silence proves nothing */
#define SAME_MOMENT 1.0    /* seconds within which one event ends connections that were all watched */
#define ABOUT_TO_END 0.5   /* seconds by which a busy device may be late with its RST */
#define CLOCK_JUMP 5.0     /* seconds by which a wake-up may be late without a word */

struct range {
	double least, most;
};

/* How the connections that died ended. */
struct endings {
	int count[SIGNAL_ICMP + 1];
	int from[SIGNAL_ICMP + 1][ORIGIN_UNKNOWN + 1];
	int unclear[SIGNAL_ICMP + 1]; /* of them those that may as well have ended, or be about to end, by themselves */
	int total;
	double first, last; /* moments by which they showed */
	struct range moment, age, idle; /* at which those died that closed by themselves: of these it is known */
};

static void warn(struct result *result, enum warning_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void warn(struct result *result, enum warning_code code, const char *format, ...)
{
	struct warning *warning;
	va_list arguments;

	if (result->warning_count == WARNING_CODES)
		return;
	warning = &result->warnings[result->warning_count++];
	warning->code = code;
	va_start(arguments, format);
	vsnprintf(warning->message, sizeof warning->message, format, arguments);
	va_end(arguments);
}

/* How this connection's end showed; SIGNAL_NONE where it is not proven dead. A sign above `upper` is enough: there
 * death is proven by all of them together. */
static enum signal_kind ending_of(const struct ledger *ledger, const struct life *life, enum timer timer,
				  const struct bracket *bracket, enum origin *from)
{
	double weight = bracket_weight(ledger, life);

	*from = ORIGIN_NONE;
	if (!life->period_count || weight <= 0)
		return SIGNAL_NONE;
	for (size_t k = life->period_count; k-- > 0;) {
		const struct sample *sample = ledger_probe(ledger, life, k);

		*from = sample->from;
		if (sample->outcome == SAMPLE_RESET)
			return sample->asked ? SIGNAL_RESET_ON_PROBE : SIGNAL_RESET_AT_EXPIRY;
		if (sample->outcome == SAMPLE_FIN)
			return SIGNAL_FIN_AT_EXPIRY;
		if (sample->outcome == SAMPLE_ICMP)
			return SIGNAL_ICMP;
	}

	const struct sample *latest = ledger_latest_probe(ledger, life);

	*from = ORIGIN_NONE;
	return weight >= bracket->weight_needed || bracket_dead_bound(ledger, timer, latest) >= bracket->upper
		       ? SIGNAL_SILENT
		       : SIGNAL_NONE;
}

static bool is_by_itself(enum signal_kind signal)
{
	return signal == SIGNAL_RESET_AT_EXPIRY || signal == SIGNAL_FIN_AT_EXPIRY;
}

/* Probed about the moment at which others ended by themselves: an RST may have been on its way already, or still be. */
static bool is_unclear(const struct ledger *ledger, const struct life *life, enum timer timer, const struct bracket *bracket,
		       enum signal_kind signal)
{
	const struct sample *latest = ledger_latest_probe(ledger, life);
	double asked_at = timer == TIMER_IDLE ? latest->idle : latest->age;

	if (asked_at > bracket->upper + ABOUT_TO_END)
		return false;
	return signal == SIGNAL_RESET_ON_PROBE ||
	       (signal == SIGNAL_SILENT && bracket_weight(ledger, life) < bracket->weight_needed);
}

static void widen(struct range *range, double value)
{
	range->least = fmin(range->least, value);
	range->most = fmax(range->most, value);
}

static void count_endings(const struct ledger *ledger, enum timer timer, const struct bracket *bracket,
			  struct endings *endings)
{
	size_t count;
	const struct life *lives = ledger_lives(ledger, &count);

	*endings = (struct endings){.first = INFINITY, .last = -INFINITY};
	endings->moment = endings->age = endings->idle = (struct range){INFINITY, -INFINITY};
	for (size_t conn = 0; conn < count; conn++) {
		const struct life *life = &lives[conn];
		enum origin from;
		enum signal_kind signal = ending_of(ledger, life, timer, bracket, &from);

		if (signal == SIGNAL_NONE)
			continue;
		endings->count[signal]++;
		endings->unclear[signal] += is_unclear(ledger, life, timer, bracket, signal);
		endings->from[signal][from]++;
		endings->total++;
		endings->first = fmin(endings->first, ledger_probe(ledger, life, 0)->at);
		endings->last = fmax(endings->last, life->last_reply);
		if (!is_by_itself(signal))
			continue;

		const struct sample *closing = ledger_latest_probe(ledger, life);

		widen(&endings->moment, closing->at);
		widen(&endings->age, closing->age);
		widen(&endings->idle, closing->idle);
	}
}

static const char *signal_words(enum signal_kind signal)
{
	switch (signal) {
	case SIGNAL_NONE: return "nothing";
	case SIGNAL_SILENT: return "silence";
	case SIGNAL_RESET_ON_PROBE: return "an RST in answer to a probe";
	case SIGNAL_RESET_AT_EXPIRY: return "an RST that came by itself";
	case SIGNAL_FIN_AT_EXPIRY: return "a FIN";
	case SIGNAL_ICMP: return "an ICMP error";
	}
	return "";
}

/* The signal of most connections, and a word on the others. */
static void tell_signal(struct result *result, const struct endings *endings)
{
	enum signal_kind most = SIGNAL_NONE;
	enum origin from = ORIGIN_NONE;
	char others[160] = "";
	size_t length = 0;

	for (enum signal_kind kind = SIGNAL_SILENT; kind <= SIGNAL_ICMP; kind++)
		if (endings->count[kind] > endings->count[most])
			most = kind;
	for (enum origin origin = ORIGIN_PATH; origin <= ORIGIN_UNKNOWN; origin++)
		if (endings->from[most][origin] > endings->from[most][from] || (from == ORIGIN_NONE && endings->from[most][origin]))
			from = origin;
	result->signal = most;
	result->signal_from = most == SIGNAL_SILENT ? ORIGIN_NONE : from;
	for (enum signal_kind kind = SIGNAL_SILENT; kind <= SIGNAL_ICMP; kind++) {
		int different = endings->count[kind] - (is_by_itself(most) ? endings->unclear[kind] : 0);

		if (kind != most && different && length < sizeof others)
			length += (size_t)snprintf(others + length, sizeof others - length, "%s%d by %s", length ? ", " : "",
						   different, signal_words(kind));
	}
	if (length)
		warn(result, WARNING_MIXED_SIGNALS,
		     "The connections did not all end the same way: most (%d of %d) by %s, but %s.", endings->count[most],
		     endings->total, signal_words(most), others);
}

static enum tristate keepalive_refreshes(const struct ledger *ledger, enum timer timer, const struct bracket *bracket)
{
	if (timer == TIMER_AGE)
		return NO;

	size_t count;
	const struct life *lives = ledger_lives(ledger, &count);

	for (size_t conn = 0; conn < count; conn++) {
		const struct life *life = &lives[conn];

		if (life->control && life->last_reply - life->opened > bracket->upper)
			return YES;
	}
	return UNKNOWN;
}

static void inconclusive(struct result *result, enum reason reason)
{
	result->outcome = OUTCOME_INCONCLUSIVE;
	result->reason = reason;
	result->timeout = NAN;
}

/* The least that the report can tell from nothing: it counts in milliseconds. */
static double survived_or_none(double idle)
{
	return idle >= 0.001 ? idle : NAN;
}

static double spread(struct range range)
{
	return range.most - range.least;
}

/* One event ends connections of any age at one moment, a timer ends each at the same age or idle time. A crew that is
 * opened within a second dies within one, whatever ends it. */
static bool one_timer(const struct endings *endings)
{
	return fmin(spread(endings->age), spread(endings->idle)) < 0.5 * spread(endings->moment);
}

/* All that died were last heard of at one moment, whatever their age and idle time: one event ended them. */
static bool one_event(const struct search *search, const struct endings *endings)
{
	return endings->total > 1 && endings->last - endings->first <= SAME_MOMENT && !one_timer(endings) &&
	       !search_some_outlived(search);
}

static void judge_event(struct result *result, const struct ledger *ledger, const struct endings *endings)
{
	const struct sample *longest = ledger_longest(ledger, TIMER_IDLE);
	int endpoint = 0;

	for (enum signal_kind kind = SIGNAL_SILENT; kind <= SIGNAL_ICMP; kind++)
		endpoint += endings->from[kind][ORIGIN_ENDPOINT];
	tell_signal(result, endings);
	inconclusive(result, 2 * endpoint >= endings->total ? REASON_ENDPOINT_RESTARTED : REASON_STATE_LOST);
	/* What the event killed did not die of its idle time. */
	result->survived = longest && longest->outcome == SAMPLE_ALIVE
				   ? survived_or_none(bracket_alive_bound(ledger, TIMER_IDLE, longest)) : NAN;
	result->expired = NAN;
}

/* Something expired, and the bracket holds when. */
static void judge_timeout(struct result *result, const struct search *search, enum timer timer,
			  const struct bracket *bracket, const struct endings *endings)
{
	double zone = bracket->upper - bracket->lower;
	bool by_itself;

	tell_signal(result, endings);
	result->outcome = OUTCOME_TIMEOUT;
	result->timeout = (bracket->lower + bracket->upper) / 2;
	result->keepalive_refreshes = keepalive_refreshes(search_ledger(search), timer, bracket);
	by_itself = is_by_itself(result->signal);
	if (by_itself && result->signal_from == ORIGIN_ENDPOINT)
		result->outcome = OUTCOME_CLOSED_BY_ENDPOINT;
	if (by_itself && result->signal_from == ORIGIN_UNKNOWN)
		warn(result, WARNING_RESET_ORIGIN_UNKNOWN,
		     "What closed the connections may have come from a device between or from the endpoint: it cannot be told.");
	if (bracket->mixed)
		warn(result, WARNING_SCAN_GRANULARITY,
		     "Between %.1f s and %.1f s some connections survived and some did not, as where a device looks through its "
		     "table only every few seconds.",
		     bracket->lower, bracket->upper);
	else if (zone > 1.001 * search_width_asked(search, bracket->lower))
		warn(result, WARNING_WIDE_INTERVAL,
		     "The interval is wider than asked for: the path or the number of connections did not allow a narrower one.");
	if (search_seen_once(search) && !by_itself)
		warn(result, WARNING_SEEN_ONCE,
		     "A check waits no longer: connections were seen to die once. A table that was full or flushed "
		     "might look the same; `idleprobe measure` tells, and to 1 %%.");
}

static void judge_mixed(struct result *result, const struct bracket *bracket, const struct endings *endings,
			const struct ledger *ledger)
{
	size_t count;
	const struct life *lives = ledger_lives(ledger, &count);
	int older = 0;

	tell_signal(result, endings);
	inconclusive(result, REASON_INCONSISTENT_EXPIRY);
	for (size_t conn = 0; conn < count; conn++) {
		const struct life *life = &lives[conn];

		older += !isnan(life->opened) && life->last_reply - life->opened > bracket->dead;
	}
	if (bracket->dead < bracket->alive && bracket->alive - bracket->dead <= MIXED_LIMIT * bracket->alive)
		warn(result, WARNING_SCAN_GRANULARITY,
		     "One connection was dead after %.1f s, another lived %.1f s, as where a device looks through its "
		     "table only every few seconds.",
		     bracket->dead, bracket->alive);
	else if (3 * endings->total < older)
		warn(result, WARNING_EVICTION,
		     "%d connections were dropped early, after %.1f s or less, while others lived %.1f s, as where a table "
		     "is full.",
		     endings->total, bracket->dead, bracket->alive);
	else if (bracket->dead < bracket->alive)
		warn(result, WARNING_MIXED_FATES,
		     "One connection was dead after %.1f s, another lived %.1f s, as where a path is split over several boxes.",
		     bracket->dead, bracket->alive);
}

/* A probe, not only the handshake. */
static bool was_answered(const struct ledger *ledger)
{
	int answered, lost;

	ledger_loss(ledger, 0, &answered, &lost);
	return answered > 0;
}

static void judge(struct result *result, const struct search *search)
{
	const struct ledger *ledger = search_ledger(search);
	struct bracket bracket;
	struct endings endings;
	enum timer timer = search_bracket(search, &bracket);
	bool complete = search_end(search) == SEARCH_ANSWERED;
	bool control_died = search_control_died(search);
	double zone = bracket.upper - bracket.lower, zone_limit = MIXED_LIMIT * (bracket.lower + bracket.upper) / 2;

	count_endings(ledger, timer, &bracket, &endings);
	result->survived = survived_or_none(bracket.lower);
	result->expired = bracket.upper;
	if (search_end(search) == SEARCH_ENDPOINT_SPEAKS) {
		inconclusive(result, REASON_ENDPOINT_KEEPALIVE);
	} else if (search_end(search) == SEARCH_PATH_OUT) {
		inconclusive(result, was_answered(ledger) ? REASON_PATH_OUTAGE : REASON_UNANSWERED);
	} else if (endings.total && (bracket.mixed || timer == TIMER_AGE || control_died) && one_event(search, &endings)) {
		judge_event(result, ledger, &endings);
	} else if ((control_died && timer == TIMER_IDLE) || (bracket.mixed && !(zone <= zone_limit))) {
		judge_mixed(result, &bracket, &endings, ledger);
	} else if (complete && zone <= fmax(zone_limit, search_width_asked(search, bracket.lower))) {
		search_interval(search, &bracket, &result->survived, &result->expired);
		result->survived = survived_or_none(result->survived);
		judge_timeout(result, search, timer, &bracket, &endings);
	} else if (complete && !endings.total && !isnan(result->survived) && !search_fell_short(search)) {
		result->outcome = OUTCOME_NO_TIMEOUT;
	} else {
		inconclusive(result, search_end(search) == SEARCH_RUNNING	  ? REASON_INTERRUPTED
				     : ledger_path(ledger).loss >= LOSSY ? REASON_TOO_LOSSY
									 : REASON_INCONSISTENT_EXPIRY);
	}
}

static int failed_opens(const struct ledger *ledger)
{
	size_t count;
	const struct life *lives = ledger_lives(ledger, &count);
	int failed = 0;

	for (size_t conn = 0; conn < count; conn++)
		failed += lives[conn].state == LIFE_FAILED;
	return failed;
}

static void add_circumstances(struct result *result, const struct search *search,
			      const struct circumstances *circumstances)
{
	struct path_stats path = ledger_path(search_ledger(search));

	if (result->outcome == OUTCOME_NO_TIMEOUT && !circumstances->both && !search_is_far(search))
		warn(result, WARNING_OUTBOUND_ONLY,
		     "Only probes from this side were possible. A device that takes a late probe as a new connection (the "
		     "Linux default, nf_conntrack_tcp_loose=1) hides its timeout from them: what the far end sends after a "
		     "pause may still be lost.");
	if (failed_opens(search_ledger(search)) && path.connections > 0)
		warn(result, WARNING_OPEN_FAILED, "%d connections could not be opened, beside the %d that could.",
		     failed_opens(search_ledger(search)), path.connections);
	if (circumstances->capture_drops) {
		warn(result, WARNING_CAPTURE_DROPS, "The kernel dropped %u captured segments before they could be read.",
		     circumstances->capture_drops);
		if (circumstances->capture_drops > DROPS_LIMIT * path.probes && result->outcome == OUTCOME_TIMEOUT)
			inconclusive(result, REASON_CAPTURE_DROPS);
	}
	if (circumstances->clock_jump > CLOCK_JUMP)
		warn(result, WARNING_CLOCK_JUMP, "The machine slept, or the program was stopped, for up to %.0f s.",
		     circumstances->clock_jump);
	if (circumstances->address_changed && result->outcome != OUTCOME_UNREACHABLE)
		inconclusive(result, REASON_ADDRESS_CHANGED);
	if (circumstances->out_of_memory)
		inconclusive(result, REASON_OUT_OF_MEMORY);
}

const struct result verdict_none = {
	.outcome = OUTCOME_UNREACHABLE,
	.timeout = NAN,
	.survived = NAN,
	.expired = NAN,
	.keepalive_refreshes = UNKNOWN,
	.revived_by_probe = UNKNOWN,
	.payload_refreshes = UNKNOWN,
	.outbound_refreshes = UNKNOWN,
};

void verdict_reach(const struct search *search, const struct circumstances *circumstances, struct result *result)
{
	*result = verdict_none;
	if (ledger_path(search_ledger(search)).connections > 0)
		judge(result, search);
	else if (circumstances->interrupted)
		inconclusive(result, REASON_INTERRUPTED);
	add_circumstances(result, search, circumstances);
}
