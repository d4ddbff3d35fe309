#include "core/platforms.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* gcc's assembler and clang's both look for the file in the directories given by -I. */
__asm__(".pushsection .rodata\n"
	".hidden platforms_json\n"
	"platforms_json:\n"
	".incbin \"platforms.json\"\n"
	".byte 0\n"
	".popsection\n");
extern const char platforms_json[] __attribute__((visibility("hidden")));

struct platforms {
	cJSON *json; /* owns the strings */
	struct platform *list;
	double *timeouts;
	size_t count, timeout_count;
};

static enum tristate tristate(const cJSON *value)
{
	return cJSON_IsBool(value) ? (cJSON_IsTrue(value) ? YES : NO) : UNKNOWN;
}

static const struct expiry {
	const char *name;
	enum signal_kind signal;
} expiries[] = {
	{ "silent", SIGNAL_SILENT },
	{ "reset_on_probe", SIGNAL_RESET_ON_PROBE },
	{ "reset_both", SIGNAL_RESET_AT_EXPIRY },
	{ "fin", SIGNAL_FIN_AT_EXPIRY },
};

enum { EXPIRIES = sizeof expiries / sizeof *expiries };

static enum signal_kind signal_named(const char *name)
{
	for (int i = 0; name && i < EXPIRIES; i++)
		if (strcmp(expiries[i].name, name) == 0)
			return expiries[i].signal;
	return SIGNAL_NONE;
}

const char *platform_expiry_name(enum signal_kind at_expiry)
{
	for (int i = 0; i < EXPIRIES; i++)
		if (expiries[i].signal == at_expiry)
			return expiries[i].name;
	return NULL;
}

static int by_timeout(const void *a, const void *b)
{
	const struct platform *first = a, *second = b;

	if (first->timeout != second->timeout)
		return first->timeout < second->timeout ? -1 : 1;
	return strcmp(first->name, second->name);
}

static void fill(struct platforms *platforms, const cJSON *rows)
{
	const cJSON *row;

	cJSON_ArrayForEach(row, rows) {
		const cJSON *timeout = cJSON_GetObjectItem(row, "timeout_s");
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(row, "platform"));
		const char *expiry = cJSON_GetStringValue(cJSON_GetObjectItem(row, "at_expiry"));
		const char *source = cJSON_GetStringValue(cJSON_GetObjectItem(row, "source"));

		if (!cJSON_IsNumber(timeout) || !name || !source)
			continue;
		platforms->list[platforms->count++] = (struct platform){
			.name = name,
			.source = source,
			.timeout = timeout->valuedouble,
			.at_expiry = signal_named(expiry),
			.configurable = tristate(cJSON_GetObjectItem(row, "configurable")),
			.keepalive_refreshes = tristate(cJSON_GetObjectItem(row, "keepalive_refreshes")),
		};
	}
	qsort(platforms->list, platforms->count, sizeof *platforms->list, by_timeout);
	for (size_t i = 0; i < platforms->count; i++)
		if (i == 0 || platforms->list[i].timeout > platforms->list[i - 1].timeout)
			platforms->timeouts[platforms->timeout_count++] = platforms->list[i].timeout;
}

struct platforms *platforms_load(void)
{
	struct platforms *platforms = calloc(1, sizeof *platforms);

	if (!platforms)
		return NULL;
	platforms->json = cJSON_Parse(platforms_json);
	const cJSON *rows = cJSON_GetObjectItem(platforms->json, "platforms");
	size_t room = (size_t)cJSON_GetArraySize(rows);
	platforms->list = calloc(room + 1, sizeof *platforms->list);
	platforms->timeouts = calloc(room + 1, sizeof *platforms->timeouts);
	if (!platforms->json || !platforms->list || !platforms->timeouts) {
		platforms_free(platforms);
		return NULL;
	}
	fill(platforms, rows);
	return platforms;
}

void platforms_free(struct platforms *platforms)
{
	if (!platforms)
		return;
	cJSON_Delete(platforms->json);
	free(platforms->list);
	free(platforms->timeouts);
	free(platforms);
}

const struct platform *platforms_list(const struct platforms *platforms, size_t *count)
{
	*count = platforms->count;
	return platforms->list;
}

const double *platforms_timeouts(const struct platforms *platforms, size_t *count)
{
	*count = platforms->timeout_count;
	return platforms->timeouts;
}

static bool behaviour_fits(const struct platform *platform, const struct result *result)
{
	/* A late probe that an expired entry let pass un-translated draws the server's own RST: to the box it
	 * was silence. */
	bool servers_rst = result->signal == SIGNAL_RESET_ON_PROBE && result->signal_from == ORIGIN_ENDPOINT;

	if (platform->at_expiry != SIGNAL_NONE && platform->at_expiry != result->signal &&
	    !(platform->at_expiry == SIGNAL_SILENT && servers_rst))
		return false;
	return platform->keepalive_refreshes == UNKNOWN || result->keepalive_refreshes == UNKNOWN ||
	       platform->keepalive_refreshes == result->keepalive_refreshes;
}

static bool lies_between(const struct platform *platform, double low, double high, double precision)
{
	return platform->timeout >= low * (1 - precision) && platform->timeout <= high * (1 + precision);
}

bool platform_near(const struct platform *platform, double timeout, double precision)
{
	return lies_between(platform, timeout, timeout, precision);
}

bool platform_consistent(const struct platform *platform, const struct result *result, double precision)
{
	if (result->outcome != OUTCOME_TIMEOUT && result->outcome != OUTCOME_CLOSED_BY_ENDPOINT)
		return false;
	return lies_between(platform, result->survived, result->expired, precision) &&
	       behaviour_fits(platform, result);
}

const struct platform **platforms_consistent(const struct platforms *platforms, const struct result *result,
					     double precision, size_t *count)
{
	const struct platform **list = calloc(platforms->count + 1, sizeof *list);

	*count = 0;
	for (size_t i = 0; list && i < platforms->count; i++)
		if (platform_consistent(&platforms->list[i], result, precision))
			list[(*count)++] = &platforms->list[i];
	return list;
}
