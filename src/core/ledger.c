#include "core/ledger.h"
#include "core/grow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TAINTING_PROBES = 4 };   /* three unanswered and the answered one; nf_conntrack_tcp_max_retrans is 3 */
#define PAIRING 0.1             /* seconds: probes this close together met the same state of the path */
#define LATE_ANSWER 0.2         /* seconds: an answer may be that much later than round trips were seen to be */
#define CAPTURE_LATENESS 0.001  /* seconds by which the times of two captured segments may be off */
#define BANNER 1.0              /* a far end that speaks within its first second says hello */

struct ledger {
	struct life *lives;
	size_t life_count, life_room;
	struct sample *samples;
	size_t sample_count, sample_room;
	double *rtts; /* ascending */
	size_t rtt_count, rtt_room;
	int reply_ttl, probes;
	bool forged;                         /* what comes by itself and bears the endpoint's marks is a device's */
	int answered, lost;                  /* probes, over the whole run */
	int probes_lost, replies_lost;       /* of those without an answer, as far as the far side tells */
	size_t longest_idle, longest_age;    /* samples that prove life, 1 + index; 0 where there is none */
	size_t *proofs;                      /* the workers' samples that do, by index */
	size_t proof_count, proof_room;      /* there is always room for those that the samples may become */
};

struct ledger *ledger_new(void)
{
	return calloc(1, sizeof(struct ledger));
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	for (size_t i = 0; i < ledger->life_count; i++)
		free(ledger->lives[i].period);
	free(ledger->lives);
	free(ledger->samples);
	free(ledger->proofs);
	free(ledger->rtts);
	free(ledger);
}

bool ledger_open(struct ledger *ledger, int conn, bool control, double now)
{
	if (conn < 0 || (size_t)conn != ledger->life_count ||
	    !grow((void **)&ledger->lives, &ledger->life_room, ledger->life_count, sizeof *ledger->lives))
		return false;
	ledger->lives[ledger->life_count++] = (struct life){
		.state = LIFE_OPENING,
		.control = control,
		.asked_at = now,
		.opened = NAN,
		.last = NAN,
		.last_reply = NAN,
		.latest_sent = NAN,
	};
	return true;
}

static struct life *life_of(struct ledger *ledger, int conn)
{
	return conn >= 0 && (size_t)conn < ledger->life_count ? &ledger->lives[conn] : NULL;
}

void ledger_close(struct ledger *ledger, int conn)
{
	struct life *life = life_of(ledger, conn);

	if (life && life->state != LIFE_FAILED)
		life->state = LIFE_CLOSED;
}

static void note_rtt(struct ledger *ledger, double rtt)
{
	size_t at = 0, after = ledger->rtt_count;

	if (!(rtt >= 0) ||
	    !grow((void **)&ledger->rtts, &ledger->rtt_room, ledger->rtt_count, sizeof *ledger->rtts))
		return;
	while (at < after) {
		size_t middle = at + (after - at) / 2;

		if (ledger->rtts[middle] > rtt)
			after = middle;
		else
			at = middle + 1;
	}
	memmove(ledger->rtts + at + 1, ledger->rtts + at, (ledger->rtt_count - at) * sizeof *ledger->rtts);
	ledger->rtts[at] = rtt;
	ledger->rtt_count++;
}

static double rtt_quantile(const struct ledger *ledger, double share)
{
	return ledger->rtt_count ? ledger->rtts[(size_t)(share * (double)(ledger->rtt_count - 1))] : NAN;
}

double ledger_rtt_typical(const struct ledger *ledger)
{
	return ledger->rtt_count ? rtt_quantile(ledger, 0.5) : 0;
}

double ledger_rtt_high(const struct ledger *ledger)
{
	return ledger->rtt_count ? rtt_quantile(ledger, 0.95) : 0;
}

double ledger_rtt_max(const struct ledger *ledger)
{
	return ledger->rtt_count ? ledger->rtts[ledger->rtt_count - 1] : 0;
}

double ledger_jitter(const struct ledger *ledger)
{
	return ledger->rtt_count ? rtt_quantile(ledger, 0.95) - ledger->rtts[0] + CAPTURE_LATENESS : CAPTURE_LATENESS;
}

