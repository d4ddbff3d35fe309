/* Runs from the lines of `measure --events`, so that one that was killed can be reported all the same: with
 * what it had found until then, and with its samples, which the ledger makes of the observations as it did in
 * the run. */
#ifndef IDLEPROBE_EVENTS_READ_H
#define IDLEPROBE_EVENTS_READ_H

#include "format/report_read.h"
#include "format/shape.h"

struct events_reader {
	struct saved_report *run;     /* the one that is being read; NULL: none */
	struct ledger *ledger;
	bool *inbound;                /* by connection: the far side sends its probes */
	size_t connections;
	double survived, expired;     /* found so far */
	double at;                    /* of the latest event */
	bool ended;                   /* it told its result itself */
};

/* Takes a line, which the list then owns if it begins or ends a run (*kept). 0, or -1 with the failure. */
int events_read(struct events_reader *, const struct source *, struct saved_reports *, cJSON *line,
		bool *kept);

/* There are no more lines: tells what the last run came to. 0, or -1 with the failure. */
int events_read_end(struct events_reader *, const struct source *);
void events_reader_free(struct events_reader *);

#endif
