#include "format/report.h"

#include <math.h>

static bool answered(const struct report *report)
{
	switch (report->result.outcome) {
	case OUTCOME_TIMEOUT:
	case OUTCOME_NO_TIMEOUT:
	case OUTCOME_CLOSED_BY_ENDPOINT:
		return true;
	case OUTCOME_INCONCLUSIVE:
	case OUTCOME_UNREACHABLE:
		return false;
	}
	return false;
}

enum tristate report_passed(const struct report *report)
{
	const struct result *result = &report->result;
	double minimum = report->options->minimum;

	if (isnan(minimum) || !answered(report))
		return UNKNOWN;
	if (result->outcome != OUTCOME_NO_TIMEOUT)
		return result->timeout >= minimum ? YES : NO;
	/* The longest idle time tried may fall short of --max-idle by a round trip. */
	return result->survived >= minimum * 0.999 ? YES : UNKNOWN;
}

enum tristate report_meets_rfc5382(const struct report *report)
{
	const struct result *result = &report->result;

	if (!answered(report))
		return UNKNOWN;
	if (result->survived >= RFC5382_MINIMUM)
		return YES;
	return result->outcome == OUTCOME_TIMEOUT && result->expired <= RFC5382_MINIMUM ? NO : UNKNOWN;
}

enum exit_code report_exit_code(const struct report *report)
{
	if (report->result.outcome == OUTCOME_UNREACHABLE)
		return EXIT_CANNOT_RUN;
	if (!answered(report))
		return EXIT_NO_ANSWER;
	if (isnan(report->options->minimum))
		return EXIT_ANSWER;
	switch (report_passed(report)) {
	case YES:
		return EXIT_ANSWER;
	case NO:
		return EXIT_BOUND_BROKEN;
	case UNKNOWN:
		return EXIT_NO_ANSWER;
	}
	return EXIT_NO_ANSWER;
}
