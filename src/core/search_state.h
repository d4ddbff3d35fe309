/* What the parts of the search share: search.c (the interface), crew.c (which connections there are), plan.c (the order
 * of decisions), scout.c, narrow.c, confirm.c, contradict.c (the phases) and pick.c (which connection to probe). Nobody
 * else includes this. */
#ifndef IDLEPROBE_SEARCH_STATE_H
#define IDLEPROBE_SEARCH_STATE_H

#include "core/bracket.h"
#include "core/search.h"

struct search {
	struct search_config config;
	struct ledger *ledger;
	const struct life *lives;   /* the ledger's, by connection */
	enum search_end end;
	double now;                 /* of the planning under way */
	const char *phase;

	/* Actions decided on, not yet taken. */
	struct action *queue;
	size_t queue_first, queue_count, queue_room;
	double deadline;
	bool at_rest;               /* nothing is to be done before the deadline, unless something is observed */

	/* By connection: when a probe was asked for that was not yet seen leaving, NAN; and when the latest was asked for. */
	double *requested, *probed;
	size_t probes_room;

	/* What is known, and what the timer seems to count from. */
	struct bracket bracket;
	enum timer timer;
	bool in_doubt;              /* no control was answered since the first that was not: is the path out? */
	bool control_died, endpoint_speaks;
	int workers;                /* that live, as far as is known */
	bool stale;                 /* all this is older than the ledger */
	double waits_until;         /* when the next pending probe turns silent */

	/* The crew. */
	int next_conn;
	int wanted;                 /* connections of the first crew, controls included */
	int controls;               /* of them */
	int opening_failures, last_error;
	int asked_in_doubt;         /* workers, since the path came into doubt */
	int failures_in_row;        /* to open, since the last that could be */
	double started, next_open, next_spare;
	int young;                  /* the control that is opened later than the others, -1 */

	/* Rhythm. */
	double ratio;               /* between one scout and the next */
	double lead;                /* seconds that a probe of the far side's arrives after it was asked for; else 0 */
	double spacing;             /* seconds between two probes on one connection */
	double next_control, hold_until;
	double unsent_since;        /* when the first probe could not be sent that none was sent after; NAN */
	double appointment;         /* when a worker comes to the idle time at which it is to be probed; INFINITY */
	double doubt_since;         /* when the path stopped answering at all; NAN */
	double census_at;           /* when all were asked who lives; NAN */
	bool roll_called;           /* all that are a little younger than the timeout were asked */
	double to_outlive;          /* see search_outlives(); NAN */
	double survivor_due;        /* when the next may be asked to outlive the first death */
	double witnessed_at;        /* when all that were older than the timeout were asked to confirm it; NAN */
	int final_conn;             /* the connection opened at the end to see that the target still answers; -1 */
	int final_tries;

	/* Once. */
	int again;                  /* the first of the fresh connections that are to die as others did; -1 */
	double again_from, again_to; /* the idle times that they are left to */
};

#define SPACING 0.6 /* seconds: Linux answers one probe in 500 ms (net.ipv4.tcp_invalid_ratelimit) */
/* Likewise: the far side's kernel sends a keepalive no sooner after what it received (keepalive_time_elapsed in
 * include/net/tcp.h, and TCP_KEEPIDLE counts whole seconds). */
#define SPACING_FAR 1.1

/* Is `when` here? Otherwise it counts for the next deadline. */
bool search_due(struct search *, double now, double when);
void search_push(struct search *, enum action_kind, int conn);
void search_finish(struct search *, enum search_end);
/* Asks for a probe now. */
void search_request(struct search *, int conn, double now);
void search_confirm(struct search *, int conn, double now);
/* What search_width_asked() leaves for the distance of two probes, once the uncertainty of a round trip is taken off. */
double search_room(const struct search *, double idle);
double search_wait(const struct search *);

