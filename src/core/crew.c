/* The crew: which connections there are, and what each is for.
 *
 * Workers are left idle and probed. Controls are probed often: they tell an expiry from an outage, measure loss and
 * round-trip time, and show whether keepalives refresh the timer. One control is opened later than all others (the
 * young one): a timer that keepalives do not refresh kills it later, a flush of the middlebox's table or a restart of
 * the server kills it with them. */
#include "core/search_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* The first half of the crew is opened at once, at a bounded rate. The second half follows at a constant ratio, so
 * that whatever the timeout, some are younger than the oldest by a few per cent of it: those split the bracket. */
#define OPENING_GAP 0.015     /* seconds */
#define OPENING_LAST 12.0     /* seconds, if the longest idle time is not short: then ... */
#define OPENING_SHARE 0.1     /* ... this share of it */
#define YOUNG_AFTER 10.0      /* seconds: longer than it takes to prove a death */
#define YOUNG_SHARE 0.03      /* of the run's age: renewed when it is older than that, so that it outlives the others
				 for as long as a confirmation takes */
#define CONTROL_SHARE 0.008   /* of the run's age: fine enough to date the death of a control within 1 % */
#define DOUBT_SPACING 0.7     /* seconds between probes while the path does not answer */
#define SPARE_EVERY 5.0       /* seconds between attempts to replace what was lost, at most ... */
#define SPARE_SHARE 0.1       /* ... and this share of what was outlived */

enum { MISSED_BY_LOST_CONTROL = 4, MOST_CONFIRMING = 9, PILOT_TRIES = 4, PILOTS_AT_ONCE = 3, MOST_OPENING_FAILURES = 10,
       FEW_WORKERS = 12, FAILURES_TO_LEAVE = 5, MISSED_BY_ONE = 3, MISSED_BY_SEVERAL = 2, MOST_ASKED_IN_DOUBT = 3 };

static bool is_once(const struct search *search)
{
	return search->config.strategy == STRATEGY_ONCE;
}

bool crew_ready(const struct search *search, int conn)
{
	const struct life *life = &search->lives[conn];

	return life->state == LIFE_OPEN && !life->control && !life->tainted && life->period_count == 0 &&
	       isnan(search->requested[conn]) && search->probed[conn] + search->spacing <= search->now;
}

double crew_age(const struct search *search, int conn, double now)
{
	return now + search->lead - search->lives[conn].last;
}

int crew_workers(const struct search *search)
{
	int count = 0;

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		/* One that has become older than the timeout is of no more use. */
		count += !life->control && !life->tainted && !(crew_age(search, conn, search->now) > search->bracket.upper) &&
			 (life->state == LIFE_OPENING ||
			  (life->state == LIFE_OPEN &&
			   bracket_weight(search->ledger, life) < search->bracket.weight_suspect));
	}
	return count;
}

static int occupied(const struct search *search)
{
	int count = 0;

	for (int conn = 0; conn < search->next_conn; conn++) {
		enum life_state state = search->lives[conn].state;

		count += state == LIFE_OPENING || state == LIFE_OPEN;
	}
	return count;
}

static bool room_for_times(struct search *search)
{
	size_t room = 2 * search->probes_room + 64;
	double *larger;

	if ((size_t)search->next_conn < search->probes_room)
		return true;
	larger = realloc(search->requested, room * sizeof *larger);
	if (!larger)
		return false;
	search->requested = larger;
	larger = realloc(search->probed, room * sizeof *larger);
	if (!larger)
		return false;
	search->probed = larger;
	search->probes_room = room;
	return true;
}

void crew_open(struct search *search, bool control, double now)
{
	size_t count;

	if (!ledger_open(search->ledger, search->next_conn, control, now) || !room_for_times(search)) {
		search_finish(search, SEARCH_NO_MEMORY);
		return;
	}
	search->lives = ledger_lives(search->ledger, &count);
	search->stale = true;
	search->requested[search->next_conn] = NAN;
	search->probed[search->next_conn] = -INFINITY;
	search_push(search, ACTION_OPEN, search->next_conn++);
}

static void close_connection(struct search *search, int conn)
{
	ledger_close(search->ledger, conn);
	search->stale = true;
	search_push(search, ACTION_CLOSE, conn);
}

/* A control that has left several probes unanswered. */
static bool is_lost_control(const struct life *life)
{
	return life->control && life->state == LIFE_OPEN && life->period_count >= MISSED_BY_LOST_CONTROL;
}

