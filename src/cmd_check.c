#include "command.h"

#include "core/options.h"
#include "dry_run.h"
#include "format/help.h"
#include "format/report_nagios.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Also where the command line is wrong: a plugin says so in its line. */
static bool is_plugin(char **argv)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "--nagios") == 0)
			return true;
	return false;
}

int cmd_check(int argc, char **argv)
{
	struct options options;
	struct failure failure;
	bool plugin = is_plugin(argv); /* parsing reorders argv */

	options_default(&options);
	options.token = getenv("IDLEPROBE_TOKEN");
	if (options_parse(&options, check_options, argc, argv, &failure) < 0 ||
	    (!options.help && options_settle_check(&options, &failure) < 0)) {
		if (plugin)
			return nagios_unknown(stdout, failure.text);
		fprintf(stderr, "idleprobe: %s\n", failure.text);
		return failure.code;
	}
	if (options.help) {
		help_print(stdout, usage_of(argv[0]));
		return EXIT_ANSWER;
	}
	return options.dry_run ? dry_run(&options) : session_run(&options);
}
