/* What the ledger makes of observations. Connection 0 is a control; all open at 0, 20 ms away. */
#include "core/ledger.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RTT 0.02

enum { ENDPOINT_TTL = 57 };

static void see(struct ledger *ledger, enum observed what, int conn, double at)
{
	const struct observation seen = {
		.what = what,
		.conn = conn,
		.at = at,
		.rtt = what == OBSERVED_OPEN || what == OBSERVED_REPLY ? RTT : NAN,
		.from = what == OBSERVED_ICMP ? ORIGIN_PATH : ORIGIN_ENDPOINT,
		.error = what == OBSERVED_OPEN_FAILED ? ECONNREFUSED : 0,
		.ttl = ENDPOINT_TTL,
	};

	assert_true(ledger_observe(ledger, &seen));
}

/* The caller frees it. */
static struct ledger *opened(int connections)
{
	struct ledger *ledger = ledger_new();

	assert_non_null(ledger);
	for (int conn = 0; conn < connections; conn++) {
		assert_true(ledger_open(ledger, conn, conn == 0, -RTT));
		see(ledger, OBSERVED_OPEN, conn, 0);
		see(ledger, OBSERVED_REPLY, conn, 0); /* the handshake is over */
	}
	return ledger;
}

/* A probe whose answer never comes. */
static void silence(struct ledger *ledger, int conn, double at)
{
	see(ledger, OBSERVED_SENT, conn, at);
	ledger_expire_waits(ledger, at + 0.5, 0.4);
}

static void answered(struct ledger *ledger, int conn, double at)
{
	see(ledger, OBSERVED_SENT, conn, at);
	see(ledger, OBSERVED_REPLY, conn, at + RTT);
}

static const struct sample *sample(const struct ledger *ledger, size_t number)
{
	size_t count;
	const struct sample *samples = ledger_samples(ledger, &count);

	assert_true(number < count);
	return &samples[number];
}

static size_t sample_count(const struct ledger *ledger)
{
	size_t count;

	ledger_samples(ledger, &count);
	return count;
}

/* A lost probe may have passed the middlebox and refreshed its entry: only what the first met is proven. */
static void late_answer_proves_the_idle_time_of_the_first_probe(void **state)
{
	struct ledger *ledger = opened(2);
	int answers, losses;

	(void)state;
	silence(ledger, 1, 10);
	silence(ledger, 1, 11);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_SILENT);
	answered(ledger, 1, 12);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_LOST);
	assert_int_equal(sample(ledger, 1)->outcome, SAMPLE_LOST);
	assert_int_equal(sample(ledger, 2)->outcome, SAMPLE_ALIVE);
	assert_float_equal(sample(ledger, 2)->idle, 10, 1e-9);
	assert_float_equal(ledger_longest(ledger, TIMER_IDLE)->idle, 10, 1e-9);
	assert_float_equal(ledger_longest(ledger, TIMER_AGE)->age, 12, 1e-9);
	ledger_loss(ledger, 0, &answers, &losses);
	assert_int_equal(answers, 1);
	assert_int_equal(losses, 2);
	ledger_free(ledger);
}

/* Karn: which of the probes was answered is not known. */
static void late_answer_times_no_round_trip(void **state)
{
	struct ledger *ledger = opened(2);
	struct observation slow = {.what = OBSERVED_REPLY, .conn = 1, .at = 15, .rtt = 4};

	(void)state;
	silence(ledger, 1, 10);
	see(ledger, OBSERVED_SENT, 1, 11);
	ledger_observe(ledger, &slow);
	assert_true(isnan(sample(ledger, 1)->rtt));
	assert_float_equal(ledger_path(ledger).rtt_max, RTT, 1e-9);
	ledger_free(ledger);
}

static void answer_begins_an_idle_period(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	answered(ledger, 1, 10);
	answered(ledger, 1, 30);
	assert_float_equal(sample(ledger, 1)->idle, 30 - (10 + RTT), 1e-9);
	assert_float_equal(sample(ledger, 1)->age, 30, 1e-9);
	assert_float_equal(sample(ledger, 1)->rtt, RTT, 1e-9);
	ledger_free(ledger);
}

