#include "example.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void fill_samples(struct example *example)
{
	example->outbound_samples[0] = (struct sample){ .conn = 0, .idle = 2, .age = 950, .rtt = 0.0014, .outcome = SAMPLE_ALIVE,
							.control = true };
	example->outbound_samples[1] = (struct sample){ .conn = 3, .idle = 1200.125, .age = 1210.2, .rtt = 0.00125,
							.outcome = SAMPLE_ALIVE };
	example->outbound_samples[2] = (struct sample){ .conn = 5, .idle = 3, .age = 3, .rtt = NAN, .outcome = SAMPLE_LOST };
	example->inbound_samples[0] = (struct sample){ .conn = 7, .idle = 899.8, .age = 910.2, .rtt = 0.0014,
						       .outcome = SAMPLE_ALIVE };
	example->inbound_samples[1] = (struct sample){ .conn = 8, .idle = 900.8, .age = 900.8, .rtt = NAN,
						       .outcome = SAMPLE_SILENT };
	example->inbound_samples[2] = (struct sample){ .conn = 8, .idle = 901.4, .age = 901.4, .rtt = NAN,
						       .outcome = SAMPLE_SILENT };
	example->inbound_samples[3] = (struct sample){ .conn = 9, .idle = 900.9, .age = 900.9, .rtt = NAN,
						       .outcome = SAMPLE_RESET };
	example->report.outbound.samples = example->outbound_samples;
	example->report.outbound.sample_count = 3;
	example->report.inbound.samples = example->inbound_samples;
	example->report.inbound.sample_count = 4;
}

static void fill_result(struct example *example)
{
	struct result *result = &example->report.result;

	*result = (struct result){ .outcome = OUTCOME_TIMEOUT, .timeout = 900.3, .survived = 899.8, .expired = 900.8,
				   .signal = SIGNAL_SILENT, .keepalive_refreshes = YES, .revived_by_probe = YES,
				   .payload_refreshes = YES, .outbound_refreshes = NO, .warning_count = 1 };
	example->inbound = example->outbound = *result;
	example->outbound.outcome = OUTCOME_NO_TIMEOUT;
	example->outbound.timeout = example->outbound.expired = NAN;
	example->outbound.survived = 1200.125;
	example->outbound.signal = SIGNAL_NONE;
	result->warnings[0].code = WARNING_SCAN_GRANULARITY;
	strcpy(result->warnings[0].message, "Fates were mixed from 899.8 s to 900.8 s.");
	example->report.outbound.result = &example->outbound;
	example->report.inbound.result = &example->inbound;
	example->report.learned = LEARNED_FAR;
}

void example_fill(struct example *example)
{
	static const struct keepalive host = { 7200, 75, 9 };
	struct report *report = &example->report;

	memset(example, 0, sizeof *example);
	options_default(&example->options);
	example->options.minimum = 600;
	report->version = "0.1.0-of-then";
	report->options = &example->options;
	report->started_at = 1793672096.5;
	report->finished_at = 1793673058.9;
	report->elapsed = 962.4;
	report->target.input = "db.example:5432";
	report->target.host = "db.example";
	report->target.address = "192.0.2.7";
	report->target.port = 5432;
	report->target.family = IP_V4;
	report->target.interface = "eth0";
	report->target.source_address = "198.51.100.4";
	report->path = (struct path_stats){ .rtt_min = 0.0012, .rtt_median = 0.0014, .rtt_max = 0.009, .loss = 0.0123,
					    .reply_ttl = 58, .probes = 210, .connections = 96, .probes_lost = 4,
					    .replies_lost = 2 };
	report->nat = (struct report_nat){ true, "203.0.113.9", 40112, NO };
	report->proxy = NO;
	fill_result(example);
	fill_samples(example);
	example->platform = (struct platform){ "Alibaba Cloud NAT gateway", "a page", 900, SIGNAL_NONE, UNKNOWN, UNKNOWN };
	example->consistent[0] = &example->platform;
	report->consistent = example->consistent;
	report->consistent_count = 1;
	advice_give(&report->result, &host, &report->advice);
}

void example_fill_other(struct example *example, enum outcome outcome, enum reason reason)
{
	struct report *report = &example->report;
	struct result *result = &report->result;

	example_fill(example);
	*result = (struct result){ .outcome = outcome, .reason = reason, .timeout = NAN, .survived = NAN, .expired = NAN,
				   .keepalive_refreshes = UNKNOWN, .revived_by_probe = UNKNOWN, .payload_refreshes = UNKNOWN,
				   .outbound_refreshes = UNKNOWN };
	if (outcome == OUTCOME_NO_TIMEOUT)
		result->survived = 7500;
	example->outbound = *result;
	example->options.minimum = NAN;
	report->inbound = (struct report_side){ 0 };
	report->nat = (struct report_nat){ .remapped = UNKNOWN };
	report->proxy = UNKNOWN;
	report->learned = LEARNED_UNKNOWN;
	report->path.probes_lost = report->path.replies_lost = 0;
	report->consistent_count = 0;
	report->target.interface = NULL;
	if (outcome == OUTCOME_UNREACHABLE) {
		report->path = (struct path_stats){ .rtt_min = NAN, .rtt_median = NAN, .rtt_max = NAN, .loss = NAN };
		report->outbound.sample_count = 0;
		report->target.address = report->target.source_address = NULL;
		report->target.family = IP_ANY;
		snprintf(report->error, sizeof report->error, "db.example: name not known; check it");
	}
	advice_give(result, &(struct keepalive){ 0 }, &report->advice);
}
