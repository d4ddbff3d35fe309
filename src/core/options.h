/* The command line of a command, as a table: parsing and --help come from the same rows. */
#ifndef IDLEPROBE_OPTIONS_H
#define IDLEPROBE_OPTIONS_H

#include "core/failure.h"
#include "core/types.h"

enum direction_choice { DIRECTIONS_AUTO, DIRECTIONS_OUT, DIRECTIONS_IN, DIRECTIONS_BOTH };
enum engine_choice { ENGINE_AUTO, ENGINE_RAW, ENGINE_SOCKET };
enum format_choice { FORMAT_TEXT, FORMAT_HTML, FORMAT_PROMETHEUS, FORMAT_JUNIT, FORMAT_JSON };
enum ip_version { IP_ANY = 0, IP_V4 = 4, IP_V6 = 6 };

/* One is a control. */
enum { FEWEST_CONNECTIONS = 2 };

/* What an option was given, each time. */
struct option_list {
	const char *items[16]; /* they point into argv */
	int count;
};

struct options {
	double min_idle, max_idle; /* seconds */
	double precision;          /* 0.01 is 1 % */
	double resolution;         /* seconds */
	double minimum;            /* --min, seconds; NAN where not given */
	int connections;
	int strategy;              /* enum strategy */
	int direction;             /* enum direction_choice */
	int engine;                /* enum engine_choice */
	int ip_version;            /* enum ip_version */
	int json, quiet, verbose, help;
	int dry_run;
	const char *token, *output, *events, *interface, *targets_file; /* NULL where not given; they point into argv */
	char **targets;            /* the operands: argv's, which parsing reorders */
	int target_count;

	/* of `respond` */
	struct option_list listen;
	double lifetime, orphaned; /* seconds */
	int respond_connections, per_address, commands, remember;
	int version;

	/* of `check` */
	int nagios;

	/* of `report` */
	int format;                /* enum format_choice */

	/* of `platforms` */
	double near;               /* seconds; NAN where not given */
};

enum option_kind {
	OPTION_FLAG,     /* int, set to `value` */
	OPTION_DURATION, /* double, between the limits */
	OPTION_PERCENT,  /* double, a share of 1, between the limits */
	OPTION_NUMBER,   /* int, between the limits */
	OPTION_CHOICE,   /* int, the place of the word in `argument`, "a|b|c" */
	OPTION_TEXT,     /* const char *, not empty */
	OPTION_LIST,     /* struct option_list: the same, as often as it is given */
};

struct option_row {
	const char *name;     /* without the dashes; the last row's is NULL */
	char letter;          /* 0: none */
	enum option_kind kind;
	size_t field;         /* offset in struct options */
	const char *argument; /* as --help shows it; NULL for a flag */
	const char *help;
	double low, high;     /* limits, inclusive */
	const char *expected; /* what the limits allow, in words */
	int value;            /* of a flag */
	const struct option_row *unlisted; /* of the last row: what is taken too, but means nothing; NULL for none */
};

/* The rows of each command. */
extern const struct option_row measure_options[], check_options[], respond_options[], report_options[], platforms_options[];

/* The defaults that --help and the manual tell. */
void options_default(struct options *);

/* argv[0] is the command's name. Options and operands may be mixed; "--" ends the options; names may be shortened as long
 * as they stay unambiguous. 0, or -1 with EXIT_USAGE. Does not look at how options go together: options_check(). */
int options_parse(struct options *, const struct option_row *, int argc, char **argv, struct failure *);

/* Whether the options of `measure` go together and can be carried out by this version. 0, or -1 with EXIT_USAGE. */
int options_check(const struct options *, struct failure *);

/* The same for `check`; and says by which search: for no longer than --min. */
int options_settle_check(struct options *, struct failure *);

/* The same for `respond`, and for `report`. */
int options_check_respond(const struct options *, struct failure *);
int options_check_report(const struct options *, struct failure *);

/* The same for `platforms`, whose operand is read to `near`. */
int options_check_platforms(struct options *, struct failure *);

/* One row of --help: "  -o, --output FILE   also write ...", on two lines where the first part is long. */
struct option_line {
	char text[160];
};
struct option_line option_line(const struct option_row *);

#endif