/* The middlebox saw an answer earlier than we did, and the handshake's last segment later. */
static void period_that_began_inbound_has_slack(void **state)
{
	struct ledger *ledger = ledger_new();

	(void)state;
	assert_true(ledger_open(ledger, 0, false, -RTT));
	see(ledger, OBSERVED_OPEN, 0, 0);
	answered(ledger, 0, 10);
	answered(ledger, 0, 30);
	assert_float_equal(sample(ledger, 0)->slack, 0, 1e-9);
	assert_float_equal(sample(ledger, 1)->slack, RTT, 1e-9);
	ledger_free(ledger);
}

/* One answer that was held up between the middlebox and this host begins a period with as much slack, and no other. */
static void slack_is_of_the_answer_that_began_the_period(void **state)
{
	struct ledger *ledger = opened(2);
	const struct observation slow = {.what = OBSERVED_REPLY, .conn = 1, .at = 10.5, .rtt = 0.5};

	(void)state;
	for (int at = 1; at < 40; at++)
		answered(ledger, 0, at);
	see(ledger, OBSERVED_SENT, 1, 10);
	ledger_observe(ledger, &slow);
	answered(ledger, 1, 50);
	assert_float_equal(sample(ledger, 40)->slack, 0.5, 1e-9);
	answered(ledger, 1, 60);
	assert_float_equal(sample(ledger, 41)->slack, RTT, 1e-9);
	silence(ledger, 1, 70);
	answered(ledger, 1, 71); /* which of the two it answers is not known */
	answered(ledger, 1, 80);
	assert_float_equal(sample(ledger, 44)->slack, 0.5, 1e-9);
	ledger_free(ledger);
}

/* While the handshake's last ACK may be lost, the middlebox may count by another timer: the first answer proves that the
 * connection lives, and no idle time. */
static void idle_time_counts_from_the_first_answer(void **state)
{
	struct ledger *ledger = ledger_new();

	(void)state;
	assert_true(ledger_open(ledger, 0, false, -RTT));
	see(ledger, OBSERVED_OPEN, 0, 0);
	silence(ledger, 0, 10);
	assert_true(sample(ledger, 0)->moot);
	answered(ledger, 0, 11);
	assert_float_equal(ledger_longest(ledger, TIMER_IDLE)->idle, 0, 1e-9);
	assert_float_equal(ledger_longest(ledger, TIMER_AGE)->age, 11, 1e-9);
	answered(ledger, 0, 31);
	assert_false(sample(ledger, 2)->moot);
	assert_float_equal(ledger_longest(ledger, TIMER_IDLE)->idle, 20 - RTT, 1e-9);
	ledger_free(ledger);
}

static void repeated_synack_reopens_the_question(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	see(ledger, OBSERVED_SYNACK, 1, 3);
	see(ledger, OBSERVED_OUTBOUND, 1, 3);
	answered(ledger, 1, 13);
	assert_float_equal(ledger_longest(ledger, TIMER_IDLE)->idle, 0, 1e-9);
	answered(ledger, 1, 33);
	assert_float_equal(ledger_longest(ledger, TIMER_IDLE)->idle, 20 - RTT, 1e-9);
	ledger_free(ledger);
}

/* A server that never got the handshake's last ACK gives up in the end (net.ipv4.tcp_synack_retries). */
static void reset_by_an_endpoint_that_repeated_its_synack_is_no_death(void **state)
{
	struct ledger *ledger = opened(3);

	(void)state;
	for (int conn = 1; conn <= 2; conn++) {
		if (conn == 1)
			see(ledger, OBSERVED_SYNACK, conn, 3);
		answered(ledger, conn, 4);
		see(ledger, OBSERVED_SENT, conn, 70);
		see(ledger, OBSERVED_RESET, conn, 70 + RTT);
	}
	assert_int_equal(ledger_life(ledger, 1)->state, LIFE_CLOSED);
	assert_int_equal(ledger_life(ledger, 2)->state, LIFE_ENDED);
	ledger_free(ledger);
}

