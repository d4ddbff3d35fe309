/* The seeded scenarios: what is drawn at random, what the truth is, and what must hold of the answers. */
#ifndef IDLEPROBE_SCENARIO_H
#define IDLEPROBE_SCENARIO_H

#include "play.h"

enum expectation {
	EXPECT_TIMEOUT,    /* or, where allowed, no answer */
	EXPECT_CLOSED,     /* closed_by_endpoint */
	EXPECT_NO_TIMEOUT,
	EXPECT_NO_WRONG,   /* whatever is answered must be true */
};

struct scenario {
	struct survey_config survey;
	struct world_config world;
	enum expectation expectation;
	double timeout;          /* the shortest that any connection meets */
	double longest;          /* after which none lives; the same, where there is one timeout */
	double outbound, inbound; /* of two directions: when each stops letting segments through; INFINITY */
	bool split;              /* connections differ for good: an interval must hold both ends, or be refused */
};

/* NAN: no bound. */
struct bounds {
	double inconclusive;     /* share of the scenarios, at most */
	double width;            /* of the interval, relative to what was asked for, at most */
	double median, p95;      /* of the time over the timeout, at most */
};

struct suite {
	const char *name;
	void (*draw)(struct scenario *, uint64_t *random);
	int share;               /* plays this share (1/share) of the scenarios asked for */
	struct bounds bounds;
};

extern const struct suite suites[];
extern const size_t suite_count;

/* Scenario number `seed` of a suite. */
struct scenario scenario_draw(const struct suite *, uint64_t seed);

/* Does the answer say what is not so? */
bool scenario_is_wrong(const struct scenario *, const struct played *);

#endif
