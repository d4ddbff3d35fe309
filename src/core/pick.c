/* Which worker to probe: the choice among those that are ready. */
#include "core/search_state.h"

#include <math.h>

int pick_oldest(const struct search *search, double now, double older_than, double younger_than)
{
	int oldest = -1;

	for (int conn = 0; conn < search->next_conn; conn++) {
		double age = crew_age(search, conn, now);

		if (crew_ready(search, conn) && age > older_than && age < younger_than &&
		    (oldest < 0 || age > crew_age(search, oldest, now)))
			oldest = conn;
	}
	return oldest;
}

int pick_for(const struct search *search, double now, double idle, double over, double *when)
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

bool pick_probe(struct search *search, int conn, double now)
{
	if (!crew_probe_control(search, now))
		return false;
	search_request(search, conn, now);
	return true;
}

bool pick_pending(const struct search *search)
{
	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (!isnan(search->requested[conn]) ||
		    (life->period_count && ledger_latest_probe(search->ledger, life)->outcome == SAMPLE_PENDING))
			return true;
	}
	return false;
}

double pick_longest_pending(const struct search *search, double now)
{
	double longest = 0;

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (life->control || life->state != LIFE_OPEN)
			continue;
		if (life->period_count)
			longest = fmax(longest, ledger_probe(search->ledger, life, 0)->idle);
		else if (!isnan(search->requested[conn]))
			longest = fmax(longest, crew_age(search, conn, now));
	}
	return longest;
}
