#include "format/report_nagios.h"

#include "core/duration.h"
#include "format/words.h"

#include <math.h>
#include <string.h>

static enum nagios_state state_of(const struct nagios_item *item)
{
	if (!item->report)
		return NAGIOS_UNKNOWN;
	switch (report_passed(item->report)) {
	case YES: return NAGIOS_OK;
	case NO: return NAGIOS_CRITICAL;
	case UNKNOWN: return NAGIOS_UNKNOWN;
	}
	return NAGIOS_UNKNOWN;
}

static const char *state_name(enum nagios_state state)
{
	switch (state) {
	case NAGIOS_OK: return "OK";
	case NAGIOS_WARNING: return "WARNING";
	case NAGIOS_CRITICAL: return "CRITICAL";
	case NAGIOS_UNKNOWN: return "UNKNOWN";
	}
	return "";
}

/* A line feed would end the line, and a bar begins the performance data. */
static void put_words(FILE *out, const char *words)
{
	for (; *words; words++)
		fputc(*words == '|' || (unsigned char)*words < ' ' ? ' ' : *words, out);
}

static void explain(FILE *out, const struct nagios_item *item)
{
	const struct result *result = item->report ? &item->report->result : NULL;

	put_words(out, item->target);
	fputs(": ", out);
	if (!item->report)
		put_words(out, item->failure);
	else if (item->report->error[0])
		put_words(out, item->report->error);
	else if (result->outcome == OUTCOME_INCONCLUSIVE || result->outcome == OUTCOME_UNREACHABLE)
		fputs(reason_words(result->reason), out);
	else if (result->outcome == OUTCOME_NO_TIMEOUT)
		fprintf(out, "idle connections work after %s", duration_text(result->survived).text);
	else
		fprintf(out, "idle connections stop working after %s", estimate_words(result).text);
}

/* 'label'=value[unit];warning;critical;minimum: a range "10:" alerts below 10. */
static void put_data(FILE *out, const struct nagios_item *item)
{
	double value = item->report ? item->report->result.survived : NAN;

	fputs(" '", out);
	for (const char *letter = item->target; *letter; letter++)
		fputc(*letter == '\'' || *letter == '=' || *letter == '|' ? '_' : *letter, out);
	if (isnan(value))
		fputs("'=U", out);
	else
		fprintf(out, "'=%.3fs;;%g:;0", value, item->report->options->minimum);
}

enum nagios_state report_nagios(FILE *out, const struct nagios_item *items, size_t count)
{
	static const enum nagios_state worst_first[] = { NAGIOS_CRITICAL, NAGIOS_UNKNOWN, NAGIOS_OK };
	size_t counts[NAGIOS_UNKNOWN + 1] = { 0 };
	enum nagios_state state = NAGIOS_OK;
	const char *comma = "";

	for (size_t i = 0; i < count; i++)
		counts[state_of(&items[i])]++;
	for (size_t i = 3; i-- > 0;)
		if (counts[worst_first[i]])
			state = worst_first[i];
	fprintf(out, "IDLEPROBE %s - ", state_name(state));
	if (count > 1)
		fprintf(out, "%zu of %zu: ", counts[state], count);
	/* Of those that are well, only where all are. */
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < count; i++) {
			if (state_of(&items[i]) != worst_first[k] || (worst_first[k] == NAGIOS_OK && state != NAGIOS_OK))
				continue;
			fputs(comma, out);
			explain(out, &items[i]);
			comma = "; ";
		}
	fputs(" |", out);
	for (size_t i = 0; i < count; i++)
		put_data(out, &items[i]);
	fputc('\n', out);
	return state;
}

enum nagios_state nagios_unknown(FILE *out, const char *why)
{
	fputs("IDLEPROBE UNKNOWN - ", out);
	put_words(out, why);
	fputc('\n', out);
	return NAGIOS_UNKNOWN;
}
