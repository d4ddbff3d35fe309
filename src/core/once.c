/* Once: no longer than the longest idle time is waited, for `check`. The first connections are left idle for all of it, and
 * tell pass or fail. Others tell between which two times a shorter timeout lies: some are asked earlier, and some are
 * opened later. A timer kills both kinds at one idle time; what kills many at one moment (an eviction, a flush) does
 * not.
 *
 * Where something dies so early that there is time to see it again, fresh connections are left idle for about as long, and
 * the rest is not waited for. */
#include "core/search_state.h"

#include <math.h>

#define LASTING 0.5    /* of the crew, which are left idle to the end; ... */
#define EARLIER 0.75   /* ... up to here those that are asked earlier; the rest is opened later */
#define SHORTEST 0.02  /* of the longest idle time */
#define HELD_UP 0.3    /* seconds by which one may be younger than the others */
#define PATIENCE 3.8   /* seconds that all may take beside the longest idle time: silence takes some to be proven */

enum { AGAIN = 6 /* fresh connections */ };

static bool is_lasting(const struct search *search, int conn)
{
	return conn < fmax(LASTING * search->config.connections, 2);
}

static bool is_opened_later(const struct search *search, int conn)
{
	return conn >= EARLIER * search->config.connections && !is_lasting(search, conn);
}

static bool is_again(const struct search *search, int conn)
{
	return search->again >= 0 && conn >= search->again && conn < search->again + AGAIN;
}

/* The idle time at which this worker is to be asked. Those that are asked earlier and those that are opened later stand
 * between each other. */
static double idle_asked(const struct search *search, int conn)
{
	double crew = search->config.connections, longest = search->config.max_idle;
	double lasting = fmax(LASTING * crew, 2), earlier = EARLIER * crew;
	double share;

	if (is_again(search, conn))
		return search->again_to * pow(search->again_from / search->again_to, (conn - search->again) / (AGAIN - 1.0));
	if (is_lasting(search, conn))
		return longest;
	if (is_opened_later(search, conn))
		share = (conn - earlier + 0.5) / (crew - earlier);
	else
		share = (conn - lasting + 1) / (earlier - lasting + 1);
	return fmax(longest * pow(SHORTEST, share), search->config.min_idle);
}

double once_opening(const struct search *search, int conn)
{
	return is_opened_later(search, conn) ? fmax(search->config.max_idle - idle_asked(search, conn), 0) : 0;
}

/* Has it been asked, or will it not be? Its handshake was over soon, and there was nothing else to answer since. */
static bool is_through(const struct search *search, int conn)
{
	const struct life *life = &search->lives[conn];

	return life->control || life->tainted || (life->state != LIFE_OPENING && life->state != LIFE_OPEN) ||
	       (life->confirmed && life->period_count > 0) || life->last_reply - life->opened > idle_asked(search, conn) / 2;
}

/* By the middlebox's clock the whole of an idle time is to pass. */
static double spare(const struct search *search)
{
	return ledger_rtt_high(search->ledger) + 2 * ledger_jitter(search->ledger);
}

/* When what is left idle to the end has been idle for the longest time. One whose handshake was held up by losses is not
 * waited for. */
static double end_of_waiting(const struct search *search, double now)
{
	double oldest = 0, youngest = INFINITY;

	for (int conn = 0; conn < search->next_conn && is_lasting(search, conn); conn++)
		if (!is_through(search, conn) && search->lives[conn].confirmed)
			oldest = fmax(oldest, crew_age(search, conn, now));
	for (int conn = 0; conn < search->next_conn && is_lasting(search, conn); conn++)
		if (!is_through(search, conn) && search->lives[conn].confirmed && crew_age(search, conn, now) > oldest - HELD_UP)
			youngest = fmin(youngest, crew_age(search, conn, now));
	return isinf(youngest) ? now : now + search->config.max_idle + spare(search) - youngest;
}

/* Asks those whose time has come, of the first crew at the end all at once. True while there are some whose time will
 * come. */
static bool plan_workers(struct search *search, double now)
{
	bool again = search->again >= 0, any = !again && !crew_complete(search);
	double end = end_of_waiting(search, now);

	for (int conn = again ? search->again : 0; conn < search->next_conn; conn++) {
		bool at_end = !again && (is_lasting(search, conn) || is_opened_later(search, conn));

		if (is_through(search, conn) || (again && !is_again(search, conn)))
			continue;
		any = true;
		if (!crew_ready(search, conn) || !search->lives[conn].confirmed)
			continue;

		double left = idle_asked(search, conn) + spare(search) - crew_age(search, conn, now);

		if (search_due(search, now, at_end ? end : now + left))
			pick_probe(search, conn, now);
	}
	return any;
}

/* Opens fresh connections, if there is time to see them die. */
static void see_again(struct search *search, double now)
{
	const struct bracket *bracket = &search->bracket;
	double last = search->started + search->config.max_idle - HELD_UP;

	if (search->again >= 0 || isnan(bracket->upper) || now + bracket->upper > last)
		return;
	search->again = search->next_conn;
	search->again_from = fmax(bracket->alive, search->config.min_idle);
	search->again_to = fmax(bracket->upper, search->again_from);
	/* The longest first: where there is no room for all, that one counts. */
	for (int i = 0; i < AGAIN && crew_make_room(search); i++)
		crew_open(search, false, now);
	if (search->next_conn == search->again)
		search->again = -1; /* there was no room for any */
	else
		search->wanted = search->next_conn; /* nothing else is needed */
}

/* The first sign of a connection's death; NULL where it lives, as far as is known. */
static const struct sample *sign_of_death(const struct search *search, int conn)
{
	return ledger_probe(search->ledger, &search->lives[conn], 0);
}

bool search_seen_once(const struct search *search)
{
	if (search->config.strategy != STRATEGY_ONCE)
		return false;
	for (int conn = 0; conn < search->next_conn; conn++)
		if (is_again(search, conn) && !search->lives[conn].control && sign_of_death(search, conn))
			return false;
	return true;
}

/* Of those that were left idle to the end some live, and others, which were no older, died. */
static bool fates_differ(const struct search *search)
{
	double lived = 0, died = INFINITY;

	for (int conn = 0; conn < search->next_conn && is_lasting(search, conn) && search->again < 0; conn++) {
		const struct life *life = &search->lives[conn];

		if (life->control || life->tainted || isnan(life->opened))
			continue;
		if (sign_of_death(search, conn))
			died = fmin(died, sign_of_death(search, conn)->idle);
		else if (life->state != LIFE_ENDED)
			lived = fmax(lived, life->last_reply - life->opened);
	}
	return lived > died - HELD_UP;
}

static void finish(struct search *search)
{
	search_finish(search, search->in_doubt ? SEARCH_PATH_OUT : fates_differ(search) ? SEARCH_GAVE_UP : SEARCH_ANSWERED);
}

double once_limit(const struct search *search)
{
	return search->config.max_idle + PATIENCE - search->config.spent;
}

bool once_over(struct search *search, double now)
{
	if (search_due(search, now, search->started + once_limit(search)))
		finish(search);
	return search_done(search);
}

void plan_once(struct search *search, double now, bool waiting)
{
	bool expired = !isnan(search->bracket.upper);

	search->phase = expired ? "confirming" : "waiting";
	see_again(search, now);
	if (plan_workers(search, now))
		return;
	if (search->again >= 0)
		confirm_early(search, now);
	if (waiting || pick_pending(search))
		return;
	if (!expired || confirm_fresh(search, now))
		finish(search);
}
