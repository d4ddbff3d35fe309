#include "command.h"

#include "core/options.h"
#include "edge/buffer.h"
#include "edge/input.h"
#include "edge/output.h"
#include "edge/privilege.h"
#include "edge/sandbox.h"
#include "edge/terminal.h"
#include "format/help.h"
#include "format/report_html.h"
#include "format/report_json.h"
#include "format/report_junit.h"
#include "format/report_prometheus.h"
#include "format/report_read.h"
#include "format/report_text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_text(FILE *out, const struct report *const *reports, size_t count, bool colour)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			fputc('\n', out);
		report_text(out, reports[i], colour);
		if (reports[i]->error[0])
			fprintf(out, "%s\n", reports[i]->error);
	}
	return 0;
}

static int write_json(FILE *out, const struct report *const *reports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *line = report_json(reports[i]);

		if (!line)
			return -1;
		fputs(line, out);
		free(line);
	}
	return 0;
}

/* 0, or -1 without memory. */
static int write_reports(FILE *out, const struct report *const *reports, size_t count,
			 const struct options *options)
{
	switch ((enum format_choice)options->format) {
	case FORMAT_TEXT:
		return write_text(out, reports, count, !options->output && terminal_in_colour(STDOUT_FILENO));
	case FORMAT_HTML:
		return report_html(out, reports, count);
	case FORMAT_PROMETHEUS:
		return report_prometheus(out, reports, count);
	case FORMAT_JUNIT:
		return report_junit(out, reports, count);
	case FORMAT_JSON:
		return write_json(out, reports, count);
	}
	return -1;
}

static int write_list(FILE *out, const struct saved_reports *list, const struct options *options)
{
	const struct report **reports = calloc(list->count, sizeof *reports);
	int status = -1;

	for (size_t i = 0; reports && i < list->count; i++)
		reports[i] = &list->items[i]->report;
	if (reports)
		status = write_reports(out, reports, list->count, options);
	free(reports);
	return status;
}

/* All of it or nothing, also on standard output: what reads a pipe must not take a part for the whole. */
static int deliver(const struct saved_reports *list, const struct options *options, struct output *output,
		   struct failure *failure)
{
	struct buffer text = { 0 };
	FILE *out = buffer_open(&text);
	int status = out ? write_list(out, list, options) : -1;

	if (out && (ferror(out) | fclose(out)))
		status = -1;
	if (status < 0)
		fail(failure, EXIT_CANNOT_RUN, "out of memory");
	else if (options->output)
		status = output_write(output, text.text, text.length, failure);
	else if (output_all(STDOUT_FILENO, text.text, text.length) < 0)
		status = fail(failure, EXIT_CANNOT_RUN, "standard output cannot be written: %s",
			      strerror(errno));
	free(text.text);
	return status;
}

/* What can be read is, even where another cannot: a fleet's metrics must not hang on one damaged file. */
static enum exit_code read_files(const struct options *options, struct saved_reports *list)
{
	enum exit_code code = EXIT_ANSWER;

	for (int i = 0; i < options->target_count; i++) {
		struct failure failure;
		size_t length;
		char *text = input_read(options->targets[i], &length, &failure);

		if (!text || reports_read(list, options->targets[i], text, length, &failure) < 0) {
			fprintf(stderr, "idleprobe: %s\n", failure.text);
			code = EXIT_CANNOT_RUN;
		}
		free(text);
	}
	return code;
}

/* What others wrote is read from here on. */
static int confine(const struct output *output, struct failure *failure)
{
	if (privilege_drop(failure) < 0)
		return -1;
	return sandbox_enter(&(struct sandbox){ .reads = true, .file = output_anew(output) }, failure);
}

static int report(const struct options *options)
{
	struct saved_reports list = { 0 };
	struct output output = { .fd = -1 };
	struct failure failure;
	int code;

	signal(SIGPIPE, SIG_IGN);
	if (output_open(&output, options->output, &failure) < 0 || confine(&output, &failure) < 0) {
		fprintf(stderr, "idleprobe: %s\n", failure.text);
		return failure.code;
	}
	code = read_files(options, &list);
	if (list.count && deliver(&list, options, &output, &failure) < 0) {
		fprintf(stderr, "idleprobe: %s\n", failure.text);
		code = failure.code;
	}
	reports_free(&list);
	output_close(&output);
	return code;
}

int cmd_report(int argc, char **argv)
{
	struct options options;
	struct failure failure;

	options_default(&options);
	if (options_parse(&options, report_options, argc, argv, &failure) < 0 ||
	    (!options.help && options_check_report(&options, &failure) < 0)) {
		fprintf(stderr, "idleprobe: %s\n", failure.text);
		return failure.code;
	}
	if (options.help) {
		help_print(stdout, usage_of(argv[0]));
		return EXIT_ANSWER;
	}
	return report(&options);
}
