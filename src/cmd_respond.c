#include "command.h"

#include "core/options.h"
#include "edge/responder.h"
#include "format/help.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>

int cmd_respond(int argc, char **argv)
{
	struct options options;
	struct failure failure;

	options_default(&options);
	options.token = getenv("IDLEPROBE_TOKEN");
	if (options.token && !*options.token)
		options.token = NULL;
	if (options_parse(&options, respond_options, argc, argv, &failure) < 0)
		goto failed;
	if (options.help) {
		help_print(stdout, usage_of(argv[0]));
		return EXIT_ANSWER;
	}
	if (options.version) {
		printf("idleprobe %s\n", idleprobe_version);
		return EXIT_ANSWER;
	}
	struct responder_config config = {
		.listen = options.listen.items,
		.listen_count = options.listen.count,
		.token = options.token,
		.connections = options.respond_connections,
		.per_address = options.per_address,
		.lifetime = options.lifetime,
		.orphaned = options.orphaned,
		.commands = options.commands,
		.remember = options.remember,
	};

	if (options_check_respond(&options, &failure) < 0 || responder_run(&config, &failure) < 0)
		goto failed;
	return EXIT_ANSWER;
failed:
	fprintf(stderr, "idleprobe: %s\n", failure.text);
	return failure.code;
}
