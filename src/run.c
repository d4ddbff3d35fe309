#include "run.h"

#include "core/verdict.h"
#include "edge/clock.h"
#include "edge/engine.h"
#include "edge/host.h"
#include "edge/privilege.h"
#include "format/progress.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Seconds: the timer is set no further ahead, so that a clock that jumps costs no more than this. */
#define LONGEST_SLEEP 30.0

enum { SIGNALS = 4 };

struct loop {
	struct event_base *base;
	struct engine *engine;
	struct search *search;
	struct events *events;
	struct event *timer_event, *progress_event, *signal_events[SIGNALS];
	int timer;
	double wake;          /* when the timer was to expire */
	double latest;        /* longest time by which it came late */
	bool interrupted, progress_shown;
};

static void arm(struct loop *loop, double now)
{
	double wait = fmin(fmax(search_deadline(loop->search) - now, 0), LONGEST_SLEEP);
	struct itimerspec when = { .it_value.tv_sec = (time_t)wait };

	/* A timer of zero is one that is off. */
	when.it_value.tv_nsec = (long)((wait - floor(wait)) * 1e9) + 1;
	if (when.it_value.tv_nsec > 999999999)
		when.it_value.tv_nsec = 999999999;
	timerfd_settime(loop->timer, 0, &when, NULL);
	loop->wake = now + wait;
}

/* Does all that is to be done now, and sees to it that it is called again in time. */
static void advance(struct loop *loop)
{
	struct action action;
	double now = clock_now();

	loop->latest = fmax(loop->latest, now - loop->wake);
	while (search_next(loop->search, now, &action)) {
		engine_act(loop->engine, &action);
		now = clock_now();
	}
	/* After a change of address no probe can be sent on the connections that were open: there will be no answer. */
	if (search_done(loop->search) || engine_stats(loop->engine).address_changed)
		event_base_loopbreak(loop->base);
	else
		arm(loop, now);
}

static void on_observation(void *arg, const struct observation *seen)
{
	struct loop *loop = arg;

	search_observe(loop->search, seen);
	events_observation(loop->events, seen);
	advance(loop);
	if (seen->what == OBSERVED_SENT || seen->what == OBSERVED_OUTBOUND)
		return; /* proves nothing */
	double now = clock_now();
	struct search_progress progress = search_progress(loop->search, now);
	events_finding(loop->events, now, progress.survived, progress.expired);
}

static void on_timer(evutil_socket_t timer, short what, void *arg)
{
	uint64_t expirations;

	(void)what;
	if (read(timer, &expirations, sizeof expirations) > 0)
		advance(arg);
}

static struct progress_line describe(const struct loop *loop)
{
	struct search_progress progress = search_progress(loop->search, clock_now());

	return progress_line(&progress);
}

static void on_progress(evutil_socket_t unused, short what, void *arg)
{
	struct loop *loop = arg;

	(void)unused;
	(void)what;
	fprintf(stderr, "\r\033[K%s", describe(loop).text);
	fflush(stderr);
	loop->progress_shown = true;
}

static void clear_progress(struct loop *loop)
{
	if (loop->progress_shown)
		fputs("\r\033[K", stderr);
	loop->progress_shown = false;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct loop *loop = arg;

	(void)what;
	clear_progress(loop);
	if (number == SIGUSR1) {
		fprintf(stderr, "%s\n", describe(loop).text);
		return;
	}
	loop->interrupted = true;
	event_base_loopbreak(loop->base);
}

static int loop_open(struct loop *loop, struct failure *failure)
{
	*loop = (struct loop){ .timer = -1 };
	loop->base = event_base_new();
	loop->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!loop->base || loop->timer < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the event loop: %s", strerror(errno));
	return 0;
}

