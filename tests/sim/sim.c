/* Plays seeded scenarios and tells in TAP whether what must hold of each suite holds.
 *   sim [-n SCENARIOS] [-s SEED] [SUITE...]
 * -s plays one scenario alone and tells what came out. */
#include "scenario.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOLD = 5 };

struct tally {
	int played, wrong, stuck, inconclusive, answered, spread;
	double *ratios;
	double width; /* widest, relative to what was asked */
	double connections, probes;
	int most_probes;
	char told[TOLD * 200];
};

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static const char *outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_TIMEOUT: return "timeout";
	case OUTCOME_NO_TIMEOUT: return "no_timeout";
	case OUTCOME_CLOSED_BY_ENDPOINT: return "closed_by_endpoint";
	case OUTCOME_INCONCLUSIVE: return "inconclusive";
	case OUTCOME_UNREACHABLE: return "unreachable";
	}
	return "";
}

static int describe(char *text, size_t size, uint64_t seed, const struct scenario *scenario, const struct played *played)
{
	const struct findings *findings = &played->findings;

	if (findings->has_inbound)
		return snprintf(text, size, "# seed %llu: outbound %.2f, %s (reason %d) %.2f to %.2f; inbound %.2f, %s (reason %d) %.2f to %.2f; revived %d; %.2f T\n",
				(unsigned long long)seed, scenario->outbound, outcome_name(findings->outbound.outcome), (int)findings->outbound.reason,
				findings->outbound.survived, findings->outbound.expired, scenario->inbound,
				outcome_name(findings->inbound.outcome), (int)findings->inbound.reason, findings->inbound.survived, findings->inbound.expired,
				(int)findings->whole.revived_by_probe, played->elapsed / scenario->timeout);
	return snprintf(text, size, "# seed %llu: truth %.3f to %.3f s, answer %s (reason %d) %.3f to %.3f s after %.3f T, rtt %.3f s\n",
			(unsigned long long)seed, scenario->timeout, scenario->longest, outcome_name(played->result.outcome),
			(int)played->result.reason, played->result.survived, played->result.expired,
			played->elapsed / scenario->timeout, scenario->world.rtt);
}

static void note_width(struct tally *tally, const struct scenario *scenario, const struct result *result, double truth)
{
	double asked = fmax(scenario->survey.search.precision * truth, scenario->survey.search.resolution);

	tally->width = fmax(tally->width, (result->expired - result->survived) / asked);
}

/* The last timeout to be waited for. */
static double scenario_last(const struct scenario *scenario)
{
	if (!scenario->survey.inbound || isinf(scenario->outbound))
		return scenario->timeout;
	return fmax(scenario->outbound, scenario->inbound);
}

static void count(struct tally *tally, uint64_t seed, const struct scenario *scenario, const struct played *played)
{
	const struct result *result = &played->result;
	bool wrong = scenario_is_wrong(scenario, played);

	tally->played++;
	tally->wrong += wrong;
	tally->stuck += !played->ended;
	tally->inconclusive += result->outcome == OUTCOME_INCONCLUSIVE;
	tally->connections += played->path.connections;
	tally->probes += played->path.probes;
	if (played->path.probes > tally->most_probes)
		tally->most_probes = played->path.probes;
	for (size_t i = 0; i < result->warning_count; i++)
		tally->spread += result->warnings[i].code == WARNING_SCAN_GRANULARITY;
	if (result->outcome == OUTCOME_TIMEOUT || result->outcome == OUTCOME_CLOSED_BY_ENDPOINT) {
		const struct findings *findings = &played->findings;

		tally->ratios[tally->answered++] = played->elapsed / scenario_last(scenario);
		note_width(tally, scenario, result, scenario->timeout);
		if (findings->has_inbound && findings->outbound.outcome == OUTCOME_TIMEOUT)
			note_width(tally, scenario, &findings->outbound, scenario->outbound);
		if (findings->has_inbound && findings->inbound.outcome == OUTCOME_TIMEOUT)
			note_width(tally, scenario, &findings->inbound, scenario->inbound);
	}
	if ((wrong || !played->ended) && strlen(tally->told) + 200 < sizeof tally->told)
		describe(tally->told + strlen(tally->told), 200, seed, scenario, played);
}

static double quantile(const struct tally *tally, double share)
{
	return tally->answered ? tally->ratios[(int)(share * (tally->answered - 1))] : NAN;
}

