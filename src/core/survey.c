#include "core/survey.h"

#include "core/bracket.h"
#include "core/companion.h"
#include "core/grow.h"
#include "core/loss.h"

#include <math.h>
#include <stdlib.h>

enum { SIDES = 2, FEWEST = 2 /* connections of a search: a control and a worker */, COMPANIONS_FROM = 16 };

#define LONGEST_WAIT 3.0   /* seconds for a companion's answer */
#define OUTBOUND_SHARE 0.42 /* of the connections */

/* What a connection of the survey is to its search; or which companion. */
struct place {
	int side, conn; /* side: SIDES for a companion, whose kind is `conn` */
};

struct side {
	struct search *search; /* NULL where it is not measured */
	int *numbers;          /* the survey's, by the search's */
	size_t room;
};

struct survey {
	struct side sides[SIDES];
	struct place *places;  /* by the survey's numbers */
	size_t count, room;
	bool thorough, out_of_memory, proxy;
	bool accompanied;
	struct companion companions[COMPANIONS];
	int companion_numbers[COMPANIONS];
	double deadline;       /* of the companions, and of the word that is waited for */
	double now, word_due;  /* word_due: by when the far side says whether it closed what was closed here; NAN */
};

static enum direction direction_of(int side)
{
	return side == 0 ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
}

static int side_of(enum direction direction)
{
	return direction == DIRECTION_INBOUND ? 1 : 0;
}

/* Where the shorter one is enough, that is as a rule the inbound one. */
static int outbound_share(const struct survey_config *config, int connections)
{
	int share = (int)(connections * (config->thorough ? 0.5 : OUTBOUND_SHARE));

	return share < FEWEST ? FEWEST : share;
}

struct survey *survey_new(const struct survey_config *config)
{
	struct survey *survey = calloc(1, sizeof *survey);
	const bool wanted[SIDES] = { config->outbound, config->inbound };
	int left = config->search.connections;

	if (!survey)
		return NULL;
	survey->thorough = config->thorough;
	survey->deadline = INFINITY;
	survey->word_due = NAN;
	survey->accompanied = config->inbound && left >= COMPANIONS_FROM && config->search.strategy != STRATEGY_ONCE;
	for (int i = 0; i < COMPANIONS && survey->accompanied; i++, left--)
		companion_init(&survey->companions[i], (enum companion_kind)i);
	survey->companions[COMPANION_OUTBOUND].opened = config->mute; /* passed over */
	for (int i = 0; i < SIDES; i++) {
		struct search_config search = config->search;

		if (!wanted[i])
			continue;
		search.connections = i == 0 && wanted[1] ? outbound_share(config, left) : left;
		search.responder = wanted[1];
		search.far = i == side_of(DIRECTION_INBOUND);
		left -= search.connections;
		survey->sides[i].search = search_new(&search);
		if (!survey->sides[i].search) {
			survey_free(survey);
			return NULL;
		}
	}
	return survey;
}

void survey_free(struct survey *survey)
{
	if (!survey)
		return;
	for (int i = 0; i < SIDES; i++) {
		search_free(survey->sides[i].search);
		free(survey->sides[i].numbers);
	}
	free(survey->places);
	free(survey);
}

static bool searching(const struct survey *survey, int side)
{
	return survey->sides[side].search && !search_done(survey->sides[side].search) && !(survey->proxy && side == 1);
}

/* Who closed a connection here, as far as its marks tell, is for the far side to confirm or deny: once, for all. */
static void expect_word(struct survey *survey, const struct observation *seen)
{
	const double patience = 1.5;
	bool closed = (seen->what == OBSERVED_RESET || seen->what == OBSERVED_FIN) && !seen->far && seen->from == ORIGIN_ENDPOINT;

	if (seen->what == OBSERVED_FAR_OPEN) {
		survey->word_due = -INFINITY;
		for (int i = 0; i < SIDES; i++) {
			struct search *one = survey->sides[i].search, *other = survey->sides[1 - i].search;

			if (one && other && ledger_forged(search_ledger(one)))
				search_note_forged(other);
		}
	} else if (closed && isnan(survey->word_due) && survey->accompanied && !survey->proxy) {
		survey->word_due = seen->at + patience;
	}
}

/* The far side's answer to what it was asked of a connection. */
static bool is_word(enum observed what)
{
	return what == OBSERVED_FAR_OPEN || what == OBSERVED_ARRIVED || what == OBSERVED_MISSED;
}