/* Opens the first crew, replaces what is gone, keeps control connections alive. */
void crew_plan(struct search *, double now);
bool crew_complete(const struct search *);
bool crew_is_small(const struct search *);
/* A worker that is open, of which no probe is out, and that may be probed again. */
bool crew_ready(const struct search *, int conn);
/* The idle time that a probe asked for now would find. */
double crew_age(const struct search *, int conn, double now);
/* Counts those that live, ready or under test. */
int crew_workers(const struct search *);
void crew_open(struct search *, bool control, double now);
/* Probes that control which was left alone longest, so that a probe sent now on another connection has a witness of the
 * path. False where none may be probed again yet; then this counts for the deadline. */
bool crew_probe_control(struct search *, double now);
/* Closes a dead connection if none may be opened otherwise. False where there is none. */
bool crew_make_room(struct search *);
/* A control connection of that age that has not shown yet whether it lives: its next answer tells whether keepalives
 * refresh the timer. False where one has, or none is so old. */
bool crew_control_to_tell(const struct search *, double age, double now);
/* Opens one more connection where there is room or can be made. */
void crew_spare(struct search *, bool control, double now);
/* Works out whether the path is in doubt. */
bool crew_in_doubt(const struct search *);

/* pick.c */

/* The oldest worker that is ready, between these idle times; -1 without one. */
int pick_oldest(const struct search *, double now, double older_than, double younger_than);
/* The worker to probe at this idle time: one that has been idle for it, or for a little (`over`) more, else the one that
 * will be soonest. Its moment goes to `when`. -1 without one. */
int pick_for(const struct search *, double now, double idle, double over, double *when);
/* Probes the connection, and with it a control, so that silence says something. False where no control is free yet. */
bool pick_probe(struct search *, int conn, double now);
/* Is the answer to a probe of a worker still to come? */
bool pick_pending(const struct search *);
/* The longest idle time of a worker that was probed and has not answered yet; 0 without one. */
double pick_longest_pending(const struct search *, double now);

/* A bracket that is this part of the room wide is not split any more. */
#define CLOSE_ENOUGH 0.92

/* scout.c */
void plan_scout(struct search *, double now);
/* Asks a crowd of those that are old enough whether they have outlived what they are to outlive. */
void plan_outliving(struct search *, double now);
/* The range is used up and nothing died: a few more of the oldest are asked, for a path may be split over several boxes. */
void plan_last(struct search *, double now);

/* narrow.c; `waiting`: suspects are being asked again. */
void plan_narrowing(struct search *, double now, bool waiting);

/* confirm.c */
/* What closes by itself tells when, but for this: no probe makes the interval narrower. 0 where it is not so. */
double confirm_blur(const struct search *);
/* What is worth asking before the interval is as narrow as asked for. */
void confirm_early(struct search *, double now);
/* True once the interval is confirmed. */
bool confirm_plan(struct search *, double now, bool waiting);
/* A fresh connection at the end: does the target still take one? True once that is known. */
bool confirm_fresh(struct search *, double now);

/* once.c: the whole of STRATEGY_ONCE, but for contradictions. True when time is up: it has ended with what is known. */
bool once_over(struct search *, double now);
void plan_once(struct search *, double now, bool waiting);
/* Seconds after which time is up. */
double once_limit(const struct search *);
/* How many seconds after the first a connection is opened. */
double once_opening(const struct search *, int conn);

/* contradict.c */
void plan_contradiction(struct search *, double now, bool waiting);
/* The far end speaks by itself, again and again, before a longer idle time can be tried. */
bool contradict_endpoint_speaks(const struct search *);

/* plan.c */
void plan_search(struct search *, double now);
/* How many times the timeout a search may take: beyond, the interval stays wider than asked for, or there is no answer. */
double plan_patience(const struct search *);
/* Seconds after which it gives up, where the path answers at all. */
double plan_limit(const struct search *);
/* Seconds without any answer after which the path counts as out, where the search was so old by then. */
double plan_doubt(double age);

#endif
