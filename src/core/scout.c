/* Scouting: the worker that has been idle longest is probed at growing idle times, a fixed ratio apart, until one does
 * not answer. Each that answers is fresh again, and takes its next turn when its idle time has grown enough. */
#include "core/search_state.h"

#include <math.h>

enum { LAST_WORKERS = 4 };

/* The next idle time worth a scout. Where a documented timeout lies ahead, one scout goes just below it and one just above. */
static double next_scout(const struct search *search, double reached)
{
	const struct search_config *config = &search->config;

	if (reached <= 0)
		return config->min_idle;

	double next = fmax(reached * search->ratio, reached + CLOSE_ENOUGH * search_room(search, reached));

	for (size_t i = 0; i < config->documented_count && config->documented[i] < 2 * next; i++) {
		double documented = config->documented[i];
		double aside = 0.5 * 0.9 * CLOSE_ENOUGH * search_room(search, documented);
		double tiny = 0.1 * aside;

		if (reached < documented - aside - tiny && documented - aside < next)
			next = documented - aside;
		else if (reached >= documented - aside - tiny && reached < documented + aside - tiny &&
			 documented + aside < next)
			next = documented + aside;
	}
	return next > config->max_idle || reached >= config->max_idle ? config->max_idle : next;
}

void plan_scout(struct search *search, double now)
{
	double reached = fmax(search->bracket.alive, pick_longest_pending(search, now));
	double when, next = next_scout(search, reached);

	search->phase = "searching";
	if (reached >= search->config.max_idle)
		return;

	int scout = pick_for(search, now, next, INFINITY, &when);

	/* Of those that are old enough, the youngest: the others stay for later. */
	if (scout >= 0 && search_due(search, now, when)) {
		crew_probe_control(search, now);
		search_request(search, scout, now);
	}
}

void plan_outliving(struct search *search, double now)
{
	const struct bracket *bracket = &search->bracket;
	int wanted;

	if (isnan(search->to_outlive) || !isnan(bracket->since))
		return;
	wanted = bracket->crowd - bracket_outlived(search->ledger, TIMER_IDLE, search->to_outlive);
	for (int conn = 0; conn < search->next_conn && wanted > 0; conn++) {
		const struct life *life = &search->lives[conn];
		double spare = ledger_rtt_high(search->ledger) + 2 * ledger_jitter(search->ledger);

		if (life->control || !(crew_age(search, conn, now) > search->to_outlive + spare))
			continue;
		/* One that was asked already counts. */
		if (!crew_ready(search, conn) ? life->state == LIFE_OPEN : pick_probe(search, conn, now))
			wanted--;
	}
}

void plan_last(struct search *search, double now)
{
	const double nearly = 0.97 * search->config.max_idle;
	size_t count;
	const struct sample *samples = ledger_samples(search->ledger, &count);
	int survivors = 0, oldest;

	search->phase = "confirming";
	for (size_t i = count; i-- > 0;)
		survivors += (samples[i].outcome == SAMPLE_ALIVE || samples[i].outcome == SAMPLE_UNASKED) &&
			     samples[i].idle >= nearly;
	oldest = pick_oldest(search, now, nearly, INFINITY);
	if (survivors >= LAST_WORKERS || oldest < 0)
		search_finish(search, SEARCH_ANSWERED);
	else if (pick_longest_pending(search, now) <= 0)
		pick_probe(search, oldest, now);
}