/* Four identical probes make conntrack cut the entry to 300 s (nf_conntrack_tcp_timeout_max_retrans). */
static void answer_after_four_probes_taints(void **state)
{
	struct ledger *ledger = opened(3);

	(void)state;
	for (int i = 0; i < 2; i++)
		silence(ledger, 1, 10 + i);
	answered(ledger, 1, 12);
	assert_false(ledger_life(ledger, 1)->tainted);
	for (int i = 0; i < 3; i++)
		silence(ledger, 2, 20 + i);
	assert_false(ledger_life(ledger, 2)->tainted);
	answered(ledger, 2, 23);
	assert_true(ledger_life(ledger, 2)->tainted);
	ledger_free(ledger);
}

static void answer_on_another_connection_at_the_same_moment_pairs(void **state)
{
	struct ledger *ledger = opened(4);

	(void)state;
	see(ledger, OBSERVED_SENT, 1, 10.00);
	see(ledger, OBSERVED_SENT, 0, 10.05);
	see(ledger, OBSERVED_SENT, 2, 10.50);
	assert_false(sample(ledger, 0)->paired);
	see(ledger, OBSERVED_REPLY, 0, 10.55); /* it speaks for the moment when its probe was sent */
	assert_true(sample(ledger, 0)->paired);
	assert_false(sample(ledger, 1)->paired);
	assert_false(sample(ledger, 2)->paired);

	answered(ledger, 0, 20); /* answered before the other leaves */
	see(ledger, OBSERVED_SENT, 3, 20.05);
	assert_true(sample(ledger, 4)->paired);
	ledger_free(ledger);
}

static void own_answer_does_not_pair(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	see(ledger, OBSERVED_SENT, 1, 10);
	see(ledger, OBSERVED_SENT, 1, 10.05);
	see(ledger, OBSERVED_REPLY, 1, 10.07);
	assert_false(sample(ledger, 0)->paired);
	assert_false(sample(ledger, 1)->paired);
	ledger_free(ledger);
}

static void reset_is_drawn_by_the_probe_under_way(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	see(ledger, OBSERVED_SENT, 1, 10);
	see(ledger, OBSERVED_RESET, 1, 10 + RTT);
	assert_int_equal(sample_count(ledger), 1);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_RESET);
	assert_true(sample(ledger, 0)->asked);
	assert_float_equal(sample(ledger, 0)->idle, 10, 1e-9);
	assert_int_equal(sample(ledger, 0)->from, ORIGIN_ENDPOINT);
	assert_int_equal(ledger_life(ledger, 1)->state, LIFE_ENDED);
	assert_null(ledger_longest(ledger, TIMER_IDLE));
	ledger_free(ledger);
}

/* Its own answer would have come long before: what the probe met is not known, and the RST came by itself. */
static void reset_long_after_the_probe_was_not_drawn_by_it(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	silence(ledger, 1, 19.5); /* lost */
	see(ledger, OBSERVED_RESET, 1, 20);
	assert_int_equal(sample_count(ledger), 2);
	assert_int_equal(sample(ledger, 1)->outcome, SAMPLE_RESET);
	assert_false(sample(ledger, 1)->asked);
	assert_float_equal(sample(ledger, 1)->age, 20, 1e-9);
	assert_ptr_equal(ledger_longest(ledger, TIMER_AGE), sample(ledger, 1));
	ledger_free(ledger);
}

