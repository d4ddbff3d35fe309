/* Runs from the lines of `measure --events`, so that one that was killed can be reported all the same: with
 * what it had found until then, and with its samples, which the ledger makes of the observations as it did in
 * the run. */
#ifndef IDLEPROBE_EVENTS_READ_H
#define IDLEPROBE_EVENTS_READ_H

#include "format/report_read.h"
#include "format/shape.h"

/* One run. */
struct events_reader {
	char *input;                  /* the target, where several were measured at once; else NULL */
	struct saved_report *run;     /* that is being read; NULL: none */
	struct ledger *ledger;
	bool *inbound;                /* by connection: the far side sends its probes */
	size_t connections;
	double survived, expired;     /* found so far */
	double at;                    /* of the latest event */
	bool ended;                   /* it told its result itself */
};

/* Those whose lines stand between each other. */
struct events_readers {
	struct events_reader *items;
	size_t count;
};

/* Takes a line, which the list then owns if it begins or ends a run (*kept). 0, or -1 with the failure. */
int events_read(struct events_readers *, const struct source *, struct saved_reports *, cJSON *line, bool *kept);

/* Is a run being read? */
bool events_in_run(const struct events_readers *);

/* There are no more lines: tells what the runs came to. 0, or -1 with the failure. */
int events_read_end(struct events_readers *, const struct source *);
void events_readers_free(struct events_readers *);

#endif
