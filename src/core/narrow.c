/* Narrowing: the bracket between the longest survivor and the first death is split by workers whose idle times stand
 * inside it already. Proving: more workers are probed close above, until losing all those probes would be next to
 * impossible. */
#include "core/search_state.h"

#include <math.h>

#define SPARE 120.0           /* seconds beyond some times the timeout, for a path that recovers; ... */
#define SPARE_SHARED 60.0     /* ... of each of two directions */
#define SPLIT_STEP 0.7        /* of the room: distance of the points that split it */

enum { MOST_SPLITS = 8 };

/* Probes that worker at that moment. False while no control is free to stand beside it. */
static bool probe_at(struct search *search, int conn, double when, double now)
{
	if (search_due(search, now, when))
		return pick_probe(search, conn, now);
	search->appointment = fmin(search->appointment, when);
	return true;
}

/* Splits the bracket (alive, dead) so that no gap between what is known and what is under way is wider than the room. False where
 * none is. */
static bool plan_split(struct search *search, double now, double alive, double dead)
{
	double marks[2 * MOST_SPLITS + 64], room = search_room(search, alive);
	size_t count = 0;
	int ready = 0, planned = 0;
	bool wide = false;

	marks[count++] = alive;
	for (int conn = 0; conn < search->next_conn && count < 2 * MOST_SPLITS + 60; conn++) {
		const struct life *life = &search->lives[conn];
		const struct sample *sign = bracket_first_sign(search->ledger, life);
		double idle;

		ready += crew_ready(search, conn) && crew_age(search, conn, now) < dead;
		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (sign)
			idle = sign->idle;
		else if (!isnan(search->requested[conn]))
			idle = crew_age(search, conn, now);
		else
			continue;
		if (idle <= alive || idle >= dead)
			continue;

		size_t at = count++;

		for (; at > 1 && marks[at - 1] > idle; at--)
			marks[at] = marks[at - 1];
		marks[at] = idle;
	}
	marks[count] = dead;
	for (size_t i = 0; i < count && planned < MOST_SPLITS; i++) {
		double gap = marks[i + 1] - marks[i];
		int points = (int)ceil(gap / (SPLIT_STEP * room)) - 1;

		if (gap <= CLOSE_ENOUGH * room)
			continue;
		wide = true;
		if (points > MOST_SPLITS - planned)
			points = MOST_SPLITS - planned;
		if (points > ready)
			points = ready;
		for (int point = 1; point <= points; point++) {
			/* A little later will do, where no control is free at once. */
			double when, step = gap / (points + 1);
			double over = fmax(step / 4, fmin(search->spacing, step / 2));
			int conn = pick_for(search, now, marks[i] + point * step, over, &when);

			if (conn >= 0 && !probe_at(search, conn, when, now))
				return true;
		}
		planned += points > 0 ? points : 1;
	}
	return wide;
}

/* Weight that probes under way may yet add to the evidence by idle time `limit`. */
static double prospective(const struct search *search, double now, double above, double limit)
{
	double weight = 0;

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (!isnan(search->requested[conn]))
			weight += crew_age(search, conn, now) > above && crew_age(search, conn, now) <= limit;
		for (size_t k = 0; k < life->period_count; k++) {
			const struct sample *sample = ledger_probe(search->ledger, life, k);

			weight += sample->outcome == SAMPLE_PENDING && sample->idle > above && sample->idle <= limit;
		}
	}
	return weight;
}

/* Collects enough evidence close above the longest survivor. */
static void plan_proof(struct search *search, double now, double alive, double dead)
{
	double limit = alive + search_width_asked(search, alive);
	double latest = limit - (search_width_asked(search, alive) - search_room(search, alive));
	/* A small crew has one control, which is not always free: it aims a little earlier. */
	double slack = crew_is_small(search) ? fmin(search->spacing, (latest - alive) / 2) : 0;
	double target = fmin(fmax(dead, alive + 0.6 * (latest - alive)), latest - slack);
	double weight = bracket_evidence(search->ledger, TIMER_IDLE, &search->bracket, limit) +
			prospective(search, now, alive, latest);

	for (int i = 0; weight < search->bracket.weight_needed && i < 2 * MOST_SPLITS; i++, weight++) {
		double when;
		int conn = pick_for(search, now, target, latest - target, &when);

		if (conn < 0 || !probe_at(search, conn, when, now) || when > now)
			return;
	}
}

void plan_narrowing(struct search *search, double now, bool waiting)
{
	const struct bracket *bracket = &search->bracket;
	double dead = isnan(bracket->suspected) ? bracket->upper : fmin(bracket->suspected, isnan(bracket->upper) ? INFINITY : bracket->upper);
	double alive = bracket->alive;
	double width = search_width_asked(search, alive);
	bool narrow = !isnan(bracket->upper) && bracket->upper - alive <= width + confirm_blur(search);
	double exhausted = 2 * plan_patience(search) * dead + (search->config.responder ? SPARE_SHARED : SPARE);
	/* Where nothing is lost and connections are many, only contradictions keep an interval wide. */
	bool tired = search_due(search, now, search->started + plan_patience(search) * dead + 30) &&
		     (crew_is_small(search) || ledger_path(search->ledger).loss >= LOSSY);
	bool given_up = search_due(search, now, search->started + exhausted);

	confirm_early(search, now);
	if (!narrow && !(tired && !isnan(bracket->upper))) {
		if (given_up) {
			search_finish(search, SEARCH_GAVE_UP);
			return;
		}
		search->phase = "narrowing";
		/* The bounds are the middlebox's view, the points to probe are ours. */
		dead = fmax(dead - ledger_rtt_high(search->ledger) - ledger_jitter(search->ledger), alive);
		/* The first sign of death may stand inside, by less than its time is known to. */
		bool close = dead - alive <= CLOSE_ENOUGH * search_room(search, alive);

		if (close || (!plan_split(search, now, alive, dead) && !waiting && !pick_pending(search)))
			plan_proof(search, now, alive, dead);
		return;
	}
	if (confirm_plan(search, now, waiting))
		search_finish(search, SEARCH_ANSWERED);
	else if (given_up)
		search_finish(search, SEARCH_GAVE_UP);
}
