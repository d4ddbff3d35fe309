/* Plain types that every layer shares: no functions, no system headers but the standard ones.
 * Times are seconds as double on one monotonic clock that runs on during suspend (CLOCK_BOOTTIME), counted from the
 * start of the run; NAN means "none". */
#ifndef IDLEPROBE_TYPES_H
#define IDLEPROBE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tristate { UNKNOWN = -1, NO = 0, YES = 1 };

/* From this host's point of view. */
enum direction { DIRECTION_NEITHER, DIRECTION_OUTBOUND, DIRECTION_INBOUND };

/* Who sent a segment, as far as its marks (TTL against the handshake's) tell. */
enum origin { ORIGIN_NONE, ORIGIN_PATH, ORIGIN_ENDPOINT, ORIGIN_UNKNOWN };

/* What the engine tells the search about one test connection. */
enum observed {
	OBSERVED_OPEN,		/* the handshake completed; `at` is its last segment */
	OBSERVED_SYNACK,	/* the far end repeated its SYN-ACK: the handshake's last ACK did not arrive there */
	OBSERVED_OPEN_FAILED,	/* `error` is the errno of connect() */
	OBSERVED_SENT,		/* a probe left; an inbound one (`far`): was asked for, and leaves soon */
	OBSERVED_LEFT,		/* the far side says that the probe asked for had left by `at` */
	OBSERVED_SEND_FAILED,	/* a probe could not be sent: `error` (ENOBUFS, ENETDOWN, ...) */
	OBSERVED_REPLY,		/* an ACK with this connection's acknowledgment number answered a probe, or the handshake; or a
				   probe that the far side was asked for arrived */
	OBSERVED_UNASKED,	/* a segment from the far end that no probe asked for: its keepalive, or data */
	OBSERVED_OUTBOUND,	/* this host's kernel sent a segment by itself (an ACK to such a keepalive) */
	OBSERVED_RESET,		/* RST; `from` tells whose marks it bears */
	OBSERVED_FIN,
	OBSERVED_FAR_OPEN,	/* the far side says that its end is open, though an RST or a FIN came here */
	OBSERVED_ARRIVED,	/* the far side received a probe that was not answered in time: its answer was lost */
	OBSERVED_MISSED,	/* it did not */
	OBSERVED_PROXY,		/* a probe was answered that the far side never received */
	OBSERVED_ICMP,		/* an ICMP error that quotes this connection; from a router, so `from` is ORIGIN_PATH */
};

struct observation {
	enum observed what;
	int conn; /* number of the connection, as in the action that opened it */
	double at;
	double rtt; /* OBSERVED_OPEN: of the handshake; OBSERVED_REPLY: from the latest probe, if any; else NAN */
	enum origin from;
	bool payload; /* OBSERVED_UNASKED, OBSERVED_REPLY: it carried some, ... */
	bool again;   /* ... which had come before */
	bool far; /* of the connection's far end: it was asked to send, what it was asked for came, or it got the RST */
	int error;
	uint8_t ttl; /* TTL or hop limit of what arrived, 0 if nothing did */
	uint8_t icmp_type, icmp_code;
	double blur; /* seconds: a segment that came did so by that much earlier at most, one that left by that much later */
};

/* What the search asks of the engine. Connection numbers count up from 0 and are never used twice. */
enum action_kind {
	ACTION_OPEN,
	ACTION_PROBE,
	ACTION_CONFIRM, /* a probe from this side, whoever sends the others */
	ACTION_BYTE,    /* an octet of payload from the far side */
	ACTION_ACK,     /* a segment from this side that draws no answer */
	ACTION_CLOSE,
};

struct action {
	enum action_kind kind;
	int conn;
	enum direction direction; /* whom the probe is to come from, or the connection is for */
};

/* Once: is the longest idle time survived? The only one that ends in bounded time. */
enum strategy { STRATEGY_SWEEP, STRATEGY_LADDER, STRATEGY_ONCE };

enum outcome { OUTCOME_TIMEOUT, OUTCOME_NO_TIMEOUT, OUTCOME_CLOSED_BY_ENDPOINT, OUTCOME_INCONCLUSIVE, OUTCOME_UNREACHABLE };

enum signal_kind {
	SIGNAL_NONE,
	SIGNAL_SILENT,
	SIGNAL_RESET_ON_PROBE,
	SIGNAL_RESET_AT_EXPIRY,
	SIGNAL_FIN_AT_EXPIRY,
	SIGNAL_ICMP,
};

/* Why a run is inconclusive. Those after REASON_INTERRUPTED are additions to the contract's first list. */
enum reason {
	REASON_NONE,
	REASON_ENDPOINT_KEEPALIVE,
	REASON_ENDPOINT_RESTARTED,
	REASON_PATH_OUTAGE,
	REASON_INCONSISTENT_EXPIRY,
	REASON_TOO_LOSSY,
	REASON_CAPTURE_DROPS,
	REASON_INTERRUPTED,
	REASON_STATE_LOST,      /* every connection died at one instant: the box rebooted or its table was flushed */
	REASON_ADDRESS_CHANGED, /* this host's source address is no longer the one the connections were made from */
	REASON_UNANSWERED,      /* connections open, but no keepalive was ever answered */
	REASON_PROXY,           /* the far side's probes alone were asked for, and a proxy stands between */
	REASON_OUT_OF_MEMORY,   /* something that was observed could not be kept */
};

enum warning_code {
	WARNING_OUTBOUND_ONLY,
	WARNING_SCAN_GRANULARITY,
	WARNING_EVICTION,
	WARNING_RESET_ORIGIN_UNKNOWN,
	WARNING_MIXED_SIGNALS,
	WARNING_SEVERAL_ADDRESSES,
	WARNING_WIDE_INTERVAL, /* wider than --precision and --resolution ask */
	WARNING_CAPTURE_DROPS,
	WARNING_CLOCK_JUMP,    /* the machine slept, or the process was stopped, in the middle */
	WARNING_MIXED_FATES,   /* the spread, where connections of equal idle time fared differently */
	WARNING_OPEN_FAILED,   /* some of the test connections could not be opened */
	WARNING_SEEN_ONCE,     /* a check had no time to see it again */
	WARNING_CODES,
};

struct warning {
	enum warning_code code;
	char message[240];
};

struct result {
	enum outcome outcome;
	double timeout, survived, expired; /* idle seconds, NAN where not known */
	enum signal_kind signal;
	enum origin signal_from;
	enum tristate keepalive_refreshes, revived_by_probe;
	enum tristate payload_refreshes, outbound_refreshes; /* see companion.h */
	enum reason reason;
	struct warning warnings[WARNING_CODES];
	size_t warning_count;
};

#endif
