#include "session.h"

#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/display.h"
#include "edge/output.h"
#include "edge/privilege.h"
#include "edge/targets.h"
#include "edge/terminal.h"
#include "format/progress.h"
#include "format/report_json.h"
#include "format/report_nagios.h"
#include "format/report_text.h"
#include "run.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIGNALS = 4 };

struct session {
	const struct options *options;
	struct targets targets;
	struct platforms *platforms;
	struct event_base *base;
	struct event *signals[SIGNALS], *progress;
	struct display display;
	struct run *runs;
	size_t count, over;
	struct capture *captures[TARGETS_MOST]; /* one for each interface */
	size_t capture_count;
	struct output output;
	int events_fd, events_error;
	FILE *saved;        /* the reports so far, as JSON, for --output */
	char *json;
	size_t json_length;
	bool delivered;     /* a report stands on standard output */
	int stdout_error;   /* errno */
	int code;
};

static void complain(struct session *session, int code, const char *target, const char *what)
{
	bool named = target && session->count > 1 && !strstr(what, target);

	display_clear(&session->display);
	fprintf(stderr, "idleprobe: %s%s%s\n", named ? target : "", named ? ": " : "", what);
	if (code > session->code)
		session->code = code;
}

/* On standard output. */
static void show(struct session *session, const struct report *report, const char *json)
{
	const struct options *options = session->options;

	if (options->nagios)
		return; /* one line for all, at the end */
	if (options->json) {
		fputs(json, stdout);
	} else {
		if (session->delivered)
			fputc('\n', stdout);
		report_text(stdout, report, terminal_in_colour(STDOUT_FILENO));
	}
	session->delivered = true;
	if ((fflush(stdout) != 0 || ferror(stdout)) && !session->stdout_error)
		session->stdout_error = errno;
}

static void deliver(struct session *session, const struct run *run)
{
	const struct report *report = &run->report;
	char *json;

	if (run->failure.code) {
		complain(session, run->failure.code, run->target.input, run->failure.text);
		return;
	}
	display_clear(&session->display);
	if (report->error[0])
		complain(session, EXIT_CANNOT_RUN, run->target.input, report->error);
	if ((int)report_exit_code(report) > session->code)
		session->code = report_exit_code(report);
	json = report_json(report);
	if (!json) {
		complain(session, EXIT_CANNOT_RUN, run->target.input, "out of memory");
		return;
	}
	show(session, report, json);
	fputs(json, session->saved);
	free(json);
}

static void on_over(void *arg, struct run *run)
{
	struct session *session = arg;

	if (run->events.error)
		session->events_error = run->events.error;
	deliver(session, run);
	if (++session->over == session->count)
		event_base_loopbreak(session->base);
}

static struct progress_line describe(const struct run *run, bool named)
{
	struct progress_line line = { "looking for a responder" };
	size_t length = named ? strlen(run->target.input) : 0;

	if (run->survey) {
		struct search_progress progress = survey_progress(run->survey, clock_now());

		line = progress_line(&progress);
	}
	if (named && length + 2 < sizeof line.text) {
		memmove(line.text + length + 2, line.text, sizeof line.text - length - 2);
		memcpy(line.text, run->target.input, length);
		memcpy(line.text + length, ": ", 2);
		line.text[sizeof line.text - 1] = '\0';
	}
	return line;
}

/* A line for each that goes on, as far as there is room. */
static void on_progress(evutil_socket_t unused, short what, void *arg)
{
	struct session *session = arg;
	int room = display_room(), left = (int)(session->count - session->over);
	int shown = left > room ? room - 1 : left;
	char more[60];

	(void)unused;
	(void)what;
	display_clear(&session->display);
	for (size_t i = 0; i < session->count && session->display.drawn < shown; i++)
		if (session->runs[i].state != RUN_OVER)
			display_line(&session->display, describe(&session->runs[i], session->count > 1).text);
	if (left > shown) {
		snprintf(more, sizeof more, "... and %d more", left - shown);
		display_line(&session->display, more);
	}
}

