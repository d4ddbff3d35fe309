#include "methods.h"

#include <math.h>

enum { MOST_AT_ONCE = 96 };

const struct patience ask_once = {1, {2}};

/* As close as they can be: Linux answers one such segment in 500 ms, and round trips are up to 600 ms. */
#define ASK_THREE_TIMES {3, {1, 1, 2}}

/* RFC 8489, 6.2.1: RTO 500 ms, doubled each time, Rc = 7 sends, and Rm = 16 RTO after the last. */
#define ASK_AS_STUN {7, {0.5, 1, 2, 4, 8, 16, 8}}

static double width_asked(const struct search_config *config, double idle)
{
	return fmax(config->precision * idle, config->resolution);
}

static bool is_wide(const struct search_config *config, const struct measured *measured)
{
	return measured->expired - measured->survived > width_asked(config, measured->survived) * (1 + 1e-9);
}

static void take(struct measured *measured, double idle, bool alive)
{
	if (alive)
		measured->survived = idle;
	else
		measured->expired = idle;
}

/* One connection, probed at intervals that grow by what is asked for, until it does not answer any more. */
static void linear_ladder(struct walk *walk, const struct search_config *config, struct measured *measured)
{
	struct trial trial;

	trial_open(walk, &trial, config->min_idle);
	while (trials_run(walk, &trial, 1) == 1 && trial.idle < config->max_idle) {
		measured->survived = trial.idle;
		trial_again(walk, &trial,
			    fmin(config->max_idle, trial.idle + width_asked(config, trial.idle)));
	}
	if (trial.state == TRIAL_EXPIRED)
		measured->expired = trial.idle;
	trial_close(walk, &trial);
}

static void bisect(struct walk *walk, const struct search_config *config, struct measured *measured)
{
	while (is_wide(config, measured)) {
		double idle = (measured->survived + measured->expired) / 2;

		take(measured, idle, trial_alive(walk, idle));
	}
}

/* So libre's natbd/lifetime.c finds the binding lifetime of RFC 5780, 4.6; a trial is a STUN transaction. */
static void doubling(struct walk *walk, const struct search_config *config, struct measured *measured)
{
	double idle = config->min_idle;

	while (isinf(measured->expired) && measured->survived < config->max_idle) {
		take(measured, idle, trial_alive(walk, idle));
		idle = fmin(2 * idle, config->max_idle);
	}
	if (!isinf(measured->expired))
		bisect(walk, config, measured);
}

static void binary(struct walk *walk, const struct search_config *config, struct measured *measured)
{
	measured->survived = config->min_idle;
	measured->expired = config->max_idle;
	bisect(walk, config, measured);
}

static void geometric_binary(struct walk *walk, const struct search_config *config, struct measured *measured)
{
	measured->survived = config->min_idle;
	measured->expired = config->max_idle;
	while (is_wide(config, measured)) {
		double idle = sqrt(measured->survived * measured->expired);

		take(measured, idle, trial_alive(walk, idle));
	}
}

/* Idle times that cut the range into equal ratios, no more than are needed; a new batch each round. */
static void k_section(struct walk *walk, const struct search_config *config, struct measured *measured)
{
	struct trial trials[MOST_AT_ONCE];

	measured->survived = config->min_idle;
	measured->expired = config->max_idle;
	while (is_wide(config, measured)) {
		double low = measured->survived, high = measured->expired, width = width_asked(config, low);
		double needed = ceil(log(high / low) / -log(1 - width / high)) - 1;
		int count = (int)fmax(1, fmin(needed, config->connections)), dead;

		for (int i = 0; i < count; i++)
			trial_open(walk, &trials[i], low * pow(high / low, (i + 1.0) / (count + 1)));
		dead = trials_run(walk, trials, count);
		if (dead > 0)
			measured->survived = trials[dead - 1].idle;
		if (dead < count)
			measured->expired = trials[dead].idle;
		for (int i = 0; i < count; i++)
			trial_close(walk, &trials[i]);
	}
}

const struct method methods[] = {
	{"idleprobe sweep", NULL, STRATEGY_SWEEP, 96},
	{"idleprobe ladder", NULL, STRATEGY_LADDER, 4},
	{"k-section, 96 at once", k_section, .connections = 96, .retries = ASK_THREE_TIMES},
	{"k-section, 16 at once", k_section, .connections = 16, .retries = ASK_THREE_TIMES},
	{"doubling, then binary", doubling, .connections = 1, .retries = ASK_AS_STUN},
	{"binary, geometric middle", geometric_binary, .connections = 1, .retries = ASK_THREE_TIMES},
	{"binary, plain", binary, .connections = 1, .retries = ASK_THREE_TIMES},
	{"linear ladder", linear_ladder, .connections = 1, .retries = ASK_THREE_TIMES},
};
const size_t method_count = sizeof methods / sizeof *methods;

static struct measured measure_by_idleprobe(const struct scenario *scenario)
{
	struct played played = play(&scenario->survey, &scenario->world);

	return (struct measured){
		.answered = played.ended && played.result.outcome == OUTCOME_TIMEOUT,
		.wrong = !played.ended || scenario_is_wrong(scenario, &played),
		.survived = played.result.survived,
		.expired = played.result.expired,
		.elapsed = played.elapsed,
		.connections = played.path.connections,
		.probes = played.path.probes,
	};
}

struct measured method_measure(const struct method *method, const struct scenario *drawn,
			       const struct patience *patience)
{
	struct scenario scenario = *drawn;

	scenario.survey.search.strategy = method->strategy;
	scenario.survey.search.connections = method->connections;
	if (!method->search)
		return measure_by_idleprobe(&scenario);

	struct measured measured = {.answered = true, .expired = INFINITY};
	struct walk walk = {.world = world_new(&scenario.world), .patience = patience};
	/* Such a client knows but to a round trip when a segment passes the middlebox: that is forgiven. */
	double slack = 1.5 * scenario.world.rtt;

	method->search(&walk, &scenario.survey.search, &measured);
	measured.elapsed = walk.now;
	measured.connections = walk.connections;
	measured.probes = walk.probes;
	measured.wrong = scenario.timeout < measured.survived - slack ||
			 scenario.timeout > measured.expired + slack;
	world_free(walk.world);
	return measured;
}
