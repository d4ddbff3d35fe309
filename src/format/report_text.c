#include "format/report_text.h"

#include "core/duration.h"
#include "core/recipes.h"
#include "format/evidence_text.h"
#include "format/text.h"
#include "format/words.h"

#include <math.h>
#include <string.h>

static struct span name_of(const struct report *report)
{
	const char *host = report->target.host, *address = report->target.address;
	bool brackets = strchr(host, ':');
	struct span name;
	size_t length = (size_t)snprintf(name.text, sizeof name.text, "%s%.255s%s:%d", brackets ? "[" : "",
					 host, brackets ? "]" : "", report->target.port);

	if (address && strcmp(address, host) != 0)
		snprintf(name.text + length, sizeof name.text - length, " (%.60s)", address);
	return name;
}

static bool is_check(const struct report *report)
{
	return report->options->strategy == STRATEGY_ONCE;
}

/* How its answer begins. */
static const char *check_words(const struct report *report)
{
	if (!is_check(report))
		return "";
	switch (report_passed(report)) {
	case YES: return "Passed. ";
	case NO: return "Failed. ";
	case UNKNOWN: return "Undecided. ";
	}
	return "";
}

/* How it ends, and what else belongs to the answer. */
static void explain(const struct text *text, const struct report *report)
{
	const struct result *result = &report->result;
	const char *means = result->signal == SIGNAL_FIN_AT_EXPIRY ? "a FIN" : "an RST";

	if (result->outcome == OUTCOME_TIMEOUT)
		fprintf(text->out, "%s\n", signal_words(result).text);
	if (report->inbound.result && report->outbound.result && result->outcome == OUTCOME_TIMEOUT &&
	    report->outbound.result->outcome == OUTCOME_NO_TIMEOUT)
		fprintf(text->out, "Only what the far end sends after such a pause is lost; what this end "
				   "sends gets through.\n");
	if (result->outcome == OUTCOME_CLOSED_BY_ENDPOINT && report->proxy == YES)
		fprintf(text->out, "It does so with %s, and is a proxy: the far end is another.\n", means);
	else if (result->outcome == OUTCOME_CLOSED_BY_ENDPOINT && report->proxy == NO)
		fprintf(text->out, "It does so with %s; no proxy stands between.\n", means);
	else if (result->outcome == OUTCOME_CLOSED_BY_ENDPOINT)
		fprintf(text->out,
			"It does so with %s; whether it is the server or a proxy in front of it cannot be "
			"told.\n",
			means);
}

static void answer(const struct text *text, const struct report *report)
{
	const struct result *result = &report->result;
	struct span name = name_of(report);
	char words[900] = "";

	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
		snprintf(words, sizeof words, "Idle connections to %s stop working after %s.", name.text,
			 span_words(result).text);
		break;
	case OUTCOME_CLOSED_BY_ENDPOINT:
		snprintf(words, sizeof words, "%s itself closes idle connections after %s.", name.text,
			 span_words(result).text);
		break;
	case OUTCOME_NO_TIMEOUT:
		snprintf(words, sizeof words,
			 "Idle connections to %s keep working for at least %s, the longest time tried.",
			 name.text, duration_text(result->survived).text);
		break;
	case OUTCOME_INCONCLUSIVE:
		snprintf(words, sizeof words, "No answer for %s: %s.%s", name.text,
			 reason_words(result->reason), known_words(result).text);
		break;
	case OUTCOME_UNREACHABLE:
		snprintf(words, sizeof words, "%s could not be reached, so nothing was measured.", name.text);
		break;
	}
	/* The first line is the answer: a colleague, or `head -1`, gets all of it. */
	fprintf(text->out, text->colour ? "\033[1m%s%s\033[0m\n" : "%s%s\n", check_words(report), words);
	explain(text, report);
}

static void bound(const struct text *text, const struct report *report)
{
	const struct result *result = &report->result;
	static const char best[] = ", by the best estimate; it lies inside the measured interval, so a "
				   "smaller --precision or --resolution tells better";
	double minimum = report->options->minimum;
	const char *verdict = "cannot be told";

	if (isnan(minimum) || is_check(report))
		return;
	switch (report_passed(report)) {
	case YES: verdict = "met"; break;
	case NO: verdict = "not met"; break;
	case UNKNOWN: break;
	}
	text_heading(text, "Bound");
	text_row(text, duration_text(minimum).text, "%s%s", verdict,
		 !(result->survived >= minimum) && minimum < result->expired ? best : "");
}

/* The sysctl lines in full, and where the others are. */
static void settings(const struct text *text, const struct recipes *recipes)
{
	const char *line = recipe_named(recipes, "linux");
	char words[400];
	size_t length = 0;

	if (line)
		fprintf(text->out, "  On Linux, for this host, in /etc/sysctl.d/ (or per socket: "
				   "TCP_KEEPIDLE ...):\n");
	for (; line && *line; line += strcspn(line, "\n") + 1)
		fprintf(text->out, "    %.*s\n", (int)strcspn(line, "\n"), line);
	for (size_t i = line ? 1 : 0; i < recipes->count; i++)
		length += (size_t)snprintf(words + length, sizeof words - length, "%s%s",
					   length ? ", " : "Ready to paste (--json, advice.settings) for: ",
					   recipes->list[i].name);
	if (!length)
		return;
	fputs("  ", text->out);
	text_paragraph(text, 2, words);
}

static void advice(const struct text *text, const struct report *report)
{
	struct recipes recipes;

	text_heading(text, "What to do");
	fputs("  ", text->out);
	text_paragraph(text, 2, report->advice.summary);
	recipes_give(&report->advice, &recipes);
	settings(text, &recipes);
}

static void platforms(const struct text *text, const struct report *report)
{
	if (!report->consistent_count)
		return;
	text_heading(text, "Consistent with what is documented of (no proof: vendors share values)");
	for (size_t i = 0; i < report->consistent_count; i++)
		fprintf(text->out, "  %s, %s\n", report->consistent[i]->name,
			duration_text(report->consistent[i]->timeout).text);
}

static void warnings(const struct text *text, const struct report *report)
{
	const struct result *result = &report->result;

	if (!result->warning_count)
		return;
	text_heading(text, "Warnings");
	for (size_t i = 0; i < result->warning_count; i++) {
		fputs(text->colour ? "  \033[33m-\033[0m " : "  - ", text->out);
		text_paragraph(text, 4, result->warnings[i].message);
	}
}

void report_text(FILE *out, const struct report *report, bool colour)
{
	const struct text text = { .out = out, .colour = colour };

	answer(&text, report);
	if (report->result.outcome == OUTCOME_UNREACHABLE)
		return;
	bound(&text, report);
	text_heading(&text, "Evidence");
	evidence_text(&text, report);
	if (report->result.outcome != OUTCOME_INCONCLUSIVE || advice_has_settings(&report->advice))
		advice(&text, report);
	platforms(&text, report);
	warnings(&text, report);
}