void survey_observe(struct survey *survey, const struct observation *seen)
{
	struct observation local = *seen;
	struct place place;

	if (seen->conn < 0 || (size_t)seen->conn >= survey->count)
		return;
	survey->proxy |= seen->what == OBSERVED_PROXY;
	if (seen->what == OBSERVED_FAR_OPEN && survey->proxy)
		return; /* that connection ends at the proxy */
	place = survey->places[seen->conn];
	local.conn = place.conn;
	/* What becomes of connections that nobody looks after any more is no evidence; the far side's word about what was
	 * sent before is. */
	if (place.side == SIDES)
		companion_observe(&survey->companions[place.conn], &local);
	else if (searching(survey, place.side) || is_word(seen->what))
		search_observe(survey->sides[place.side].search, &local);
	expect_word(survey, seen);
}

static bool number(struct survey *survey, struct place place)
{
	if (!grow((void **)&survey->places, &survey->room, survey->count, sizeof *survey->places))
		return false;
	survey->places[survey->count++] = place;
	return true;
}

/* Gives a connection that is being opened its number. */
static bool enrol(struct survey *survey, int which, int conn)
{
	struct side *side = &survey->sides[which];

	if (!grow((void **)&side->numbers, &side->room, (size_t)conn, sizeof *side->numbers))
		return false;
	side->numbers[conn] = (int)survey->count;
	return number(survey, (struct place){ which, conn });
}

/* The shorter timeout is the answer: once one direction has one, and the other is known to last longer, that one is of
 * no more use. */
static void stop_the_longer(struct survey *survey)
{
	for (int i = 0; i < SIDES && !survey->thorough; i++) {
		struct search *known = survey->sides[i].search, *other = survey->sides[1 - i].search;
		struct bracket bracket;

		if (!known || !other || search_done(other))
			continue;
		search_bracket(known, &bracket);
		if (!isnan(bracket.upper) && search_outlives(other, bracket.upper) && search_end(known) == SEARCH_ANSWERED)
			search_stop(other);
	}
}

static bool searches_next(struct survey *survey, double now, struct action *action)
{
	for (int i = 0; i < SIDES; i++) {
		struct side *side = &survey->sides[i];

		if (!searching(survey, i) || !search_next(side->search, now, action))
			continue;
		if (action->kind == ACTION_OPEN && !enrol(survey, i, action->conn)) {
			survey->out_of_memory = true;
			search_stop(side->search);
			continue;
		}
		action->conn = side->numbers[action->conn];
		action->direction = direction_of(i);
		return true;
	}
	return false;
}

static bool searches_done(const struct survey *survey)
{
	return !searching(survey, 0) && !searching(survey, 1);
}

/* What companions are to outlive: the shorter timeout. */
struct question {
	enum companion_kind kind; /* which companion is to be asked */
	double expired;
	int tries;
	double wait;
};

/* False where there is none. */
static bool ask_what(const struct survey *survey, struct question *question)
{
	bool any = false;

	*question = (struct question){ .expired = INFINITY };
	for (int i = 0; i < SIDES && survey->accompanied && !survey->proxy; i++) {
		const struct search *search = survey->sides[i].search;
		struct bracket bracket;
		enum timer timer;

		if (!search || search_end(search) != SEARCH_ANSWERED)
			continue;
		timer = search_bracket(search, &bracket);
		if (bracket.mixed || !(bracket.upper < question->expired))
			continue;
		any = true;
		question->kind = timer == TIMER_AGE ? COMPANION_PAYLOAD : COMPANION_OUTBOUND;
		question->expired = bracket.upper;
		question->tries = (int)bracket.weight_needed;
		question->wait = fmin(0.3 + 3 * ledger_rtt_high(search_ledger(search)), LONGEST_WAIT);
	}
	return any;
}

static bool is_answered(const struct survey *survey)
{
	struct question question;

	return !ask_what(survey, &question) ||
	       companion_settled(&survey->companions[question.kind], question.expired, question.tries);
}

