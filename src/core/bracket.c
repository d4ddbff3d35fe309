#include "core/bracket.h"

#include <math.h>
#include <stdlib.h>

/* How likely it may be, at most, that what looks like a death was lost packets. A run asks the question a few dozen
 * times. */
static const double FALSE_ALARM = 1e-8;

enum { MOST_WEIGHT = 60, MOST_EVIDENCE = 1024, MOST_CROWD = 14 };

struct evidence {
	double x, at;
	int weight, conn;
};

static double time_of(const struct sample *sample, enum timer timer)
{
	return timer == TIMER_IDLE ? sample->idle : sample->age;
}

double bracket_alive_bound(const struct ledger *ledger, enum timer timer, const struct sample *sample)
{
	double x = time_of(sample, timer);

	/* What closed by itself lived until the closing segment left, at most a round trip earlier. */
	if (sample->outcome == SAMPLE_RESET || sample->outcome == SAMPLE_FIN)
		return x - ledger_rtt_high(ledger) - ledger_jitter(ledger);
	/* A period that began with an inbound segment is longer for the middlebox than for us: no margin. */
	if (timer == TIMER_IDLE && sample->slack > 0)
		return x;
	return x - ledger_jitter(ledger);
}

double bracket_dead_bound(const struct ledger *ledger, enum timer timer, const struct sample *sample)
{
	return time_of(sample, timer) + (timer == TIMER_IDLE ? sample->slack : 0) + ledger_jitter(ledger);
}

static bool proves_life(const struct sample *sample)
{
	switch (sample->outcome) {
	case SAMPLE_ALIVE:
	case SAMPLE_UNASKED:
		return true;
	case SAMPLE_RESET:
	case SAMPLE_FIN:
		return !sample->asked;
	case SAMPLE_PENDING:
	case SAMPLE_LOST:
	case SAMPLE_SILENT:
	case SAMPLE_ICMP:
		return false;
	}
	return false;
}

static int death_weight(const struct sample *sample)
{
	switch (sample->outcome) {
	case SAMPLE_SILENT:
		return sample->paired ? WEIGHT_SILENT : 0;
	case SAMPLE_ICMP:
		return sample->paired ? WEIGHT_CLOSED : 0;
	case SAMPLE_RESET:
	case SAMPLE_FIN:
		return WEIGHT_CLOSED;
	case SAMPLE_PENDING:
	case SAMPLE_ALIVE:
	case SAMPLE_LOST:
	case SAMPLE_UNASKED:
		return 0;
	}
	return 0;
}

/* The longest time below `below` that so many samples outlived, or 0. */
static double crowd_alive(const struct ledger *ledger, enum timer timer, double below, int crowd)
{
	size_t count;
	const struct sample *samples = ledger_samples(ledger, &count);
	double longest[MOST_CROWD] = {0};

	for (size_t i = 0; i < count; i++) {
		double x;

		if (!proves_life(&samples[i]) || samples[i].control)
			continue;
		x = bracket_alive_bound(ledger, timer, &samples[i]);
		if (x >= below || x <= longest[crowd - 1])
			continue;

		int at = crowd - 1;

		for (; at > 0 && longest[at - 1] < x; at--)
			longest[at] = longest[at - 1];
		longest[at] = x;
	}
	return longest[crowd - 1];
}

/* Where fates are mixed, one connection speaks for itself only. Were half of them of the other kind, this many would
 * miss it once in ten thousand times. */
static int crowd_needed(const struct ledger *ledger)
{
	int workers = 0;

	for (size_t i = 0; i < ledger_lives(ledger); i++)
		workers += !ledger_life(ledger, (int)i)->control;
	workers /= 6;
	return workers < 2 ? 2 : workers > MOST_CROWD ? MOST_CROWD : workers;
}

/* How many further probes must all go unanswered, until their all being lost is less likely than FALSE_ALARM. The loss
 * is not known but estimated: a beta distribution from all that was settled, tempered by what was settled since
 * the first sign of death, for losses come in bursts. The chance of k losses is its k-th moment. */
static double weight_needed(const struct ledger *ledger, double since)
{
	const double prior_strength = 20;
	int answered, lost, answered_lately, lost_lately;

	ledger_loss(ledger, 0, &answered, &lost);
	ledger_loss(ledger, since, &answered_lately, &lost_lately);

	double mean = (lost + 0.5) / (answered + lost + 5);
	double a = prior_strength * mean + lost_lately;
	double all = prior_strength + answered_lately + lost_lately;
	double chance = 1;
	int needed = 0;

	while (chance > FALSE_ALARM && needed < MOST_WEIGHT) {
		chance *= (a + needed) / (all + needed);
		needed++;
	}
	return needed;
}

/* Where nothing was ever lost, one unanswered probe is worth a closer look. */
static double weight_suspect(const struct ledger *ledger)
{
	const int enough = 20;
	int answered, lost;

	ledger_loss(ledger, 0, &answered, &lost);
	return lost == 0 && answered >= enough ? WEIGHT_SILENT : 2 * WEIGHT_SILENT;
}

