/* Confirming: a timer kills connections one by one as each reaches it. So some that had not reached it when the first died
 * must die later, at their own time, while others that are a little younger live on; and again after that, for two
 * evictions in a row would look the same once. A path may be split over several boxes: none that is older may live, none
 * that is younger may be dead, and several must have been asked close by. Meanwhile a fresh connection shows that the
 * target is well. */
#include "core/search_state.h"

#include <math.h>

#define CLOSE_BELOW 0.3       /* of the width asked for: so close below the timeout survivors are asked */

enum { LINKS = 2, LET_DIE = 2, FINAL_TRIES = 4 };

/* Asks all that are older than the proven timeout, once: none may live, for a path may be split over several boxes. */
static void plan_witnesses(struct search *search, double now)
{
	if (isnan(search->witnessed_at))
		search->witnessed_at = now;
	for (int conn = 0; conn < search->next_conn; conn++)
		if (crew_ready(search, conn) &&
		    crew_age(search, conn, search->witnessed_at) > search->bracket.upper && !pick_probe(search, conn, now))
			return;
}

/* What closes by itself shows when, whatever its timeout. */
static bool is_dated(const struct search *search)
{
	const struct bracket *bracket = &search->bracket;

	return bracket->dated_conns > 0 && 2 * bracket->dated_conns >= bracket->dead_conns;
}

double confirm_blur(const struct search *search)
{
	return search->config.far && is_dated(search) ? 1.5 * ledger_rtt_max(search->ledger) : 0;
}

/* Up to this age a connection must live. A probe that meets a closing segment on its way would say nothing clear. */
static double living_age(const struct search *search)
{
	double bound = search->bracket.mixed ? search->bracket.dead : search->bracket.lower;

	return is_dated(search) ? bound - search_width_asked(search, bound) / 2 : bound;
}

/* One lived as long as another that died, as nearly as can be told: either the timeout is just that, or there are two. */
static bool is_coincidence(const struct search *search)
{
	const struct bracket *bracket = &search->bracket;
	double blur = ledger_rtt_high(search->ledger) + 2 * ledger_jitter(search->ledger);

	return bracket->suspected - bracket->alive <= fmin(1.5 * blur, 0.05 * search_width_asked(search, bracket->alive));
}

/* Several must live until shortly before the timeout. */
static bool several_survived(const struct search *search)
{
	const struct bracket *bracket = &search->bracket;
	double survived, expired, lived = is_coincidence(search) ? bracket->crowd_alive : bracket->several_alive;

	search_interval(search, bracket, &survived, &expired);
	return crew_is_small(search) || is_dated(search) || lived >= survived - search_width_asked(search, survived);
}

static bool several_died(const struct search *search)
{
	double survived, expired;

	search_interval(search, &search->bracket, &survived, &expired);
	return crew_is_small(search) || search->bracket.several_dead <= expired + search_width_asked(search, survived);
}

static bool linked(const struct search *search)
{
	return search->bracket.links >= (crew_is_small(search) ? 1 : LINKS);
}

/* Asks connections that come close to the timeout, until a crowd has lived. Every second only: the others will show
 * that they die when their time comes. */
static void plan_survivors(struct search *search, double now)
{
	double survived, expired, from, below = living_age(search);

	search_interval(search, &search->bracket, &survived, &expired);
	from = survived - CLOSE_BELOW * search_width_asked(search, survived);

	for (int conn = 0; conn < search->next_conn && !several_survived(search); conn++) {
		double age = crew_age(search, conn, now);

		if (!crew_ready(search, conn) || age >= below || conn % LET_DIE == 0)
			continue;
		if (search_due(search, now, now + from - age) && !pick_probe(search, conn, now))
			return;
	}
}

/* Asks the oldest that is younger than the timeout: from then on, what is younger than it and dies was killed by no
 * single event. */
static void plan_first_survivor(struct search *search, double now)
{
	int oldest = pick_oldest(search, now, 0, living_age(search));

	if (oldest >= 0 && search_due(search, now, search->survivor_due) && pick_probe(search, oldest, now))
		search->survivor_due = now + search_wait(search);
}

/* Lets connections that had not reached the timeout at the first death reach it. True when enough of them died then. */
static bool plan_deaths(struct search *search, double now)
{
	const struct bracket *bracket = &search->bracket;
	double when, target;
	int conn;

	if (linked(search) && bracket->dead_conns >= bracket->crowd &&
	    several_survived(search) && several_died(search))
		return !pick_pending(search);
	/* In the middle, so that whatever comes out narrows the bracket too. */
	target = is_dated(search) ? bracket->upper : (bracket->alive + bracket->upper) / 2;
	conn = pick_for(search, now, target, INFINITY, &when);
	if (conn >= 0 && search_due(search, now, when))
		pick_probe(search, conn, now);
	return false;
}

/* At the end asks all that are not much younger than the timeout, at once: all must live. This costs no time, and
 * finds out a second box of a shorter timeout. True once it is done. */
static bool plan_roll_call(struct search *search, double now)
{
	const double youngest = 0.8;
	double oldest = living_age(search);

	if (search->roll_called)
		return true;
	if (!crew_probe_control(search, now))
		return false;
	search->roll_called = true;
	for (int conn = 0; conn < search->next_conn; conn++) {
		double age = crew_age(search, conn, now);

		if (crew_ready(search, conn) && age < oldest && age > youngest * oldest)
			search_request(search, conn, now);
	}
	return false;
}

bool confirm_fresh(struct search *search, double now)
{
	search->phase = "confirming";
	if (search->final_conn >= 0) {
		enum life_state state = search->lives[search->final_conn].state;

		if (state != LIFE_FAILED || search->final_tries >= FINAL_TRIES)
			return state != LIFE_OPENING;
	}
	if (!crew_make_room(search))
		return true;
	search->final_conn = search->next_conn;
	search->final_tries++;
	crew_open(search, true, now);
	return false;
}

void confirm_early(struct search *search, double now)
{
	if (isinf(search->bracket.survivor) && !linked(search))
		plan_first_survivor(search, now);
	if (!isnan(search->bracket.upper))
		plan_witnesses(search, now);
}

bool confirm_plan(struct search *search, double now, bool waiting)
{
	const struct bracket *bracket = &search->bracket;
	bool to_tell = crew_control_to_tell(search, bracket->upper, now);

	plan_survivors(search, now);
	if (to_tell)
		search->next_control = fmin(search->next_control, now);

	bool fresh = confirm_fresh(search, now);
	bool confirmed = plan_deaths(search, now);

	return fresh && confirmed && !waiting && (!to_tell || crew_is_small(search)) && plan_roll_call(search, now) &&
	       !pick_pending(search);
}