/* Where others answer, a silence is a control's own. */
static bool may_answer(const struct search *search, const struct life *life)
{
	if (search->in_doubt || search->controls == 1)
		return !is_lost_control(life);
	return life->period_count <= 1 && !ledger_unanswered(search->ledger, life);
}

static int answering_controls(const struct search *search)
{
	int answering = 0;

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		answering += life->control &&
			     (life->state == LIFE_OPENING || (life->state == LIFE_OPEN && may_answer(search, life)));
	}
	return answering;
}

/* A dead connection serves no more; its evidence stays in the ledger. One whose death contradicts others' lives is kept
 * until it is proven. */
static bool is_spent(const struct search *search, int conn)
{
	const struct life *life = &search->lives[conn];
	const struct bracket *bracket = &search->bracket;
	double weight = bracket_weight(search->ledger, life);

	if (life->state != LIFE_OPEN)
		return false;
	if (weight >= bracket->weight_needed || (life->tainted && !life->control))
		return true;
	return !crew_is_small(search) && weight >= WEIGHT_ICMP && ledger_probe(search->ledger, life, 0)->idle > bracket->alive;
}

/* A worker that has become older than the timeout tells no more than it has; what it told stays in the ledger. */
static bool is_outdated(const struct search *search, int conn)
{
	const struct life *life = &search->lives[conn];
	const struct sample *latest = ledger_latest_probe(search->ledger, life);

	return search->timer == TIMER_IDLE && life->state == LIFE_OPEN && !life->control && isnan(search->requested[conn]) &&
	       !(latest && latest->outcome == SAMPLE_PENDING) && !isnan(search->witnessed_at) &&
	       crew_age(search, conn, search->witnessed_at) < search->bracket.upper &&
	       crew_age(search, conn, search->now) > search->bracket.upper;
}

bool crew_make_room(struct search *search)
{
	if (occupied(search) < search->config.connections)
		return true;
	for (int conn = 0; conn < search->next_conn; conn++) {
		if (is_spent(search, conn)) {
			close_connection(search, conn);
			return true;
		}
	}
	for (int conn = 0; conn < search->next_conn; conn++) {
		if (is_outdated(search, conn)) {
			close_connection(search, conn);
			return true;
		}
	}
	/* Without a control no silence says anything: it is not known whether the path is out, or all are dead. */
	if (answering_controls(search) > 0)
		return false;
	for (int conn = 0; conn < search->next_conn; conn++) {
		if (is_lost_control(&search->lives[conn])) {
			close_connection(search, conn);
			return true;
		}
	}
	return false;
}

void crew_spare(struct search *search, bool control, double now)
{
	if (search_due(search, now, search->next_spare) && crew_make_room(search)) {
		search->wanted += !crew_complete(search);
		crew_open(search, control, now);
		double pause = SPARE_EVERY;

		if (search->bracket.alive > 0)
			pause = fmin(SPARE_EVERY, fmax(SPARE_SHARE * search->bracket.alive, search->spacing));
		/* A target that takes no more is not pestered. */
		search->next_spare = now + ldexp(pause, search->failures_in_row);
	}
}

bool crew_is_small(const struct search *search)
{
	return search->wanted - search->controls < FEW_WORKERS;
}

bool crew_complete(const struct search *search)
{
	return search->next_conn >= search->wanted || search->opening_failures >= MOST_OPENING_FAILURES;
}

/* The very first connection goes alone: a target that refuses is asked once, not a hundred times. Where a lost SYN would
 * cost the time that there is, a few go. */
static bool pilot_landed(struct search *search, double now)
{
	int pilots = is_once(search) ? PILOTS_AT_ONCE : 1;

	for (int conn = 0; conn < search->next_conn; conn++)
		if (!isnan(search->lives[conn].opened))
			return true;
	if (search->lives[search->next_conn - 1].state == LIFE_OPENING) {
		if (search->next_conn < pilots && search->next_conn < search->wanted &&
		    search_due(search, now, search->started + OPENING_GAP * search->next_conn))
			crew_open(search, false, now);
		return false;
	}
	if (search->last_error == ETIMEDOUT && search->next_conn < PILOT_TRIES)
		crew_open(search, true, now);
	else
		search_finish(search, SEARCH_UNREACHABLE);
	return false;
}

/* Seconds after the first connection at which this one is opened. */
static double opening_time(const struct search *search, int conn)
{
	int half = search->wanted / 2;
	double last = fmin(OPENING_LAST, OPENING_SHARE * search->config.max_idle);
	double first_half = OPENING_GAP * (half + 1);

	if (is_once(search))
		return fmax(once_opening(search, conn), OPENING_GAP * conn);
	if (conn <= half)
		return OPENING_GAP * conn;
	return first_half * pow(fmax(last / first_half, 2), (double)(conn - half) / (search->wanted - half));
}

