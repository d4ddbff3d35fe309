/* The search: the order in which decisions are made. See crew.c for the connections and plan.c for the idle times. */
#include "core/search_state.h"
#include "core/grow.h"

#include <math.h>
#include <stdlib.h>

#define UNSEEN 2.0         /* seconds after which a probe that was never seen leaving is given up */
#define BELOW 0.8          /* of what is spare, for the bound that users rely on */
#define SEND_PAUSE 0.5     /* seconds without probes after one could not be sent */

enum { RESERVE = 14, MOST_STEPS = 4096 };

bool search_due(struct search *search, double now, double when)
{
	if (when <= now + 1e-6)
		return true;
	if (when < search->deadline)
		search->deadline = when;
	return false;
}

void search_finish(struct search *search, enum search_end end)
{
	search->end = end;
	search->phase = "done";
}

void search_push(struct search *search, enum action_kind kind, int conn)
{
	if (!grow((void **)&search->queue, &search->queue_room, search->queue_count, sizeof *search->queue)) {
		search_finish(search, SEARCH_NO_MEMORY);
		return;
	}
	search->queue[search->queue_count++] = (struct action){kind, conn};
}

void search_request(struct search *search, int conn, double now)
{
	search_push(search, ACTION_PROBE, conn);
	search->requested[conn] = search->probed[conn] = now;
}

void search_confirm(struct search *search, int conn, double now)
{
	search_push(search, ACTION_CONFIRM, conn);
	search->requested[conn] = search->probed[conn] = now;
}

double search_width_asked(const struct search *search, double idle)
{
	return fmax(search->config.precision * idle, search->config.resolution);
}

double search_room(const struct search *search, double idle)
{
	double width = search_width_asked(search, idle);

	return fmax(width - ledger_rtt_high(search->ledger) - 2 * ledger_jitter(search->ledger), width / 4);
}

double search_wait(const struct search *search)
{
	double wait = 0.05 + 1.5 * ledger_rtt_high(search->ledger) + 4 * ledger_jitter(search->ledger);

	return fmin(fmax(wait, 0.15), 3);
}

/* How many scouts the range takes at this ratio, when they need not be closer than the width asked for. */
static int count_steps(const struct search_config *config, double ratio)
{
	int steps = 1;

	for (double idle = config->min_idle; idle < config->max_idle && steps < MOST_STEPS; steps++)
		idle = fmax(idle * ratio, idle + 0.8 * fmax(config->precision * idle, config->resolution));
	return steps;
}

/* Few connections serve a fine search, because one that answered is fresh again: with n workers in turn and a ratio r
 * between one scout and the next, the worker whose turn it is has been idle since r^-n of the time now. What is
 * lost to that and to the coarseness (r - 1) / 2 is least near r^n = 2n. */
static void choose_crew(struct search *search)
{
	struct search_config *config = &search->config;

	if (config->strategy == STRATEGY_LADDER && config->connections > 4)
		config->connections = 4;
	if (config->strategy == STRATEGY_ONCE && config->connections > 24)
		config->connections = 24;
	search->controls = config->connections < 6 ? 1 : config->far && config->connections >= 24 ? 6 : 3;

	int workers = config->connections - search->controls;
	double ratio = pow(2.0 * workers, 1.0 / workers);
	int steps = count_steps(config, ratio);

	if (config->strategy != STRATEGY_ONCE && steps + RESERVE < workers)
		workers = steps + RESERVE;
	/* The young control is opened apart, later. */
	search->wanted = workers + (search->controls > 1 ? search->controls - 1 : 1);
	search->ratio = ratio;
}

static double least_spacing(const struct search_config *config)
{
	return fmax(config->far ? SPACING_FAR : SPACING, config->spacing);
}

struct search *search_new(const struct search_config *config)
{
	struct search *search = calloc(1, sizeof *search);