static void unwatch(struct session *session)
{
	display_clear(&session->display);
	for (int i = 0; i < SIGNALS; i++)
		if (session->signals[i])
			event_free(session->signals[i]);
	memset(session->signals, 0, sizeof session->signals);
	if (session->progress)
		event_free(session->progress);
	session->progress = NULL;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct session *session = arg;

	(void)what;
	display_clear(&session->display);
	if (number == SIGUSR1) {
		for (size_t i = 0; i < session->count; i++)
			if (session->runs[i].state != RUN_OVER)
				fprintf(stderr, "%s\n", describe(&session->runs[i], session->count > 1).text);
		return;
	}
	/* From here on a signal has its usual effect again: a second Ctrl-C ends the program at once. */
	unwatch(session);
	for (size_t i = 0; i < session->count; i++)
		run_interrupt(&session->runs[i]);
}

static int watch(struct session *session, struct failure *failure)
{
	static const int numbers[SIGNALS] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 };
	static const struct timeval second = { .tv_sec = 1 };
	const struct options *options = session->options;
	struct sigaction before;

	for (int i = 0; i < SIGNALS; i++) {
		sigaction(numbers[i], NULL, &before);
		if (numbers[i] == SIGHUP && before.sa_handler == SIG_IGN)
			continue; /* nohup(1): the run is to outlive its terminal */
		session->signals[i] = evsignal_new(session->base, numbers[i], on_signal, session);
		if (!session->signals[i] || event_add(session->signals[i], NULL) < 0)
			return fail(failure, EXIT_CANNOT_RUN, "cannot set up the event loop");
	}
	if (options->quiet || options->verbose || !isatty(STDERR_FILENO))
		return 0;
	session->progress = event_new(session->base, -1, EV_PERSIST, on_progress, session);
	if (!session->progress || event_add(session->progress, &second) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the event loop");
	return 0;
}

/* What can be found out before anything is sent, and needs no privileges. */
static int prepare(struct session *session, struct failure *failure)
{
	const struct options *options = session->options;
	bool several;

	if (targets_gather(&session->targets, options, failure) < 0)
		return -1;
	several = session->targets.count > 1;
	session->base = event_base_new();
	session->platforms = platforms_load();
	session->saved = open_memstream(&session->json, &session->json_length);
	session->runs = calloc(session->targets.count, sizeof *session->runs);
	if (!session->base || !session->platforms || !session->saved || !session->runs)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	if (output_open(&session->output, options->output, failure) < 0 ||
	    (options->events && (session->events_fd = output_append(options->events, failure)) < 0))
		return -1;
	while (session->count < session->targets.count) {
		const char *target = session->targets.names[session->count];
		const struct run_config config = {
			.options = options,
			.platforms = session->platforms,
			.base = session->base,
			.events = { .fd = session->events_fd, .verbose = options->verbose ? stderr : NULL,
				    .target = several ? target : NULL, .survived = NAN, .expired = NAN },
			.over = on_over,
			.arg = session,
		};

		if (run_init(&session->runs[session->count++], &config, target, failure) < 0)
			return -1;
	}
	return 0;
}

/* The capture of the interface through which this target is reached. NULL without memory. */
static struct capture *capture_for(struct session *session, const struct target *target)
{
	struct capture *capture;

	for (size_t i = 0; i < session->capture_count; i++)
		if (strcmp(capture_interface(session->captures[i]), target->interface) == 0)
			return session->captures[i];
	capture = capture_new(session->base, target->interface);
	if (capture)
		session->captures[session->capture_count++] = capture;
	return capture;
}

static int open_run(struct session *session, struct run *run, int connections, struct failure *failure)
{
	struct capture *capture = capture_for(session, &run->target);

	if (!capture)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	return run_open(run, capture, connections, failure);
}