static int loop_watch(struct loop *loop, bool progress)
{
	static const int numbers[SIGNALS] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 };
	static const struct timeval second = { .tv_sec = 1 };
	struct sigaction before;

	loop->timer_event = event_new(loop->base, loop->timer, EV_READ | EV_PERSIST, on_timer, loop);
	if (!loop->timer_event || event_add(loop->timer_event, NULL) < 0)
		return -1;
	for (int i = 0; i < SIGNALS; i++) {
		sigaction(numbers[i], NULL, &before);
		if (numbers[i] == SIGHUP && before.sa_handler == SIG_IGN)
			continue; /* nohup(1): the run is to outlive its terminal */
		loop->signal_events[i] = evsignal_new(loop->base, numbers[i], on_signal, loop);
		if (!loop->signal_events[i] || event_add(loop->signal_events[i], NULL) < 0)
			return -1;
	}
	if (!progress)
		return 0;
	loop->progress_event = event_new(loop->base, -1, EV_PERSIST, on_progress, loop);
	return loop->progress_event ? event_add(loop->progress_event, &second) : -1;
}

/* From here on a signal has its usual effect again: a second Ctrl-C ends the program at once. */
static void loop_unwatch(struct loop *loop)
{
	struct event *events[] = { loop->timer_event, loop->progress_event, loop->signal_events[0], loop->signal_events[1],
				   loop->signal_events[2], loop->signal_events[3] };

	clear_progress(loop);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (events[i])
			event_free(events[i]);
}

static void loop_close(struct loop *loop)
{
	engine_free(loop->engine);
	if (loop->timer >= 0)
		close(loop->timer);
	if (loop->base)
		event_base_free(loop->base);
}

static double wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void describe_target(struct run *run, const struct options *options)
{
	const struct target *target = &run->target;
	bool resolved = target->address[0];

	run->report.options = options;
	run->report.target.input = target->input;
	run->report.target.host = target->host;
	run->report.target.port = target->port;
	run->report.target.address = resolved ? target->address : NULL;
	run->report.target.interface = resolved && target->interface[0] ? target->interface : NULL;
	run->report.target.source_address = resolved && target->source_address[0] ? target->source_address : NULL;
	run->report.target.family = !resolved ? IP_ANY : target->family == AF_INET6 ? IP_V6 : IP_V4;
}

static void tell_unreachable(const struct run *run, char *text, size_t size)
{
	const struct target *target = &run->target;
	int error = search_error(run->search);
	const char *what, *next;

	switch (error) {
	case ECONNREFUSED:
		what = "connection refused";
		next = "nothing listens on that port, or a firewall rejects it; check host and port";
		break;
	case ETIMEDOUT:
		what = "no answer to any connection attempt";
		next = "the host is down, or a firewall drops the attempts; check host, port and firewall rules";
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
		what = "no route";
		next = "check the address, and what `ip route get` says of it";
		break;
	case EACCES:
	case EPERM:
		what = "not permitted";
		next = "a firewall rule of this host forbids the connection";
		break;
	default:
		what = error ? strerror(error) : "no connection could be opened";
		next = "check host and port";
	}
	snprintf(text, size, "%s port %u: %s: %s", target->address, target->port, what, next);
}

static void warn_of_addresses(struct result *result, const struct target *target)
{
	struct warning *warning = &result->warnings[result->warning_count];

	if (target->address_count < 2 || result->warning_count == WARNING_CODES)
		return;
	result->warning_count++;
	warning->code = WARNING_SEVERAL_ADDRESSES;
	snprintf(warning->message, sizeof warning->message,
		 "%.80s has %d addresses; only %.50s was measured. To measure another, name it.", target->host,
		 target->address_count, target->address);
}

static int list_consistent(struct run *run)
{
	struct report *report = &run->report;
	size_t count;
	const struct platform *list = platforms_list(run->platforms, &count);

	report->consistent = calloc(count + 1, sizeof *report->consistent);
	if (!report->consistent)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (platform_consistent(&list[i], &report->result, report->options->precision))
			report->consistent[report->consistent_count++] = &list[i];
	return 0;
}

static const struct result nothing = {
	.outcome = OUTCOME_UNREACHABLE,
	.timeout = NAN,
	.survived = NAN,
	.expired = NAN,
	.keepalive_refreshes = UNKNOWN,
	.revived_by_probe = UNKNOWN,
};

