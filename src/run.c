#include "run.h"

#include "core/verdict.h"
#include "edge/clock.h"
#include "edge/host.h"
#include "edge/targets.h"
#include "run_report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Seconds: the timer is set no further ahead, so that a clock that jumps costs no more than this. */
#define LONGEST_SLEEP 30.0

/* What is no longer needed once the answer stands. Not to be called by what it frees. */
static void release(struct run *run)
{
	if (run->timer_event)
		event_free(run->timer_event);
	if (run->step)
		event_free(run->step);
	farside_free(run->far);
	engine_free(run->engine);
	if (run->timer >= 0)
		close(run->timer);
	run->timer_event = run->step = NULL;
	run->far = NULL;
	run->engine = NULL;
	run->timer = -1;
}

static void end(struct run *run)
{
	run->state = RUN_OVER;
	release(run);
	run->over(run->arg, run);
}

static void report(struct run *run)
{
	if (run_report_finish(run) < 0)
		fail(&run->failure, EXIT_CANNOT_RUN, "out of memory");
	else
		events_end(&run->events, &run->report);
	end(run);
}

static void conclude(struct run *run)
{
	struct engine_stats stats = engine_stats(run->engine);

	findings_reach(run->survey, &(struct circumstances){
		.interrupted = run->report.interrupted,
		.address_changed = stats.address_changed,
		.out_of_memory = stats.out_of_memory || survey_out_of_memory(run->survey),
		.capture_drops = stats.dropped,
		.clock_jump = run->latest,
	}, &run->findings);
	run_report_findings(run);
	report(run);
}

static void arm(struct run *run, double now)
{
	double wake = fmin(fmax(survey_deadline(run->survey), now), now + LONGEST_SLEEP), wait = wake - now;
	struct itimerspec when = { .it_value.tv_sec = (time_t)wait };

	if (wake == run->wake && wake > now)
		return; /* it is set to that already */
	/* A timer of zero is one that is off. */
	when.it_value.tv_nsec = (long)((wait - floor(wait)) * 1e9) + 1;
	if (when.it_value.tv_nsec > 999999999)
		when.it_value.tv_nsec = 999999999;
	timerfd_settime(run->timer, 0, &when, NULL);
	run->wake = wake;
}

/* Does all that is to be done now, and sees to it that it is called again in time. */
static void advance(struct run *run)
{
	struct action action;
	double now = clock_now();

	if (run->state != RUN_MEASURING)
		return;
	run->latest = fmax(run->latest, now - run->wake);
	while (survey_next(run->survey, now, &action)) {
		engine_act(run->engine, &action);
		now = clock_now();
	}
	if (survey_done(run->survey) || engine_is_spoiled(run->engine)) {
		run->state = RUN_ANSWERED;
		event_active(run->step, 0, 0);
	} else {
		arm(run, now);
	}
}

static void on_observation(void *arg, const struct observation *seen)
{
	struct run *run = arg;

	if (run->state != RUN_MEASURING)
		return;
	survey_observe(run->survey, seen);
	events_observation(&run->events, seen);
	advance(run);
	if (seen->what == OBSERVED_SENT || seen->what == OBSERVED_OUTBOUND)
		return; /* proves nothing */
	double now = clock_now();
	struct search_progress progress = survey_progress(run->survey, now);
	events_finding(&run->events, now, progress.survived, progress.expired);
}

static void on_timer(evutil_socket_t timer, short what, void *arg)
{
	uint64_t expirations;

	(void)what;
	if (read(timer, &expirations, sizeof expirations) > 0)
		advance(arg);
}

static void on_far_answer(void *arg, const struct protocol_answer *answer, double at)
{
	struct run *run = arg;

	engine_answer(run->engine, answer, at);
}

static void on_far_changed(void *arg, enum farside_state state)
{
	struct run *run = arg;

	if (run->state == RUN_MEASURING)
		engine_far_changed(run->engine, state == FARSIDE_READY);
	else
		event_active(run->step, 0, 0);
}

static void describe_far(struct run *run)
{
	const struct protocol_banner *banner = farside_banner(run->far);

	snprintf(run->observed, sizeof run->observed, "%s", banner->address);
	run->report.nat = (struct report_nat){ farside_translated(run->far), run->observed, banner->port, UNKNOWN };
}

struct survey_config run_survey(const struct options *options, const struct platforms *platforms, bool raw, bool responder)
{
	struct survey_config config = {
		.search = {
			.strategy = (enum strategy)options->strategy,
			.min_idle = options->min_idle,
			.max_idle = options->max_idle,
			.precision = options->precision,
			.resolution = options->resolution,
			.connections = options->connections,
			.spacing = engine_spacing(raw),
		},
		.outbound = options->direction != DIRECTIONS_IN,
		.inbound = responder,
		.mute = !raw, /* it has the kernel's keepalives alone */
		.thorough = options->direction == DIRECTIONS_BOTH || options->strategy == STRATEGY_ONCE,
	};

	config.search.documented = platforms_timeouts(platforms, &config.search.documented_count);
	return config;
}