/* Privileges are given up when everything is open. */
static int open_all(struct session *session, struct failure *failure)
{
	const int besides = 8; /* descriptors of a run besides its connections, at most */
	int connections = ((int)session->count - 1) * (session->options->connections + besides) + session->options->connections;

	runs_look_up(session->runs, session->count);
	for (size_t i = 0; i < session->count; i++)
		if (run_resolve(&session->runs[i], failure) < 0)
			return -1;
	for (size_t i = 0; i < session->count; i++)
		if (session->runs[i].state != RUN_OVER && open_run(session, &session->runs[i], connections, failure) < 0)
			return -1;
	for (size_t i = 0; i < session->capture_count; i++)
		if (capture_start(session->captures[i], failure) < 0)
			return -1;
	return privilege_drop(failure);
}

static int measure(struct session *session, struct failure *failure)
{
	if (prepare(session, failure) < 0 || open_all(session, failure) < 0 || watch(session, failure) < 0)
		return -1;
	for (size_t i = 0; i < session->count; i++)
		if (session->runs[i].state != RUN_OVER)
			run_begin(&session->runs[i]);
	if (session->over < session->count && event_base_dispatch(session->base) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "the event loop failed: %s", strerror(errno));
	return 0;
}

/* What can be written is, even where another cannot. */
static void write_rest(struct session *session)
{
	const struct options *options = session->options;
	struct failure failure;
	bool shown = options->json;

	if (session->stdout_error) {
		fail(&failure, EXIT_CANNOT_RUN, "standard output cannot be written: %s", strerror(session->stdout_error));
		complain(session, failure.code, NULL, failure.text);
		shown = false;
	}
	fflush(session->saved);
	if (session->output.name && session->json_length > 0 &&
	    output_write(&session->output, session->json, session->json_length, &failure) < 0) {
		/* Hours of waiting may be in it: it must not be lost. */
		if (!shown)
			fputs(session->json, stderr);
		complain(session, failure.code, NULL, failure.text);
	}
	if (session->events_error) {
		fail(&failure, EXIT_CANNOT_RUN, "%s: not all events could be written: %s", options->events,
		     strerror(session->events_error));
		complain(session, failure.code, NULL, failure.text);
	}
}

static void session_free(struct session *session)
{
	for (size_t i = 0; i < session->count; i++)
		run_free(&session->runs[i]);
	free(session->runs);
	for (size_t i = 0; i < session->capture_count; i++)
		capture_free(session->captures[i]);
	if (session->saved)
		fclose(session->saved);
	free(session->json);
	if (session->base)
		event_base_free(session->base);
	platforms_free(session->platforms);
	targets_free(&session->targets);
	output_close(&session->output);
	if (session->events_fd >= 0)
		close(session->events_fd);
}

/* The one line, and the code that belongs to it. */
static void tell_nagios(struct session *session)
{
	struct nagios_item items[TARGETS_MOST];

	for (size_t i = 0; i < session->count; i++) {
		const struct run *run = &session->runs[i];

		items[i] = (struct nagios_item){ run->target.input, run->failure.code ? NULL : &run->report, run->failure.text };
	}
	session->code = (int)report_nagios(stdout, items, session->count);
}

int session_run(const struct options *options)
{
	struct session session = { .options = options, .output = { .fd = -1 }, .events_fd = -1, .code = EXIT_ANSWER };
	struct failure failure;

	signal(SIGPIPE, SIG_IGN);
	if (measure(&session, &failure) < 0) {
		unwatch(&session);
		if (options->nagios) {
			session.code = nagios_unknown(stdout, failure.text);
		} else {
			complain(&session, failure.code, NULL, failure.text);
			session.code = failure.code;
		}
	} else {
		unwatch(&session);
		write_rest(&session);
		if (options->nagios)
			tell_nagios(&session);
	}
	session_free(&session);
	return session.code;
}
