#include "scenario.h"

#include "core/platforms.h"

#include <math.h>
#include <stdlib.h>

#define SHORTEST 20.0
#define LONGEST 7000.0

static double uniform(uint64_t *random, double from, double to)
{
	return from + (to - from) * world_random(random);
}

static double log_uniform(uint64_t *random, double from, double to)
{
	return from * pow(to / from, world_random(random));
}

static const struct platforms *documented(void)
{
	static struct platforms *loaded; /* once in a process of many scenarios */

	if (!loaded)
		loaded = platforms_load();
	if (!loaded)
		abort();
	return loaded;
}

static void draw_quiet(struct scenario *scenario, uint64_t *random)
{
	(void)scenario;
	(void)random;
}

static void draw_loss_5(struct scenario *scenario, uint64_t *random)
{
	(void)random;
	scenario->world.loss = 0.05;
}

static void draw_loss_20(struct scenario *scenario, uint64_t *random)
{
	(void)random;
	scenario->world.loss = 0.2;
}

/* Bursts from a twentieth of a second to five, that lose half to all, and outages of up to 30 s, half of them about the
 * moment of the expiry. */
static void draw_bursts(struct scenario *scenario, uint64_t *random)
{
	struct world_config *world = &scenario->world;

	world->burst_loss = uniform(random, 0.5, 1);
	world->burst_on = log_uniform(random, 0.05, 5);
	world->burst_off = world->burst_on * uniform(random, 4, 54);
	for (int i = 0; i < 3; i++) {
		world->outage_at[i] = uniform(random, 0, 1.1) * world->timeout;
		world->outage_for[i] = uniform(random, 0, 30);
	}
	if (world_random(random) < 0.5)
		world->outage_at[0] = uniform(random, 0.97, 1.07) * world->timeout;
}

static void draw_documented(struct scenario *scenario, uint64_t *random)
{
	const double most = 7440;
	size_t count;
	const struct platform *list = platforms_list(documented(), &count);

	while (count > 0 && list[count - 1].timeout > most)
		count--;
	scenario->world.timeout = list[(size_t)(world_random(random) * (double)count)].timeout;
}

static void draw_32(struct scenario *scenario, uint64_t *random)
{
	(void)random;
	scenario->survey.search.connections = 32;
}

static void draw_small_crew(struct scenario *scenario, uint64_t *random)
{
	scenario->survey.search.connections = (int)uniform(random, 2, 17);
	scenario->world.loss = world_random(random) < 0.5 ? 0 : 0.05;
}

static void draw_ladder(struct scenario *scenario, uint64_t *random)
{
	(void)random;
	scenario->survey.search.strategy = STRATEGY_LADDER;
	scenario->survey.search.connections = 4;
}

static void draw_ladder_loss_5(struct scenario *scenario, uint64_t *random)
{
	draw_ladder(scenario, random);
	scenario->world.loss = 0.05;
}

static void draw_eviction(struct scenario *scenario, uint64_t *random)
{
	scenario->world.evict_every = scenario->world.timeout * log_uniform(random, 0.5, 20);
	scenario->world.evict_share = world_random(random);
	scenario->expectation = EXPECT_NO_WRONG;
}

static void draw_ecmp(struct scenario *scenario, uint64_t *random)
{
	scenario->world.second_share = 0.5;
	scenario->world.second_timeout = log_uniform(random, SHORTEST, LONGEST);
	scenario->split = true;
	scenario->expectation = EXPECT_NO_WRONG;
}

static void draw_scan(struct scenario *scenario, uint64_t *random)
{
	(void)random;
	scenario->world.scan = 10;
	scenario->expectation = EXPECT_NO_WRONG;
}

static void draw_reset_on_probe(struct scenario *scenario, uint64_t *random)
{
	scenario->world.late = world_random(random) < 0.5 ? LATE_RESET : LATE_REMAP;
}

static void draw_reset_at_expiry(struct scenario *scenario, uint64_t *random)
{
	(void)random;
	scenario->world.reset_at_expiry = true;
}

static void draw_icmp(struct scenario *scenario, uint64_t *random)
{
	scenario->world.late = LATE_ICMP;
	scenario->world.icmp_limited = world_random(random) < 0.5;
}

static void draw_payload_only(struct scenario *scenario, uint64_t *random)
{
	(void)random;
	scenario->world.payload_only = true;
}

static void draw_closing_server(struct scenario *scenario, uint64_t *random)
{
	scenario->world.close_after = scenario->world.timeout;
	scenario->world.close_by_reset = world_random(random) < 0.5;
	scenario->world.timeout = INFINITY;
	scenario->expectation = EXPECT_CLOSED;
}

static void draw_restart(struct scenario *scenario, uint64_t *random)
{
	scenario->world.restart_at = scenario->world.timeout * uniform(random, 0, 1.05);
	scenario->world.restart_silent = world_random(random) < 0.5;
	scenario->expectation = EXPECT_NO_WRONG;
}

