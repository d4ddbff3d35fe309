/* The search, the survey and the verdict over any row of observations and times. It must end, and what it answers must
 * not contradict what it has seen. */
#include "core/bracket.h"
#include "core/findings.h"
#include "core/platforms.h"
#include "format/report_json.h"
#include "format/report_read.h"
#include "path.h"
#include "run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Actions at one moment, wake-ups without time passing, and wake-ups in all. */
enum { MOST_AT_ONCE = 20000, MOST_STALLED = 2000, MOST_STEPS = 400000 };

#define WORD 2.0 /* seconds that a word of the far side's may be waited for */

/* Where each connection dies at once, thousands are opened in some hours: a minute of CPU under the sanitizer. */
static const double longest[] = { 0.5, 2, 5, 20, 60, 300, 600, 1200 };
static const int crews[] = { 2, 3, 4, 5, 6, 8, 12, 16, 18, 24, 48, 96 };
static const double precisions[] = { 0.01, 0.0001, 0.05, 0.4999 };
static const double resolutions[] = { 1, 0.01, 0.2, 60 };

#define PICK(bytes, array) (array)[bytes_choice(bytes, sizeof(array) / sizeof *(array))]

/* The fewer connections, the more times as long may it take: up to forty. */
static double most_idle(const struct options *options)
{
	if (options->strategy == STRATEGY_LADDER || options->connections < 12)
		return 60;
	return options->connections < 48 ? 300 : INFINITY;
}

static struct options options_of(struct bytes *bytes)
{
	struct options options;

	options_default(&options);
	options.strategy = bytes_choice(bytes, 3);
	options.connections = PICK(bytes, crews);
	options.max_idle = PICK(bytes, longest);
	options.max_idle = fmin(options.max_idle, most_idle(&options));
	options.min_idle = bytes_next(bytes) & 1 ? fmax(0.2, options.max_idle / 8) : 0.2;
	options.precision = PICK(bytes, precisions);
	options.resolution = PICK(bytes, resolutions);
	options.direction = (int)bytes_choice(bytes, 4);
	if (options.connections < 2 * FEWEST_CONNECTIONS)
		options.direction = DIRECTIONS_OUT;
	if (options.strategy == STRATEGY_ONCE)
		options.minimum = options.max_idle;
	return options;
}

static void drain(struct survey *survey, struct path *path, double now)
{
	struct action action;

	for (int count = 0; survey_next(survey, now, &action); count++) {
		must(count < MOST_AT_ONCE);
		path_act(path, &action, now);
	}
}

static double play(struct survey *survey, struct path *path)
{
	double now = 0, moved = 0, settled = NAN;
	int stalled = 0;

	for (int step = 0;; step++) {
		drain(survey, path, now);
		if (survey_done(survey) || path_is_interrupted(path))
			return now;

		double deadline = survey_deadline(survey), event = path_next(path);

		must(step < MOST_STEPS && fmin(deadline, event) < INFINITY);
		if (isnan(settled) && path_is_settled(path))
			settled = now;
		must(isnan(settled) || now <= settled + survey_longest(survey) + WORD);
		now += path_lateness(path);
		if (event <= fmax(deadline, now)) {
			struct observation seen = path_take(path);

			now = fmax(now, event);
			survey_observe(survey, &seen);
		} else {
			now = fmax(now + 1e-6, deadline);
		}
		stalled = now > moved + 1e-3 ? 0 : stalled + 1;
		must(stalled < MOST_STALLED);
		moved = stalled ? moved : now;
	}
}

static bool is_told(const struct result *result, enum warning_code code)
{
	for (size_t i = 0; i < result->warning_count; i++)
		if (result->warnings[i].code == code)
			return true;
	return false;
}

static void must_be_complete(const struct result *result)
{
	must(!(result->survived > result->expired));
	must(isnan(result->survived) || (result->survived > 0 && isfinite(result->survived)));
	must(isnan(result->expired) || (result->expired > 0 && isfinite(result->expired)));
	must(result->warning_count <= WARNING_CODES);
	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		must(isfinite(result->timeout) && isfinite(result->expired) && result->timeout <= result->expired);
		must(!(result->timeout < result->survived) && result->signal != SIGNAL_NONE && result->reason == REASON_NONE);
		break;
	case OUTCOME_NO_TIMEOUT:
		must(isfinite(result->survived) && isnan(result->timeout) && isnan(result->expired));
		must(result->signal == SIGNAL_NONE && result->reason == REASON_NONE);
		break;
	case OUTCOME_INCONCLUSIVE:
		must(isnan(result->timeout) && result->reason != REASON_NONE);
		break;
	case OUTCOME_UNREACHABLE:
		must(isnan(result->timeout) && isnan(result->survived) && isnan(result->expired));
		break;
	}
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

