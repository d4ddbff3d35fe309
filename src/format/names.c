#include "format/names.h"

#include <string.h>

const char *outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_TIMEOUT: return "timeout";
	case OUTCOME_NO_TIMEOUT: return "no_timeout";
	case OUTCOME_CLOSED_BY_ENDPOINT: return "closed_by_endpoint";
	case OUTCOME_INCONCLUSIVE: return "inconclusive";
	case OUTCOME_UNREACHABLE: return "unreachable";
	}
	return NULL;
}

const char *signal_name(enum signal_kind signal)
{
	switch (signal) {
	case SIGNAL_NONE: return NULL;
	case SIGNAL_SILENT: return "silent";
	case SIGNAL_RESET_ON_PROBE: return "reset_on_probe";
	case SIGNAL_RESET_AT_EXPIRY: return "reset_at_expiry";
	case SIGNAL_FIN_AT_EXPIRY: return "fin_at_expiry";
	case SIGNAL_ICMP: return "icmp";
	}
	return NULL;
}

const char *origin_name(enum origin origin)
{
	switch (origin) {
	case ORIGIN_NONE: return NULL;
	case ORIGIN_PATH: return "path";
	case ORIGIN_ENDPOINT: return "endpoint";
	case ORIGIN_UNKNOWN: return "unknown";
	}
	return NULL;
}

const char *reason_name(enum reason reason)
{
	switch (reason) {
	case REASON_NONE: return NULL;
	case REASON_ENDPOINT_KEEPALIVE: return "endpoint_keepalive";
	case REASON_ENDPOINT_RESTARTED: return "endpoint_restarted";
	case REASON_PATH_OUTAGE: return "path_outage";
	case REASON_INCONSISTENT_EXPIRY: return "inconsistent_expiry";
	case REASON_TOO_LOSSY: return "too_lossy";
	case REASON_CAPTURE_DROPS: return "capture_drops";
	case REASON_INTERRUPTED: return "interrupted";
	case REASON_STATE_LOST: return "state_lost";
	case REASON_ADDRESS_CHANGED: return "address_changed";
	case REASON_UNANSWERED: return "keepalives_unanswered";
	case REASON_PROXY: return "proxy";
	case REASON_OUT_OF_MEMORY: return "out_of_memory";
	}
	return NULL;
}

const char *warning_name(enum warning_code code)
{
	switch (code) {
	case WARNING_OUTBOUND_ONLY: return "outbound_only";
	case WARNING_SCAN_GRANULARITY: return "scan_granularity";
	case WARNING_EVICTION: return "eviction";
	case WARNING_RESET_ORIGIN_UNKNOWN: return "reset_origin_unknown";
	case WARNING_MIXED_SIGNALS: return "mixed_signals";
	case WARNING_SEVERAL_ADDRESSES: return "several_addresses";
	case WARNING_WIDE_INTERVAL: return "wide_interval";
	case WARNING_CAPTURE_DROPS: return "capture_drops";
	case WARNING_CLOCK_JUMP: return "clock_jump";
	case WARNING_MIXED_FATES: return "mixed_fates";
	case WARNING_OPEN_FAILED: return "open_failed";
	case WARNING_SEEN_ONCE: return "seen_once";
	case WARNING_CODES: return "unknown"; /* to this version, which has read it */
	}
	return NULL;
}

const char *sample_name(enum sample_outcome outcome)
{
	switch (outcome) {
	case SAMPLE_PENDING: return "pending";
	case SAMPLE_ALIVE: return "alive";
	case SAMPLE_LOST: return "lost";
	case SAMPLE_SILENT: return "silent";
	case SAMPLE_UNASKED: return "unasked";
	case SAMPLE_RESET: return "reset";
	case SAMPLE_FIN: return "fin";
	case SAMPLE_ICMP: return "icmp";
	}
	return NULL;
}

const char *observed_name(enum observed what)
{
	switch (what) {
	case OBSERVED_OPEN: return "opened";
	case OBSERVED_SYNACK: return "synack_repeated";
	case OBSERVED_OPEN_FAILED: return "open_failed";
	case OBSERVED_SENT: return "probe";
	case OBSERVED_LEFT: return "probe_left";
	case OBSERVED_SEND_FAILED: return "send_failed";
	case OBSERVED_REPLY: return "reply";
	case OBSERVED_UNASKED: return "unasked";
	case OBSERVED_OUTBOUND: return "outbound";
	case OBSERVED_RESET: return "reset";
	case OBSERVED_FIN: return "fin";
	case OBSERVED_ICMP: return "icmp";
	case OBSERVED_FAR_OPEN: return "far_open";
	case OBSERVED_ARRIVED: return "probe_arrived";
	case OBSERVED_MISSED: return "probe_missed";
	case OBSERVED_PROXY: return "proxy";
	}
	return NULL;
}

const char *learned_name(enum learned learned)
{
	switch (learned) {
	case LEARNED_UNKNOWN: return NULL;
	case LEARNED_NONE: return "none";
	case LEARNED_NEAR: return "near";
	case LEARNED_FAR: return "far";
	case LEARNED_BOTH: return "both";
	}
	return NULL;
}

const char *strategy_name(enum strategy strategy)
{
	switch (strategy) {
	case STRATEGY_SWEEP: return "sweep";
	case STRATEGY_LADDER: return "ladder";
	case STRATEGY_ONCE: return "once";
	}
	return NULL;
}

int name_value(const char *word, const char *(*name_of)(int value))
{
	enum { MOST = 64 }; /* more than any enumeration has */

	for (int value = 0; word && value < MOST; value++)
		if (name_of(value) && strcmp(word, name_of(value)) == 0)
			return value;
	return word ? -1 : 0;
}