/* On a path of microseconds the capture does not tell which was first. */
static void reset_on_a_short_path_is_drawn_by_the_probe(void **state)
{
	struct ledger *ledger = ledger_new();

	(void)state;
	assert_true(ledger_open(ledger, 0, false, 0));
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_OPEN, .conn = 0, .at = 0.00005, .rtt = 0.00005});
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_REPLY, .conn = 0, .at = 0.0001, .rtt = 0.00005});
	see(ledger, OBSERVED_SENT, 0, 10);
	see(ledger, OBSERVED_RESET, 0, 10.00001);
	assert_int_equal(sample_count(ledger), 1);
	assert_true(sample(ledger, 0)->asked);
	ledger_free(ledger);
}

/* The far end cannot have received the probe yet; a device on the way can. */
static void reset_sooner_than_any_answer_came_by_itself(void **state)
{
	struct ledger *ledger = opened(3);

	(void)state;
	see(ledger, OBSERVED_SENT, 1, 10);
	see(ledger, OBSERVED_RESET, 1, 10 + RTT / 2);
	assert_int_equal(sample_count(ledger), 2);
	assert_false(sample(ledger, 1)->asked);
	assert_float_equal(sample(ledger, 1)->idle, 10 + RTT / 2, 1e-9);
	see(ledger, OBSERVED_SENT, 2, 10);
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_RESET, .conn = 2, .at = 10 + RTT / 2, .rtt = NAN,
						     .from = ORIGIN_PATH});
	assert_int_equal(sample_count(ledger), 3);
	assert_true(sample(ledger, 2)->asked);
	ledger_free(ledger);
}

/* No probe draws a FIN: a server's or a proxy's own timer does, even while a probe is under way. */
static void fin_is_never_drawn_by_a_probe(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	see(ledger, OBSERVED_SENT, 1, 10);
	see(ledger, OBSERVED_FIN, 1, 10 + RTT);
	assert_int_equal(sample_count(ledger), 2);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_PENDING);
	assert_int_equal(sample(ledger, 1)->outcome, SAMPLE_FIN);
	assert_false(sample(ledger, 1)->asked);
	assert_int_equal(ledger_life(ledger, 1)->state, LIFE_ENDED);
	ledger_free(ledger);
}

/* It dates the expiry exactly, and proves life until then: so the capture listens all the time. */
static void reset_by_itself_dates_the_expiry(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	see(ledger, OBSERVED_RESET, 1, 60);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_RESET);
	assert_false(sample(ledger, 0)->asked);
	assert_float_equal(sample(ledger, 0)->idle, 60, 1e-9);
	assert_ptr_equal(ledger_longest(ledger, TIMER_IDLE), sample(ledger, 0));
	ledger_free(ledger);
}

/* Routers limit their rate: an ICMP error is a sign, and the connection is asked again. */
static void icmp_error_ends_no_connection(void **state)
{
	struct ledger *ledger = opened(3);

	(void)state;
	see(ledger, OBSERVED_SENT, 1, 10);
	see(ledger, OBSERVED_ICMP, 1, 10 + RTT);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_ICMP);
	assert_int_equal(sample(ledger, 0)->from, ORIGIN_PATH);
	assert_int_equal(ledger_life(ledger, 1)->state, LIFE_OPEN);
	see(ledger, OBSERVED_ICMP, 2, 10); /* quotes a segment of the kernel's own */
	assert_int_equal(sample_count(ledger), 1);
	assert_int_equal(ledger_life(ledger, 2)->state, LIFE_OPEN);
	ledger_free(ledger);
}

/* Cisco ASA's dead connection detection, a server with SO_KEEPALIVE. */
static void what_arrives_unasked_ends_the_idle_period(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	see(ledger, OBSERVED_UNASKED, 1, 4);
	see(ledger, OBSERVED_OUTBOUND, 1, 4.001);
	see(ledger, OBSERVED_SENT, 1, 10.001);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_UNASKED);
	assert_float_equal(sample(ledger, 0)->idle, 4, 1e-9);
	assert_float_equal(sample(ledger, 1)->idle, 6, 1e-9);
	assert_int_equal(ledger_life(ledger, 1)->unasked, 1);
	ledger_free(ledger);
}