double bracket_weight(const struct ledger *ledger, const struct life *life)
{
	size_t count;
	const struct sample *samples = ledger_samples(ledger, &count);
	double weight = 0;

	if (life->state == LIFE_ENDED)
		return MOST_WEIGHT;
	for (size_t k = 0; k < life->period_count; k++)
		weight += death_weight(&samples[life->period[k]]);
	return weight;
}

static int by_time(const void *left, const void *right)
{
	double a = ((const struct evidence *)left)->x, b = ((const struct evidence *)right)->x;

	return (a > b) - (a < b);
}

/* All signs of death, ascending by time. */
static size_t gather(const struct ledger *ledger, enum timer timer, struct evidence *found)
{
	size_t sample_count, count = 0;
	const struct sample *samples = ledger_samples(ledger, &sample_count);

	for (size_t i = 0; i < ledger_lives(ledger); i++) {
		const struct life *life = ledger_life(ledger, (int)i);

		for (size_t k = 0; k < life->period_count && count < MOST_EVIDENCE; k++) {
			const struct sample *sample = &samples[life->period[k]];
			int weight = death_weight(sample);

			if (weight)
				found[count++] = (struct evidence){bracket_dead_bound(ledger, timer, sample), sample->at, weight, (int)i};
		}
	}
	qsort(found, count, sizeof *found, by_time);
	return count;
}

/* The connection that died earliest of those that are proven dead each by itself. */
static void find_dead(const struct ledger *ledger, enum timer timer, struct bracket *bracket)
{
	size_t count;
	const struct sample *samples = ledger_samples(ledger, &count);

	for (size_t i = 0; i < ledger_lives(ledger); i++) {
		const struct life *life = ledger_life(ledger, (int)i);

		if (!life->period_count || bracket_weight(ledger, life) < bracket->weight_needed)
			continue;

		/* Where several probes went unanswered, the last is the one by which it was surely dead. */
		const struct sample *sample = &samples[life->period[life->period_count - 1]];
		double x = bracket_dead_bound(ledger, timer, sample);

		if (isnan(bracket->dead) || x < bracket->dead) {
			bracket->dead = x;
			bracket->dead_conn = (int)i;
		}
	}
}

/* Is this the first sign of its connection above `alive`? */
static bool is_first_sign(const struct evidence *found, size_t i, double alive)
{
	for (size_t k = 0; k < i; k++)
		if (found[k].conn == found[i].conn && found[k].x > alive)
			return false;
	return true;
}

/* The rest of the bracket from the signs of death above `alive`. */
static void find_upper(const struct ledger *ledger, enum timer timer, struct bracket *bracket,
		       const struct evidence *found, size_t count)
{
	double weight = 0;

	for (size_t i = 0; i < count; i++)
		if (found[i].x > bracket->alive && !(found[i].at >= bracket->since))
			bracket->since = found[i].at;
	for (size_t i = 0; i < count; i++) {
		const struct life *life = ledger_life(ledger, found[i].conn);
		double then = bracket->since - (timer == TIMER_IDLE ? life->last : life->opened);

		if (found[i].x <= bracket->alive)
			continue;
		weight += found[i].weight;
		if (is_first_sign(found, i, bracket->alive)) {
			bracket->dead_conns++;
			bracket->later_conns += then < bracket->alive;
		}
		if (then < bracket->alive)
			bracket->later_evidence += found[i].weight;
		if (isnan(bracket->upper) && weight >= bracket->weight_needed &&
		    (!bracket->mixed || bracket->dead_conns >= bracket->crowd))
			bracket->upper = found[i].x;
		if (isnan(bracket->suspected) && (weight >= bracket->weight_suspect ||
						  bracket_weight(ledger, life) >= bracket->weight_suspect))
			bracket->suspected = found[i].x;
	}
}

void bracket_find(const struct ledger *ledger, enum timer timer, struct bracket *bracket)
{
	static _Thread_local struct evidence found[MOST_EVIDENCE];
	size_t count = gather(ledger, timer, found);
	const struct sample *longest = ledger_longest(ledger, timer);
	double first = INFINITY;

	for (size_t i = 0; i < count; i++)
		first = fmin(first, found[i].at);
	*bracket = (struct bracket){
		.alive = longest ? fmax(0, bracket_alive_bound(ledger, timer, longest)) : 0,
		.suspected = NAN,
		.upper = NAN,
		.dead = NAN,
		.dead_conn = -1,
		.since = NAN,
		.weight_needed = weight_needed(ledger, first - 1),
		.crowd = crowd_needed(ledger),
		.weight_suspect = weight_suspect(ledger),
	};
	bracket->lower = bracket->alive;
	if (!count)
		return;
	find_dead(ledger, timer, bracket);
	if (bracket->dead < bracket->alive) {
		bracket->mixed = true;
		bracket->lower = crowd_alive(ledger, timer, bracket->dead, bracket->crowd);
	}
	find_upper(ledger, timer, bracket, found, count);
}

double bracket_evidence(const struct ledger *ledger, enum timer timer, const struct bracket *bracket, double x)
{
	static _Thread_local struct evidence found[MOST_EVIDENCE];
	size_t count = gather(ledger, timer, found);
	double weight = 0;

	for (size_t i = 0; i < count && found[i].x <= x; i++)
		if (found[i].x > bracket->alive)
			weight += found[i].weight;
	return weight;
}
