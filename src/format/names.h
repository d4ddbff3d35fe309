/* The words that the report's contract uses for the enumerations. */
#ifndef IDLEPROBE_NAMES_H
#define IDLEPROBE_NAMES_H

#include "core/findings.h"
#include "core/types.h"

const char *outcome_name(enum outcome);
const char *signal_name(enum signal_kind);      /* NULL for SIGNAL_NONE */
const char *origin_name(enum origin);           /* NULL for ORIGIN_NONE */
const char *reason_name(enum reason);           /* NULL for REASON_NONE */
const char *warning_name(enum warning_code);
const char *sample_name(enum sample_outcome);
const char *observed_name(enum observed);
const char *learned_name(enum learned);         /* NULL for LEARNED_UNKNOWN */
const char *strategy_name(enum strategy);

/* The value whose word this is: the lists are searched, so that there is one of each. NULL is 0, the value
 * without a word; what is none of them is -1. */
int name_value(const char *word, const char *(*name_of)(int value));

#endif