static void draw_flush(struct scenario *scenario, uint64_t *random)
{
	scenario->world.flush_at = scenario->world.timeout * uniform(random, 0, 1.05);
	scenario->expectation = EXPECT_NO_WRONG;
}

static void draw_keepalive(struct scenario *scenario, uint64_t *random)
{
	scenario->world.keepalive = 1 + scenario->world.timeout * uniform(random, 0, 1.5);
	scenario->expectation = EXPECT_NO_WRONG;
}

static void draw_revival(struct scenario *scenario, uint64_t *random)
{
	(void)random;
	scenario->world.late = LATE_REVIVE;
	scenario->expectation = EXPECT_NO_TIMEOUT;
}

static void draw_router(struct scenario *scenario, uint64_t *random)
{
	scenario->world.timeout = INFINITY;
	scenario->world.loss = world_random(random) < 0.5 ? 0 : 0.05;
	scenario->expectation = EXPECT_NO_TIMEOUT;
}

/* Both directions, each measured to its end. Half of the boxes stop letting segments in before they forget. */
static void draw_both(struct scenario *scenario, uint64_t *random)
{
	scenario->survey.inbound = scenario->survey.thorough = true;
	scenario->world.responder = true;
	if (world_random(random) < 0.5)
		scenario->world.inbound_timeout = log_uniform(random, SHORTEST, scenario->world.timeout);
}

static void draw_both_loss_5(struct scenario *scenario, uint64_t *random)
{
	draw_both(scenario, random);
	scenario->world.loss = 0.05;
}

/* nf_conntrack_tcp_loose=1: only the far side sees the expiry. */
static void draw_loose(struct scenario *scenario, uint64_t *random)
{
	scenario->survey.inbound = true;
	scenario->world.responder = true;
	scenario->world.late = LATE_REVIVE;
	scenario->world.far_late_reset = world_random(random) < 0.5;
	scenario->world.loss = world_random(random) < 0.5 ? 0 : 0.05;
}

/* What only two ends can tell, one at a time. */
static void draw_two_ends(struct scenario *scenario, uint64_t *random)
{
	struct world_config *world = &scenario->world;

	scenario->survey.inbound = true;
	world->responder = true;
	switch ((int)uniform(random, 0, 9)) {
	case 0: world->refreshed_by = REFRESHED_OUTBOUND; break;
	case 1: world->refreshed_by = REFRESHED_INBOUND; break;
	case 2: world->late = LATE_REMAP; break;
	case 3: world->payload_only = true; break;
	case 4: world->reset_at_expiry = true; break;
	case 5: world->far_reset_at_expiry = true; break;
	case 6: world->reset_at_expiry = world->far_reset_at_expiry = true; break;
	case 7: world->reset_at_expiry = world->reset_forged = true; break;
	case 8: /* as HAProxy, which counts payload only */
		world->proxy = true;
		world->close_after = world->timeout;
		world->timeout = INFINITY;
		scenario->expectation = EXPECT_CLOSED;
		break;
	}
	world->far_late_reset = world_random(random) < 0.5;
}

static void draw_two_ends_loss_5(struct scenario *scenario, uint64_t *random)
{
	draw_two_ends(scenario, random);
	scenario->world.loss = 0.05;
}

static void draw_responder_restart(struct scenario *scenario, uint64_t *random)
{
	draw_both(scenario, random);
	scenario->survey.thorough = false;
	draw_restart(scenario, random);
}

/* `check`: the bound asked for is below or above the timeout. */
static void draw_check(struct scenario *scenario, uint64_t *random)
{
	struct search_config *search = &scenario->survey.search;

	search->strategy = STRATEGY_ONCE;
	search->max_idle = fmax(scenario->world.timeout * log_uniform(random, 0.3, 3), 5);
	search->resolution = search->max_idle;
	search->connections = 24;
	search->spent = 1; /* in which a responder was looked for */
}

static void draw_check_loss_5(struct scenario *scenario, uint64_t *random)
{
	draw_check(scenario, random);
	scenario->world.loss = 0.05;
}

static void draw_check_both(struct scenario *scenario, uint64_t *random)
{
	draw_both(scenario, random);
	draw_check(scenario, random);
	scenario->survey.search.connections = 48;
	if (world_random(random) < 0.5)
		scenario->world.late = LATE_REVIVE;
}

/* Whatever may happen to connections, of whatever cause: nothing untrue may be told. */
static void draw_check_trouble(struct scenario *scenario, uint64_t *random)
{
	draw_check(scenario, random);
	switch ((int)uniform(random, 0, 8)) {
	case 0: draw_bursts(scenario, random); break;
	case 1: draw_eviction(scenario, random); break;
	case 2: draw_ecmp(scenario, random); break;
	case 3: draw_scan(scenario, random); break;
	case 4: draw_restart(scenario, random); break;
	case 5: draw_flush(scenario, random); break;
	case 6: draw_keepalive(scenario, random); break;
	case 7: draw_closing_server(scenario, random); break;
	}
}

