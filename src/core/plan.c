/* Which idle times to probe next.
 *
 * Scouting: the worker that has been idle longest is probed at growing idle times, a fixed ratio apart, until one does
 * not answer. Each that answers is fresh again, and takes its next turn when its idle time has grown enough.
 * Narrowing: the bracket between the longest survivor and the first death is split by workers whose idle times stand inside it
 * already. Proving: more workers are probed close above, until losing all those probes would be next to impossible.
 * Confirming: a timer kills connections one by one as each reaches it. So some that had not reached it when the first died
 * must die later, at their own time; and none that is older may live. Last, a fresh connection shows that the target is well.
 *
 * In all phases those that did not answer are asked again in rounds, together with the controls. */
#include "core/search_state.h"

#include <math.h>
#include <stddef.h>

#define CLOSE_ENOUGH 0.92     /* of the room: a bracket this narrow is not split any more */
#define SPLIT_STEP 0.7        /* of the room: distance of the points that split it */
#define LOSSY 0.01            /* share of probes lost from which on a wide interval is accepted */
#define LONGEST_DOUBT 120.0   /* seconds without any answer, after which the path counts as out */
#define MIXED_LIMIT 0.25      /* of the timeout: a zone of mixed fates wider than this is no timeout (contract) */

enum { MOST_SPLITS = 8, WITNESSES_AT_ONCE = 2, LATER_CONNS = 2, LATER_WEIGHT = 3, FINAL_TRIES = 4, LAST_WORKERS = 4, MOST_ASKED = 24 };

/* All that is too long: the interval stays wider than asked for, or there is no answer. */
static double patience(const struct search *search)
{
	int workers = search->wanted - search->controls;

	return 1.5 + 20.0 / (workers > 0 ? workers : 1);
}

static const struct sample *sample_of(const struct search *search, size_t number)
{
	size_t count;

	return &ledger_samples(search->ledger, &count)[number];
}

static const struct sample *first_probe(const struct search *search, const struct life *life)
{
	return life->period_count ? sample_of(search, life->period[0]) : NULL;
}

/* A living connection whose latest probe went unanswered. */
static bool is_suspect(const struct search *search, int conn)
{
	const struct life *life = ledger_life(search->ledger, conn);

	if (life->state != LIFE_OPEN || !life->period_count)
		return false;

	enum sample_outcome outcome = sample_of(search, life->period[life->period_count - 1])->outcome;

	return outcome == SAMPLE_SILENT || outcome == SAMPLE_ICMP;
}

static double time_at_first_probe(const struct search *search, const struct life *life)
{
	const struct sample *first = first_probe(search, life);

	return search->timer == TIMER_IDLE ? first->idle : first->age;
}

/* Does the answer depend on this suspect's being asked again? */
static bool needs_round(const struct search *search, int conn)
{
	const struct life *life = ledger_life(search->ledger, conn);
	const struct bracket *bracket = &search->bracket;
	double weight = bracket_weight(search->ledger, life);

	if (weight >= bracket->weight_needed)
		return false;
	if (life->control || time_at_first_probe(search, life) <= bracket->alive || isnan(bracket->upper))
		return true;
	/* A small crew learns all it can from each death; a large one has more to come. */
	return crew_is_small(search) || weight < bracket->weight_suspect;
}

static int oldest_ready(const struct search *search, double now, double older_than)
{
	int oldest = -1;

	for (int conn = 0; conn < search->next_conn; conn++)
		if (crew_ready(search, conn) && crew_age(search, conn, now) > older_than &&
		    (oldest < 0 || crew_age(search, conn, now) > crew_age(search, oldest, now)))
			oldest = conn;
	return oldest;
}

/* Asks the suspects again, together with a control. True if there are suspects to wait for. */
static bool plan_rounds(struct search *search, double now)
{
	bool waiting = false, alarm = false;
	int asked = 0;
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = ledger_life(search->ledger, conn);

		if (!is_suspect(search, conn) || !needs_round(search, conn))
			continue;
		waiting = true;
		if (crew_in_doubt(search) || !isnan(search->requested[conn]) ||
		    !search_due(search, now, search->probed[conn] + PROBE_SPACING) || !crew_probe_control(search, now))
			continue;
		if (search->probed[conn] < now && asked++ < MOST_ASKED)
			search_request(search, conn, now);
		alarm |= !life->control && time_at_first_probe(search, life) > search->bracket.alive;
	}
	/* Others nearly as old are witnesses: they answer, or add to the evidence. */
	for (int i = 0; alarm && isnan(search->bracket.suspected) && i < WITNESSES_AT_ONCE; i++) {
		int witness = oldest_ready(search, now, search->bracket.alive);

		if (witness >= 0)
			search_request(search, witness, now);
	}
	return waiting;
}

