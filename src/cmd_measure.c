#include "command.h"

#include "core/options.h"
#include "edge/output.h"
#include "edge/terminal.h"
#include "format/help.h"
#include "format/report_json.h"
#include "format/report_text.h"
#include "run.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Standard output and --output. What can be written is, even where the other cannot. */
static int deliver(const struct report *report, struct output *output, struct failure *failure)
{
	const struct options *options = report->options;
	char *json = report_json(report);
	int status = 0;

	if (!json)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	if (options->json)
		fputs(json, stdout);
	else
		report_text(stdout, report, terminal_in_colour(STDOUT_FILENO));
	if (fflush(stdout) != 0 || ferror(stdout))
		status = fail(failure, EXIT_CANNOT_RUN, "standard output cannot be written: %s", strerror(errno));
	if (output->name && output_write(output, json, strlen(json), failure) < 0) {
		/* Hours of waiting may be in it: it must not be lost. */
		if (!options->json || status < 0)
			fputs(json, stderr);
		status = -1;
	}
	free(json);
	return status;
}

static int measure(const struct options *options, struct failure *failure)
{
	struct events events = { .fd = -1, .verbose = options->verbose ? stderr : NULL, .survived = NAN, .expired = NAN };
	struct output output = { .fd = -1 };
	struct run run = { 0 };
	int code;

	signal(SIGPIPE, SIG_IGN);
	if (output_open(&output, options->output, failure) < 0 ||
	    (options->events && (events.fd = output_append(options->events, failure)) < 0) ||
	    run_measure(&run, options, &events, failure) < 0) {
		code = failure->code;
		fprintf(stderr, "idleprobe: %s\n", failure->text);
	} else {
		code = report_exit_code(&run.report);
		if (run.report.error[0])
			fprintf(stderr, "idleprobe: %s\n", run.report.error);
		if (deliver(&run.report, &output, failure) < 0) {
			code = EXIT_CANNOT_RUN;
			fprintf(stderr, "idleprobe: %s\n", failure->text);
		}
		if (events.error) {
			code = EXIT_CANNOT_RUN;
			fprintf(stderr, "idleprobe: %s: not all events could be written: %s\n", options->events, strerror(events.error));
		}
	}
	run_free(&run);
	output_close(&output);
	if (events.fd >= 0)
		close(events.fd);
	return code;
}

int cmd_measure(int argc, char **argv)
{
	struct options options;
	struct failure failure;

	options_default(&options);
	options.token = getenv("IDLEPROBE_TOKEN");
	if (options_parse(&options, measure_options, argc, argv, &failure) < 0 ||
	    (!options.help && options_check(&options, &failure) < 0)) {
		fprintf(stderr, "idleprobe: %s\n", failure.text);
		return failure.code;
	}
	if (options.help) {
		help_print(stdout, usage_of(argv[0]));
		return EXIT_ANSWER;
	}
	return measure(&options, &failure);
}
