/* The far side of a link: a responder sends probes on it when asked, tells how its end stands, and by that what stands
 * between. */
#include "edge/link_state.h"

#include "edge/clock.h"
#include "edge/farside.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Of the connection's far end. */
static void tell_far(struct link *link, enum observed what, double at, enum origin from)
{
	const struct observation o = { .what = what, .conn = link->number, .at = at, .rtt = NAN, .from = from, .far = true };

	link->shared->queue(link->shared->queue_arg, &o);
}

void link_ask_far(struct link *link)
{
	double at = clock_now();

	/* Of this one alone its banner has not come yet; without the channel none can be asked. */
	if (!link->adopted) {
		tell_far(link, OBSERVED_SEND_FAILED, at, ORIGIN_NONE);
		return;
	}
	if (!farside_send(link->shared->far, PROTOCOL_KEEPALIVE, &link->id)) {
		link_probe_failed(link, EAGAIN);
		return;
	}
	link->shared->stats.probes_sent++;
	link->asked++;
	link->asked_at = at;
	tell_far(link, OBSERVED_SENT, at, ORIGIN_NONE);
}

double link_since_asked(const struct link *link, double at)
{
	return at >= link->asked_at ? at - link->asked_at : NAN;
}

void link_byte(struct link *link)
{
	if (link->connection != NULL && link->adopted && farside_send(link->shared->far, PROTOCOL_BYTE, &link->id))
		link->asked++;
}

bool link_ask_state(struct link *link, enum link_question question)
{
	enum protocol_verb verb = question == LINK_ADOPTS ? PROTOCOL_ADOPT : PROTOCOL_REPORT;

	if (!link->adopted || link->question_count == LINK_QUESTIONS || !farside_send(link->shared->far, verb, &link->id))
		return false;
	if (!link->counted && link->question_count == 0)
		link->sent_first = link->sent;
	link->questions[link->question_count++] = question;
	return true;
}

/* Segments are counted from when the handshake and the banner are over, delayed ACKs included. */
static const double SETTLED = 1.0; /* seconds */

static bool is_settled(const struct link *link, double at)
{
	return link->direction != DIRECTION_INBOUND && at > link->flow.synack_at + SETTLED;
}

/* Is a probe that was or should have been answered for sure not yet in the count? */
static bool is_uncounted(const struct link *link)
{
	return link->counted && link->unanswered_at > link->counted_at;
}

void link_answered(struct link *link, double at)
{
	/* An answer that is still to come may count it. */
	bool tells = is_uncounted(link) && link->question_count == 0;

	link->unanswered_at = NAN;
	if (is_settled(link, at) && link_ask_state(link, tells ? LINK_ANSWERED : LINK_COUNTS))
		link->overdue_at = NAN;
	else
		link->counted = false; /* it is too little now */
}

void link_overdue(struct link *link)
{
	link->overdue_at = NAN;
	link->overdue_asked = clock_now();
	if (is_settled(link, link->overdue_asked))
		link_ask_state(link, LINK_OVERDUE);
}

/* A proxy answers probes in the far side's place, which has received nothing then. */
static void count(struct link *link, enum link_question question, uint64_t segments_in, double at)
{
	bool more = segments_in > link->segments_in;
	/* Where the question was held up, a later probe may be among them. */
	bool later = link->handed_at > link->overdue_asked && link->handed_at < at;

	if (!link->counted)
		link->segments_first = segments_in;
	/* The far kernel counts whatever bears the right addresses: others may send in this end's name. */
	bool known = link->counted && segments_in - link->segments_first <= link->sent - link->sent_first;

	if (known && is_uncounted(link) && question == LINK_OVERDUE && !later)
		tell_far(link, more ? OBSERVED_ARRIVED : OBSERVED_MISSED, clock_now(), ORIGIN_NONE);
	if (known && question == LINK_ANSWERED && !link->shared->passage_known) {
		link->shared->passage_known = true;
		if (!more)
			tell_far(link, OBSERVED_PROXY, clock_now(), ORIGIN_NONE);
	}
	link->counted = true;
	link->counted_at = clock_now();
	link->segments_in = segments_in;
}

static enum link_question next_question(struct link *link)
{
	enum link_question question = link->questions[0];

	memmove(link->questions, link->questions + 1, sizeof link->questions - sizeof *link->questions);
	link->question_count--;
	return question;
}

static void take_state(struct link *link, const struct protocol_answer *answer, double at)
{
	bool open = answer->state == PROTOCOL_OPEN;

	/* This end sent no RST. Its socket is kept, to see whether this end gets one too. */
	if (answer->state == PROTOCOL_RESET && !link->far_over)
		tell_far(link, OBSERVED_RESET, at, ORIGIN_PATH);
	link->far_over |= !open;
	if (link->question_count == 0 || !open)
		return; /* its end is told unasked, and answers all that was asked */
	switch (next_question(link)) {
	case LINK_ADOPTS:
		break;
	case LINK_COUNTS:
		count(link, LINK_COUNTS, answer->segments_in, at);
		break;
	case LINK_ANSWERED:
		count(link, LINK_ANSWERED, answer->segments_in, at);
		break;
	case LINK_OVERDUE:
		count(link, LINK_OVERDUE, answer->segments_in, at);
		break;
	case LINK_ENDED:
		tell_far(link, OBSERVED_FAR_OPEN, at, ORIGIN_NONE);
		break;
	}
}

bool link_answer(struct link *link, const struct protocol_answer *answer, double at)
{
	if (!link->adopted || strcmp(link->id.text, answer->id.text) != 0)
		return false;
	switch (answer->kind) {
	case PROTOCOL_SENT:
		link->asked--;
		tell_far(link, OBSERVED_LEFT, at, ORIGIN_NONE);
		break;
	case PROTOCOL_ERROR:
		/* It was started anew. */
		if (answer->error == PROTOCOL_UNKNOWN_ID && link->connection != NULL) {
			link_end(link);
			tell_far(link, OBSERVED_RESET, at, ORIGIN_ENDPOINT);
		} else if (link->asked > 0) {
			link->asked--;
			tell_far(link, OBSERVED_SEND_FAILED, clock_now(), ORIGIN_NONE);
		}
		break;
	case PROTOCOL_STATE:
		take_state(link, answer, at);
		break;
	case PROTOCOL_OK:
	case PROTOCOL_PONG:
		break;
	}
	return true;
}

void link_far_changed(struct link *link, bool ready)
{
	if (link->connection == NULL || !link->adopted)
		return;
	link->question_count = 0;
	link->counted = false;
	if (ready)
		link_ask_state(link, LINK_ADOPTS);
	for (; link->asked > 0; link->asked--)
		tell_far(link, OBSERVED_SEND_FAILED, clock_now(), ORIGIN_NONE);
}

void link_greeted(struct link *link)
{
	struct protocol_banner banner;

	if (link->adopted || !protocol_read_banner(link->greeting.line, link->greeting.length, &banner) ||
	    banner.version != PROTOCOL_VERSION)
		return;
	link->id = banner.id;
	link->adopted = true;
	link->overdue_at = clock_now() + 1.2 * SETTLED; /* to be counted */
	link_ask_state(link, LINK_ADOPTS);
	link_schedule(link);
}