/* Payload is sent beside each probe on the other, to see whether the path works. */
static bool companions_next(struct survey *survey, double now, struct action *action)
{
	struct companion *payload = &survey->companions[COMPANION_PAYLOAD];
	struct question question;

	survey->deadline = survey->word_due > now ? survey->word_due : INFINITY;
	if (!survey->accompanied || survey->proxy || survey->count == 0)
		return false;

	bool any = ask_what(survey, &question);

	for (int i = 0; i < COMPANIONS; i++) {
		if (!companion_next(&survey->companions[i], now, question.expired, &survey->deadline, action))
			continue;
		if (action->kind == ACTION_OPEN) {
			survey->companion_numbers[i] = (int)survey->count;
			survey->out_of_memory |= !number(survey, (struct place){ SIDES, i });
		}
		action->conn = survey->companion_numbers[i];
		return !survey->out_of_memory;
	}
	/* One that is settled has no next moment to keep the other's pace by: it would be asked at every wake-up. */
	if (!any || !searches_done(survey) || is_answered(survey))
		return false;

	struct companion *asked = &survey->companions[question.kind];

	payload->next = fmin(payload->next, asked->next);
	action->conn = survey->companion_numbers[question.kind];
	return companion_ask(asked, now, question.expired, question.tries, question.wait,
			     asked == payload ? -INFINITY : payload->heard, &survey->deadline, action);
}

bool survey_next(struct survey *survey, double now, struct action *action)
{
	survey->now = now;
	stop_the_longer(survey);
	if (searches_next(survey, now, action) || companions_next(survey, now, action))
		return true;
	stop_the_longer(survey);
	return false;
}

double survey_deadline(const struct survey *survey)
{
	double earliest = survey->deadline;

	for (int i = 0; i < SIDES; i++)
		if (searching(survey, i))
			earliest = fmin(earliest, search_deadline(survey->sides[i].search));
	return earliest;
}

bool survey_done(const struct survey *survey)
{
	return searches_done(survey) && is_answered(survey) && !(survey->word_due > survey->now);
}

double survey_longest(const struct survey *survey)
{
	double longest = 0;

	for (int i = 0; i < SIDES; i++)
		if (survey->sides[i].search)
			longest = fmax(longest, search_longest(survey->sides[i].search));
	/* Companions are asked twice as often as a proof takes, at most: companion_settled(). */
	return longest + (survey->accompanied ? (2 * MOST_WEIGHT + 1) * LONGEST_WAIT : 0);
}

bool survey_proxy(const struct survey *survey)
{
	return survey->proxy;
}

enum tristate survey_refreshed(const struct survey *survey, enum companion_kind kind)
{
	struct question question;

	if (!ask_what(survey, &question) || question.kind != kind)
		return UNKNOWN;
	return companion_outlived(&survey->companions[kind], question.expired, question.tries);
}

bool survey_out_of_memory(const struct survey *survey)
{
	for (int i = 0; i < SIDES; i++)
		if (survey->sides[i].search && search_end(survey->sides[i].search) == SEARCH_NO_MEMORY)
			return true;
	return survey->out_of_memory;
}

int survey_error(const struct survey *survey)
{
	for (int i = 0; i < SIDES; i++)
		if (survey->sides[i].search && search_error(survey->sides[i].search))
			return search_error(survey->sides[i].search);
	return 0;
}

const struct search *survey_search(const struct survey *survey, enum direction direction)
{
	return survey->proxy && direction == DIRECTION_INBOUND ? NULL : survey->sides[side_of(direction)].search;
}

const int *survey_numbers(const struct survey *survey, enum direction direction)
{
	return survey->sides[side_of(direction)].numbers;
}

struct path_stats survey_path(const struct survey *survey)
{
	struct path_stats path, other;
	const struct search *first = survey->sides[0].search, *second = survey->sides[1].search;

	if (!first || !second)
		return ledger_path(search_ledger(first ? first : second));
	/* Round trips and loss are those of this side's probes, which do not wait for a far side to send them. */
	path = ledger_path(search_ledger(first));
	other = ledger_path(search_ledger(second));
	path.connections += other.connections;
	path.probes += other.probes;
	return path;
}

struct search_progress survey_progress(const struct survey *survey, double now)
{
	struct search_progress whole = { .phase = NULL };

	for (int i = 0; i < SIDES; i++) {
		const struct search *search = survey->sides[i].search;

		if (!search)
			continue;

		struct search_progress part = search_progress(search, now);

		if (!whole.phase) {
			whole = part;
			continue;
		}
		if (!search_done(search))
			whole.phase = part.phase;
		whole.idle = fmax(whole.idle, part.idle);
		whole.alive += part.alive;
		whole.ended += part.ended;
		/* Of NAN and a number these take the number; what both survived is the less. */
		whole.expired = fmin(whole.expired, part.expired);
		whole.survived = isnan(whole.survived) || isnan(part.survived) ? NAN : fmin(whole.survived, part.survived);
		whole.left_min = fmax(whole.left_min, part.left_min);
		whole.left_max = fmax(whole.left_max, part.left_max);
	}
	return whole;
}
