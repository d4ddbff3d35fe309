#include "core/bracket.h"

#include "core/loss.h"

#include <math.h>
#include <stdlib.h>

/* By how much one connection may outlive another that one timer killed. */
#define LATENESS 0.002
#define LATENESS_SECONDS 0.01
#define STALL 0.25            /* seconds by which a program that closes what is idle may be held up on a busy machine */

/* A death confirms the upper bound when it shows this close to it. */
#define CLOSE_ABOVE 1.03
#define CLOSE_SECONDS 2.0

enum { MOST_EVIDENCE = 1024, MOST_CROWD = 18 };

struct evidence {
	double x, at;
	double first; /* x of the first sign that its connection gave */
	int weight;
	bool by_itself;
	const struct life *life;
};

static double time_of(const struct sample *sample, enum timer timer)
{
	return timer == TIMER_IDLE ? sample->idle : sample->age;
}

static bool closed_by_itself(const struct sample *sample)
{
	return (sample->outcome == SAMPLE_RESET || sample->outcome == SAMPLE_FIN) && !sample->asked;
}

double bracket_alive_bound(const struct ledger *ledger, enum timer timer, const struct sample *sample)
{
	double x = time_of(sample, timer);

	/* What closed by itself lived until the closing segment left, at most a round trip earlier, and as much earlier than
	 * we saw began a period that an inbound segment began; and timers are not punctual. */
	if (sample->outcome == SAMPLE_RESET || sample->outcome == SAMPLE_FIN) {
		bool earlier = timer == TIMER_IDLE && !sample->after_own;
		/* The far end's word comes one way later, and the segment itself went another one. */
		double rtts = sample->far ? (earlier ? 1 : 1.5) : (earlier ? 0 : 1);

		return x - rtts * ledger_rtt_max(ledger) - ledger_jitter(ledger) - LATENESS * x - LATENESS_SECONDS;
	}
	/* A period that began with an inbound segment is longer for the middlebox than for us: no margin. */
	if (timer == TIMER_IDLE && sample->slack > 0 && !sample->far)
		return x;
	return x - ledger_jitter(ledger);
}

double bracket_dead_bound(const struct ledger *ledger, enum timer timer, const struct sample *sample)
{
	/* An idle time has a round trip of slack; an age has none, so the rarest delay counts. */
	if (timer == TIMER_AGE)
		return sample->age + sample->late + sample->age_slack + ledger_rtt_max(ledger) - ledger_rtt_high(ledger) +
		       ledger_jitter(ledger);
	return sample->idle + sample->late + sample->slack + ledger_jitter(ledger);
}

