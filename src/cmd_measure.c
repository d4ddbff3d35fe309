#include "command.h"

#include "core/options.h"

#include <stdio.h>

static void help(void)
{
	printf("usage: idleprobe measure [OPTION...] HOST[:PORT]\n\n"
	       "Finds after which idle time connections to HOST stop working.\n\n");
	for (const struct option_row *row = measure_options; row->name; row++)
		printf("%s\n", option_line(row).text);
}

int cmd_measure(int argc, char **argv)
{
	struct options options;
	struct failure failure;

	options_default(&options);
	if (options_parse(&options, measure_options, argc, argv, &failure) ||
	    (!options.help && options_check(&options, &failure))) {
		fprintf(stderr, "idleprobe: %s\n", failure.text);
		return failure.code;
	}
	if (options.help) {
		help();
		return EXIT_ANSWER;
	}
	return EXIT_NO_ANSWER;
}
