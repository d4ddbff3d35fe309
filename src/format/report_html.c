#include "format/report_html.h"

#include "core/duration.h"
#include "core/recipes.h"
#include "format/escape.h"
#include "format/evidence_text.h"
#include "format/names.h"
#include "format/picture_html.h"
#include "format/words.h"
#include "version.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { MOST_SAMPLES = 1500 /* in the table; the JSON has them all */ };

/* As in platforms.c: gcc's assembler and clang's both look for the file in the directories given by -I. */
__asm__(".pushsection .rodata\n"
	".hidden report_css\n"
	"report_css:\n"
	".incbin \"format/report.css\"\n"
	".byte 0\n"
	".popsection\n");
extern const char report_css[] __attribute__((visibility("hidden")));

static void element(FILE *out, const char *begin, const char *text, const char *end)
{
	fputs(begin, out);
	escape_xml(out, text);
	fputs(end, out);
}

static struct span instant(double seconds)
{
	time_t whole = (time_t)seconds;
	struct span text;
	struct tm utc;

	gmtime_r(&whole, &utc);
	strftime(text.text, sizeof text.text, "%Y-%m-%d %H:%M:%S UTC", &utc);
	return text;
}

/* What the number is the answer to, and the number. */
struct answer {
	const char *class, *lead;
	struct span value, detail;
};

static struct answer answer_of(const struct report *report)
{
	const struct result *result = &report->result;
	struct answer answer = { .class = "found" };
	int decimals = span_decimals(result);

	switch (result->outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		answer.lead = result->outcome == OUTCOME_TIMEOUT
				      ? "Idle connections stop working after"
				      : "The endpoint itself closes idle connections after";
		answer.value = estimate_words(result);
		if (isnan(result->survived))
			snprintf(answer.detail.text, sizeof answer.detail.text,
				 "No connection survived %.*f s of idle time.", decimals, result->expired);
		else
			snprintf(answer.detail.text, sizeof answer.detail.text,
				 "Every connection survived %.*f s of idle time, none survived %.*f s.",
				 decimals, result->survived, decimals, result->expired);
		break;
	case OUTCOME_NO_TIMEOUT:
		answer.class = "free";
		answer.lead = "Idle connections keep working for at least";
		snprintf(answer.value.text, sizeof answer.value.text, "%s",
			 duration_text(result->survived).text);
		snprintf(answer.detail.text, sizeof answer.detail.text,
			 "That is the longest idle time tried.");
		break;
	case OUTCOME_INCONCLUSIVE:
		answer.class = "none";
		answer.lead = "The evidence allows";
		snprintf(answer.value.text, sizeof answer.value.text, "no answer");
		snprintf(answer.detail.text, sizeof answer.detail.text, "Reason: %s.%.200s",
			 reason_words(result->reason), known_words(result).text);
		break;
	case OUTCOME_UNREACHABLE:
		answer.class = "none";
		answer.lead = "Nothing was measured: the target is";
		snprintf(answer.value.text, sizeof answer.value.text, "unreachable");
		snprintf(answer.detail.text, sizeof answer.detail.text, "%.350s", report->error);
		break;
	}
	return answer;
}

static void put_answer(FILE *out, const struct report *report)
{
	struct answer answer = answer_of(report);

	fprintf(out, "<div class=\"answer %s\">\n", answer.class);
	element(out, "<p>", answer.lead, "\n");
	element(out, "<strong>", answer.value.text, "</strong>\n");
	element(out, "<p>", answer.detail.text, "\n");
	if (report->result.outcome == OUTCOME_TIMEOUT)
		element(out, "<p>", signal_words(&report->result).text, "\n");
	else if (report->result.outcome == OUTCOME_CLOSED_BY_ENDPOINT)
		fprintf(out, "<p>It does so with %s.\n",
			report->result.signal == SIGNAL_FIN_AT_EXPIRY ? "a FIN" : "an RST");
	fputs("</div>\n", out);
}

