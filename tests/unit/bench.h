/* An engine on the loopback of a network namespace of its own: what it observes, one after the other. */
#ifndef IDLEPROBE_BENCH_H
#define IDLEPROBE_BENCH_H

#include "edge/engine.h"
#include "edge/target.h"

enum { MOST = 64 };

struct bench {
	struct event_base *base;
	struct target target;
	struct capture *capture; /* the raw engine's; of the socket engine's bench a witness */
	struct engine *engine;
	int listener;
	struct observation seen[MOST];
	int count;
	bool acting; /* inside engine_act() */
};

/* A target at a free port of the host, where somebody listens or nobody, and the raw engine. */
void setup(struct bench *, const char *host, bool listening);
/* Likewise the socket engine. The capture is not started. */
void setup_socket(struct bench *, const char *host, bool listening);
void teardown(struct bench *);

void act(struct bench *, enum action_kind, int conn);
/* Lets the event loop run. */
void run(struct bench *, double seconds);
/* Runs until the next observation, which must be this one. It is valid until the next call. */
const struct observation *expect(struct bench *, enum observed, int conn);
/* Opens connection 0, which must be refused; then it takes no probe. */
void must_be_refused(struct bench *);
/* The server's socket sends an RST. */
void close_by_reset(int fd);

/* For cmocka: the whole group runs in a namespace of its own. */
int enter_namespace(void **state);

#endif