	if (!search)
		return NULL;
	search->config = *config;
	search->spacing = least_spacing(config);
	if (config->strategy == STRATEGY_ONCE)
		search->config.resolution = config->max_idle; /* any interval is an answer */
	if (config->far || config->spacing > 0)
		search->config.min_idle = fmin(fmax(config->min_idle, search->spacing), config->max_idle);
	search->ledger = ledger_new();
	if (!search->ledger) {
		free(search);
		return NULL;
	}
	search->phase = "opening";
	search->started = NAN;
	search->to_outlive = NAN;
	search->doubt_since = search->unsent_since = search->witnessed_at = search->census_at = NAN;
	search->young = search->final_conn = search->again = -1;
	search->appointment = INFINITY;
	search->stale = true;
	bracket_find(search->ledger, TIMER_IDLE, &search->bracket);
	choose_crew(search);
	return search;
}

void search_free(struct search *search)
{
	if (!search)
		return;
	ledger_free(search->ledger);
	free(search->queue);
	free(search->requested);
	free(search->probed);
	free(search);
}

void search_observe(struct search *search, const struct observation *seen)
{
	if (seen->conn < 0 || seen->conn >= search->next_conn)
		return;
	if (seen->what == OBSERVED_SENT || seen->what == OBSERVED_SEND_FAILED)
		search->requested[seen->conn] = NAN;
	if (seen->what == OBSERVED_SENT)
		search->unsent_since = NAN;
	if (seen->what == OBSERVED_SEND_FAILED && !seen->far) {
		search->hold_until = seen->at + SEND_PAUSE;
		if (isnan(search->unsent_since))
			search->unsent_since = seen->at;
	}
	if (seen->what == OBSERVED_OPEN) {
		search->failures_in_row = 0;
		if (search->config.spacing > 0)
			search->probed[seen->conn] = seen->at; /* the handshake counts */
	}
	if (seen->what == OBSERVED_OPEN_FAILED) {
		search->opening_failures++;
		search->failures_in_row++;
		search->last_error = seen->error;
		if (search->wanted <= search->next_conn)
			search->wanted++;
	}
	if (!ledger_observe(search->ledger, seen))
		search_finish(search, SEARCH_NO_MEMORY);
	search->stale = true;
	search->at_rest = false;
}

static void forget_unseen(struct search *search, double now)
{
	for (int conn = 0; conn < search->next_conn; conn++)
		if (!isnan(search->requested[conn]) && search_due(search, now, search->requested[conn] + UNSEEN))
			search->requested[conn] = NAN;
}

/* A control that died while idle times far longer were survived shows a timer that keepalives do not refresh. */
static enum timer choose_timer(const struct ledger *ledger, struct bracket *bracket)
{
	struct bracket by_age;

	bracket_find(ledger, TIMER_IDLE, bracket);
	if (!bracket->mixed)
		return TIMER_IDLE;
	bracket_find(ledger, TIMER_AGE, &by_age);
	if (by_age.mixed)
		return TIMER_IDLE;
	*bracket = by_age;
	return TIMER_AGE;
}

static void learn(struct search *search)
{
	search->timer = choose_timer(search->ledger, &search->bracket);
	search->in_doubt = crew_in_doubt(search);
	search->control_died = search_control_died(search);
	search->workers = crew_workers(search);
	search->endpoint_speaks = contradict_endpoint_speaks(search);
	search->lead = search->config.far ? ledger_rtt_typical(search->ledger) : 0;
	search->spacing = least_spacing(&search->config);
	if (search->config.far || search->config.spacing > 0)
		search->spacing += ledger_rtt_high(search->ledger);
	search->stale = false;
}

static void plan(struct search *search, double now)
{
	if (isnan(search->started))
		search->started = search->next_open = search->next_control = now;
	search->now = now;
	search->deadline = INFINITY;

	double waits_until = ledger_expire_waits(search->ledger, now, search_wait(search));

	if (waits_until != search->waits_until)
		search->stale = true;
	search->waits_until = waits_until;
	search_due(search, now, waits_until);
	forget_unseen(search, now);
	if (search->stale)
		learn(search);
	if (!search_due(search, now, search->hold_until))
		return;
	crew_plan(search, now);
	if (search->end == SEARCH_RUNNING && search->next_conn > 0)
		plan_search(search, now);
}

