/* The ledger: everything that was seen of every test connection, and what it proves about idle times. It only records
 * and answers questions; deciding what to try next is search.h, and what it all means is verdict.h. */
#ifndef IDLEPROBE_LEDGER_H
#define IDLEPROBE_LEDGER_H

#include "core/types.h"

/* How one idle period of one connection ended, or, for SAMPLE_SILENT, one probe of it. */
enum sample_outcome {
	SAMPLE_ALIVE,   /* a probe was answered */
	SAMPLE_SILENT,  /* a probe went unanswered */
	SAMPLE_UNASKED, /* the far end spoke by itself */
	SAMPLE_RESET,
	SAMPLE_FIN,
	SAMPLE_ICMP,
};

struct sample {
	int conn;
	double at;       /* when the probe was sent, or the closing segment arrived */
	double idle;     /* seconds since the connection's last segment, at that moment */
	double age;      /* seconds since its handshake */
	double rtt;      /* of the reply; NAN without one */
	enum sample_outcome outcome;
	enum origin from;
	bool asked;      /* by a probe; false: it came by itself */
	bool control;    /* of a control connection, kept alive by frequent probes */
};

struct path_stats {
	double rtt_min, rtt_median, rtt_max; /* seconds, NAN without a reply */
	double loss;                         /* share of the probes on living connections that stayed unanswered */
	int reply_ttl;                       /* of the endpoint's segments; 0 if not known */
	int probes;                          /* sent in all */
	int connections;                     /* opened in all */
};

struct ledger;

/* Samples in order of time; the array is the ledger's and is valid until its next observation. */
const struct sample *ledger_samples(const struct ledger *, size_t *count);
struct path_stats ledger_path(const struct ledger *);

#endif