/* Remembers what proves life, and what the longest. */
static void note_life(struct ledger *ledger, const struct sample *sample)
{
	size_t number = (size_t)(sample - ledger->samples) + 1;

	if (!ledger->longest_idle || sample->idle > ledger->samples[ledger->longest_idle - 1].idle)
		ledger->longest_idle = number;
	if (!ledger->longest_age || sample->age > ledger->samples[ledger->longest_age - 1].age)
		ledger->longest_age = number;
	if (!sample->control)
		ledger->proofs[ledger->proof_count++] = number - 1;
}

const size_t *ledger_proofs(const struct ledger *ledger, size_t *count)
{
	*count = ledger->proof_count;
	return ledger->proofs;
}

const struct sample *ledger_longest(const struct ledger *ledger, enum timer timer)
{
	size_t number = timer == TIMER_IDLE ? ledger->longest_idle : ledger->longest_age;

	return number ? &ledger->samples[number - 1] : NULL;
}

/* A segment that has only just left is taken to have passed a little later: what comes meanwhile comes after no time. */
static double time_since(double then, double at)
{
	return fmax(at - then, 0);
}

/* Appends a sample to the ledger and to its connection's present period; NULL without memory. */
static struct sample *add_sample(struct ledger *ledger, struct life *life, int conn, double at,
				 enum sample_outcome outcome)
{
	if (!grow((void **)&ledger->samples, &ledger->sample_room, ledger->sample_count, sizeof *ledger->samples) ||
	    !grow((void **)&ledger->proofs, &ledger->proof_room, ledger->sample_count, sizeof *ledger->proofs) ||
	    !grow((void **)&life->period, &life->period_room, life->period_count, sizeof *life->period))
		return NULL;

	struct sample *sample = &ledger->samples[ledger->sample_count];

	*sample = (struct sample){
		.conn = conn,
		.at = at,
		.idle = time_since(life->last, at),
		.age = time_since(life->opened, at),
		.slack = life->slack,
		.age_slack = life->age_slack,
		.left = at,
		.rtt = NAN,
		.outcome = outcome,
		.from = ORIGIN_NONE,
		.moot = !life->confirmed,
		.after_own = life->last_own,
		.control = life->control,
	};
	life->period[life->period_count++] = ledger->sample_count++;
	return sample;
}

/* Tells a new probe whether another of the same moment was answered already. */
static bool was_paired(const struct ledger *ledger, const struct sample *sample)
{
	for (size_t i = ledger->sample_count; i-- > 0 && ledger->samples[i].at >= sample->at - PAIRING;)
		if (ledger->samples[i].outcome == SAMPLE_ALIVE && ledger->samples[i].conn != sample->conn)
			return true;
	return false;
}

/* An answer to a probe sent at `at` speaks for the path of all that were sent then. */
static void pair_others(struct ledger *ledger, const struct sample *answered)
{
	for (size_t i = ledger->sample_count; i-- > 0 && ledger->samples[i].at >= answered->at - PAIRING;)
		if (ledger->samples[i].at <= answered->at + PAIRING && ledger->samples[i].conn != answered->conn)
			ledger->samples[i].paired = true;
}

static bool observe_sent(struct ledger *ledger, struct life *life, const struct observation *seen)
{
	if (life->state != LIFE_OPEN)
		return true;

	struct sample *sample = add_sample(ledger, life, seen->conn, seen->at, SAMPLE_PENDING);

	if (!sample)
		return false;
	sample->slack += seen->blur;
	sample->age_slack += seen->blur;
	sample->paired = was_paired(ledger, sample);
	sample->far = seen->far;
	if (seen->far)
		sample->left = NAN;
	life->latest_sent = seen->at;
	ledger->probes++;
	return true;
}

/* The first probe of this period of which it is not known whether it left; NULL without one. */
static struct sample *in_the_far_hand(struct ledger *ledger, const struct life *life)
{
	for (size_t i = 0; i < life->period_count; i++) {
		struct sample *sample = &ledger->samples[life->period[i]];

		if (sample->outcome == SAMPLE_PENDING && isnan(sample->left))
			return sample;
	}
	return NULL;
}

static void observe_left(struct ledger *ledger, struct life *life, const struct observation *seen)
{
	struct sample *sample = in_the_far_hand(ledger, life);

	if (!sample)
		return;
	sample->left = fmax(seen->at, sample->at);
	sample->idle = time_since(life->last, sample->left);
	sample->age = time_since(life->opened, sample->left);
	life->latest_sent = fmax(life->latest_sent, sample->left);
}