static void put_check(FILE *out, const struct report *report)
{
	static const char *const classes[] = { [NO] = "broken", [YES] = "met" };
	static const char *const words[] = { [NO] = "is not met", [YES] = "is met" };
	enum tristate passed = report_passed(report);
	struct duration_text minimum = duration_text(report->options->minimum);

	if (isnan(report->options->minimum))
		return;
	fprintf(out, "<p class=\"check %s\">The minimum of %s %s.\n",
		passed == UNKNOWN ? "open" : classes[passed], minimum.text,
		passed == UNKNOWN ? "may or may not be met: that cannot be told" : words[passed]);
}

static int put_evidence(FILE *out, const struct report *report)
{
	const struct report_side *sides[] = { &report->inbound, &report->outbound };
	const struct text text = { .out = out, .html = true };
	bool both = report->inbound.result && report->outbound.result;

	fputs("<h2>Evidence</h2>\n", out);
	for (int i = 0; i < 2; i++) {
		if (both)
			fprintf(out, "<h3>%s</h3>\n", i ? "Outbound: this end sends after the pause"
							: "Inbound: the far end sends after the pause");
		if (picture_html(out, report, sides[i]) < 0)
			return -1;
	}
	fputs("<dl>\n", out);
	evidence_text(&text, report);
	fputs("</dl>\n", out);
	return 0;
}

static void put_recipes(FILE *out, const struct recipes *recipes)
{
	const char *linux_text = recipe_named(recipes, "linux");

	if (linux_text)
		element(out, "<p>On Linux, for this host, in <code>/etc/sysctl.d/</code>:\n<pre>", linux_text,
			"</pre>\n");
	if (recipes->count <= (linux_text ? 1 : 0))
		return;
	fprintf(out, "<p>%s to paste for\n<div class=\"recipes\">\n",
		linux_text ? "Likewise, ready" : "Ready");
	for (size_t i = 0; i < recipes->count; i++) {
		if (recipes->list[i].text == linux_text)
			continue;
		element(out, "<details><summary>", recipes->list[i].name, "</summary>\n");
		element(out, "<pre>", recipes->list[i].text, "</pre>\n</details>\n");
	}
	fputs("</div>\n", out);
}

static void put_advice(FILE *out, const struct report *report)
{
	struct recipes recipes;

	element(out, "<h2>What to do</h2>\n<p>", report->advice.summary, "\n");
	recipes_give(&report->advice, &recipes);
	put_recipes(out, &recipes);
}

static void put_warnings(FILE *out, const struct result *result)
{
	if (!result->warning_count)
		return;
	fputs("<h2>Warnings</h2>\n<ul class=\"warnings\">\n", out);
	for (size_t i = 0; i < result->warning_count; i++)
		element(out, "<li>", result->warnings[i].message, "\n");
	fputs("</ul>\n", out);
}

static void put_platforms(FILE *out, const struct report *report)
{
	if (!report->consistent_count)
		return;
	fputs("<h2>Consistent with what is documented of</h2>\n<ul>\n", out);
	for (size_t i = 0; i < report->consistent_count; i++) {
		element(out, "<li>", report->consistent[i]->name, ", ");
		element(out, "", duration_text(report->consistent[i]->timeout).text, "");
		element(out, "<br><span class=\"source\">", report->consistent[i]->source, "</span>\n");
	}
	fputs("</ul>\n<p class=\"source\">This is no proof: vendors share values.\n", out);
}

static void put_method(FILE *out, const struct report *report)
{
	const struct options *options = report->options;
	const struct text text = { .out = out, .html = true };

	fputs("<details><summary>How it was measured</summary>\n<dl>\n", out);
	text_row(&text, "target", "%s%s%s", report->target.input, report->target.address ? ", address " : "",
		 report->target.address ? report->target.address : "");
	if (report->target.source_address)
		text_row(&text, "from", "%s%s%s", report->target.source_address,
			 report->target.interface ? ", interface " : "",
			 report->target.interface ? report->target.interface : "");
	text_row(&text, "begun", "%s", instant(report->started_at).text);
	text_row(&text, "ended", "%s%s", instant(report->finished_at).text,
		 report->interrupted ? ", before it was done" : "");
	text_row(&text, "range", "idle times from %s to %s", duration_text(options->min_idle).text,
		 duration_text(options->max_idle).text);
	text_row(&text, "exactness", "%.4g %% or %s, whichever is wider", options->precision * 100,
		 duration_text(options->resolution).text);
	text_row(&text, "strategy", "%s, at most %d connections",
		 strategy_name((enum strategy)options->strategy), options->connections);
	text_row(&text, "program", "idleprobe %s", report->version ? report->version : idleprobe_version);
	fputs("</dl>\n</details>\n", out);
}