static void draw_check_payload_only(struct scenario *scenario, uint64_t *random)
{
	draw_check(scenario, random);
	draw_payload_only(scenario, random);
}

const struct suite suites[] = {
	{"no loss", draw_quiet, 1, {0, 1, 1.08, 1.20}},
	{"5 % loss each way", draw_loss_5, 1, {0.01, NAN, 1.15, NAN}},
	{"20 % loss each way", draw_loss_20, 1, {NAN, NAN, NAN, NAN}},
	{"bursty loss and outages", draw_bursts, 1, {NAN, NAN, NAN, NAN}},
	{"documented timeouts", draw_documented, 1, {0, 1, 1.04, NAN}},
	{"32 connections", draw_32, 1, {0, NAN, 1.6, NAN}},
	{"eviction", draw_eviction, 1, {NAN, NAN, NAN, NAN}},
	{"two boxes (ECMP)", draw_ecmp, 1, {NAN, NAN, NAN, NAN}},
	{"table scanned every 10 s", draw_scan, 1, {NAN, NAN, NAN, NAN}},
	{"ladder", draw_ladder, 1, {0, NAN, NAN, NAN}},
	{"ladder, 5 % loss each way", draw_ladder_loss_5, 10, {0.01, NAN, NAN, NAN}},
	{"2 to 16 connections", draw_small_crew, 10, {0.01, NAN, NAN, NAN}},
	{"reset on a late probe", draw_reset_on_probe, 10, {0, 1, 1.08, 1.20}},
	{"reset at expiry", draw_reset_at_expiry, 10, {0, 1, 1.08, 1.20}},
	{"ICMP on a late probe", draw_icmp, 10, {0, 1, 1.08, 1.20}},
	{"keepalives do not refresh", draw_payload_only, 10, {0.02, NAN, 1.15, NAN}},
	{"server closes", draw_closing_server, 10, {0.02, 1, 1.08, NAN}},
	{"server restarts", draw_restart, 10, {NAN, NAN, NAN, NAN}},
	{"table flushed", draw_flush, 10, {NAN, NAN, NAN, NAN}},
	{"server sends keepalives", draw_keepalive, 10, {NAN, NAN, NAN, NAN}},
	{"revived by a late probe", draw_revival, 20, {0, NAN, NAN, NAN}},
	{"no middlebox", draw_router, 20, {0, NAN, NAN, NAN}},
	{"both directions", draw_both, 1, {0, 1, 1.25, NAN}},
	{"both directions, 5 % loss each way", draw_both_loss_5, 10, {NAN, NAN, NAN, NAN}},
	{"revived by this side's probe only", draw_loose, 10, {NAN, NAN, NAN, NAN}},
	{"what two ends tell", draw_two_ends, 1, {NAN, NAN, NAN, NAN}},
	{"what two ends tell, 5 % loss each way", draw_two_ends_loss_5, 1, {NAN, NAN, NAN, NAN}},
	{"responder restarts", draw_responder_restart, 10, {NAN, NAN, NAN, NAN}},
	{"check", draw_check, 1, {0.002, NAN, NAN, NAN}},
	{"check, 5 % loss each way", draw_check_loss_5, 1, {0.03, NAN, NAN, NAN}},
	{"check, both directions", draw_check_both, 10, {0.002, NAN, NAN, NAN}},
	{"check, keepalives do not refresh", draw_check_payload_only, 10, {NAN, NAN, NAN, NAN}},
	{"check, troubles", draw_check_trouble, 10, {NAN, NAN, NAN, NAN}},
};
const size_t suite_count = sizeof suites / sizeof *suites;

struct scenario scenario_draw(const struct suite *suite, uint64_t seed)
{
	uint64_t random = 0x1d1e + seed * 7919;
	struct scenario scenario = {
		.survey = {
			.search = {
				.strategy = STRATEGY_SWEEP,
				.min_idle = 1,
				.max_idle = 7500,
				.precision = 0.01,
				.resolution = 1,
				.connections = 96,
			},
			.outbound = true,
		},
		.world = {
			.rtt = log_uniform(&random, 0.001, 0.4),
			.timeout = log_uniform(&random, SHORTEST, LONGEST),
			.duplicate = 0.01,
		},
	};

	scenario.survey.search.documented = platforms_timeouts(documented(), &scenario.survey.search.documented_count);
	scenario.world.jitter = scenario.world.rtt * uniform(&random, 0, 0.05);
	suite->draw(&scenario, &random);
	scenario.world.seed = seed * 104729 + 1;