/* The worker to probe at idle time `idle`: one that has been idle for it, or a little longer (`over`), else the one that will be
 * soonest. Returns -1 without any, and the moment in `when`. */
static int worker_for(struct search *search, double now, double idle, double over, double *when)
{
	int best = -1;

	*when = INFINITY;
	for (int conn = 0; conn < search->next_conn; conn++) {
		if (!crew_ready(search, conn))
			continue;

		double age = crew_age(search, conn, now);
		double moment = age >= idle ? now : now + idle - age;

		if (age > idle + over)
			continue;
		if (moment < *when || (best >= 0 && moment == *when && age < crew_age(search, best, now))) {
			best = conn;
			*when = moment;
		}
	}
	return best;
}

/* Probes the connection, and with it a control, so that an unanswered probe says something. Where no control is free, it waits. */
static bool probe_paired(struct search *search, int conn, double now)
{
	if (!crew_probe_control(search, now))
		return false;
	search_request(search, conn, now);
	return true;
}

/* Is the answer to a probe of a worker still to come? */
static bool is_pending(const struct search *search)
{
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = ledger_life(search->ledger, conn);

		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (!isnan(search->requested[conn]) ||
		    (life->period_count && sample_of(search, life->period[life->period_count - 1])->outcome == SAMPLE_PENDING))
			return true;
	}
	return false;
}

/* Idle times of probes that are out: their answers are as good as expected. */
static double longest_pending(const struct search *search, double now)
{
	double longest = 0;

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = ledger_life(search->ledger, conn);

		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (life->period_count)
			longest = fmax(longest, first_probe(search, life)->idle);
		else if (!isnan(search->requested[conn]))
			longest = fmax(longest, now - life->last);
	}
	return longest;
}

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

static void plan_scout(struct search *search, double now)
{
	double reached = fmax(search->bracket.alive, longest_pending(search, now));
	double when, next = next_scout(search, reached);

	search->phase = "searching";
	if (reached >= search->config.max_idle)
		return;

	int scout = worker_for(search, now, next, INFINITY, &when);

	/* Of those that are old enough, the youngest: the others stay for later. */
	if (scout >= 0 && search_due(search, now, when)) {
		crew_probe_control(search, now);
		search_request(search, scout, now);
	}
}

/* The range is used up and nothing died: a few more of the oldest are asked, for a path may be split over several boxes. */
static void plan_last(struct search *search, double now)
{
	const double nearly = 0.97 * search->config.max_idle;
	size_t count;
	const struct sample *samples = ledger_samples(search->ledger, &count);
	int survivors = 0, oldest;

	search->phase = "confirming";
	for (size_t i = count; i-- > 0;)
		survivors += (samples[i].outcome == SAMPLE_ALIVE || samples[i].outcome == SAMPLE_UNASKED) &&
			     samples[i].idle >= nearly;
	oldest = oldest_ready(search, now, nearly);
	if (survivors >= LAST_WORKERS || oldest < 0)
		search_finish(search, SEARCH_ANSWERED);
	else if (longest_pending(search, now) <= 0)
		probe_paired(search, oldest, now);
}