/* What the report says besides the result; also where there was no search. */
static int finish(struct run *run, double started, struct failure *failure)
{
	struct report *report = &run->report;
	struct keepalive host = host_keepalive();

	report->finished_at = wall_clock();
	report->elapsed = clock_now() - started;
	if (run->search) {
		report->path = ledger_path(search_ledger(run->search));
		report->samples = ledger_samples(search_ledger(run->search), &report->sample_count);
	}
	advice_give(&report->result, &host, &report->advice);
	if (list_consistent(run) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	return 0;
}

static int search_start(struct run *run, struct failure *failure)
{
	const struct options *options = run->report.options;
	struct search_config config = {
		.strategy = (enum strategy)options->strategy,
		.min_idle = options->min_idle,
		.max_idle = options->max_idle,
		.precision = options->precision,
		.resolution = options->resolution,
		.connections = options->connections,
	};

	config.documented = platforms_timeouts(run->platforms, &config.documented_count);
	run->search = search_new(&config);
	return run->search ? 0 : fail(failure, EXIT_CANNOT_RUN, "out of memory");
}

/* Runs the loop until the answer stands or the user has had enough. */
static int search_run(struct run *run, struct loop *loop, struct failure *failure)
{
	const struct options *options = run->report.options;
	struct engine_stats stats;

	if (loop_watch(loop, !options->quiet && !options->verbose && isatty(STDERR_FILENO)) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the event loop");
	loop->search = run->search;
	loop->wake = clock_now();
	advance(loop);
	if (!search_done(run->search) && event_base_dispatch(loop->base) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "the event loop failed: %s", strerror(errno));
	if (search_end(run->search) == SEARCH_NO_MEMORY)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");

	run->report.interrupted = loop->interrupted;
	stats = engine_stats(loop->engine);
	verdict_reach(run->search, &(struct circumstances){
		.interrupted = loop->interrupted,
		.address_changed = stats.address_changed,
		.capture_drops = stats.dropped,
		.clock_jump = loop->latest,
	}, &run->report.result);
	if (run->report.result.outcome == OUTCOME_UNREACHABLE)
		tell_unreachable(run, run->report.error, sizeof run->report.error);
	else
		warn_of_addresses(&run->report.result, &run->target);
	return 0;
}

static int measure(struct run *run, struct loop *loop, struct failure *failure)
{
	const struct options *options = run->report.options;
	const struct engine_config config = {
		.base = loop->base,
		.target = &run->target,
		.connections = options->connections,
		.observe = on_observation,
		.observe_arg = loop,
	};

	loop->engine = engine_raw_new(&config, failure);
	if (!loop->engine || privilege_drop(failure) < 0 || search_start(run, failure) < 0)
		return -1;
	events_start(loop->events, &run->report);
	return search_run(run, loop, failure);
}

int run_measure(struct run *run, const struct options *options, struct events *events, struct failure *failure)
{
	static const int families[] = { [IP_ANY] = AF_UNSPEC, [IP_V4] = AF_INET, [IP_V6] = AF_INET6 };
	double started = clock_now();
	struct loop loop;
	int status;

	*run = (struct run){ .report = { .started_at = wall_clock(), .result = nothing } };
	run->report.path = (struct path_stats){ .rtt_min = NAN, .rtt_median = NAN, .rtt_max = NAN, .loss = NAN };
	if (target_parse(&run->target, options->targets[0], failure) < 0)
		return -1;
	run->platforms = platforms_load();
	if (!run->platforms)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	status = target_resolve(&run->target, families[options->ip_version], options->interface, failure);
	describe_target(run, options);
	if (status < 0 && failure->code == EXIT_CANNOT_RUN) {
		/* It was tried: that is a report. */
		snprintf(run->report.error, sizeof run->report.error, "%s", failure->text);
		events_start(events, &run->report);
	} else if (status < 0) {
		return -1;
	} else {
		status = loop_open(&loop, failure);
		loop.events = events;
		if (status == 0)
			status = measure(run, &loop, failure);
		loop_unwatch(&loop);
		loop_close(&loop);
		if (status < 0)
			return -1;
	}
	if (finish(run, started, failure) < 0)
		return -1;
	events_end(events, &run->report);
	return 0;
}

void run_free(struct run *run)
{
	free(run->report.consistent);
	platforms_free(run->platforms);
	search_free(run->search);
}
