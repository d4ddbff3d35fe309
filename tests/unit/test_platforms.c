/* The documented timeouts, as compiled in. */
#include "core/platforms.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct platforms *platforms;

static int load(void **state)
{
	(void)state;
	platforms = platforms_load();
	return platforms ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	platforms_free(platforms);
	return 0;
}

static const struct platform *named(const char *name)
{
	size_t count;
	const struct platform *list = platforms_list(platforms, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	fail_msg("no %s", name);
	return NULL;
}

static struct result seen(double survived, double expired, enum signal_kind signal)
{
	return (struct result){ .outcome = OUTCOME_TIMEOUT, .survived = survived, .expired = expired,
				.timeout = (survived + expired) / 2, .signal = signal, .keepalive_refreshes = UNKNOWN };
}

static void all_rows_are_there(void **state)
{
	static char text[65536];
	FILE *file = fopen("src/platforms.json", "r");
	size_t count, rows = 0;

	(void)state;
	assert_non_null(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	for (const char *row = text; (row = strstr(row, "\"platform\":")); row++)
		rows++;
	const struct platform *list = platforms_list(platforms, &count);
	assert_int_equal(count, rows);
	for (size_t i = 0; i < count; i++)
		assert_true(*list[i].name && *list[i].source && list[i].timeout > 0);
}

static void timeouts_ascend(void **state)
{
	size_t count;
	const double *timeouts = platforms_timeouts(platforms, &count);

	(void)state;
	assert_true(count > 10);
	assert_true(timeouts[0] == 60 && timeouts[count - 1] == 432000);
	for (size_t i = 1; i < count; i++)
		assert_true(timeouts[i] > timeouts[i - 1]);
}

static void the_interval_decides(void **state)
{
	const struct platform *lb = named("Azure Load Balancer"); /* 240 s, silent */
	struct result inside = seen(239.5, 240.5, SIGNAL_SILENT), beside = seen(241, 242, SIGNAL_SILENT),
		      below = seen(237, 238, SIGNAL_SILENT), far = seen(250, 252, SIGNAL_SILENT), none = inside;

	(void)state;
	assert_true(platform_consistent(lb, &inside, 0.01));
	assert_true(platform_consistent(lb, &beside, 0.01)); /* 241 less 1 % */
	assert_false(platform_consistent(lb, &beside, 0.0001));
	assert_true(platform_consistent(lb, &below, 0.01)); /* 238 and 1 % */
	assert_false(platform_consistent(lb, &below, 0.001));
	assert_false(platform_consistent(lb, &far, 0.01));
	none.outcome = OUTCOME_NO_TIMEOUT;
	none.expired = NAN;
	assert_false(platform_consistent(lb, &none, 0.01));
	none.outcome = OUTCOME_INCONCLUSIVE;
	assert_false(platform_consistent(lb, &none, 0.01));
}

static void behaviour_may_contradict(void **state)
{
	const struct platform *nat = named("AWS NAT gateway"), *vpc = named("AWS VPC interface endpoint"),
			      *open = named("AWS Gateway Load Balancer"), *proxy = named("AWS Classic Load Balancer");
	struct result probe = seen(349, 351, SIGNAL_RESET_ON_PROBE), silent = seen(349, 351, SIGNAL_SILENT),
		      closed = seen(59.5, 60.5, SIGNAL_FIN_AT_EXPIRY);

	(void)state;
	assert_true(platform_consistent(nat, &probe, 0.01));
	assert_false(platform_consistent(nat, &silent, 0.01));
	assert_true(platform_consistent(vpc, &silent, 0.01));
	assert_false(platform_consistent(vpc, &probe, 0.01));
	assert_true(platform_consistent(open, &probe, 0.01) && platform_consistent(open, &silent, 0.01)); /* not documented */

	/* To a silent box it is silence when the late probe reaches the server and that answers. */
	probe.signal_from = ORIGIN_ENDPOINT;
	assert_true(platform_consistent(vpc, &probe, 0.01));

	silent.keepalive_refreshes = NO;
	assert_false(platform_consistent(vpc, &silent, 0.01));
	closed.outcome = OUTCOME_CLOSED_BY_ENDPOINT;
	closed.keepalive_refreshes = NO;
	assert_true(platform_consistent(proxy, &closed, 0.01));
	closed.keepalive_refreshes = YES;
	assert_false(platform_consistent(proxy, &closed, 0.01));
}

static void one_timeout_is_near(void **state)
{
	const struct platform *lb = named("Azure Load Balancer"); /* 240 s */

	(void)state;
	assert_true(platform_near(lb, 240, 0) && platform_near(lb, 242, PLATFORM_MATCH) && platform_near(lb, 238, PLATFORM_MATCH));
	assert_false(platform_near(lb, 243, PLATFORM_MATCH) || platform_near(lb, 237, PLATFORM_MATCH) || platform_near(lb, 0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_rows_are_there),
		cmocka_unit_test(timeouts_ascend),
		cmocka_unit_test(the_interval_decides),
		cmocka_unit_test(behaviour_may_contradict),
		cmocka_unit_test(one_timeout_is_near),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
