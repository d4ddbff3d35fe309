/* What the methods in use today are made of: leave a connection idle, probe it, wait for the reply. One
 * connection or several at once, in a world of virtual time. */
#ifndef IDLEPROBE_TRIAL_H
#define IDLEPROBE_TRIAL_H

#include "../sim/world.h"

/* How often a probe is sent, and how long each is waited for, before a connection counts as expired. */
struct patience {
	int sends;
	double wait[7]; /* seconds */
};

/* A client going through a world. */
struct walk {
	struct world *world;
	const struct patience *patience;
	double now;
	int connections, probes; /* opened, sent */
};

enum trial_state { TRIAL_OPENING, TRIAL_IDLE, TRIAL_ALIVE, TRIAL_EXPIRED };

struct trial {
	double idle;  /* after which it is probed */
	enum trial_state state;
	int conn;
	int sent;
	double due;   /* when to send next, or to give up */
};

/* Makes a trial on a new connection, or with the same connection that was found alive. */
void trial_open(struct walk *, struct trial *, double idle);
void trial_again(struct walk *, struct trial *, double idle);

/* Goes on until it is known which is the first that has expired, and returns its index; count where none has.
 * They are in order of idle time, so those beyond the first are not waited for. */
int trials_run(struct walk *, struct trial *, int count);

void trial_close(struct walk *, struct trial *);

/* One trial on a connection of its own. */
bool trial_alive(struct walk *, double idle);

#endif