static int death_weight(const struct sample *sample)
{
	if (sample->moot && !closed_by_itself(sample))
		return 0;
	switch (sample->outcome) {
	case SAMPLE_SILENT:
		return sample->paired ? WEIGHT_SILENT : 0;
	case SAMPLE_ICMP:
		return sample->paired ? WEIGHT_ICMP : 0;
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

/* The longest times below `below` that samples of workers outlived, longest first; 0 where there are no more. */
static void find_longest(const struct ledger *ledger, enum timer timer, double below, double longest[MOST_CROWD])
{
	size_t count, sample_count;
	const struct sample *samples = ledger_samples(ledger, &sample_count);
	const size_t *proofs = ledger_proofs(ledger, &count);

	for (int i = 0; i < MOST_CROWD; i++)
		longest[i] = 0;
	for (size_t i = count; i-- > 0;) { /* the longest come last, as a rule */
		double x = bracket_alive_bound(ledger, timer, &samples[proofs[i]]);
		int at = MOST_CROWD - 1;

		if (x >= below || x <= longest[at])
			continue;
		for (; at > 0 && longest[at - 1] < x; at--)
			longest[at] = longest[at - 1];
		longest[at] = x;
	}
}

int bracket_outlived(const struct ledger *ledger, enum timer timer, double x)
{
	size_t count, sample_count;
	const struct sample *samples = ledger_samples(ledger, &sample_count);
	const size_t *proofs = ledger_proofs(ledger, &count);
	int outlived = 0;

	for (size_t i = 0; i < count; i++)
		outlived += bracket_alive_bound(ledger, timer, &samples[proofs[i]]) > x;
	return outlived;
}

/* One connection speaks for itself only, for a path may be split over several boxes. Were half of them of the other kind,
 * this many would miss it once in a million times. */
static int crowd_needed(const struct ledger *ledger)
{
	size_t count;
	const struct life *lives = ledger_lives(ledger, &count);
	int workers = 0;

	for (size_t i = 0; i < count; i++)
		workers += !lives[i].control;
	workers /= 4;
	return workers < 2 ? 2 : workers > MOST_CROWD ? MOST_CROWD : workers;
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
	double weight = 0;

	if (life->state == LIFE_ENDED)
		return MOST_WEIGHT;
	for (size_t k = 0; k < life->period_count; k++)
		weight += death_weight(ledger_probe(ledger, life, k));
	return weight;
}

const struct sample *bracket_first_sign(const struct ledger *ledger, const struct life *life)
{
	for (size_t k = 0; k < life->period_count; k++) {
		const struct sample *sample = ledger_probe(ledger, life, k);

		if (sample->outcome == SAMPLE_PENDING || death_weight(sample) > 0)
			return sample;
	}
	return NULL;
}

static int by_time(const void *left, const void *right)
{
	double a = ((const struct evidence *)left)->x, b = ((const struct evidence *)right)->x;

	return (a > b) - (a < b);
}

/* All signs of death, ascending by time. */
static size_t gather(const struct ledger *ledger, enum timer timer, struct evidence *found)
{
	size_t count = 0, life_count;
	const struct life *lives = ledger_lives(ledger, &life_count);

	for (size_t i = 0; i < life_count; i++) {
		const struct life *life = &lives[i];
		double conn_first = NAN;

		for (size_t k = 0; k < life->period_count && count < MOST_EVIDENCE; k++) {
			const struct sample *sample = ledger_probe(ledger, life, k);
			int weight = death_weight(sample);

			if (!weight)
				continue;
			double x = bracket_dead_bound(ledger, timer, sample);

			if (isnan(conn_first))
				conn_first = x;
			found[count++] = (struct evidence){x, sample->at, conn_first, weight, closed_by_itself(sample), life};
		}
	}
	qsort(found, count, sizeof *found, by_time);
	return count;
}

/* The time by which this connection alone is proven dead; NAN where it is not. */
static double proven_dead(const struct ledger *ledger, enum timer timer, const struct life *life, double needed)
{
	double weight = 0;

	for (size_t k = 0; k < life->period_count; k++) {
		const struct sample *sample = ledger_probe(ledger, life, k);
		weight += death_weight(sample);
		if (death_weight(sample) == WEIGHT_CLOSED || weight >= needed)
			return bracket_dead_bound(ledger, timer, sample);
	}
	return NAN;
}

/* The connection that died earliest of those that are proven dead each by itself. */
static void find_dead(const struct ledger *ledger, enum timer timer, struct bracket *bracket)
{
	size_t count;
	const struct life *lives = ledger_lives(ledger, &count);

	for (size_t i = 0; i < count; i++) {
		double x = proven_dead(ledger, timer, &lives[i], bracket->weight_needed);

		if (x < bracket->dead || (isnan(bracket->dead) && !isnan(x))) {
			bracket->dead = x;
			bracket->dead_conn = (int)i;
		}
	}
}

/* When the oldest idle period began that lived on after the first death: what a flush or an eviction killed had been
 * idle since before. INFINITY where none is known. */
static double oldest_survivor(const struct ledger *ledger, double since)
{
	size_t count, sample_count;
	const struct sample *samples = ledger_samples(ledger, &sample_count);
	const size_t *proofs = ledger_proofs(ledger, &count);
	double after = since + ledger_rtt_high(ledger) + ledger_jitter(ledger), oldest = INFINITY;

	for (size_t i = 0; i < count; i++) {
		const struct sample *proof = &samples[proofs[i]];

		if (proof->at > after)
			oldest = fmin(oldest, proof->at - proof->idle);
	}
	return oldest;
}

/* Is this a sign that connections die above `alive`? What was silent before others answered speaks of its own fate
 * only; and where fates are mixed, so do those that died before the longest survivor answered. */
static bool speaks(const struct bracket *bracket, const struct evidence *sign, double survived_at)
{
	return sign->first > bracket->alive && (!bracket->mixed || sign->at > survived_at);
}

static int several(const struct bracket *bracket)
{
	return (bracket->crowd + 2) / 3;
}

/* The rest of the bracket from the signs of death above `alive`, which was survived at the moment `survived_at`. */
static void find_upper(const struct ledger *ledger, struct bracket *bracket, const struct evidence *found, size_t count,
		       double survived_at)
{
	double weight = 0;

	for (size_t i = 0; i < count; i++)
		if (speaks(bracket, &found[i], survived_at) && !(found[i].at >= bracket->since))
			bracket->since = found[i].at;
	for (size_t i = 0; i < count; i++) {
		if (!speaks(bracket, &found[i], survived_at))
			continue;
		weight += found[i].weight;
		bracket->dead_conns += found[i].x == found[i].first;
		bracket->dated_conns += found[i].by_itself;
		if (bracket->dead_conns == several(bracket))
			bracket->several_dead = fmin(bracket->several_dead, found[i].x);
		if (isnan(bracket->upper) && weight >= bracket->weight_needed &&
		    (!bracket->mixed || bracket->dead_conns >= bracket->crowd))
			bracket->upper = found[i].x;
		if (isnan(bracket->suspected) && (weight >= bracket->weight_suspect ||
						  bracket_weight(ledger, found[i].life) >= bracket->weight_suspect))
			bracket->suspected = found[i].x;
	}
}

/* The moment by which, after `since`, connections whose idle periods are younger than the survivor's had given enough
 * signs of death close above the upper bound; INFINITY if they have not. */
static double link_moment(const struct bracket *bracket, const struct evidence *found, size_t count, double since,
			  double survived_at)
{
	double earliest = INFINITY, second = INFINITY; /* what weighs more than a silence counts for both */
	int weight = 0;

	for (size_t i = 0; i < count; i++) {
		if (!speaks(bracket, &found[i], survived_at) || !(found[i].x <= CLOSE_ABOVE * bracket->upper + CLOSE_SECONDS) ||
		    found[i].at <= since || found[i].life->last <= bracket->survivor)
			continue;
		double at = found[i].at;

		weight += found[i].weight;
		second = fmin(second, found[i].weight > WEIGHT_SILENT ? at : fmax(earliest, at));
		earliest = fmin(earliest, at);
	}
	return weight >= bracket->weight_suspect ? (bracket->weight_suspect > WEIGHT_SILENT ? second : earliest) : INFINITY;
}

static void find_links(const struct ledger *ledger, struct bracket *bracket, const struct evidence *found, size_t count,
		       double survived_at)
{
	double moment = bracket->since;

	for (;;) {
		bracket->survivor = oldest_survivor(ledger, moment);
		moment = link_moment(bracket, found, count, moment, survived_at);
		if (isinf(moment))
			return;
		bracket->links++;
	}
}

/* Connections that are each not proven dead, but that together went silent at times that others outlived, more than
 * loss explains: the shortest such time, NAN where there is none. */
static double find_contradiction(const struct ledger *ledger, enum timer timer, const struct bracket *bracket,
				 struct loss loss, double since)
{
	const double nearly = 0.7;
	size_t count, life_count;
	const struct sample *samples = ledger_samples(ledger, &count);
	const struct life *lives = ledger_lives(ledger, &life_count);
	double shortest = NAN;
	int silent = 0, asked = 0;

	for (size_t i = count; i-- > 0 && samples[i].at >= since;) {
		double x = bracket_dead_bound(ledger, timer, &samples[i]);

		asked += samples[i].outcome == SAMPLE_ALIVE && !samples[i].control && x < bracket->alive &&
			 x > nearly * bracket->alive;
	}
	for (size_t i = 0; i < life_count; i++) {
		const struct life *life = &lives[i];

		for (size_t k = 0; k < life->period_count && !life->control; k++) {
			const struct sample *probe = ledger_probe(ledger, life, k);
			double x = bracket_dead_bound(ledger, timer, probe);

			if (!death_weight(probe) || x >= bracket->alive || x <= nearly * bracket->alive)
				continue;
			silent++;
			asked++;
			shortest = fmin(x, isnan(shortest) ? INFINITY : shortest);
		}
	}
	return silent > 0 && loss_cannot_explain(loss, silent, asked) ? shortest : NAN;
}

/* What closes by itself tells how long it lived: no others' longer lives make that longer. */
static double first_closing(const struct ledger *ledger, enum timer timer)
{
	size_t count;
	const struct life *lives = ledger_lives(ledger, &count);
	double shortest = INFINITY;

	for (size_t i = 0; i < count; i++) {
		const struct sample *latest = ledger_latest_probe(ledger, &lives[i]);

		if (latest && closed_by_itself(latest) && (!lives[i].control || timer == TIMER_AGE))
			shortest = fmin(shortest, bracket_alive_bound(ledger, timer, latest));
	}
	return fmax(shortest, 0);
}

/* The longest life that is proven, `longest` by our clock. What closed by itself may have died a round trip earlier; then
 * others that answered at almost its age lived longer. */
static double longest_proven(const struct ledger *ledger, enum timer timer, const struct sample *longest)
{
	if (!longest)
		return 0;

	double most = fmax(0, bracket_alive_bound(ledger, timer, longest));
	size_t count;
	const struct sample *samples = ledger_samples(ledger, &count);

	for (size_t i = 0; i < count && closed_by_itself(longest); i++)
		if (samples[i].outcome == SAMPLE_ALIVE)
			most = fmax(most, bracket_alive_bound(ledger, timer, &samples[i]));
	return most;
}

static bool first_died_by_itself(const struct ledger *ledger, const struct bracket *bracket)
{
	return bracket->dead_conn >= 0 &&
	       closed_by_itself(ledger_latest_probe(ledger, ledger_life(ledger, bracket->dead_conn)));
}

void bracket_find(const struct ledger *ledger, enum timer timer, struct bracket *bracket)
{
	static _Thread_local struct evidence found[MOST_EVIDENCE];
	size_t count = gather(ledger, timer, found);
	const struct sample *longest = ledger_longest(ledger, timer);
	double first = INFINITY, longest_lives[MOST_CROWD];

	for (size_t i = 0; i < count; i++)
		first = fmin(first, found[i].at);

	struct loss loss = loss_estimate(ledger, first - 1);

	*bracket = (struct bracket){
		.alive = longest ? fmax(0, bracket_alive_bound(ledger, timer, longest)) : 0,
		.suspected = NAN,
		.upper = NAN,
		.dead = NAN,
		.dead_conn = -1,
		.since = NAN,
		.survivor = INFINITY,
		.several_dead = INFINITY,
		.weight_needed = loss_silences_for_proof(loss),
		.crowd = crowd_needed(ledger),
		.weight_suspect = weight_suspect(ledger),
	};
	bracket->lower = bracket->alive;
	if (!count)
		return;
	find_dead(ledger, timer, bracket);
	if (!(bracket->dead < bracket->alive)) {
		double contradiction = find_contradiction(ledger, timer, bracket, loss, first - 1);

		if (!isnan(contradiction))
			bracket->dead = contradiction;
	}

	if (bracket->dead < bracket->alive) {
		/* What closes a little late now and then, or begins to count a little late, is still one timer; and what
		 * closes by itself while a probe is under way is dated a round trip too early. */
		double late = closed_by_itself(longest) || first_died_by_itself(ledger, bracket)
				      ? LATENESS * bracket->alive + STALL + ledger_rtt_high(ledger) : 0;

		bracket->mixed = bracket->alive - bracket->dead > late;
		find_longest(ledger, timer, bracket->dead, longest_lives);
		bracket->lower = longest_lives[bracket->mixed ? bracket->crowd - 1 : 0];
		if (!bracket->mixed)
			bracket->alive = bracket->lower;
	}
	if (!bracket->mixed)
		bracket->alive = bracket->lower = fmin(bracket->lower, first_closing(ledger, timer));

	double survived_at = longest ? longest->at : 0;

	find_upper(ledger, bracket, found, count, survived_at);
	if (!isnan(bracket->upper))
		bracket->upper = fmax(bracket->upper, longest_proven(ledger, timer, longest));
	find_longest(ledger, timer, INFINITY, longest_lives);
	bracket->crowd_alive = longest_lives[bracket->crowd - 1];
	bracket->several_alive = longest_lives[several(bracket) - 1];
	find_links(ledger, bracket, found, count, survived_at);
}

double bracket_evidence(const struct ledger *ledger, enum timer timer, const struct bracket *bracket, double x)
{
	static _Thread_local struct evidence found[MOST_EVIDENCE];
	size_t count = gather(ledger, timer, found);
	double weight = 0;

	for (size_t i = 0; i < count && found[i].x <= x; i++)
		if (found[i].first > bracket->alive)
			weight += found[i].weight;
	return weight;
}
