/* What a report is made of: the formatters' common input. Plain pointers into what the run owns. */
#ifndef IDLEPROBE_REPORT_H
#define IDLEPROBE_REPORT_H

#include "core/advice.h"
#include "core/findings.h"
#include "core/ledger.h"
#include "core/options.h"
#include "core/platforms.h"
#include "core/search.h"

/* What was measured of one direction. */
struct report_side {
	const struct result *result;      /* NULL where it was not measured */
	const struct sample *samples;
	size_t sample_count;
	const int *numbers;               /* the run's, by the samples' connections; NULL: the same */
};

/* What a responder sees of this side. */
struct report_nat {
	bool detected;
	const char *address;              /* NULL where there is no responder */
	int port;
	enum tristate remapped;           /* a late segment came through another port */
};

struct report {
	const char *version;              /* of the program that measured; NULL: this one */
	const char *engine;               /* that sent the probes; NULL: raw */
	double started_at, finished_at;   /* seconds since 1970, UTC */
	double elapsed;                   /* by the clock that no one sets */
	bool interrupted;
	struct {
		const char *input, *host; /* as the user gave it */
		const char *address, *interface, *source_address; /* NULL where the name was not found */
		int port;
		enum ip_version family;   /* IP_ANY where not known */
	} target;
	const struct options *options;    /* what was asked for */
	struct path_stats path;
	struct report_nat nat;
	enum tristate proxy;              /* between this end and a responder */
	enum learned learned;             /* which ends are told of the expiry */
	struct result result;             /* the answer */
	struct report_side outbound, inbound;
	struct advice advice;
	const struct platform **consistent;
	size_t consistent_count;
	char error[600];                  /* why nothing could be opened; empty otherwise */
};

/* Whether --min is met: UNKNOWN without an answer, or without --min. */
enum tristate report_passed(const struct report *);

/* RFC 5382 REQ-5: a NAT must not forget an established connection before it has idled for 2 h 4 min. */
#define RFC5382_MINIMUM 7440.0
enum tristate report_meets_rfc5382(const struct report *);

/* The program's exit code that belongs to the report. */
enum exit_code report_exit_code(const struct report *);

#endif