	const struct world_config *world = &scenario.world;
	double timeout = world->close_after > 0 ? world->close_after : world->timeout;

	scenario.timeout = scenario.longest = timeout;
	if (world->second_share > 0) {
		scenario.timeout = fmin(timeout, world->second_timeout);
		scenario.longest = fmax(timeout, world->second_timeout);
	}
	scenario.longest += world->scan;
	scenario.outbound = world->late == LATE_REVIVE ? INFINITY : timeout;
	scenario.inbound = world->inbound_timeout > 0 ? world->inbound_timeout : timeout;
	if (scenario.survey.inbound)
		scenario.timeout = scenario.longest = fmin(scenario.outbound, scenario.inbound);
	return scenario;
}

/* Where it is not measured to its end, a direction may not have come to its timeout. */
static bool direction_is_wrong(const struct scenario *scenario, const struct result *result, double truth)
{
	if (result->outcome == OUTCOME_INCONCLUSIVE)
		return false;
	if (result->outcome == OUTCOME_NO_TIMEOUT)
		return result->survived > truth || (scenario->survey.thorough && truth < scenario->survey.search.max_idle);
	return result->outcome != OUTCOME_TIMEOUT || result->survived > truth || !(truth <= result->expired);
}

/* More was told than is so. */
static bool tells_too_much(const struct world_config *world, const struct findings *findings)
{
	const struct result *whole = &findings->whole;
	bool near = findings->learned == LEARNED_NEAR || findings->learned == LEARNED_BOTH;
	bool far = findings->learned == LEARNED_FAR || findings->learned == LEARNED_BOTH;

	return (whole->payload_refreshes == NO && world->payload_only) ||
	       (whole->payload_refreshes == YES && !world->payload_only) ||
	       (whole->outbound_refreshes == YES && world->refreshed_by == REFRESHED_INBOUND) ||
	       (whole->outbound_refreshes == NO && world->refreshed_by != REFRESHED_INBOUND) ||
	       (near && !world->reset_at_expiry) || (far && !world->far_reset_at_expiry) ||
	       (findings->proxy == YES) != world->proxy;
}

static bool both_are_wrong(const struct scenario *scenario, const struct played *played)
{
	const struct findings *findings = &played->findings;
	enum tristate revived = findings->whole.revived_by_probe;

	if (tells_too_much(&scenario->world, findings))
		return true;
	if (scenario->world.proxy)
		return false; /* one direction, looked at as a whole */
	return direction_is_wrong(scenario, &findings->outbound, scenario->outbound) ||
	       direction_is_wrong(scenario, &findings->inbound, scenario->inbound) ||
	       (revived == YES && scenario->outbound <= scenario->inbound) ||
	       (revived == NO && scenario->outbound > findings->inbound.expired + 1);
}

/* A check that comes later than this cannot answer in time: a responder is looked for first. */
static bool is_late(const struct scenario *scenario, const struct played *played)
{
	const struct search_config *search = &scenario->survey.search;

	return search->strategy == STRATEGY_ONCE && played->elapsed > search->max_idle + 3;
}

/* It says itself that an eviction or a flush would look the same to it. */
static bool says_seen_once(const struct scenario *scenario, const struct result *result)
{
	for (size_t i = 0; i < result->warning_count; i++)
		if (result->warnings[i].code == WARNING_SEEN_ONCE)
			return scenario->expectation == EXPECT_NO_WRONG && !scenario->split;
	return false;
}

bool scenario_is_wrong(const struct scenario *scenario, const struct played *played)
{
	const struct result *result = &played->result;
	double survived = isnan(result->survived) ? 0 : result->survived;
	double width = fmax(scenario->survey.search.precision * survived, scenario->survey.search.resolution);

	if (is_late(scenario, played))
		return true;
	if (scenario->survey.inbound && both_are_wrong(scenario, played))
		return true;
	switch (result->outcome) {
	case OUTCOME_INCONCLUSIVE:
		return false;
	case OUTCOME_UNREACHABLE:
		return true;
	case OUTCOME_NO_TIMEOUT:
		return scenario->expectation != EXPECT_NO_TIMEOUT &&
		       scenario->timeout + scenario->world.scan < scenario->survey.search.max_idle;
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		break;
	}
	if (says_seen_once(scenario, result))
		return false;
	if (scenario->expectation == EXPECT_NO_TIMEOUT ||
	    (result->outcome == OUTCOME_CLOSED_BY_ENDPOINT) != (scenario->expectation == EXPECT_CLOSED))
		return true;
	/* Two boxes nearer to each other than what was asked for are one. */
	if (scenario->split && (survived > scenario->timeout + width || result->expired < scenario->longest - width))
		return true;
	return survived > scenario->longest || !(result->expired >= scenario->timeout);
}