/* All but the young one stand at equal distances among the workers, so that their ages differ. */
static bool is_place_of_control(const struct search *search, int conn)
{
	int apart = search->controls > 1 ? search->wanted / (search->controls - 1) : search->wanted;

	return conn % apart == 0 && conn / apart < search->controls - 1;
}

static void open_first_crew(struct search *search, double now)
{
	if (search->next_conn == 0) {
		crew_open(search, true, now);
		return;
	}
	if (!pilot_landed(search, now))
		return;
	while (!crew_complete(search) && occupied(search) < search->config.connections &&
	       search_due(search, now, search->next_open)) {
		crew_open(search, is_place_of_control(search, search->next_conn), now);
		search->next_open = fmax(search->started + opening_time(search, search->next_conn), now + OPENING_GAP / 2);
	}
}

static bool suspicion(const struct search *search)
{
	return !isnan(search->bracket.since) || search->bracket.dead_conn >= 0;
}

static void keep_young(struct search *search, double now)
{
	double after = is_once(search) ? fmin(YOUNG_AFTER, search->config.max_idle / 3) : YOUNG_AFTER;

	if (search->controls < 3 || suspicion(search))
		return;
	if (search->young < 0) {
		if (!search_due(search, now, search->started + after))
			return;
	} else {
		const struct life *young = &search->lives[search->young];
		double due = search->started + (young->asked_at - search->started) / YOUNG_SHARE;

		if (young->state == LIFE_OPENING)
			return;
		if (young->state == LIFE_OPEN) {
			if (!search_due(search, now, due))
				return;
			close_connection(search, search->young);
		} else if (!search_due(search, now, young->asked_at + SPARE_EVERY)) {
			return;
		}
	}
	if (!crew_make_room(search))
		return;
	search->young = search->next_conn;
	search->wanted += !crew_complete(search);
	crew_open(search, true, now);
}

/* A probe at once, and again until one is answered: then the handshake is known to be over, and the idle time counts. */
static void confirm_handshakes(struct search *search, double now)
{
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (life->state != LIFE_OPEN || life->confirmed || !isnan(search->requested[conn]) ||
		    (life->period_count > 0 && (search->in_doubt || !ledger_unanswered(search->ledger, life))))
			continue;
		double due = search->probed[conn] + fmax(SPACING, search->config.spacing);

		/* What the far side sent is confirmed at once, and that begins with its banner. */
		if (search->config.far && !life->period_count)
			due = life->last_inbound ? now : life->opened + SPACING_FAR;
		if (life->period_count >= MOST_CONFIRMING && !life->control)
			close_connection(search, conn);
		else if (search_due(search, now, due))
			search_confirm(search, conn, now);
	}
}

static bool is_living_control(const struct search *search, int conn)
{
	const struct life *life = &search->lives[conn];

	return life->control && life->state == LIFE_OPEN;
}

bool crew_probe_control(struct search *search, double now)
{
	int best = -1;
	bool best_silent = true;

	for (int conn = 0; conn < search->next_conn; conn++) {
		if (!is_living_control(search, conn))
			continue;

		/* One that is silent is no good witness, for it may be dead. */
		bool here = search->probed[conn] >= now - 1e-6;
		bool silent = search->lives[conn].period_count > 0 && !here;

		if (here && !silent)
			return true;
		if (best < 0 || silent < best_silent ||
		    (silent == best_silent && search->probed[conn] < search->probed[best])) {
			best = conn;
			best_silent = silent;
		}
	}
	if (best < 0 || !search_due(search, now, search->probed[best] + search->spacing))
		return false;
	search_request(search, best, now);
	return true;
}

bool crew_control_to_tell(const struct search *search, double age, double now)
{
	bool to_tell = false;

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (!life->control)
			continue;
		if (life->last_reply - life->opened > age)
			return false;
		to_tell |= life->state == LIFE_OPEN && now - life->opened > age;
	}
	return to_tell;
}

/* To make room for another, which does not know yet whether the path works. */
static bool was_given_up(const struct life *life)
{
	return life->state == LIFE_CLOSED && life->period_count >= MISSED_BY_LOST_CONTROL;
}

/* The path is in doubt while a control is unanswered and no probe at all was answered since it was asked. A handshake is no
 * answer: what drops keepalives may well let connections open, as a firewall does that looks at sequence numbers. */
