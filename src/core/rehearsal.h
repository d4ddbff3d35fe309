/* A rehearsal: a survey played in virtual time on an ideal path, which answers every probe until its timer has run out. It
 * tells what a measurement will cost before anything is sent. Pure. */
#ifndef IDLEPROBE_REHEARSAL_H
#define IDLEPROBE_REHEARSAL_H

#include "core/survey.h"

struct rehearsal {
	double timeout;       /* of the path; INFINITY: none */
	double elapsed;       /* seconds until the answer */
	double longest;       /* by then it ends, whatever the path does */
	int connections;      /* opened in all, and ... */
	int at_once;          /* ... open at the same time, at most */
	int openings_a_second, probes_a_second; /* the most that fall into any one second */
	int probes;           /* segments that are asked for, of both ends, without the handshakes' */
	int first_minute;     /* of these */
};

/* 0, or -1 without memory. */
int rehearse(const struct survey_config *, double timeout, struct rehearsal *);

#endif
