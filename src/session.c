#include "session.h"

#include "edge/buffer.h"
#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/display.h"
#include "edge/host.h"
#include "edge/output.h"
#include "edge/privilege.h"
#include "edge/sandbox.h"
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
	struct event *signals[SIGNALS], *progress, *turn;
	struct display display;
	struct run *runs;
	size_t count, begun, over;
	bool raw;           /* the engine */
	struct capture *captures[TARGETS_MOST]; /* one for each interface */
	size_t capture_count;
	struct output output;
	int events_fd, events_error;
	FILE *saved;        /* the reports so far, as JSON, for --output */
	struct buffer json;
	struct failure unsaved; /* code 0: none */
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

/* Tells what went wrong, and adds the report to those for --output. The same as JSON, which the caller frees; NULL without one. */
static char *collect(struct session *session, const struct run *run)
{
	const struct report *report = &run->report;
	char *json;

	if (run->failure.code) {
		complain(session, run->failure.code, run->target.input, run->failure.text);
		return NULL;
	}
	display_clear(&session->display);
	if (report->error[0])
		complain(session, EXIT_CANNOT_RUN, run->target.input, report->error);
	if ((int)report_exit_code(report) > session->code)
		session->code = report_exit_code(report);
	json = report_json(report);
	if (json)
		fputs(json, session->saved);
	else
		complain(session, EXIT_CANNOT_RUN, run->target.input, "out of memory");
	return json;
}

static void save(struct session *session)
{
	bool incomplete = fflush(session->saved) != 0 || ferror(session->saved);

	if (!session->output.name)
		return;
	if (incomplete)
		fail(&session->unsaved, EXIT_CANNOT_RUN, "%s is not written: out of memory", session->output.name);
	else if (session->json.length > 0)
		output_write(&session->output, session->json.text, session->json.length, &session->unsaved);
}

static void on_over(void *arg, struct run *run)
{
	struct session *session = arg;

	if (run->events.error)
		session->events_error = run->events.error;

	char *json = collect(session, run);

	/* First: who reads standard output may keep it waiting. */
	if (++session->over == session->count) {
		save(session);
		event_base_loopbreak(session->base);
	}
	if (json)
		show(session, &run->report, json);
	free(json);
}

static struct progress_line describe(const struct run *run, bool named)
{
	struct progress_line line = { "looking for a responder" };
	size_t length = named ? strlen(run->target.input) : 0;

	if (run->state == RUN_NAMED) {
		line = (struct progress_line){ "waits for its turn" };
	} else if (run->survey) {
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

/* One after the other, so that neither their connections nor their probes come in one burst. */
static void on_turn(evutil_socket_t unused, short what, void *arg)
{
	struct session *session = arg;

	(void)unused;
	(void)what;
	while (session->begun < session->count && session->runs[session->begun].state == RUN_OVER)
		session->begun++;
	if (session->begun < session->count)
		run_begin(&session->runs[session->begun++]);
	if (session->begun == session->count)
		event_del(session->turn);
}

static int begin(struct session *session, struct failure *failure)
{
	double gap = targets_gap(session->options, session->count);
	struct timeval interval = { (time_t)gap, (suseconds_t)((gap - floor(gap)) * 1e6) };

	session->turn = event_new(session->base, -1, EV_PERSIST, on_turn, session);
	if (!session->turn || event_add(session->turn, &interval) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set up the event loop");
	on_turn(-1, 0, session);
	return 0;
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
	session->begun = session->count;
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

static int suffice_ports(const struct options *options, struct failure *failure)
{
	int ports = host_local_ports();

	if (options->connections <= ports)
		return 0;
	return fail(failure, EXIT_CANNOT_RUN, "%d connections to one target need as many local ports, and there are %d; widen "
		    "net.ipv4.ip_local_port_range (sysctl), or use fewer --connections", options->connections, ports);
}

/* What can be found out before anything is sent, and needs no privileges. */
static int prepare(struct session *session, struct failure *failure)
{
	const struct options *options = session->options;
	bool several;

	if (targets_gather(&session->targets, options, failure) < 0 || suffice_ports(options, failure) < 0)
		return -1;
	several = session->targets.count > 1;
	session->base = event_base_new();
	session->platforms = platforms_load();
	session->saved = buffer_open(&session->json);
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
	struct capture *capture = session->raw ? capture_for(session, &run->target) : NULL;

	if (!capture && session->raw)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	return run_open(run, capture, connections, failure);
}

static void choose_engine(struct session *session)
{
	const struct options *options = session->options;

	session->raw = engine_will_be_raw((enum engine_choice)options->engine);
	for (size_t i = 0; i < session->count; i++)
		session->runs[i].report.engine = session->raw ? "raw" : "socket";
	if (options->verbose)
		fprintf(stderr, "idleprobe: the %s engine%s\n", session->raw ? "raw" : "socket",
			options->engine == ENGINE_AUTO && !session->raw ? ", for raw sockets are not permitted here" : "");
}

/* Privileges are given up when everything is open; all but the one that this needs before the answers of name
 * servers are read. */
static int open_all(struct session *session, struct failure *failure)
{
	const int besides = 8; /* descriptors of a run besides its connections, at most */
	int connections = ((int)session->count - 1) * (session->options->connections + besides) + session->options->connections;

	choose_engine(session);
	if (privilege_keep_raw(failure) < 0)
		return -1;
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
	/* From here on packets are read. */
	const struct sandbox sandbox = { .connects = true, .file = output_anew(&session->output) };

	if (sandbox_enter(&sandbox, failure) < 0 || begin(session, failure) < 0)
		return -1;
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
	if (session->unsaved.code) {
		/* Hours of waiting may be in it: it must not be lost. */
		if (!shown)
			fwrite(session->json.text, 1, session->json.length, stderr);
		complain(session, session->unsaved.code, NULL, session->unsaved.text);
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
	if (session->turn)
		event_free(session->turn);
	for (size_t i = 0; i < session->capture_count; i++)
		capture_free(session->captures[i]);
	if (session->saved)
		fclose(session->saved);
	free(session->json.text);
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
