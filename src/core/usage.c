#include "core/usage.h"

#include <string.h>

const struct usage usages[] = {
	{
		.name = "measure",
		.operands = "HOST[:PORT]...",
		.summary = "find the idle timeout on the path to HOST:PORT",
		.note = "PORT is 7440 unless told. A DURATION is in seconds, or 250ms, 15m, 2h4m.",
		.options = measure_options,
		.examples = {
			{ "idleprobe measure db.example:5432", "up to 2 h 5 min, to 1 %" },
		},
		.exits = "0 answer, 1 shorter than --min, 2 usage, 3 no answer, 4 cannot run",
	},
	{
		.name = "check",
		.operands = "HOST[:PORT]...",
		.summary = "tell whether connections that are left idle for --min still work",
		.note = "Waits once, a little longer than --min at most; all targets at the same time.",
		.options = check_options,
		.examples = {
			{ "idleprobe check --min 10m db.example:5432", "before a deployment" },
			{ "idleprobe check --min 6m --nagios --targets FILE", "for monitoring" },
		},
		.exits = "0 passed, 1 failed, 2 usage, 3 no answer, 4 cannot run",
	},
	{
		.name = "respond",
		.summary = "be the far side that measures the inbound direction",
		.note = "It needs no privileges, and runs until SIGINT or SIGTERM.",
		.options = respond_options,
		.examples = {
			{ "IDLEPROBE_TOKEN=$(openssl rand -hex 16) idleprobe respond", "among strangers" },
			{ "idleprobe respond --listen 192.0.2.7 --listen [2001:db8::7]", "not on all" },
		},
		.exits = "0 ended by a signal, 2 usage, 4 cannot run",
	},
	{
		.name = "report",
		.operands = "FILE...",
		.summary = "turn saved reports into text, HTML, Prometheus metrics or JUnit",
		.note = "A FILE is of `measure -o` or `--events`; - is standard input.",
		.options = report_options,
		.examples = {
			{ "idleprobe report --format html -o db.html db.json", "a page with the evidence" },
			{ "idleprobe report --format prometheus -o db.prom *.json", "for node_exporter" },
		},
		.exits = "0 all written, 2 usage, 4 a file is no report, or not written",
	},
	{
		.name = "platforms",
		.operands = "[DURATION]",
		.summary = "list documented idle timeouts, each with its source",
		.note = "With a DURATION, only those that such a timeout is consistent with.",
		.options = platforms_options,
		.examples = {
			{ "idleprobe platforms 350", "who has 350 s?" },
			{ "idleprobe platforms --json | jq .platforms", "for scripts" },
		},
		.exits = "0 listed, 2 usage, 4 cannot write",
	},
	{ NULL },
};

const struct usage *usage_of(const char *command)
{
	for (const struct usage *usage = usages; usage->name; usage++)
		if (strcmp(usage->name, command) == 0)
			return usage;
	return NULL;
}

enum value_kind value_kind(const char *argument)
{
	static const struct {
		const char *beginning;
		enum value_kind kind;
	} kinds[] = { { "FILE", VALUE_FILE }, { "HOST", VALUE_HOST }, { "IFACE", VALUE_INTERFACE } };

	if (strchr(argument, '|'))
		return VALUE_CHOICE;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(argument, kinds[i].beginning, strlen(kinds[i].beginning)) == 0)
			return kinds[i].kind;
	return VALUE_FREE;
}
