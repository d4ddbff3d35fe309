#include "loop.h"

#include "edge/clock.h"
#include "format/progress.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Seconds: the timer is set no further ahead, so that a clock that jumps costs no more than this. */
#define LONGEST_SLEEP 30.0

static void arm(struct loop *loop, double now)
{
	double wait = fmin(fmax(survey_deadline(loop->survey) - now, 0), LONGEST_SLEEP);
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
	while (survey_next(loop->survey, now, &action)) {
		engine_act(loop->engine, &action);
		now = clock_now();
	}
	/* After a change of address no probe can be sent on the connections that were open: there will be no answer. */
	if (survey_done(loop->survey) || engine_stats(loop->engine).address_changed)
		event_base_loopbreak(loop->base);
	else
		arm(loop, now);
}

void loop_on_observation(void *arg, const struct observation *seen)
{
	struct loop *loop = arg;

	survey_observe(loop->survey, seen);
	events_observation(loop->events, seen);
	advance(loop);
	if (seen->what == OBSERVED_SENT || seen->what == OBSERVED_OUTBOUND)
		return; /* proves nothing */
	double now = clock_now();
	struct search_progress progress = survey_progress(loop->survey, now);
	events_finding(loop->events, now, progress.survived, progress.expired);
}

void loop_on_far_answer(void *arg, const struct protocol_answer *answer, double at)
{
	struct loop *loop = arg;

	engine_answer(loop->engine, answer, at);
}

/* Before the survey is begun the loop is run only to learn this. */
void loop_on_far_changed(void *arg, enum farside_state state)
{
	struct loop *loop = arg;

	if (loop->survey)
		engine_far_changed(loop->engine, state == FARSIDE_READY);
	else
		event_base_loopbreak(loop->base);
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
	if (!loop->survey)
		return (struct progress_line){ "looking for a responder" };

	struct search_progress progress = survey_progress(loop->survey, clock_now());

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

int loop_open(struct loop *loop, struct failure *failure)
{
	*loop = (struct loop){ .timer = -1 };
	loop->base = event_base_new();
	loop->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!loop->base || loop->timer < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the event loop: %s", strerror(errno));
	return 0;
}

int loop_watch(struct loop *loop, bool progress)
{
	static const int numbers[LOOP_SIGNALS] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 };
	static const struct timeval second = { .tv_sec = 1 };
	struct sigaction before;

	loop->timer_event = event_new(loop->base, loop->timer, EV_READ | EV_PERSIST, on_timer, loop);
	if (!loop->timer_event || event_add(loop->timer_event, NULL) < 0)
		return -1;
	for (int i = 0; i < LOOP_SIGNALS; i++) {
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

void loop_unwatch(struct loop *loop)
{
	struct event *events[] = { loop->timer_event, loop->progress_event, loop->signal_events[0], loop->signal_events[1],
				   loop->signal_events[2], loop->signal_events[3] };

	clear_progress(loop);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (events[i])
			event_free(events[i]);
}

void loop_close(struct loop *loop)
{
	farside_free(loop->far);
	engine_free(loop->engine);
	if (loop->timer >= 0)
		close(loop->timer);
	if (loop->base)
		event_base_free(loop->base);
}

int loop_run(struct loop *loop, struct failure *failure)
{
	loop->wake = clock_now();
	if (loop->survey && !loop->interrupted)
		advance(loop);
	if (loop->interrupted || (loop->survey && survey_done(loop->survey)) || event_base_dispatch(loop->base) >= 0)
		return 0;
	return fail(failure, EXIT_CANNOT_RUN, "the event loop failed: %s", strerror(errno));
}
