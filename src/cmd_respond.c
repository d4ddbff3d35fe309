#include "command.h"

#include "core/options.h"
#include "edge/responder.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>

static void help(void)
{
	printf("usage: idleprobe respond [OPTION...]\n"
	       "Runs the far side: it lets 'idleprobe measure' on another host measure the inbound direction too.\n\n");
	for (const struct option_row *row = respond_options; row->name; row++)
		printf("%s\n", option_line(row).text);
	printf("\nIt needs no privileges, and ends on SIGINT or SIGTERM. Where strangers reach it, give it a token:\n"
	       "  IDLEPROBE_TOKEN=$(openssl rand -hex 16) idleprobe respond\n"
	       "  idleprobe respond --listen 192.0.2.7:7440 --listen [2001:db8::7]:7440\n"
	       "Exit codes: 0 ended by a signal, 2 usage, 4 could not run.\n");
}

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
		help();
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
