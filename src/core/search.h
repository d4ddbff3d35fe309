/* The search decides which connection to open, probe or close next. It is pure: observations and the time go in,
 * actions and the next deadline come out. */
#ifndef IDLEPROBE_SEARCH_H
#define IDLEPROBE_SEARCH_H

#include "core/ledger.h"
#include "core/types.h"

struct search_config {
	enum strategy strategy;
	double min_idle, max_idle;      /* seconds */
	double precision;               /* 0.01 is 1 % */
	double resolution;              /* seconds */
	int connections;                /* open at once, controls included; at least 2 */
	bool far;                       /* the far side sends the probes */
	bool responder;                 /* the far end is one: it does not speak unless it is asked to */
	const double *documented;       /* documented timeouts to look closely at, ascending, distinct; may be NULL */
	size_t documented_count;
	double spacing;                 /* seconds between two probes on one connection, at least; 0: the engine does not care */
	double spent;                   /* seconds that have passed already, of the bounded time of STRATEGY_ONCE */
};

struct search;

/* NULL without memory. The config is copied, but for `documented`, which must outlive the search. */
struct search *search_new(const struct search_config *);
void search_free(struct search *);

/* Takes one observation; they come in order of time, but for a few milliseconds. */
void search_observe(struct search *, const struct observation *);

/* Fills in the next thing to do now; false when there is nothing before search_deadline(). */
bool search_next(struct search *, double now, struct action *);

/* When to call search_next() again if nothing is observed before. */
double search_deadline(const struct search *);

/* Why a search ended. */
enum search_end {
	SEARCH_RUNNING,
	SEARCH_ANSWERED,         /* all that can be known by its means is known */
	SEARCH_ENDPOINT_SPEAKS,  /* the far end's own segments never let a connection idle longer */
	SEARCH_PATH_OUT,         /* nothing was answered for minutes */
	SEARCH_GAVE_UP,          /* the evidence did not become sure in bounded time */
	SEARCH_UNREACHABLE,      /* no connection could be opened; see search_error() */
	SEARCH_NO_MEMORY,
};

/* Ends the search with what is known: more would not change the answer of the whole. */
void search_stop(struct search *);

/* Has a crowd of connections that have been idle for longer than this asked at once; whether they live is then known
 * sooner. True once they are known to have outlived it, and nothing looks dead. */
bool search_outlives(struct search *, double idle);

/* Seconds by which it ends, whatever is seen. */
double search_longest(const struct search *);

/* True once the answer stands, or none can be had. Nothing more is asked for then. */
bool search_done(const struct search *);
enum search_end search_end(const struct search *);

/* errno of the last connection that could not be opened; 0 where none failed. */
int search_error(const struct search *);

/* What the timer counts from, as far as the deaths tell, and the bracket it is known to lie in. */
struct bracket;
enum timer search_bracket(const struct search *, struct bracket *);

/* How narrow the interval should become around this idle time: --precision or --resolution, whichever is wider. */
double search_width_asked(const struct search *, double idle);

/* The interval that the bracket is told as. Where a path is split over several boxes, a single connection that outlived all
 * others, or died before them, speaks for one of them only. So of the width asked for nothing is given away, unless
 * several connections speak for a bound. */
void search_interval(const struct search *, const struct bracket *, double *survived, double *expired);

/* True where control connections are proven dead: none was idle for long, so that is not of the idle timer. */
bool search_control_died(const struct search *);

/* True where connections that had been open when the others were last heard of outlived them: then no single event
 * (a restart, a flushed table) ended them all. */
bool search_some_outlived(const struct search *);

struct search_progress {
	double idle;              /* longest idle time under test now */
	int alive, ended;         /* connections */
	double survived, expired; /* known so far; NAN */
	double left_min, left_max; /* estimate of the seconds left; max is the whole range where nothing has expired yet */
	const char *phase;        /* "searching", "narrowing", "confirming" ...: a static string */
};
struct search_progress search_progress(const struct search *, double now);

const struct ledger *search_ledger(const struct search *);

/* See ledger_note_forged(). */
void search_note_forged(struct search *);

/* There was no time to see connections die again. */
bool search_seen_once(const struct search *);

/* What is to be answered in bounded time was not: nothing outlived the longest idle time. */
bool search_fell_short(const struct search *);

enum strategy search_strategy(const struct search *);

/* Does the far side send the probes? */
bool search_is_far(const struct search *);

#endif
