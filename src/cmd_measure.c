#include "command.h"

#include "core/options.h"
#include "dry_run.h"
#include "format/help.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

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
	return options.dry_run ? dry_run(&options) : session_run(&options);
}
