/* An error for the user: what failed, on what, why, and what to do next, with the exit code that belongs to it. */
#ifndef IDLEPROBE_FAILURE_H
#define IDLEPROBE_FAILURE_H

enum exit_code { EXIT_ANSWER = 0, EXIT_BOUND_BROKEN = 1, EXIT_USAGE = 2, EXIT_NO_ANSWER = 3, EXIT_CANNOT_RUN = 4 };

struct failure {
	enum exit_code code;
	char text[600];
};

/* Writes the text; returns -1, so that a caller can `return fail(...)`. */
int fail(struct failure *, enum exit_code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