static void banner_is_no_keepalive_of_the_far_end(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	see(ledger, OBSERVED_UNASKED, 1, 0.5);
	see(ledger, OBSERVED_SENT, 1, 10);
	assert_int_equal(ledger_life(ledger, 1)->unasked, 0);
	assert_int_equal(sample_count(ledger), 1);
	assert_float_equal(sample(ledger, 0)->idle, 9.5, 1e-9);
	ledger_free(ledger);
}

static void what_arrives_unasked_proves_that_earlier_probes_were_lost(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	silence(ledger, 1, 10);
	silence(ledger, 1, 11);
	see(ledger, OBSERVED_UNASKED, 1, 12);
	assert_int_equal(sample_count(ledger), 2);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_LOST);
	assert_int_equal(ledger_life(ledger, 1)->period_count, 0);
	ledger_free(ledger);
}

/* Whether this host's own segment passed is not known once probes went unanswered. */
static void own_segment_ends_no_period_of_unanswered_probes(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	silence(ledger, 1, 10);
	see(ledger, OBSERVED_OUTBOUND, 1, 11);
	silence(ledger, 1, 12);
	assert_float_equal(sample(ledger, 1)->idle, 12, 1e-9);
	ledger_free(ledger);
}

static void probe_turns_silent_after_the_wait_and_may_still_be_answered(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	assert_true(isinf(ledger_expire_waits(ledger, 5, 0.4)));
	see(ledger, OBSERVED_SENT, 1, 10);
	assert_float_equal(ledger_expire_waits(ledger, 10.1, 0.4), 10.4, 1e-9);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_PENDING);
	assert_true(isinf(ledger_expire_waits(ledger, 10.4, 0.4)));
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_SILENT);
	see(ledger, OBSERVED_REPLY, 1, 11);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_ALIVE);
	ledger_free(ledger);
}

static void probe_that_could_not_be_sent_proves_nothing(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	see(ledger, OBSERVED_SEND_FAILED, 1, 10);
	assert_int_equal(sample_count(ledger), 0);
	assert_int_equal(ledger_path(ledger).probes, 0);
	see(ledger, OBSERVED_SENT, 1, 11);
	assert_float_equal(sample(ledger, 0)->idle, 11, 1e-9);
	ledger_free(ledger);
}

static void nothing_is_taken_of_a_connection_that_ended(void **state)
{
	struct ledger *ledger = opened(3);

	(void)state;
	see(ledger, OBSERVED_RESET, 1, 10);
	ledger_close(ledger, 2);
	for (int conn = 1; conn < 3; conn++) {
		see(ledger, OBSERVED_SENT, conn, 20);
		see(ledger, OBSERVED_REPLY, conn, 20.1);
		see(ledger, OBSERVED_UNASKED, conn, 25);
		see(ledger, OBSERVED_RESET, conn, 30);
		see(ledger, OBSERVED_FIN, conn, 31);
	}
	see(ledger, OBSERVED_REPLY, 7, 40); /* never opened */
	assert_int_equal(sample_count(ledger), 1);
	assert_int_equal(ledger_life(ledger, 1)->state, LIFE_ENDED);
	assert_int_equal(ledger_life(ledger, 2)->state, LIFE_CLOSED);
	assert_null(ledger_life(ledger, 7));
	ledger_free(ledger);
}

static void loss_counts_settled_probes_only(void **state)
{
	struct ledger *ledger = opened(3);
	int answers, losses;

	(void)state;
	silence(ledger, 1, 10);
	answered(ledger, 1, 11);
	answered(ledger, 0, 20);
	answered(ledger, 0, 21);
	silence(ledger, 2, 22); /* dead or lost? */
	assert_float_equal(ledger_path(ledger).loss, 0.25, 1e-9);
	assert_int_equal(ledger_path(ledger).probes, 5);
	ledger_loss(ledger, 15, &answers, &losses);
	assert_int_equal(answers, 2);
	assert_int_equal(losses, 0);
	ledger_free(ledger);
}