/* 0, or -1 without memory. */
static int prepare_survey(struct run *run)
{
	struct survey_config config = run_survey(run->report.options, run->platforms, run->raw, run->far);

	config.search.spent = clock_now() - run->started;
	run->survey = survey_new(&config);
	if (!run->survey)
		return fail(&run->failure, EXIT_CANNOT_RUN, "out of memory");
	run->report.outbound.result = config.outbound ? &run->findings.outbound : NULL;
	run->report.inbound.result = config.inbound ? &run->findings.inbound : NULL;
	if (run->far) {
		describe_far(run);
		engine_set_far(run->engine, run->far);
	}
	events_start(&run->events, &run->report);
	return 0;
}

/* Whether the target is a responder is known, or is not to be waited for. 0, or -1 where it cannot be measured then. */
static int settle_far(struct run *run)
{
	const struct options *options = run->report.options;

	if (run->far && farside_state(run->far) == FARSIDE_REFUSED) {
		run->failure = *farside_failure(run->far);
		return -1;
	}
	if (run->far && farside_state(run->far) != FARSIDE_READY) {
		farside_free(run->far);
		run->far = NULL;
	}
	if (!run->far && !run->report.interrupted &&
	    (options->direction == DIRECTIONS_IN || options->direction == DIRECTIONS_BOTH))
		return fail(&run->failure, EXIT_CANNOT_RUN,
			    "%s port %u shows no banner of `idleprobe respond` within a second; start it there, or probe "
			    "from this side alone: --direction out", run->target.address, run->target.port);
	return 0;
}

static void measure(struct run *run)
{
	if (settle_far(run) < 0 || prepare_survey(run) < 0) {
		end(run);
		return;
	}
	run->state = RUN_MEASURING;
	run->wake = clock_now();
	advance(run);
}

static void on_step(evutil_socket_t unused, short what, void *arg)
{
	struct run *run = arg;

	(void)unused;
	(void)what;
	if (run->state == RUN_LOOKING)
		measure(run);
	else if (run->state == RUN_ANSWERED)
		conclude(run);
}

int run_init(struct run *run, const struct run_config *config, const char *target, struct failure *failure)
{
	*run = (struct run){
		.report = { .started_at = run_report_now(), .result = verdict_none, .proxy = UNKNOWN, .options = config->options },
		.platforms = config->platforms,
		.base = config->base,
		.events = config->events,
		.timer = -1,
		.started = clock_now(),
		.over = config->over,
		.arg = config->arg,
	};
	run->report.outbound.result = &run->report.result;
	run->report.advice.host = host_keepalive();
	run->report.path = (struct path_stats){ .rtt_min = NAN, .rtt_median = NAN, .rtt_max = NAN, .loss = NAN };
	return target_parse(&run->target, target, failure);
}

void run_free(struct run *run)
{
	release(run);
	target_forget(&run->target);
	free(run->report.consistent);
	survey_free(run->survey);
}

static int family_of(const struct options *options)
{
	static const int families[] = { [IP_ANY] = AF_UNSPEC, [IP_V4] = AF_INET, [IP_V6] = AF_INET6 };

	return families[options->ip_version];
}

void runs_look_up(struct run *runs, size_t count)
{
	struct target *targets[TARGETS_MOST];

	for (size_t i = 0; i < count; i++)
		targets[i] = &runs[i].target;
	target_look_up(targets, count, family_of(runs->report.options));
}

int run_resolve(struct run *run, struct failure *failure)
{
	const struct options *options = run->report.options;
	int status = target_resolve(&run->target, family_of(options), options->interface, failure);

	run_report_target(run);
	if (status == 0)
		return 0;
	if (failure->code != EXIT_CANNOT_RUN)
		return -1;
	/* It was tried: that is a report. */
	snprintf(run->report.error, sizeof run->report.error, "%s", failure->text);
	events_start(&run->events, &run->report);
	report(run);
	return 0;
}

int run_open(struct run *run, struct capture *capture, int connections, struct failure *failure)
{
	const struct engine_config config = {
		.base = run->base,
		.target = &run->target,
		.capture = capture,
		.connections = connections,
		.observe = on_observation,
		.observe_arg = run,
	};

	run->raw = capture != NULL;
	run->engine = engine_new(&config, failure);
	if (!run->engine)
		return -1;
	run->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	run->timer_event = run->timer < 0 ? NULL : event_new(run->base, run->timer, EV_READ | EV_PERSIST, on_timer, run);
	run->step = event_new(run->base, -1, 0, on_step, run);
	if (!run->timer_event || !run->step || event_add(run->timer_event, NULL) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the event loop: %s", strerror(errno));
	return 0;
}

void run_begin(struct run *run)
{
	const struct options *options = run->report.options;
	const struct farside_config config = {
		.base = run->base,
		.target = &run->target,
		.token = options->token,
		.changed = on_far_changed,
		.answer = on_far_answer,
		.arg = run,
	};

	run->state = RUN_LOOKING;
	if (options->direction == DIRECTIONS_OUT || options->connections < 2 * FEWEST_CONNECTIONS) {
		event_active(run->step, 0, 0);
		return;
	}
	run->far = farside_new(&config);
	if (!run->far) {
		fail(&run->failure, EXIT_CANNOT_RUN, "out of memory");
		end(run);
	}
}

void run_interrupt(struct run *run)
{
	if (run->state == RUN_OVER)
		return;
	run->report.interrupted = true;
	if (run->state < RUN_MEASURING && (settle_far(run) < 0 || prepare_survey(run) < 0)) {
		end(run);
		return;
	}
	run->state = RUN_ANSWERED;
	conclude(run);
}