/* Whether the far side sent it is not known: its silence says nothing. */
static void observe_send_failed(struct ledger *ledger, struct life *life, const struct observation *seen)
{
	struct sample *sample = seen->far ? in_the_far_hand(ledger, life) : NULL;

	if (!sample)
		return;
	sample->outcome = SAMPLE_SILENT;
	sample->moot = true;
	sample->left = sample->at;
}

/* `from`: the middlebox saw the segment at that moment or later. */
static void begin_period(struct life *life, double from, double at, bool inbound)
{
	life->last = at;
	life->slack = at - from;
	life->last_inbound = inbound;
	life->last_own = !inbound;
	life->latest_sent = NAN;
	life->period_count = 0;
}

/* The far end proved that the connection lives: settles what the probes of this period were. */
static void settle_alive(struct ledger *ledger, struct life *life, const struct observation *seen)
{
	/* It left after the probe that it answers; which that is, is not known of several. */
	double from = seen->at - seen->blur - ledger_rtt_max(ledger);

	if (seen->rtt >= 0 && life->period_count == 1)
		from = seen->at - seen->blur - seen->rtt;
	if (life->period_count > 0) {
		struct sample *first = &ledger->samples[life->period[0]];
		struct sample *latest = &ledger->samples[life->period[life->period_count - 1]];

		for (size_t i = 0; i + 1 < life->period_count; i++)
			ledger->samples[life->period[i]].outcome = SAMPLE_LOST;
		latest->outcome = SAMPLE_ALIVE;
		latest->idle = !life->confirmed ? 0 : time_since(life->last, first->at);
		/* The far side's probe has just arrived: that is when it passed. */
		if (seen->far && life->period_count == 1) {
			latest->idle = life->confirmed ? time_since(life->last, seen->at - seen->blur) : 0;
			latest->age = time_since(life->opened, seen->at - seen->blur);
			latest->left = seen->at;
		}
		latest->slack = first->slack;
		ledger->answered++;
		ledger->lost += (int)life->period_count - 1;
		note_life(ledger, latest);
		/* Which of several probes a reply answers is not known, so it times none (Karn, RFC 6298 3). */
		if (life->period_count == 1 && seen->what == OBSERVED_REPLY) {
			latest->rtt = seen->rtt;
			note_rtt(ledger, seen->rtt);
		}
		if (life->period_count >= TAINTING_PROBES)
			life->tainted = true;
		pair_others(ledger, latest);
	}
	life->confirmed = !seen->far;
	life->last_reply = seen->at;
	/* A probe that left only just before is still on its way, and will pass. */
	double passes = !isnan(life->latest_sent) && seen->at < life->latest_sent + 0.9 * rtt_quantile(ledger, 0)
				? life->latest_sent + ledger_rtt_high(ledger) : seen->at;

	if (seen->payload) {
		/* It may be a retransmission. */
		life->age_slack = seen->at - life->opened;
		life->opened = seen->at;
	}
	begin_period(life, from, fmax(passes, seen->at), true);
}

static bool observe_unasked(struct ledger *ledger, struct life *life, const struct observation *seen)
{
	if (life->state != LIFE_OPEN)
		return true;
	if (life->period_count == 0 && seen->at - life->last > BANNER) {
		const struct sample *sample = add_sample(ledger, life, seen->conn, seen->at, SAMPLE_UNASKED);

		if (!sample)
			return false;
		note_life(ledger, sample);
		life->period_count = 0;
		life->unasked += !seen->again;
	}
	settle_alive(ledger, life, seen);
	return true;
}

/* RST, FIN or ICMP: turns the latest probe into what it drew, or stands for itself where no probe is out. */
static bool observe_end(struct ledger *ledger, struct life *life, const struct observation *seen,
			enum sample_outcome outcome)
{
	/* No probe draws a FIN, and none draws an RST of the far end's so soon, or any so long after: they come by
	 * themselves, even while one is out. */
	double soonest = seen->from == ORIGIN_ENDPOINT ? 0.9 * rtt_quantile(ledger, 0) - CAPTURE_LATENESS : 0;
	double longest = 2 * ledger_rtt_high(ledger) + 4 * ledger_jitter(ledger) + LATE_ANSWER;
	double waited = seen->at - life->latest_sent;
	bool asked = life->period_count > 0 && outcome != SAMPLE_FIN &&
		     (outcome == SAMPLE_ICMP || seen->far || in_the_far_hand(ledger, life) || (waited <= longest && !(waited < soonest)));
	struct sample *sample;