static bool within(double value, double bound)
{
	return isnan(bound) || isnan(value) || value <= bound * (1 + 1e-9);
}

/* Plays one suite; writes a line of TAP and its diagnostics. */
static void play_suite(const struct suite *suite, int number, int scenarios, FILE *out)
{
	struct tally tally = {.played = 0};
	const struct bounds *bounds = &suite->bounds;
	int plays = (scenarios + suite->share - 1) / suite->share;

	tally.ratios = calloc((size_t)plays, sizeof *tally.ratios);
	if (!tally.ratios)
		abort();
	for (int seed = 0; seed < plays; seed++) {
		struct scenario scenario = scenario_draw(suite, (uint64_t)seed);
		struct played played = play(&scenario.survey, &scenario.world);

		count(&tally, (uint64_t)seed, &scenario, &played);
	}
	qsort(tally.ratios, (size_t)tally.answered, sizeof *tally.ratios, by_value);

	double inconclusive = (double)tally.inconclusive / tally.played;
	bool good = tally.wrong == 0 && tally.stuck == 0 && within(inconclusive, bounds->inconclusive) &&
		    within(tally.width, bounds->width) && within(quantile(&tally, 0.5), bounds->median) &&
		    within(quantile(&tally, 0.95), bounds->p95);

	fprintf(out, "%s %d - %s: %d scenarios, %d wrong, %d inconclusive, time/T median %.4f p95 %.4f\n", good ? "ok" : "not ok",
		number, suite->name, tally.played, tally.wrong, tally.inconclusive, quantile(&tally, 0.5), quantile(&tally, 0.95));
	fprintf(out, "# widest interval %.3f of what was asked; %d spreads told; connections %.1f, probes %.0f on average, %d at most\n",
		tally.width, tally.spread, tally.connections / tally.played, tally.probes / tally.played, tally.most_probes);
	if (tally.stuck)
		fprintf(out, "# %d never ended\n", tally.stuck);
	fputs(tally.told, out);
	free(tally.ratios);
}

static bool is_named(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static void play_one(uint64_t seed, char **names)
{
	for (size_t i = 0; i < suite_count; i++) {
		if (!is_named(suites[i].name, names))
			continue;

		struct scenario scenario = scenario_draw(&suites[i], seed);
		struct played played = play(&scenario.survey, &scenario.world);
		char text[200];

		describe(text, sizeof text, seed, &scenario, &played);
		printf("%s: %s %s", suites[i].name, scenario_is_wrong(&scenario, &played) ? "WRONG" : "right", text);
	}
}

/* Each suite in a process of its own, as many at once as there are processors; told in order. */
static int play_all(int scenarios, char **names)
{
	FILE *outs[64];
	int running = 0, started = 0, status, bad = 0;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	for (size_t i = 0; i < suite_count; i++) {
		if (!is_named(suites[i].name, names))
			continue;
		for (; running >= processors && wait(&status) > 0; running--)
			bad |= status;
		outs[started] = tmpfile();
		if (!outs[started])
			abort();
		fflush(NULL);
		if (fork() == 0) {
			play_suite(&suites[i], started + 1, scenarios, outs[started]);
			fflush(outs[started]);
			_exit(0);
		}
		started++;
		running++;
	}
	for (; wait(&status) > 0;)
		bad |= status;
	printf("1..%d\n", started);
	for (int i = 0; i < started; i++) {
		int byte;

		rewind(outs[i]);
		while ((byte = getc(outs[i])) != EOF)
			putchar(byte);
		fclose(outs[i]);
	}
	return bad ? 1 : 0;
}

/* Names that no suite has are a mistake, not an empty run. */
static bool all_known(char **names)
{
	for (; *names; names++) {
		bool known = false;

		for (size_t i = 0; i < suite_count; i++)
			known |= strcmp(suites[i].name, *names) == 0;
		if (!known) {
			fprintf(stderr, "sim: no suite is named \"%s\"\n", *names);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	int scenarios = 1000, option;
	long long seed = -1;

	while ((option = getopt(argc, argv, "n:s:")) != -1) {
		if (option == 'n')
			scenarios = atoi(optarg);
		else if (option == 's')
			seed = atoll(optarg);
		else
			return 2;
	}
	if (!all_known(argv + optind))
		return 2;
	if (seed >= 0) {
		play_one((uint64_t)seed, argv + optind);
		return 0;
	}
	return play_all(scenarios, argv + optind);
}
