/* What to probe next, in order of urgency: those that did not answer are asked again, in rounds with the controls; then
 * scout.c, narrow.c with confirm.c, or contradict.c goes on, by what is known. */
#include "core/search_state.h"

#include <math.h>

#define LONGEST_DOUBT 120.0   /* seconds without an answer, or without a probe sent: then the path is out */

enum { WITNESSES_AT_ONCE = 2, MOST_ASKED = 24 };

double plan_patience(const struct search *search)
{
	int workers = search->wanted - search->controls;

	return 1.5 + 20.0 / (workers > 0 ? workers : 1);
}

double plan_limit(const struct search *search)
{
	return 2 * plan_patience(search) * search->config.max_idle + 120;
}

double plan_doubt(double age)
{
	return LONGEST_DOUBT + 0.05 * age;
}

/* A living connection whose latest probe went unanswered. */
static bool is_suspect(const struct search *search, int conn)
{
	const struct life *life = &search->lives[conn];

	return life->state == LIFE_OPEN && life->confirmed && ledger_unanswered(search->ledger, life);
}

static double time_at_first_probe(const struct search *search, const struct life *life)
{
	const struct sample *first = ledger_probe(search->ledger, life, 0);

	return search->timer == TIMER_IDLE ? first->idle : first->age;
}

/* Does the answer depend on this suspect's being asked again? */
static bool needs_round(const struct search *search, int conn)
{
	const struct life *life = &search->lives[conn];
	const struct bracket *bracket = &search->bracket;
	double weight = bracket_weight(search->ledger, life);

	if (weight >= bracket->weight_needed)
		return false;
	if (life->control || time_at_first_probe(search, life) <= bracket->alive || isnan(bracket->upper))
		return true;
	/* Nothing can be tried again at an age: what was silent must tell all it can. */
	if (search->timer == TIMER_AGE && time_at_first_probe(search, life) < bracket->upper)
		return bracket->upper - bracket->alive > search_width_asked(search, bracket->alive) ||
		       weight < bracket->weight_suspect;
	/* A small crew learns all it can from each death; a large one has more to come. */
	return crew_is_small(search) || weight < bracket->weight_suspect;
}

/* Asks the suspects again, together with a control. True if there are suspects to wait for. */
static bool plan_rounds(struct search *search, double now)
{
	bool waiting = false, alarm = false;
	int asked = 0;
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (!is_suspect(search, conn) || !needs_round(search, conn))
			continue;
		waiting = true;
		if (search->in_doubt || !isnan(search->requested[conn]) ||
		    !search_due(search, now, search->probed[conn] + search->spacing) || !crew_probe_control(search, now))
			continue;
		if (search->probed[conn] < now && asked++ < MOST_ASKED)
			search_request(search, conn, now);
		alarm |= !life->control && time_at_first_probe(search, life) > search->bracket.alive;
	}
	/* Others nearly as old are witnesses: they answer, or add to the evidence. Once, each has its own time. */
	alarm = alarm && isnan(search->bracket.suspected) && search->config.strategy != STRATEGY_ONCE;
	for (int i = 0; alarm && i < WITNESSES_AT_ONCE; i++) {
		int witness = pick_oldest(search, now, search->bracket.alive, INFINITY);

		if (witness >= 0)
			search_request(search, witness, now);
	}
	return waiting;
}

/* That nothing was answered since then, or nothing could be sent, is no passing trouble any more. */
static bool lasts(struct search *search, double now, double since)
{
	return search_due(search, now, since + plan_doubt(since - search->started));
}

static bool gave_up(struct search *search, double now)
{
	if (lasts(search, now, search->unsent_since)) {
		search_finish(search, SEARCH_PATH_OUT);
		return true;
	}
	if (search->in_doubt) {
		if (isnan(search->doubt_since))
			search->doubt_since = now;
		search->phase = "waiting for the path";
		if (lasts(search, now, search->doubt_since))
			search_finish(search, SEARCH_PATH_OUT);
		return search->end != SEARCH_RUNNING;
	}
	search->doubt_since = NAN;
	if (search_due(search, now, search->started + plan_limit(search)))
		search_finish(search, SEARCH_GAVE_UP);
	return search->end != SEARCH_RUNNING;
}

void plan_search(struct search *search, double now)
{
	const struct bracket *bracket = &search->bracket;

	search->appointment = INFINITY;
	if ((search->config.strategy == STRATEGY_ONCE && once_over(search, now)) || gave_up(search, now))
		return;

	bool waiting = plan_rounds(search, now);

	if (!isnan(search->doubt_since))
		return;
	if (search->endpoint_speaks) {
		search_finish(search, SEARCH_ENDPOINT_SPEAKS);
		return;
	}
	if (search->timer == TIMER_AGE || search->control_died ||
	    (bracket->mixed && bracket->alive - bracket->dead > MIXED_LIMIT * bracket->alive))
		plan_contradiction(search, now, waiting);
	else if (search->config.strategy == STRATEGY_ONCE)
		plan_once(search, now, waiting);
	else if (!isnan(bracket->suspected) || !isnan(bracket->upper))
		plan_narrowing(search, now, waiting);
	else if (waiting)
		search->phase = "checking";
	else if (bracket->alive >= search->config.max_idle - 2 * ledger_jitter(search->ledger))
		plan_last(search, now);
	else {
		plan_outliving(search, now);
		plan_scout(search, now);
	}
}
