#include "core/findings.h"

#include <math.h>
#include <stdio.h>

static bool has_timeout(const struct result *result)
{
	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		return true;
	case OUTCOME_NO_TIMEOUT:
	case OUTCOME_INCONCLUSIVE:
	case OUTCOME_UNREACHABLE:
		return false;
	}
	return false;
}

/* The one that decides: the shorter timeout; but one of which nothing is known beyond the other's timeout might be
 * shorter still, and leaves the whole without an answer. */
static const struct result *deciding(const struct result *a, const struct result *b)
{
	if (has_timeout(a) && has_timeout(b))
		return a->timeout <= b->timeout ? a : b;
	if (has_timeout(a) || has_timeout(b)) {
		const struct result *known = has_timeout(a) ? a : b, *other = known == a ? b : a;

		return other->outcome == OUTCOME_NO_TIMEOUT || other->survived >= known->expired ? known : other;
	}
	if (a->outcome == OUTCOME_NO_TIMEOUT && b->outcome == OUTCOME_NO_TIMEOUT)
		return a->survived <= b->survived ? a : b;
	if (a->outcome == OUTCOME_UNREACHABLE || b->outcome == OUTCOME_UNREACHABLE)
		return a->outcome == OUTCOME_UNREACHABLE ? b : a;
	return a->outcome == OUTCOME_INCONCLUSIVE ? a : b;
}

static bool is_told(const struct result *result, enum warning_code code)
{
	for (size_t i = 0; i < result->warning_count; i++)
		if (result->warnings[i].code == code)
			return true;
	return false;
}

/* Takes over the warnings of one direction. */
static void take_warnings(struct result *whole, const struct result *part, const char *direction)
{
	for (size_t i = 0; i < part->warning_count; i++) {
		struct warning *warning = &whole->warnings[whole->warning_count];

		if (is_told(whole, part->warnings[i].code))
			continue;
		whole->warning_count++;
		warning->code = part->warnings[i].code;
		snprintf(warning->message, sizeof warning->message, "%s: %.*s", direction,
			 (int)(sizeof warning->message - 12), part->warnings[i].message);
	}
}

/* A probe from this side was answered on a connection that had been idle for longer than the far side's probes survive:
 * it brought the connection back (nf_conntrack_tcp_loose). */
static enum tristate revived(const struct survey *survey, const struct findings *findings)
{
	const struct ledger *ledger = search_ledger(survey_search(survey, DIRECTION_OUTBOUND));
	const struct sample *longest = ledger_longest(ledger, TIMER_IDLE);

	if (!has_timeout(&findings->inbound))
		return UNKNOWN;
	if (longest && longest->outcome == SAMPLE_ALIVE && longest->idle > findings->inbound.expired)
		return YES;
	/* Two wide intervals do not tell. */
	if (search_strategy(survey_search(survey, DIRECTION_OUTBOUND)) == STRATEGY_ONCE)
		return UNKNOWN;
	return has_timeout(&findings->outbound) ? NO : UNKNOWN;
}

static enum learned who_learned(const struct search *search)
{
	size_t count;
	const struct life *lives = ledger_lives(search_ledger(search), &count);
	bool any = false, near = false, far = false;

	for (size_t i = 0; i < count; i++) {
		/* One end may not have said so yet; it takes one connection on which both did. */
		any = true;
		near |= lives[i].told_near;
		far |= lives[i].told_far;
	}
	return !any ? LEARNED_UNKNOWN : near && far ? LEARNED_BOTH : near ? LEARNED_NEAR : far ? LEARNED_FAR : LEARNED_NONE;
}

static enum tristate was_remapped(const struct search *search)
{
	size_t count;
	const struct life *lives = ledger_lives(search_ledger(search), &count);

	for (size_t i = 0; i < count; i++)
		if (lives[i].remapped)
			return YES;
	return UNKNOWN;
}

static void join(const struct survey *survey, struct findings *findings)
{
	const struct result *outbound = &findings->outbound, *inbound = &findings->inbound;
	struct result *whole = &findings->whole;

	*whole = *deciding(outbound, inbound);
	whole->warning_count = 0;
	take_warnings(whole, outbound, "outbound");
	take_warnings(whole, inbound, "inbound");
	if (whole->outcome == OUTCOME_INCONCLUSIVE || has_timeout(whole)) {
		/* Where the intervals overlap the longer timeout may be the shorter one in truth. fmin() passes over NAN: what one
		 * direction did not survive is known of the whole, what one survived is not. */
		whole->survived = isnan(outbound->survived) || isnan(inbound->survived)
					  ? NAN : fmin(outbound->survived, inbound->survived);
		whole->expired = fmin(outbound->expired, inbound->expired);
	}
	whole->revived_by_probe = revived(survey, findings);
	if (whole->revived_by_probe == YES)
		findings->remapped = NO; /* the far end's connection answered, on its port */
	if (whole->keepalive_refreshes == UNKNOWN)
		whole->keepalive_refreshes = outbound->keepalive_refreshes == UNKNOWN ? inbound->keepalive_refreshes
										      : outbound->keepalive_refreshes;
}

/* What else there is to tell of the timeout that was found. */
static void tell_companions(const struct survey *survey, struct findings *findings)
{
	const struct search *inbound = survey_search(survey, DIRECTION_INBOUND);
	struct result *whole = &findings->whole;

	if (!has_timeout(whole))
		return;
	if (whole->keepalive_refreshes == NO)
		whole->payload_refreshes = survey_refreshed(survey, COMPANION_PAYLOAD);
	else
		whole->outbound_refreshes = survey_refreshed(survey, COMPANION_OUTBOUND);
	if (inbound)
		findings->learned = who_learned(inbound);
}

/* Nothing is left to tell where the far side's probes alone were asked for. */
static struct result behind_a_proxy(void)
{
	struct result result = verdict_none;

	result.outcome = OUTCOME_INCONCLUSIVE;
	result.reason = REASON_PROXY;
	return result;
}

void findings_reach(const struct survey *survey, const struct circumstances *circumstances, struct findings *findings)
{
	const struct search *outbound = survey_search(survey, DIRECTION_OUTBOUND);
	const struct search *inbound = survey_search(survey, DIRECTION_INBOUND);
	struct circumstances each = *circumstances;

	*findings = (struct findings){ .has_outbound = outbound, .has_inbound = inbound };
	each.both = outbound && inbound;
	if (outbound)
		verdict_reach(outbound, &each, &findings->outbound);
	if (inbound)
		verdict_reach(inbound, &each, &findings->inbound);
	findings->proxy = survey_proxy(survey) ? YES : inbound ? NO : UNKNOWN;
	findings->remapped = outbound ? was_remapped(outbound) : UNKNOWN;
	if (each.both)
		join(survey, findings);
	else if (outbound || inbound)
		findings->whole = outbound ? findings->outbound : findings->inbound;
	else
		findings->whole = behind_a_proxy();
	tell_companions(survey, findings);
}