/* The interval leaves out nothing that a single sample proves. */
static void must_fit(const struct search *search, const struct result *result)
{
	const struct ledger *ledger = search_ledger(search);
	double jitter = ledger_jitter(ledger), alive = 0, closed = INFINITY;
	struct bracket bracket;
	enum timer timer = search_bracket(search, &bracket);
	size_t count;
	const struct sample *samples = ledger_samples(ledger, &count);
	bool has_timeout = result->outcome == OUTCOME_TIMEOUT || result->outcome == OUTCOME_CLOSED_BY_ENDPOINT;

	for (size_t i = 0; i < count; i++) {
		const struct sample *sample = &samples[i];
		double x = timer == TIMER_IDLE ? sample->idle : sample->age;

		if (proves_life(sample))
			alive = fmax(alive, x);
		if (has_timeout && sample->outcome == SAMPLE_ALIVE && !sample->control && !is_told(result, WARNING_SCAN_GRANULARITY))
			must(x - jitter <= result->expired);
		if ((sample->outcome == SAMPLE_RESET || sample->outcome == SAMPLE_FIN) && !sample->moot && !sample->control)
			closed = fmin(closed, bracket_dead_bound(ledger, timer, sample));
	}
	must(isnan(result->survived) || result->survived <= alive + 1e-9);
	if (has_timeout && !is_told(result, WARNING_SCAN_GRANULARITY))
		must(!(result->survived > closed));
	must(result->outcome != OUTCOME_NO_TIMEOUT || isinf(closed));
}

static void must_be_json(const struct survey *survey, const struct findings *findings, const struct options *options, double now)
{
	struct report report = {
		.started_at = 1e9, .finished_at = 1e9 + now, .elapsed = now, .options = options,
		.target = { .input = "a:1", .host = "a", .address = "192.0.2.7", .interface = "eth0", .source_address = "192.0.2.1",
			    .port = 1, .family = IP_V4 },
		.path = survey_path(survey), .result = findings->whole, .proxy = findings->proxy, .learned = findings->learned,
	};
	const enum direction directions[] = { DIRECTION_OUTBOUND, DIRECTION_INBOUND };
	struct report_side *const sides[] = { &report.outbound, &report.inbound };
	struct saved_reports back = { 0 };
	struct failure failure;
	char *json, *again;

	for (int i = 0; i < 2; i++) {
		const struct search *search = survey_search(survey, directions[i]);

		if (!search)
			continue;
		sides[i]->result = i ? &findings->inbound : &findings->outbound;
		sides[i]->samples = ledger_samples(search_ledger(search), &sides[i]->sample_count);
		sides[i]->numbers = survey_numbers(survey, directions[i]);
	}
	report.nat.remapped = findings->remapped;
	advice_give(&report.result, &report.advice.host, &report.advice);
	json = report_json(&report);
	must(json);
	if (reports_read(&back, "-", json, strlen(json), &failure) < 0)
		fuzz_failed(failure.text, __FILE__, __LINE__);
	again = report_json(&back.items[0]->report);
	must(again && strcmp(json, again) == 0);
	free(json);
	free(again);
	reports_free(&back);
}

static void judge(const struct survey *survey, const struct options *options, const struct circumstances *circumstances, double now)
{
	const struct search *outbound = survey_search(survey, DIRECTION_OUTBOUND);
	const struct search *inbound = survey_search(survey, DIRECTION_INBOUND);
	struct findings findings;

	findings_reach(survey, circumstances, &findings);
	must_be_complete(&findings.whole);
	if (outbound) {
		must_be_complete(&findings.outbound);
		must_fit(outbound, &findings.outbound);
	}
	if (inbound) {
		must_be_complete(&findings.inbound);
		must_fit(inbound, &findings.inbound);
	}
	must_be_json(survey, &findings, options, now);
}

/* By itself, and with what else may have happened to the run. */
static void judge_all(const struct survey *survey, const struct options *options, struct bytes *bytes, double now)
{
	struct circumstances circumstances = { .interrupted = !survey_done(survey) };
	uint8_t besides = bytes_next(bytes);

	judge(survey, options, &circumstances, now);
	circumstances.address_changed = besides & 1;
	circumstances.capture_drops = besides & 2 ? bytes_next(bytes) : 0;
	circumstances.clock_jump = besides & 4 ? bytes_seconds(bytes) : 0;
	judge(survey, options, &circumstances, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct bytes bytes = { data, data + count };
	struct options options = options_of(&bytes);
	struct platforms *platforms = platforms_load();
	struct survey_config config = run_survey(&options, platforms, true, options.direction != DIRECTIONS_OUT);
	struct path *path = path_new(&bytes);
	struct survey *survey = survey_new(&config);

	must(platforms && survey);
	judge_all(survey, &options, &bytes, play(survey, path));
	survey_free(survey);
	path_free(path);
	platforms_free(platforms);
	return 0;
}
