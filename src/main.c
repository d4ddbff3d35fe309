/* idleprobe: finds after which idle time connections on a path stop working. This file is the table of commands. */
#include "command.h"
#include "core/failure.h"
#include "edge/privilege.h"
#include "format/help.h"
#include "version.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	bool raw;                          /* it captures and injects */
} commands[] = {
	{ "measure", cmd_measure, .raw = true },
	{ "check", cmd_check, .raw = true },
	{ "respond", cmd_respond },
	{ "report", cmd_report },
	{ "platforms", cmd_platforms },
	{ "generate", cmd_generate }, /* for `make`: not listed in core/usage.c */
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct command *find(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int run(const char *name, int argc, char **argv)
{
	const struct command *command = find(name);

	if (command)
		return command->run(argc, argv);
	if (strchr(name, ':') || strchr(name, '.'))
		fprintf(stderr, "idleprobe: '%s' is not a command; to measure that target: idleprobe measure %s\n", name, name);
	else
		fprintf(stderr, "idleprobe: '%s' is not a command; 'idleprobe help' lists them\n", name);
	return EXIT_USAGE;
}

/* A standard stream that the caller has closed must not become the descriptor of a file or socket of ours, which would then
 * receive what is meant for the stream. Read-only, so that writing to it fails. */
static void occupy_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* libevent ends the program where it cannot go on, with 1: but that is an answer here. */
static void on_fatal(int unused)
{
	(void)unused;
	fputs("idleprobe: the event loop lacks file descriptors or memory; raise `ulimit -n` or `ulimit -v`\n",
	      stderr);
	exit(EXIT_CANNOT_RUN);
}

int main(int argc, char **argv)
{
	static char help[] = "--help";

	event_set_fatal_callback(on_fatal);
	occupy_standard_streams();
	if (argc < 2) {
		help_print_all(stderr);
		return EXIT_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		printf("idleprobe %s\n", idleprobe_version);
		return EXIT_ANSWER;
	}
	if (strcmp(name, "help") == 0 && argc > 2)
		return run(argv[2], 2, (char *[]){ argv[2], help, NULL });
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		help_print_all(stdout);
		return EXIT_ANSWER;
	}
	const struct command *command = find(name);
	if (command && command->raw)
		privilege_borrow(argv);
	return run(name, argc - 1, argv + 1);
}
