#include "format/plan.h"

#include "core/duration.h"
#include "core/probe.h"
#include "format/json.h"
#include "format/names.h"
#include "format/text.h"
#include "version.h"

#include <math.h>
#include <string.h>

enum { SCHEMA_VERSION = 1, MS = 3 };

struct span_of {
	char text[64];
};

static int most(const struct plan_way *way, size_t field)
{
	int most = 0;

	for (int i = 0; i < PLAN_PATHS; i++) {
		int value = *(const int *)((const char *)&way->paths[i] + field);

		most = value > most ? value : most;
	}
	return most;
}

static int least(const struct plan_way *way, size_t field)
{
	int least = most(way, field);

	for (int i = 0; i < PLAN_PATHS; i++) {
		int value = *(const int *)((const char *)&way->paths[i] + field);

		least = value < least ? value : least;
	}
	return least;
}

#define MOST(way, field) most(way, offsetof(struct rehearsal, field))

/* "97 to 131", or the one where they are the same. */
static struct span_of range(const struct plan_way *way, size_t field)
{
	struct span_of words;
	int from = least(way, field), to = most(way, field);

	if (from == to)
		snprintf(words.text, sizeof words.text, "%d", to);
	else
		snprintf(words.text, sizeof words.text, "%d to %d", from, to);
	return words;
}

static void tell_time(const struct text *text, const struct plan *plan, const struct plan_way *way)
{
	const struct rehearsal *paths = way->paths;

	text_row(text, "takes", "%s where connections last %s, %s where they last for good",
		 duration_text(paths[PLAN_SHORTEST].elapsed).text, duration_text(plan->options->min_idle).text,
		 duration_text(paths[PLAN_NONE].elapsed).text);
	text_row(text, "at most", "%s, where the path loses so much that nothing becomes sure",
		 duration_text(paths[PLAN_NONE].longest).text);
}

static void tell_way(const struct text *text, const struct plan *plan, const struct plan_way *way)
{
	int targets = (int)plan->target_count, at_once = MOST(way, at_once);

	tell_time(text, plan, way);
	text_row(text, "connections", "%s in all, %d at a time; at most %d are opened within a second",
		 range(way, offsetof(struct rehearsal, connections)).text, at_once, MOST(way, openings_a_second));
	text_row(text, "probes", "%s of at most %d octets; %d of them in the first minute, then ever fewer; at most %d within a "
		 "second", range(way, offsetof(struct rehearsal, probes)).text, PROBE_LONGEST, MOST(way, first_minute),
		 MOST(way, probes_a_second));
	if (targets > 1)
		text_row(text, "together", "%d targets, the last of which begins after %s: %d connections at a time, at most %d probes "
			 "within a second", targets, duration_text(plan->gap * (targets - 1)).text, targets * at_once,
			 targets * MOST(way, probes_a_second));
}

void plan_text(FILE *out, const struct plan *plan)
{
	const struct options *options = plan->options;
	const struct text text = { .out = out };

	fprintf(out, "Nothing was sent. This is the plan for ");
	if (plan->target_count == 1)
		fprintf(out, "%s.\n\n", plan->targets[0]);
	else
		fprintf(out, "each of %zu targets.\n\n", plan->target_count);
	text_row(&text, "idle times", "%s to %s", duration_text(options->min_idle).text, duration_text(options->max_idle).text);
	text_row(&text, "engine", "%s", plan->raw ? "raw" : "socket, without privileges");
	for (int i = 0; i < plan->way_count; i++) {
		if (plan->way_count > 1)
			text_heading(&text, plan->ways[i].responder ? "Where it is a responder" : "Where it is no responder");
		tell_way(&text, plan, &plan->ways[i]);
	}
}

static void add_rehearsal(cJSON *list, const struct rehearsal *rehearsal)
{
	cJSON *object = json_object(list, NULL);

	json_number(object, "timeout_s", rehearsal->timeout, MS);
	json_number(object, "elapsed_s", rehearsal->elapsed, MS);
	json_number(object, "connections", rehearsal->connections, 0);
	json_number(object, "connections_at_once", rehearsal->at_once, 0);
	json_number(object, "openings_per_s", rehearsal->openings_a_second, 0);
	json_number(object, "probes", rehearsal->probes, 0);
	json_number(object, "probes_first_minute", rehearsal->first_minute, 0);
	json_number(object, "probes_per_s", rehearsal->probes_a_second, 0);
}

/* results/schema/plan.schema.json */
char *plan_json(const struct plan *plan)
{
	const struct options *options = plan->options;
	cJSON *root = cJSON_CreateObject(), *tool, *method, *list;

	json_text(root, "kind", "idleprobe.plan");
	json_number(root, "schema_version", SCHEMA_VERSION, 0);
	tool = json_object(root, "tool");
	json_text(tool, "name", "idleprobe");
	json_text(tool, "version", idleprobe_version);
	list = json_array(root, "targets");
	for (size_t i = 0; i < plan->target_count; i++)
		json_text(list, NULL, plan->targets[i]);
	json_number(root, "gap_s", plan->gap, 6);
	method = json_object(root, "method");
	json_text(method, "engine", plan->raw ? "raw" : "socket");
	json_text(method, "strategy", strategy_name((enum strategy)options->strategy));
	json_number(method, "connections", options->connections, 0);
	json_number(method, "min_idle_s", options->min_idle, MS);
	json_number(method, "max_idle_s", options->max_idle, MS);
	json_number(method, "precision", options->precision, 6);
	json_number(method, "resolution_s", options->resolution, MS);
	list = json_array(root, "plans");
	for (int i = 0; i < plan->way_count; i++) {
		cJSON *way = json_object(list, NULL), *paths;

		json_bool(way, "responder", plan->ways[i].responder ? YES : NO);
		json_number(way, "longest_s", plan->ways[i].paths[PLAN_NONE].longest, MS);
		paths = json_array(way, "paths");
		for (int j = 0; j < PLAN_PATHS; j++)
			add_rehearsal(paths, &plan->ways[i].paths[j]);
	}
	return json_line(root);
}
