/* Contradictions: fates that no timer of the last segment explains. A timer that keepalives do not refresh kills by
 * age; a restart of the server or a flush of the middlebox's table kills all at one moment; several boxes, or evictions,
 * leave fates mixed. And a far end that speaks by itself lets nothing idle at all. */
#include "core/search_state.h"

#include <math.h>

#define CENSUS_LASTS 60.0     /* seconds, after which nobody is waited for any more */
#define AGE_PATIENCE 1.3      /* times the timeout: then an interval that is an answer stays as wide as it is; and ... */
#define AGE_PATIENCE_WIDE 2.5 /* ... one that is none, or where probes stand far apart */

/* Asks every connection once: who lives and who does not? */
static void plan_census(struct search *search, double now)
{
	if (!crew_probe_control(search, now))
		return;
	search->census_at = now;
	for (int conn = 0; conn < search->next_conn; conn++)
		if (crew_ready(search, conn))
			search_request(search, conn, now);
}

/* Of all together: a timer that keepalives do not refresh kills one soon after another. */
bool search_control_died(const struct search *search)
{
	double weight = 0;

	for (int conn = 0; conn < search->next_conn; conn++)
		if (search->lives[conn].control)
			weight += bracket_weight(search->ledger, &search->lives[conn]);
	return weight >= search->bracket.weight_needed;
}

/* Until when this connection is known to have lived: what closed by itself lived until then. */
static double lived_until(const struct search *search, const struct life *life)
{
	const struct sample *latest = life->period_count ? ledger_latest_probe(search->ledger, life) : NULL;

	if (latest && !latest->asked && (latest->outcome == SAMPLE_RESET || latest->outcome == SAMPLE_FIN))
		return latest->at - ledger_rtt_high(search->ledger);
	return life->last_reply;
}

/* When this connection, which is proven dead, first gave a sign of it; INFINITY without one that counts. */
static double died_by(const struct search *search, const struct life *life)
{
	for (size_t k = 0; k < life->period_count; k++) {
		const struct sample *sample = ledger_probe(search->ledger, life, k);

		if (sample->paired || life->state == LIFE_ENDED)
			return sample->at;
	}
	return INFINITY;
}

bool search_some_outlived(const struct search *search)
{
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *dead = &search->lives[conn];

		if (bracket_weight(search->ledger, dead) < search->bracket.weight_needed)
			continue;

		double heard = lived_until(search, dead), died = died_by(search, dead);

		for (int other = 0; other < search->next_conn; other++) {
			const struct life *life = &search->lives[other];

			if (life->opened <= heard && lived_until(search, life) > died + search_wait(search))
				return true;
		}
	}
	return false;
}

/* An age is reached but once, but a probe does not put it off: each worker that is not older than the timeout is asked again
 * and again as it comes to it. False once that tells no more. */
static bool narrow_age(struct search *search, double now)
{
	const struct bracket *bracket = &search->bracket;
	double target = bracket->alive + search_room(search, bracket->alive) / 2;
	double width = bracket->upper - bracket->alive, middle = (bracket->upper + bracket->alive) / 2;
	bool is_slow = search->config.spacing > 0 || width > MIXED_LIMIT * middle;
	double patience = is_slow ? AGE_PATIENCE_WIDE : AGE_PATIENCE;
	bool any = !crew_complete(search);

	if (width <= search_width_asked(search, bracket->alive) ||
	    search_due(search, now, search->started + patience * bracket->upper))
		return false;
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];
		double age = now + search->lead - life->opened;

		if (life->control || life->tainted || !(life->state == LIFE_OPEN && age < bracket->upper))
			continue;
		any = true;
		if (crew_ready(search, conn) && search_due(search, now, now + target - age) && !pick_probe(search, conn, now))
			break;
	}
	return any;
}

/* Fates differ more than one timer of the last segment explains. */
void plan_contradiction(struct search *search, double now, bool waiting)
{
	const struct bracket *bracket = &search->bracket;

	search->phase = "checking";
	if (isnan(search->census_at))
		plan_census(search, now);
	if (isnan(search->census_at) || ((waiting || pick_pending(search)) && !search_due(search, now, search->census_at + CENSUS_LASTS)))
		return;
	if (search->timer == TIMER_IDLE)
		search_finish(search, SEARCH_ANSWERED); /* neither idle time nor age explains it: say so */
	else if (!isnan(bracket->upper) && search_some_outlived(search)) {
		if (!narrow_age(search, now) && confirm_fresh(search, now))
			search_finish(search, SEARCH_ANSWERED);
	}
	else if (now - search->started > 3 * bracket->alive + 120)
		search_finish(search, SEARCH_ANSWERED);
}

bool contradict_endpoint_speaks(const struct search *search)
{
	double longest = 0;
	int spoken = 0, again = 0;
	size_t count;
	const struct sample *samples = ledger_samples(search->ledger, &count);

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		spoken += life->unasked;
		again += life->unasked > 1;
	}
	if (!again || spoken < 3 || search->config.responder)
		return false;
	for (size_t i = 0; i < count; i++)
		if (samples[i].outcome == SAMPLE_UNASKED)
			longest = fmax(longest, samples[i].idle);
	return search->bracket.alive <= 1.1 * longest + 1;
}
