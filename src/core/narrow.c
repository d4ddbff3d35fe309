/* Narrowing: the bracket between the longest survivor and the first death is split by workers whose idle times stand
 * inside it already. Proving: more workers are probed close above, until losing all those probes would be next to
 * impossible. Confirming: a timer kills connections one by one as each reaches it. So some that had not reached it
 * when the first died must die later, at their own time; and none that is older may live. Meanwhile a fresh
 * connection shows that the target is well. */
#include "core/search_state.h"

#include <math.h>

#define SPLIT_STEP 0.7        /* of the room: distance of the points that split it */

#define CLOSE_BELOW 1.0       /* times the width asked for: so close below the timeout several must live */

enum { MOST_SPLITS = 8, LINKS = 2, LET_DIE = 3, FINAL_TRIES = 4 };

/* Probes that worker at that moment. False while no control is free to stand beside it. */
static bool probe_at(struct search *search, int conn, double when, double now)
{
	if (search_due(search, now, when))
		return pick_probe(search, conn, now);
	search->appointment = fmin(search->appointment, when);
	return true;
}

/* Splits the bracket (alive, dead) so that no gap between what is known and what is under way is wider than the room. */
static void plan_split(struct search *search, double now, double alive, double dead)
{
	double marks[2 * MOST_SPLITS + 64], room = search_room(search, alive);
	size_t count = 0;
	int ready = 0, planned = 0;

	marks[count++] = alive;
	for (int conn = 0; conn < search->next_conn && count < 2 * MOST_SPLITS + 60; conn++) {
		const struct life *life = &search->lives[conn];
		double idle;

		ready += crew_ready(search, conn) && crew_age(search, conn, now) < dead;
		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (life->period_count)
			idle = ledger_probe(search->ledger, life, 0)->idle;
		else if (!isnan(search->requested[conn]))
			idle = now - life->last;
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
		if (points > MOST_SPLITS - planned)
			points = MOST_SPLITS - planned;
		if (points > ready)
			points = ready;
		for (int point = 1; point <= points; point++) {
			/* A little later will do, where no control is free at once. */
			double when, step = gap / (points + 1);
			double over = fmax(step / 4, fmin(PROBE_SPACING, step / 2));
			int conn = pick_for(search, now, marks[i] + point * step, over, &when);

			if (conn >= 0 && !probe_at(search, conn, when, now))
				return;
		}
		planned += points > 0 ? points : 1;
	}
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
			weight += now - life->last > above && now - life->last <= limit;
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
	double slack = crew_is_small(search) ? fmin(PROBE_SPACING, (latest - alive) / 2) : 0;
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
	return 2 * search->bracket.dated_conns >= search->bracket.dead_conns;
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
	return crew_is_small(search) || is_dated(search) || lived >= survived - CLOSE_BELOW * search_width_asked(search, survived);
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
static void plan_survivors(struct search *search, double now, double below)
{
	double survived, expired, from;

	search_interval(search, &search->bracket, &survived, &expired);
	from = survived - 0.9 * CLOSE_BELOW * search_width_asked(search, survived);

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
	int oldest = pick_oldest(search, now, 0, search->bracket.lower);

	if (oldest >= 0 && search_due(search, now, search->survivor_due) && pick_probe(search, oldest, now))
		search->survivor_due = now + search_wait(search);
}

/* Lets connections that had not reached the timeout at the first death reach it. True when enough of them died then. */
static bool plan_confirmation(struct search *search, double now)
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
	double oldest = search->bracket.mixed ? search->bracket.dead : search->bracket.lower;

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

bool narrow_final(struct search *search, double now)
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

void plan_narrowing(struct search *search, double now, bool waiting)
{
	const struct bracket *bracket = &search->bracket;
	double dead = isnan(bracket->suspected) ? bracket->upper : fmin(bracket->suspected, isnan(bracket->upper) ? INFINITY : bracket->upper);
	double alive = bracket->alive;
	double width = search_width_asked(search, alive);
	bool narrow = !isnan(bracket->upper) && bracket->upper - alive <= width;
	double exhausted = 2 * plan_patience(search) * dead + 120;
	/* Where nothing is lost and connections are many, only contradictions keep an interval wide. */
	bool tired = search_due(search, now, search->started + plan_patience(search) * dead + 30) &&
		     (crew_is_small(search) || ledger_path(search->ledger).loss >= LOSSY);
	bool given_up = search_due(search, now, search->started + exhausted);

	if (isinf(bracket->survivor) && !linked(search))
		plan_first_survivor(search, now);
	if (!isnan(bracket->upper))
		plan_witnesses(search, now);
	if (!narrow && !(tired && !isnan(bracket->upper))) {
		if (given_up) {
			search_finish(search, SEARCH_GAVE_UP);
			return;
		}
		search->phase = "narrowing";
		/* The bounds are the middlebox's view, the points to probe are ours. */
		dead = fmax(dead - ledger_rtt_high(search->ledger) - ledger_jitter(search->ledger), alive);
		if (dead - alive > CLOSE_ENOUGH * search_room(search, alive))
			plan_split(search, now, alive, dead);
		else
			plan_proof(search, now, alive, dead);
		return;
	}
	plan_survivors(search, now, bracket->mixed ? bracket->dead : bracket->lower);

	/* A control older than the timeout shows that keepalives refresh it. */
	bool to_tell = crew_control_to_tell(search, bracket->upper, now);

	if (to_tell)
		search->next_control = fmin(search->next_control, now);

	bool fresh = narrow_final(search, now);
	bool confirmed = plan_confirmation(search, now);

	if (fresh && confirmed && !waiting && (!to_tell || crew_is_small(search)) &&
	    plan_roll_call(search, now) && !pick_pending(search))
		search_finish(search, SEARCH_ANSWERED);
	else if (given_up)
		search_finish(search, SEARCH_GAVE_UP);
}