static void path_is_told_by_what_was_answered(void **state)
{
	struct ledger *ledger = ledger_new();
	const double rtts[] = {0.030, 0.010, 0.020};

	(void)state;
	assert_true(isnan(ledger_path(ledger).rtt_median));
	assert_float_equal(ledger_path(ledger).loss, 0, 0);
	for (int conn = 0; conn < 4; conn++)
		assert_true(ledger_open(ledger, conn, false, 0));
	for (int conn = 0; conn < 3; conn++)
		ledger_observe(ledger, &(struct observation){.what = OBSERVED_OPEN, .conn = conn, .at = 1,
							     .rtt = rtts[conn], .ttl = ENDPOINT_TTL});
	see(ledger, OBSERVED_OPEN_FAILED, 3, 1);
	assert_float_equal(ledger_path(ledger).rtt_min, 0.010, 1e-9);
	assert_float_equal(ledger_path(ledger).rtt_median, 0.020, 1e-9);
	assert_float_equal(ledger_path(ledger).rtt_max, 0.030, 1e-9);
	assert_int_equal(ledger_path(ledger).connections, 3);
	assert_int_equal(ledger_path(ledger).reply_ttl, ENDPOINT_TTL);
	assert_int_equal(ledger_life(ledger, 3)->state, LIFE_FAILED);
	assert_int_equal(ledger_life(ledger, 3)->error, ECONNREFUSED);
	ledger_free(ledger);
}

/* nft's "reject with tcp reset" bears the TTL of the box: it says nothing of the endpoint's. */
static void reply_ttl_is_not_learned_from_resets(void **state)
{
	const struct observation reset = {.what = OBSERVED_RESET, .conn = 1, .at = 9, .rtt = NAN, .ttl = 64};
	struct ledger *ledger = opened(2);

	(void)state;
	ledger_observe(ledger, &reset);
	assert_int_equal(ledger_path(ledger).reply_ttl, ENDPOINT_TTL);
	ledger_free(ledger);
}

/* Of two probes under way the later is still to pass when the earlier's answer comes; and then the far end closes. */
static void nothing_idles_for_less_than_no_time(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	silence(ledger, 1, 10);
	see(ledger, OBSERVED_SENT, 1, 10.6);
	see(ledger, OBSERVED_REPLY, 1, 10.605);
	see(ledger, OBSERVED_FIN, 1, 10.61);
	assert_int_equal(sample(ledger, 2)->outcome, SAMPLE_FIN);
	assert_float_equal(sample(ledger, 2)->idle, 0, 0);
	ledger_free(ledger);
}

static void numbers_count_up(void **state)
{
	struct ledger *ledger = opened(2);
	size_t count;

	(void)state;
	assert_false(ledger_open(ledger, 3, false, 1));
	assert_false(ledger_open(ledger, 1, false, 1));
	assert_false(ledger_open(ledger, -1, false, 1));
	ledger_lives(ledger, &count);
	assert_int_equal(count, 2);
	ledger_free(ledger);
}

/* The far side was asked for it at 10, and says at 10.9 that it would have arrived at 10.6: that is its idle time. */
static void far_probe_is_dated_by_its_arrival(void **state)
{
	struct ledger *ledger = opened(2);
	struct observation seen = {.what = OBSERVED_SENT, .conn = 1, .at = 10, .rtt = NAN, .far = true};

	(void)state;
	see(ledger, OBSERVED_REPLY, 1, 0); /* the handshake is over */
	ledger_observe(ledger, &seen);
	ledger_expire_waits(ledger, 12, 0.5);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_PENDING); /* it may not have left yet */
	seen = (struct observation){.what = OBSERVED_LEFT, .conn = 1, .at = 10.6, .rtt = NAN, .far = true};
	ledger_observe(ledger, &seen);
	assert_float_equal(sample(ledger, 0)->idle, 10.6, 1e-9);
	ledger_expire_waits(ledger, 12, 0.5);
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_SILENT);
	ledger_free(ledger);
}