/* Splits the bracket (alive, dead) so that no gap between what is known and what is under way is wider than the room. */
static void plan_split(struct search *search, double now, double alive, double dead)
{
	double marks[2 * MOST_SPLITS + 64], room = search_room(search, alive);
	size_t count = 0;
	int ready = 0, planned = 0;

	marks[count++] = alive;
	for (int conn = 0; conn < search->next_conn && count < 2 * MOST_SPLITS + 60; conn++) {
		const struct life *life = ledger_life(search->ledger, conn);
		double idle;

		ready += crew_ready(search, conn) && crew_age(search, conn, now) < dead;
		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (life->period_count)
			idle = first_probe(search, life)->idle;
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
			double when, step = gap / (points + 1);
			int conn = worker_for(search, now, marks[i] + point * step, step / 4, &when);

			if (conn >= 0 && search_due(search, now, when) && !probe_paired(search, conn, now))
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
		const struct life *life = ledger_life(search->ledger, conn);

		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (!isnan(search->requested[conn]))
			weight += now - life->last > above && now - life->last <= limit;
		for (size_t k = 0; k < life->period_count; k++) {
			const struct sample *sample = sample_of(search, life->period[k]);

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
	double target = fmin(fmax(dead, alive + 0.6 * (latest - alive)), latest);
	double weight = bracket_evidence(search->ledger, TIMER_IDLE, &search->bracket, limit) +
			prospective(search, now, alive, latest);

	for (int i = 0; weight < search->bracket.weight_needed && i < 2 * MOST_SPLITS; i++, weight++) {
		double when;
		int conn = worker_for(search, now, target, latest - target, &when);

		if (conn < 0)
			return;
		if (!search_due(search, now, when) || !probe_paired(search, conn, now))
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
		    crew_age(search, conn, search->witnessed_at) > search->bracket.upper && !probe_paired(search, conn, now))
			return;
}

/* Asks some that are a little younger than the timeout: all must live. Every second only: the others will show that
 * they die when their time comes. */
static void plan_survivors(struct search *search, double now, double below)
{
	const double nearly = 0.93;
	int taken = 0;

	for (int conn = 0; conn < search->next_conn && taken < search->bracket.crowd; conn++) {
		double age = crew_age(search, conn, now);

		if (!crew_ready(search, conn) || age >= below || age < nearly * below || conn % 2)
			continue;
		if (!probe_paired(search, conn, now))
			return;
		taken++;
	}
	search->survivors_asked = true;
}

/* Asks the oldest that is younger than the timeout: from then on, what is younger than it and dies was killed by no
 * single event. */
static void plan_first_survivor(struct search *search, double now)
{
	int oldest = -1;

	for (int conn = 0; conn < search->next_conn; conn++)
		if (crew_ready(search, conn) && crew_age(search, conn, now) < search->bracket.lower &&
		    (oldest < 0 || crew_age(search, conn, now) > crew_age(search, oldest, now)))
			oldest = conn;
	if (oldest >= 0 && search_due(search, now, search->survivor_due) && probe_paired(search, oldest, now))
		search->survivor_due = now + search_wait(search);
}

/* Lets connections that had not reached the timeout at the first death reach it. True when enough of them died then. */
static bool plan_confirmation(struct search *search, double now)
{
	const struct bracket *bracket = &search->bracket;
	double when;
	int conn;

	if (bracket->later_conns >= LATER_CONNS && bracket->later_evidence >= LATER_WEIGHT &&
	    bracket->dead_conns >= bracket->crowd)
		return !is_pending(search);
	conn = worker_for(search, now, bracket->upper, INFINITY, &when);
	if (conn >= 0 && search_due(search, now, when))
		probe_paired(search, conn, now);
	return false;
}

/* A fresh connection at the end: does the target still take one? True once that is known. */
static bool plan_final(struct search *search, double now)
{
	search->phase = "confirming";
	if (search->final_conn >= 0) {
		enum life_state state = ledger_life(search->ledger, search->final_conn)->state;

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

static void plan_narrowing(struct search *search, double now, bool waiting)
{
	const struct bracket *bracket = &search->bracket;
	double dead = isnan(bracket->suspected) ? bracket->upper : fmin(bracket->suspected, isnan(bracket->upper) ? INFINITY : bracket->upper);
	double alive = bracket->alive;
	double width = search_width_asked(search, alive);
	bool narrow = !isnan(bracket->upper) && bracket->upper - alive <= width;
	double exhausted = 2 * patience(search) * dead + 120;
	/* Where nothing is lost and connections are many, only contradictions keep an interval wide. */
	bool tired = search_due(search, now, search->started + patience(search) * dead + 30) &&
		     (crew_is_small(search) || ledger_path(search->ledger).loss >= LOSSY);
	bool given_up = search_due(search, now, search->started + exhausted);

	if (isinf(bracket->survivor))
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
	if (!search->survivors_asked)
		plan_survivors(search, now, bracket->mixed ? bracket->dead : bracket->lower);

	/* A control older than the timeout shows that keepalives refresh it. */
	if (!crew_control_outlived(search, bracket->upper))
		search->next_control = fmin(search->next_control, now);

	bool fresh = plan_final(search, now);
	bool confirmed = plan_confirmation(search, now);

	if (fresh && confirmed && !waiting && (crew_control_outlived(search, bracket->upper) || crew_is_small(search)))
		search_finish(search, SEARCH_ANSWERED);
	else if (given_up)
		search_finish(search, SEARCH_GAVE_UP);
}

/* Asks every connection once: who lives and who does not? */
static void plan_census(struct search *search, double now)
{
	if (!crew_probe_control(search, now))
		return;
	search->census_taken = true;
	for (int conn = 0; conn < search->next_conn; conn++)
		if (crew_ready(search, conn))
			search_request(search, conn, now);
}

bool search_control_died(const struct search *search)
{
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = ledger_life(search->ledger, conn);

		if (life->control && bracket_weight(search->ledger, life) >= search->bracket.weight_needed)
			return true;
	}
	return false;
}

/* Until when this connection is known to have lived: what closed by itself lived until then. */
static double lived_until(const struct search *search, const struct life *life)
{
	const struct sample *latest = life->period_count ? sample_of(search, life->period[life->period_count - 1]) : NULL;

	if (latest && !latest->asked && (latest->outcome == SAMPLE_RESET || latest->outcome == SAMPLE_FIN))
		return latest->at - ledger_rtt_high(search->ledger);
	return life->last_reply;
}

bool search_some_outlived(const struct search *search)
{
	double died = INFINITY, heard = NAN;

	/* The first of those that are proven dead: when it was last heard of, and when it showed. */
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = ledger_life(search->ledger, conn);

		if (bracket_weight(search->ledger, life) < search->bracket.weight_needed)
			continue;
		for (size_t k = 0; k < life->period_count; k++) {
			const struct sample *sample = sample_of(search, life->period[k]);
			bool sign = sample->paired || life->state == LIFE_ENDED;

			if (sign && sample->at < died) {
				died = sample->at;
				heard = lived_until(search, life);
			}
		}
	}
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = ledger_life(search->ledger, conn);

		if (life->opened <= heard && lived_until(search, life) > died + search_wait(search))
			return true;
	}
	return false;
}

/* Fates differ more than one timer of the last segment explains. */
static void plan_contradiction(struct search *search, double now, bool waiting)
{
	const struct bracket *bracket = &search->bracket;

	search->phase = "checking";
	if (!search->census_taken)
		plan_census(search, now);
	if (waiting || is_pending(search))
		return;
	if (search->timer == TIMER_IDLE)
		search_finish(search, SEARCH_ANSWERED); /* neither idle time nor age explains it: say so */
	else if (!isnan(bracket->upper) && search_some_outlived(search)) {
		if (plan_final(search, now))
			search_finish(search, SEARCH_ANSWERED);
	}
	else if (now - search->started > 3 * bracket->alive + 120)
		search_finish(search, SEARCH_ANSWERED);
}

/* The far end speaks by itself, again and again, before a longer idle time can be tried. */
static bool endpoint_speaks(const struct search *search)
{
	double longest = 0;
	int spoken = 0, again = 0;
	size_t count;
	const struct sample *samples = ledger_samples(search->ledger, &count);

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = ledger_life(search->ledger, conn);

		spoken += life->unasked;
		again += life->unasked > 1;
	}
	if (!again || spoken < 3)
		return false;
	for (size_t i = 0; i < count; i++)
		if (samples[i].outcome == SAMPLE_UNASKED)
			longest = fmax(longest, samples[i].idle);
	return search->bracket.alive <= 1.1 * longest + 1;
}