bool crew_in_doubt(const struct search *search)
{
	double heard = -INFINITY, asked = -INFINITY;

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (life->last_reply > fmax(heard, life->opened))
			heard = life->last_reply;
		if (!life->control || !life->period_count || (life->state != LIFE_OPEN && !was_given_up(life)))
			continue;

		if (ledger_unanswered(search->ledger, life) || life->period_count > 1)
			asked = fmax(asked, ledger_probe(search->ledger, life, 0)->at);
	}
	return asked > heard;
}

/* Where there is one control, it is kept free for a worker whose moment is near, if it outlives the wait. */
static bool keeps_appointment(struct search *search, double now)
{
	if (search->controls > 1 || search->in_doubt || !(search->appointment < now + search->spacing) ||
	    search_due(search, now, search->appointment))
		return false;
	for (int conn = 0; conn < search->next_conn; conn++)
		if (is_living_control(search, conn) && search->appointment - search->lives[conn].last > search->bracket.alive)
			return false;
	return true;
}

/* All connections are gone, or none answers, and the target takes no new ones. */
static bool is_deserted(const struct search *search)
{
	return search->failures_in_row >= FAILURES_TO_LEAVE &&
	       (occupied(search) == 0 || (search->in_doubt && search->last_error == ECONNREFUSED));
}

/* Where keepalives do not help, a control soon dies as well: there must be one that is young enough to go on. */
static bool has_fresh_control(const struct search *search, double now)
{
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (life->control && (life->state == LIFE_OPENING ||
				      (life->state == LIFE_OPEN && now - life->opened < search->bracket.alive / 2)))
			return true;
	}
	return false;
}

/* Controls that have not been asked since know at once whether it is the path. */
static void ask_other_controls(struct search *search, double now)
{
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (is_living_control(search, conn) && !life->period_count && isnan(search->requested[conn]) &&
		    search_due(search, now, search->probed[conn] + search->spacing))
			search_request(search, conn, now);
	}
}

/* All controls may have died at one age, of a timer that they do not refresh: then the workers opened last answer, and it
 * is not the path. A few are asked, for in an outage all that are asked are lost to the search for a while. */
static void ask_youngest(struct search *search, double now)
{
	int youngest = -1, missed = 0;

	for (int conn = 0; conn < search->next_conn; conn++) {
		if (is_living_control(search, conn))
			missed += (int)search->lives[conn].period_count;
		if (crew_ready(search, conn) && (youngest < 0 || search->lives[conn].opened > search->lives[youngest].opened))
			youngest = conn;
	}
	if (youngest < 0 || search->asked_in_doubt >= MOST_ASKED_IN_DOUBT ||
	    missed < (search->controls > 1 ? MISSED_BY_SEVERAL : MISSED_BY_ONE))
		return;
	search->asked_in_doubt++;
	search_request(search, youngest, now);
}

void crew_plan(struct search *search, double now)
{
	double age = now - search->started;

	if (!crew_complete(search))
		open_first_crew(search, now);
	if (search->end != SEARCH_RUNNING || search->next_conn == 0)
		return;
	if (crew_complete(search) && is_deserted(search)) {
		search_finish(search, SEARCH_ANSWERED); /* there is nobody left to ask */
		return;
	}
	if (!search->in_doubt)
		search->asked_in_doubt = 0;
	confirm_handshakes(search, now);
	if (search->next_conn > 1)
		keep_young(search, now);
	if (answering_controls(search) == 0 || (search->timer == TIMER_AGE && !has_fresh_control(search, now)))
		crew_spare(search, true, now);
	else if (crew_complete(search) && !search->in_doubt && !is_once(search) &&
		 search->workers < fmin(search->wanted - search->controls, FEW_WORKERS))
		crew_spare(search, false, now);
	if (search->in_doubt) {
		ask_other_controls(search, now);
		search->next_control = fmin(search->next_control, now + DOUBT_SPACING);
	}
	if (search_due(search, now, search->next_control) && !keeps_appointment(search, now)) {
		/* Half of the shortest idle time searched, for it must outlive that; but one alone must often be free to
		 * stand beside a worker. */
		/* They take turns, and each must outlive all others' turns. */
		double share = fmax(CONTROL_SHARE * age, search->config.spacing);
		double pause = fmin(share, search->bracket.alive / 2 / search->controls);
		double quick = fmax(search->config.min_idle / (search->controls > 1 ? 2 : 1), 0.1);

		quick = fmin(quick, search->controls > 1 ? 0.5 : 1);
		if (search->in_doubt)
			ask_youngest(search, now);
		if (crew_probe_control(search, now))
			search->next_control = now + (search->in_doubt ? DOUBT_SPACING : fmax(pause, quick));
		search_due(search, now, search->next_control);
	}
}