/* The kernel's answer to it may be lost: before this side's own probe is answered, no idle time counts. */
static void far_probe_that_came_is_to_be_confirmed(void **state)
{
	struct ledger *ledger = opened(2);
	const struct observation came = {.what = OBSERVED_REPLY, .conn = 1, .at = 10, .rtt = NAN, .far = true};

	(void)state;
	see(ledger, OBSERVED_REPLY, 1, 0);
	assert_true(ledger_life(ledger, 1)->confirmed);
	ledger_observe(ledger, &came);
	assert_false(ledger_life(ledger, 1)->confirmed);
	see(ledger, OBSERVED_SENT, 1, 10.1);
	see(ledger, OBSERVED_REPLY, 1, 10.2);
	assert_true(ledger_life(ledger, 1)->confirmed);
	ledger_free(ledger);
}

/* A banner that is sent again, because its acknowledgment was lost, is not the far end's own keepalive. */
static void repeated_payload_is_no_speech(void **state)
{
	struct observation banner = {.what = OBSERVED_UNASKED, .conn = 1, .at = 2, .rtt = NAN, .payload = true};
	struct ledger *ledger = opened(2);

	(void)state;
	ledger_observe(ledger, &banner);
	banner.at = 4;
	banner.again = true;
	ledger_observe(ledger, &banner);
	assert_int_equal(ledger_life(ledger, 1)->unasked, 1);
	banner.at = 8;
	banner.again = false;
	ledger_observe(ledger, &banner);
	assert_int_equal(ledger_life(ledger, 1)->unasked, 2);
	ledger_free(ledger);
}

/* What bears the endpoint's marks is a device's, once the far side has said so of one. */
static void far_side_denies_a_reset(void **state)
{
	struct ledger *ledger = opened(3);
	struct observation seen = {.what = OBSERVED_RESET, .conn = 1, .at = 9, .rtt = NAN, .from = ORIGIN_ENDPOINT};

	(void)state;
	ledger_observe(ledger, &seen);
	assert_int_equal(sample(ledger, 0)->from, ORIGIN_ENDPOINT);
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_FAR_OPEN, .conn = 1, .at = 9.1, .rtt = NAN, .far = true});
	assert_int_equal(sample(ledger, 0)->from, ORIGIN_PATH);
	seen.conn = 2;
	ledger_observe(ledger, &seen);
	assert_int_equal(sample(ledger, 1)->from, ORIGIN_PATH);
	ledger_free(ledger);
}

/* A banner may be a retransmission: the age counts from it, and may count from the handshake. */
static void payload_begins_the_age_anew(void **state)
{
	struct ledger *ledger = opened(2);
	const struct observation banner = {.what = OBSERVED_UNASKED, .conn = 1, .at = 0.7, .rtt = NAN, .payload = true};

	(void)state;
	ledger_observe(ledger, &banner);
	see(ledger, OBSERVED_SENT, 1, 10.7);
	assert_float_equal(sample(ledger, sample_count(ledger) - 1)->age, 10, 1e-9);
	assert_float_equal(sample(ledger, sample_count(ledger) - 1)->age_slack, 0.7, 1e-9);
	ledger_free(ledger);
}

/* The socket engine knows the kernel's times to a tick or two: by so much the middlebox may have seen a longer idle time. */
static void times_known_less_exactly_leave_slack(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_SENT, .conn = 1, .at = 10, .blur = 0.005, .rtt = NAN});
	assert_float_equal(sample(ledger, 0)->idle, 10, 1e-9);
	assert_float_equal(sample(ledger, 0)->slack, RTT + 0.005, 1e-9); /* the period began with an answer */
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_REPLY, .conn = 1, .at = 10.03, .blur = 0.008, .rtt = RTT});
	assert_int_equal(sample(ledger, 0)->outcome, SAMPLE_ALIVE);
	assert_float_equal(sample(ledger, 0)->idle, 10, 1e-9);
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_SENT, .conn = 1, .at = 30, .blur = 0.006, .rtt = NAN});
	assert_float_equal(sample(ledger, 1)->idle, 30 - 10.03, 1e-9);
	assert_float_equal(sample(ledger, 1)->slack, RTT + 0.008 + 0.006, 1e-9);
	assert_float_equal(sample(ledger, 1)->age_slack, 0.006, 1e-9);
	ledger_free(ledger);
}