static bool gave_up(struct search *search, double now)
{
	if (crew_in_doubt(search)) {
		if (isnan(search->doubt_since))
			search->doubt_since = now;
		search->phase = "waiting for the path";
		if (search_due(search, now, search->doubt_since + LONGEST_DOUBT + 0.05 * (search->doubt_since - search->started)))
			search_finish(search, SEARCH_PATH_OUT);
		return search->end != SEARCH_RUNNING;
	}
	search->doubt_since = NAN;
	if (search_due(search, now, search->started + 2 * patience(search) * search->config.max_idle + 120))
		search_finish(search, SEARCH_GAVE_UP);
	return search->end != SEARCH_RUNNING;
}

void plan_search(struct search *search, double now)
{
	const struct bracket *bracket = &search->bracket;

	if (gave_up(search, now))
		return;

	bool waiting = plan_rounds(search, now);

	if (!isnan(search->doubt_since))
		return;
	if (endpoint_speaks(search)) {
		search_finish(search, SEARCH_ENDPOINT_SPEAKS);
		return;
	}
	if (search->timer == TIMER_AGE || search_control_died(search) ||
	    (bracket->mixed && bracket->alive - bracket->dead > MIXED_LIMIT * bracket->alive))
		plan_contradiction(search, now, waiting);
	else if (!isnan(bracket->suspected) || !isnan(bracket->upper))
		plan_narrowing(search, now, waiting);
	else if (waiting)
		search->phase = "checking";
	else if (bracket->alive >= search->config.max_idle - 2 * ledger_jitter(search->ledger))
		plan_last(search, now);
	else
		plan_scout(search, now);
}
