/* What `make` puts beside the program: completions, and the manual page, from the template on standard input. */
#include "command.h"

#include "core/failure.h"
#include "format/completion.h"
#include "format/manual.h"

#include <stdio.h>
#include <string.h>

int cmd_generate(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	struct failure failure;

	if (strcmp(what, "man") == 0) {
		if (manual_print(stdout, stdin, &failure) < 0) {
			fprintf(stderr, "idleprobe: %s\n", failure.text);
			return failure.code;
		}
	} else if (strcmp(what, "bash") == 0) {
		completion_bash(stdout);
	} else if (strcmp(what, "zsh") == 0) {
		completion_zsh(stdout);
	} else if (strcmp(what, "fish") == 0) {
		completion_fish(stdout);
	} else {
		fprintf(stderr, "usage: idleprobe generate bash|zsh|fish\n"
				"       idleprobe generate man < src/idleprobe.1\n");
		return EXIT_USAGE;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "idleprobe: standard output cannot be written\n");
		return EXIT_CANNOT_RUN;
	}
	return EXIT_ANSWER;
}