	if (outcome != SAMPLE_ICMP && (life->state == LIFE_ENDED ? life->told_near || life->told_far : !asked)) {
		life->told_near |= !seen->far;
		life->told_far |= seen->far;
	}
	if (life->state != LIFE_OPEN)
		return true;
	if (!asked && outcome == SAMPLE_ICMP)
		return true; /* about a segment of the kernel's own: it ends nothing that we measure */
	if (asked)
		sample = &ledger->samples[life->period[life->period_count - 1]];
	else
		sample = add_sample(ledger, life, seen->conn, seen->at, outcome);
	if (!sample)
		return false;
	sample->outcome = outcome;
	sample->from = ledger->forged && !asked ? ORIGIN_PATH : seen->from;
	sample->asked = asked;
	sample->far |= seen->far;
	if (asked && seen->far)
		sample->moot = !life->confirmed; /* whatever the far side said: it did leave */
	if (isnan(sample->left)) { /* it had, and drew this */
		sample->left = seen->at;
		sample->idle = time_since(life->last, seen->at);
	}
	/* It may have come by itself all the same, where the probe was lost: dead it is known to be since it came. */
	if (asked && outcome == SAMPLE_RESET)
		sample->late = fmax(seen->at - sample->left - sample->slack, 0);
	if (outcome != SAMPLE_ICMP)
		life->state = LIFE_ENDED;
	if (outcome == SAMPLE_RESET && asked && life->synack_repeated && seen->from != ORIGIN_PATH) {
		sample->moot = true;
		life->state = LIFE_CLOSED;
	}
	if (!asked)
		note_life(ledger, sample);
	return true;
}

bool ledger_forged(const struct ledger *ledger)
{
	return ledger->forged;
}

void ledger_note_forged(struct ledger *ledger)
{
	ledger->forged = true;
	for (size_t i = 0; i < ledger->sample_count; i++) {
		struct sample *sample = &ledger->samples[i];

		if ((sample->outcome == SAMPLE_RESET || sample->outcome == SAMPLE_FIN) && !sample->asked)
			sample->from = ORIGIN_PATH;
	}
}

/* Whatever marks it bears, what ended the connection here by itself is not of the far end. What a probe drew may be: a
 * segment that was mapped to another port draws an RST from the far end's own kernel. */
static void observe_far_open(struct ledger *ledger, struct life *life)
{
	const struct sample *latest = ledger_latest_probe(ledger, life);

	if (!latest || life->state != LIFE_ENDED)
		return;
	if (!latest->asked)
		ledger_note_forged(ledger);
	else if (latest->from == ORIGIN_ENDPOINT)
		life->remapped = true;
}

static void observe_open(struct ledger *ledger, struct life *life, const struct observation *seen)
{
	if (life->state != LIFE_OPENING)
		return;
	life->state = LIFE_OPEN;
	life->opened = life->last_reply = seen->at;
	life->age_slack = seen->blur;
	begin_period(life, seen->at - seen->blur, seen->at, false);
	note_rtt(ledger, seen->rtt);
}

static void observe_synack(const struct ledger *ledger, struct life *life, const struct observation *seen)
{
	if (life->state != LIFE_OPEN)
		return;
	life->confirmed = false;
	life->synack_repeated = true;
	life->last_reply = seen->at;
	if (life->period_count == 0)
		begin_period(life, seen->at - ledger_rtt_max(ledger), seen->at, true);
}

