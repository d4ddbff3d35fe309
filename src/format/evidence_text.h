/* The rows of the report that tell what an answer rests on. */
#ifndef IDLEPROBE_EVIDENCE_TEXT_H
#define IDLEPROBE_EVIDENCE_TEXT_H

#include "format/report.h"
#include "format/text.h"

void evidence_text(const struct text *, const struct report *);

#endif