/* A probe of the far side's arrived up to that much earlier, and found no longer idle time. */
static void arrival_known_less_exactly_proves_less(void **state)
{
	struct ledger *ledger = opened(2);

	(void)state;
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_SENT, .conn = 1, .at = 10, .rtt = NAN, .far = true});
	ledger_observe(ledger, &(struct observation){.what = OBSERVED_REPLY, .conn = 1, .at = 10.05, .blur = 0.03,
							   .rtt = 0.05, .far = true});
	assert_float_equal(sample(ledger, 0)->idle, 10.02, 1e-9);
	assert_float_equal(ledger_life(ledger, 1)->last, 10.05, 1e-9);
	assert_float_equal(ledger_life(ledger, 1)->slack, 0.08, 1e-9);
	ledger_free(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_known_less_exactly_leave_slack),
		cmocka_unit_test(arrival_known_less_exactly_proves_less),
		cmocka_unit_test(far_probe_is_dated_by_its_arrival),
		cmocka_unit_test(far_probe_that_came_is_to_be_confirmed),
		cmocka_unit_test(repeated_payload_is_no_speech),
		cmocka_unit_test(far_side_denies_a_reset),
		cmocka_unit_test(payload_begins_the_age_anew),
		cmocka_unit_test(late_answer_proves_the_idle_time_of_the_first_probe),
		cmocka_unit_test(late_answer_times_no_round_trip),
		cmocka_unit_test(answer_begins_an_idle_period),
		cmocka_unit_test(period_that_began_inbound_has_slack),
		cmocka_unit_test(slack_is_of_the_answer_that_began_the_period),
		cmocka_unit_test(answer_after_four_probes_taints),
		cmocka_unit_test(answer_on_another_connection_at_the_same_moment_pairs),
		cmocka_unit_test(own_answer_does_not_pair),
		cmocka_unit_test(reset_is_drawn_by_the_probe_under_way),
		cmocka_unit_test(reset_on_a_short_path_is_drawn_by_the_probe),
		cmocka_unit_test(reset_sooner_than_any_answer_came_by_itself),
		cmocka_unit_test(reset_long_after_the_probe_was_not_drawn_by_it),
		cmocka_unit_test(fin_is_never_drawn_by_a_probe),
		cmocka_unit_test(reset_by_itself_dates_the_expiry),
		cmocka_unit_test(icmp_error_ends_no_connection),
		cmocka_unit_test(what_arrives_unasked_ends_the_idle_period),
		cmocka_unit_test(banner_is_no_keepalive_of_the_far_end),
		cmocka_unit_test(what_arrives_unasked_proves_that_earlier_probes_were_lost),
		cmocka_unit_test(own_segment_ends_no_period_of_unanswered_probes),
		cmocka_unit_test(probe_turns_silent_after_the_wait_and_may_still_be_answered),
		cmocka_unit_test(probe_that_could_not_be_sent_proves_nothing),
		cmocka_unit_test(nothing_is_taken_of_a_connection_that_ended),
		cmocka_unit_test(loss_counts_settled_probes_only),
		cmocka_unit_test(path_is_told_by_what_was_answered),
		cmocka_unit_test(reply_ttl_is_not_learned_from_resets),
		cmocka_unit_test(idle_time_counts_from_the_first_answer),
		cmocka_unit_test(repeated_synack_reopens_the_question),
		cmocka_unit_test(reset_by_an_endpoint_that_repeated_its_synack_is_no_death),
		cmocka_unit_test(nothing_idles_for_less_than_no_time),
		cmocka_unit_test(numbers_count_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
