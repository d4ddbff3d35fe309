/* Plays every method through the same seeded scenarios and prints a line of JSON for each method and path.
 *   bench [-n SCENARIOS] */
#include "methods.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct setting {
	const char *name;
	double loss;  /* each way */
	bool retries; /* each method's own; idleprobe asks as ever */
};

static const struct setting settings[] = {
	{"no loss", 0, false},
	{"5 % loss, one probe", 0.05, false},
	{"5 % loss, with retries", 0.05, true},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

/* Times and widths are those of the right answers. */
struct summary {
	int scenarios, right, wrong, inconclusive;
	int wide;                              /* right, but wider than was asked for */
	double time_p5, time_median, time_p95; /* relative to the timeout */
	double width_median, width_most;       /* relative to what was asked for */
	double connections, probes;            /* on average */
	int probes_most;
};

/* idleprobe asks again where it needs to. */
static bool is_played(const struct method *method, const struct setting *setting)
{
	return method->search || setting->loss == 0 || setting->retries;
}

static void draw_nothing(struct scenario *scenario, uint64_t *random)
{
	(void)scenario;
	(void)random;
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double quantile(const double *sorted, int count, double share)
{
	return count ? sorted[(int)lround(share * (count - 1))] : NAN;
}

static void summarize(struct summary *summary, double *times, double *widths)
{
	int count = summary->right;

	qsort(times, (size_t)count, sizeof *times, by_value);
	qsort(widths, (size_t)count, sizeof *widths, by_value);
	summary->time_p5 = quantile(times, count, 0.05);
	summary->time_median = quantile(times, count, 0.5);
	summary->time_p95 = quantile(times, count, 0.95);
	summary->width_median = quantile(widths, count, 0.5);
	summary->width_most = quantile(widths, count, 1);
	summary->connections /= summary->scenarios;
	summary->probes /= summary->scenarios;
}

static void count(struct summary *summary, const struct scenario *scenario, const struct measured *measured,
		  double *times, double *widths)
{
	const struct search_config *config = &scenario->survey.search;
	double asked = fmax(config->precision * scenario->timeout, config->resolution);

	summary->scenarios++;
	summary->wrong += measured->wrong;
	summary->inconclusive += !measured->answered && !measured->wrong;
	summary->connections += measured->connections;
	summary->probes += measured->probes;
	if (measured->probes > summary->probes_most)
		summary->probes_most = measured->probes;
	if (measured->answered && !measured->wrong) {
		times[summary->right] = measured->elapsed / scenario->timeout;
		widths[summary->right] = (measured->expired - measured->survived) / asked;
		summary->wide += widths[summary->right++] > 1 + 1e-6;
	}
}

static void compare(const struct method *method, const struct setting *setting, int scenarios,
		    struct summary *summary)
{
	const struct suite suite = {.draw = draw_nothing};
	const struct patience *patience = setting->retries ? &method->retries : &ask_once;
	double *times = calloc((size_t)scenarios, sizeof *times);
	double *widths = calloc((size_t)scenarios, sizeof *widths);

	if (!times || !widths)
		abort();
	for (int seed = 0; seed < scenarios; seed++) {
		struct scenario scenario = scenario_draw(&suite, (uint64_t)seed);
		struct measured measured;

		scenario.world.loss = setting->loss;
		measured = method_measure(method, &scenario, patience);
		count(summary, &scenario, &measured, times, widths);
	}
	summarize(summary, times, widths);
	free(times);
	free(widths);
}

static void print_number(const char *key, double value)
{
	if (isnan(value))
		printf(", \"%s\": null", key);
	else
		printf(", \"%s\": %.4f", key, value);
}

static void print_summary(const struct method *method, const struct setting *setting,
			  const struct summary *summary)
{
	printf("{\"method\": \"%s\", \"path\": \"%s\"", method->name, setting->name);
	printf(", \"scenarios\": %d, \"right\": %d, \"wrong\": %d, \"inconclusive\": %d, \"wide\": %d",
	       summary->scenarios, summary->right, summary->wrong, summary->inconclusive, summary->wide);
	print_number("time_p5", summary->time_p5);
	print_number("time_median", summary->time_median);
	print_number("time_p95", summary->time_p95);
	print_number("width_median", summary->width_median);
	print_number("width_most", summary->width_most);
	print_number("connections", summary->connections);
	print_number("probes", summary->probes);
	printf(", \"probes_most\": %d}\n", summary->probes_most);
}

/* Each task, a method on a path, in a process of its own; as many at once as there are processors. */
static bool play_all(struct summary *summaries, int tasks, int scenarios)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int running = 0, status, bad = 0;

	for (int task = 0; task < tasks; task++) {
		const struct method *method = &methods[task / SETTINGS];
		const struct setting *setting = &settings[task % SETTINGS];

		if (!is_played(method, setting))
			continue;
		for (; running >= processors && wait(&status) > 0; running--)
			bad |= status;
		if (fork() == 0) {
			compare(method, setting, scenarios, &summaries[task]);
			_exit(0);
		}
		running++;
	}
	while (wait(&status) > 0)
		bad |= status;
	return !bad;
}

int main(int argc, char **argv)
{
	int scenarios = 1000, option, tasks = (int)method_count * SETTINGS;
	size_t size = (size_t)tasks * sizeof(struct summary);
	struct summary *summaries;

	while ((option = getopt(argc, argv, "n:")) != -1) {
		if (option != 'n' || (scenarios = atoi(optarg)) < 1)
			return 2;
	}
	summaries = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (summaries == MAP_FAILED)
		abort();
	if (!play_all(summaries, tasks, scenarios))
		return 1;
	for (int task = 0; task < tasks; task++)
		if (summaries[task].scenarios > 0)
			print_summary(&methods[task / SETTINGS], &settings[task % SETTINGS],
				      &summaries[task]);
	return 0;
}