static size_t count_told(const struct report_side *side)
{
	size_t count = 0;

	for (size_t i = 0; i < side->sample_count; i++)
		count += !side->samples[i].moot;
	return count;
}

static size_t put_side(FILE *out, const struct report_side *side, const char *direction, size_t room)
{
	size_t shown = 0;

	for (size_t i = 0; i < side->sample_count && shown < room; i++) {
		const struct sample *sample = &side->samples[i];

		if (sample->moot)
			continue;
		fprintf(out, "<tr><td>%d<td>%s<td>%.7g<td>%.7g<td>%s%s<td>",
			side->numbers ? side->numbers[sample->conn] : sample->conn, direction, sample->idle,
			sample->age, sample_name(sample->outcome), sample->control ? ", control" : "");
		if (!isnan(sample->rtt))
			fprintf(out, "%.3g", sample->rtt * 1000);
		fputc('\n', out);
		shown++;
	}
	return shown;
}

static void put_samples(FILE *out, const struct report *report)
{
	size_t count = count_told(&report->outbound) + count_told(&report->inbound), shown;

	if (!count)
		return;
	fputs("<details><summary>All samples</summary>\n<div class=\"scroll\"><table>\n"
	      "<tr><th>Connection<th>Direction<th>Idle, s<th>Age, s<th>Outcome<th>Round trip, ms\n", out);
	shown = put_side(out, &report->outbound, "outbound", MOST_SAMPLES);
	shown += put_side(out, &report->inbound, "inbound", MOST_SAMPLES - shown);
	fputs("</table></div>\n", out);
	if (shown < count)
		fprintf(out, "<p class=\"source\">These are the first %zu; the JSON report holds all.\n",
			shown);
	fputs("</details>\n", out);
}

static int put_report(FILE *out, const struct report *report, size_t number)
{
	fprintf(out, "<article id=\"r%zu\">\n", number);
	element(out, "<h1>", report->target.input, "</h1>\n");
	fprintf(out, "<p class=\"when\">Measured on %s, in %s.\n", instant(report->started_at).text,
		duration_text(report->elapsed).text);
	put_answer(out, report);
	put_check(out, report);
	put_warnings(out, &report->result);
	if (report->result.outcome != OUTCOME_UNREACHABLE) {
		if (report->result.outcome != OUTCOME_INCONCLUSIVE || advice_has_settings(&report->advice))
			put_advice(out, report);
		if (put_evidence(out, report) < 0)
			return -1;
		put_platforms(out, report);
	}
	put_method(out, report);
	put_samples(out, report);
	fputs("</article>\n", out);
	return 0;
}

/* Of several, which is which. */
static void put_contents(FILE *out, const struct report *const *reports, size_t count)
{
	fputs("<nav><table>\n<tr><th>Target<th>Answer\n", out);
	for (size_t i = 0; i < count; i++) {
		struct answer answer = answer_of(reports[i]);

		fprintf(out, "<tr><td><a href=\"#r%zu\">", i);
		escape_xml(out, reports[i]->target.input);
		fprintf(out, "</a><br><span class=\"when\">%s</span><td>",
			instant(reports[i]->started_at).text);
		element(out, "", answer.lead, " <b>");
		element(out, "", answer.value.text, "</b>\n");
	}
	fputs("</table></nav>\n", out);
}

int report_html(FILE *out, const struct report *const *reports, size_t count)
{
	/* Whatever stands in a report, the page loads nothing and runs nothing. */
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
	      "'unsafe-inline'\">\n",
	      out);
	element(out, "<title>idleprobe: ", count == 1 ? reports[0]->target.input : "reports", "</title>\n");
	fprintf(out, "<style>\n%s</style>\n</head>\n<body>\n", report_css);
	if (count > 1)
		put_contents(out, reports, count);
	for (size_t i = 0; i < count; i++)
		if (put_report(out, reports[i], i) < 0)
			return -1;
	fprintf(out, "<footer>idleprobe %s</footer>\n</body>\n</html>\n", idleprobe_version);
	return 0;
}