bool ledger_observe(struct ledger *ledger, const struct observation *seen)
{
	struct life *life = life_of(ledger, seen->conn);

	if (!life)
		return true;
	if (seen->ttl && (seen->what == OBSERVED_REPLY || seen->what == OBSERVED_OPEN))
		ledger->reply_ttl = seen->ttl;
	switch (seen->what) {
	case OBSERVED_OPEN:
		observe_open(ledger, life, seen);
		return true;
	case OBSERVED_SYNACK:
		observe_synack(ledger, life, seen);
		return true;
	case OBSERVED_OPEN_FAILED:
		life->state = LIFE_FAILED;
		life->error = seen->error;
		return true;
	case OBSERVED_SENT:
		return observe_sent(ledger, life, seen);
	case OBSERVED_LEFT:
		observe_left(ledger, life, seen);
		return true;
	case OBSERVED_SEND_FAILED:
		observe_send_failed(ledger, life, seen);
		return true;
	case OBSERVED_REPLY:
		if (life->state == LIFE_OPEN)
			settle_alive(ledger, life, seen);
		return true;
	case OBSERVED_UNASKED:
		return observe_unasked(ledger, life, seen);
	case OBSERVED_OUTBOUND:
		/* Whether it passed is not known, so where the period began inbound, the slack stays. */
		if (life->state == LIFE_OPEN && life->period_count == 0) {
			life->slack += life->last_inbound ? seen->at - life->last : 0;
			life->last = seen->at;
			life->last_own = true;
		}
		return true;
	case OBSERVED_RESET:
		return observe_end(ledger, life, seen, SAMPLE_RESET);
	case OBSERVED_FIN:
		return observe_end(ledger, life, seen, SAMPLE_FIN);
	case OBSERVED_FAR_OPEN:
		observe_far_open(ledger, life);
		return true;
	case OBSERVED_ICMP:
		return observe_end(ledger, life, seen, SAMPLE_ICMP);
	case OBSERVED_ARRIVED:
		ledger->replies_lost++;
		return true;
	case OBSERVED_MISSED:
		ledger->probes_lost++;
		return true;
	case OBSERVED_PROXY:
		return true;
	}
	return true;
}

double ledger_expire_waits(struct ledger *ledger, double now, double wait)
{
	double next = INFINITY;

	for (size_t i = 0; i < ledger->life_count; i++) {
		const struct life *life = &ledger->lives[i];

		for (size_t k = 0; k < life->period_count; k++) {
			struct sample *sample = &ledger->samples[life->period[k]];

			double until = sample->left + wait;

			if (sample->outcome != SAMPLE_PENDING || isnan(until))
				continue;
			if (now >= until)
				sample->outcome = SAMPLE_SILENT;
			else
				next = fmin(next, until);
		}
	}
	return next;
}

const struct life *ledger_lives(const struct ledger *ledger, size_t *count)
{
	*count = ledger->life_count;
	return ledger->lives;
}

const struct life *ledger_life(const struct ledger *ledger, int conn)
{
	return life_of((struct ledger *)ledger, conn);
}

const struct sample *ledger_samples(const struct ledger *ledger, size_t *count)
{
	*count = ledger->sample_count;
	return ledger->samples;
}

const struct sample *ledger_probe(const struct ledger *ledger, const struct life *life, size_t number)
{
	return number < life->period_count ? &ledger->samples[life->period[number]] : NULL;
}

const struct sample *ledger_latest_probe(const struct ledger *ledger, const struct life *life)
{
	return life->period_count ? ledger_probe(ledger, life, life->period_count - 1) : NULL;
}

bool ledger_unanswered(const struct ledger *ledger, const struct life *life)
{
	const struct sample *latest = ledger_latest_probe(ledger, life);

	return latest && (latest->outcome == SAMPLE_SILENT || latest->outcome == SAMPLE_ICMP);
}

void ledger_loss(const struct ledger *ledger, double since, int *answered, int *lost)
{
	*answered = ledger->answered;
	*lost = ledger->lost;
	if (since <= 0)
		return;
	*answered = *lost = 0;
	for (size_t i = ledger->sample_count; i-- > 0 && ledger->samples[i].at >= since;) {
		*answered += ledger->samples[i].outcome == SAMPLE_ALIVE;
		*lost += ledger->samples[i].outcome == SAMPLE_LOST;
	}
}

struct path_stats ledger_path(const struct ledger *ledger)
{
	struct path_stats path = {
		.rtt_min = rtt_quantile(ledger, 0),
		.rtt_median = rtt_quantile(ledger, 0.5),
		.rtt_max = rtt_quantile(ledger, 1),
		.reply_ttl = ledger->reply_ttl,
		.probes = ledger->probes,
		.probes_lost = ledger->probes_lost,
		.replies_lost = ledger->replies_lost,
	};
	int answered, lost;

	ledger_loss(ledger, 0, &answered, &lost);
	path.loss = answered + lost ? (double)lost / (answered + lost) : 0;
	for (size_t i = 0; i < ledger->life_count; i++)
		path.connections += !isnan(ledger->lives[i].opened);
	return path;
}
