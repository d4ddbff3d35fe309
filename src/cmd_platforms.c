#include "command.h"

#include "core/options.h"
#include "edge/terminal.h"
#include "format/help.h"
#include "format/platform_table.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int list(const struct options *options, struct failure *failure)
{
	struct platforms *platforms = platforms_load();
	const struct platform_table table = { platforms, options->near };
	int status = 0;

	signal(SIGPIPE, SIG_IGN);
	if (platforms && !options->json)
		platform_table_text(stdout, &table, terminal_in_colour(STDOUT_FILENO));
	else if (!platforms || platform_table_json(stdout, &table) < 0)
		status = fail(failure, EXIT_CANNOT_RUN, "out of memory");
	if (status == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		status = fail(failure, EXIT_CANNOT_RUN, "standard output cannot be written: %s",
			      strerror(errno));
	platforms_free(platforms);
	return status;
}

int cmd_platforms(int argc, char **argv)
{
	struct options options;
	struct failure failure;

	options_default(&options);
	if (options_parse(&options, platforms_options, argc, argv, &failure) == 0) {
		if (options.help) {
			help_print(stdout, usage_of(argv[0]));
			return EXIT_ANSWER;
		}
		if (options_check_platforms(&options, &failure) == 0 && list(&options, &failure) == 0)
			return EXIT_ANSWER;
	}
	fprintf(stderr, "idleprobe: %s\n", failure.text);
	return failure.code;
}