bool search_next(struct search *search, double now, struct action *action)
{
	if (search->queue_first == search->queue_count) {
		search->queue_first = search->queue_count = 0;
		if (search->end == SEARCH_RUNNING && !(search->at_rest && now + 1e-6 < search->deadline))
			plan(search, now);
		search->at_rest = search->queue_count == 0;
	}
	if (search->queue_first == search->queue_count)
		return false;
	*action = search->queue[search->queue_first++];
	return true;
}

double search_deadline(const struct search *search)
{
	return search->deadline;
}

void search_stop(struct search *search)
{
	if (search->end == SEARCH_RUNNING)
		search_finish(search, SEARCH_ANSWERED);
}

bool search_outlives(struct search *search, double idle)
{
	const struct bracket *bracket = &search->bracket;

	search->at_rest &= search->to_outlive == idle;
	search->to_outlive = idle;
	return isnan(bracket->since) && bracket->dead_conn < 0 &&
	       bracket_outlived(search->ledger, TIMER_IDLE, idle) >= bracket->crowd;
}

double search_longest(const struct search *search)
{
	double limit = plan_limit(search);

	return search->config.strategy == STRATEGY_ONCE ? once_limit(search) : limit + plan_doubt(limit);
}

bool search_done(const struct search *search)
{
	return search->end != SEARCH_RUNNING;
}

enum search_end search_end(const struct search *search)
{
	return search->end;
}

int search_error(const struct search *search)
{
	return search->last_error;
}

enum timer search_bracket(const struct search *search, struct bracket *bracket)
{
	if (!search->stale) {
		*bracket = search->bracket;
		return search->timer;
	}
	return choose_timer(search->ledger, bracket);
}

void search_interval(const struct search *search, const struct bracket *bracket, double *survived, double *expired)
{
	double spare = fmax(search_width_asked(search, bracket->lower) - (bracket->upper - bracket->lower), 0);

	*survived = fmin(bracket->lower, fmax(bracket->several_alive, bracket->lower - BELOW * spare));
	*expired = fmax(bracket->upper, fmin(bracket->several_dead, bracket->upper + (1 - BELOW) * spare));
}

void search_note_forged(struct search *search)
{
	ledger_note_forged(search->ledger);
}

bool search_fell_short(const struct search *search)
{
	return search->config.strategy == STRATEGY_ONCE &&
	       search->bracket.alive < search->config.max_idle - 2 * ledger_jitter(search->ledger);
}

enum strategy search_strategy(const struct search *search)
{
	return search->config.strategy;
}

bool search_is_far(const struct search *search)
{
	return search->config.far;
}

const struct ledger *search_ledger(const struct search *search)
{
	return search->ledger;
}

struct search_progress search_progress(const struct search *search, double now)
{
	const struct bracket *bracket = &search->bracket;
	struct search_progress progress = {
		.survived = bracket->lower > 0 ? bracket->lower : NAN,
		.expired = bracket->upper,
		.phase = search->phase,
	};

	for (int conn = 0; conn < search->next_conn; conn++) {
		const struct life *life = &search->lives[conn];

		if (life->state == LIFE_OPEN && life->period_count == 0) {
			progress.alive++;
			if (!life->control)
				progress.idle = fmax(progress.idle, now - life->last);
		} else {
			progress.ended += life->state == LIFE_ENDED || (life->confirmed && ledger_unanswered(search->ledger, life));
		}
	}
	if (!isnan(bracket->upper) || !isnan(bracket->suspected)) {
		double upper = isnan(bracket->upper) ? bracket->suspected : bracket->upper;

		/* Splitting costs a few waits and the width of the bracket; a small crew starts over for it. */
		progress.left_min = search_wait(search);
		progress.left_max = search->workers > 8 ? 10 + 0.03 * upper : 10 + 2 * upper;
	} else {
		progress.left_min = fmax(0, search->config.min_idle - progress.idle);
		progress.left_max = fmax(0, search->config.max_idle - progress.idle);
	}
	return progress;
}
