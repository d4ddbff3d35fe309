/* Companions: two connections beside the searches that tell what else restarts the timer, where a responder helps. On
 * one the far side sends an octet of payload now and then, and on the other this side sends segments that draw no answer.
 * Whether they outlive the timeout that the searches find is the answer. Pure. */
#ifndef IDLEPROBE_COMPANION_H
#define IDLEPROBE_COMPANION_H

#include "core/types.h"

enum companion_kind { COMPANION_PAYLOAD, COMPANION_OUTBOUND, COMPANIONS };

struct companion {
	enum companion_kind kind;
	bool opened;          /* asked for */
	bool ended;           /* by an RST or a FIN */
	double begun;         /* handshake, or for COMPANION_OUTBOUND the last segment from the far end; NAN */
	double heard;         /* last time that it proved to live; NAN */
	double next;          /* when to send again */
	double asked_at;      /* latest probe at the end */
	int asked, missed;    /* probes at the end, and those unanswered though the path worked */
};

void companion_init(struct companion *, enum companion_kind);
void companion_observe(struct companion *, const struct observation *);

/* The next thing to do, but for the number of the connection. `expired`: the idle time that it is to outlive; INFINITY while that
 * is not known. False where there is nothing before `*deadline`, which is lowered to the moment when there will be. */
bool companion_next(struct companion *, double now, double expired, double *deadline, struct action *);

/* The same once the searches are over: asks whether it has outlived `expired`. `tries`: how many probes must go
 * unanswered, each for `wait` seconds, to show that it has not; `path_heard`: when something else was last heard. */
bool companion_ask(struct companion *, double now, double expired, int tries, double wait, double path_heard,
		   double *deadline, struct action *);
/* Is all known that companion_ask() can find out? */
bool companion_settled(const struct companion *, double expired, int tries);
enum tristate companion_outlived(const struct companion *, double expired, int tries);

#endif
