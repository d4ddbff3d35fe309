#include "format/platform_table.h"

#include "core/duration.h"
#include "format/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT = 12, NAME = 33, EXPIRY = 14, KEEPALIVES = 12, SOURCE = 4 /* columns */ };

static bool is_wanted(const struct platform_table *table, const struct platform *platform)
{
	return isnan(table->timeout) || platform_near(platform, table->timeout, PLATFORM_MATCH);
}

static const char *expiry_words(enum signal_kind signal)
{
	switch (signal) {
	case SIGNAL_NONE: return "-";
	case SIGNAL_SILENT: return "silence";
	case SIGNAL_RESET_ON_PROBE: return "RST on probe";
	case SIGNAL_RESET_AT_EXPIRY: return "RST to both";
	case SIGNAL_FIN_AT_EXPIRY: return "FIN";
	case SIGNAL_ICMP: return "ICMP error";
	}
	return "-";
}

static const char *answer(enum tristate what, const char *yes, const char *no)
{
	return what == UNKNOWN ? "-" : what == YES ? yes : no;
}

static void put_row(FILE *out, const char *timeout, const char *name, const char *expiry,
		    const char *keepalives, const char *tunable)
{
	fprintf(out, "%-*s", TIMEOUT, timeout);
	if (strlen(name) < NAME)
		fprintf(out, "%-*s", NAME, name);
	else
		fprintf(out, "%s\n%*s", name, TIMEOUT + NAME, "");
	fprintf(out, "%-*s%-*s%s", EXPIRY, expiry, KEEPALIVES, keepalives, tunable);
}

static void put_rows(FILE *out, const struct platform_table *table, bool colour)
{
	size_t count;
	const struct platform *list = platforms_list(table->platforms, &count);

	fputs(colour ? "\033[1m" : "", out);
	put_row(out, "TIMEOUT", "PLATFORM", "AT EXPIRY", "KEEPALIVES", "TUNABLE");
	fputs(colour ? "\033[0m\n" : "\n", out);
	for (size_t i = 0; i < count; i++) {
		if (!is_wanted(table, &list[i]))
			continue;
		put_row(out, duration_text(list[i].timeout).text, list[i].name,
			expiry_words(list[i].at_expiry),
			answer(list[i].keepalive_refreshes, "restart it", "no effect"),
			answer(list[i].configurable, "yes", "no"));
		fprintf(out, "\n%*s%s\n", SOURCE, "", list[i].source);
	}
}

static size_t count_wanted(const struct platform_table *table)
{
	size_t count, wanted = 0;
	const struct platform *list = platforms_list(table->platforms, &count);

	for (size_t i = 0; i < count; i++)
		wanted += is_wanted(table, &list[i]);
	return wanted;
}

void platform_table_text(FILE *out, const struct platform_table *table, bool colour)
{
	if (!count_wanted(table)) {
		fprintf(out, "No documented timeout is consistent with %.10g s (within %g %%).\n",
			table->timeout, PLATFORM_MATCH * 100);
		return;
	}
	if (!isnan(table->timeout))
		fprintf(out, "Consistent with %.10g s (within %g %%):\n\n", table->timeout,
			PLATFORM_MATCH * 100);
	put_rows(out, table, colour);
	fputs("\n-: not documented. A timeout is consistent with a platform, never proof of it:\n"
	      "vendors share values, and change them.\n", out);
}

int platform_table_json(FILE *out, const struct platform_table *table)
{
	cJSON *root = cJSON_CreateObject(), *rows;
	char *line;
	size_t count;
	const struct platform *list = platforms_list(table->platforms, &count);

	json_text(root, "kind", "idleprobe.platforms");
	json_number(root, "schema_version", 1, 0);
	rows = json_array(root, "platforms");
	for (size_t i = 0; i < count; i++) {
		if (!is_wanted(table, &list[i]))
			continue;

		cJSON *row = json_object(rows, NULL);

		json_text(row, "platform", list[i].name);
		json_number(row, "timeout_s", list[i].timeout, 3);
		json_text(row, "at_expiry", platform_expiry_name(list[i].at_expiry));
		json_bool(row, "configurable", list[i].configurable);
		json_bool(row, "keepalive_refreshes", list[i].keepalive_refreshes);
		json_text(row, "source", list[i].source);
	}
	line = json_line(root);
	if (!line)
		return -1;
	fputs(line, out);
	free(line);
	return 0;
}
