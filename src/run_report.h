/* What a run comes to: its report. */
#ifndef IDLEPROBE_RUN_REPORT_H
#define IDLEPROBE_RUN_REPORT_H

struct run;

/* Seconds since 1970, UTC: the moment that a report tells. */
double run_report_now(void);

/* The target, as far as it is known. */
void run_report_target(struct run *);

/* What was found. */
void run_report_findings(struct run *);

/* What the report says besides; also where nothing was measured. 0, or -1 without memory. */
int run_report_finish(struct run *);

#endif
