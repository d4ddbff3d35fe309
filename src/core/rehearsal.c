#include "core/rehearsal.h"
#include "core/grow.h"

#include <math.h>
#include <stdlib.h>

#define RTT 0.02 /* seconds; a plan hardly depends on it */
#define TTL 64

/* What falls into one second. */
struct pace {
	double *times;
	size_t first, count, room;
	int most;
};

struct connection {
	bool open, inbound;
	double last; /* when the last segment passed */
};

/* Whatever is answered is answered after one round trip, so the answers are in order as they are asked for. */
struct stage {
	const struct survey_config *config;
	struct rehearsal *rehearsal;
	struct survey *survey;
	struct connection *connections;
	struct observation *answers;
	size_t connection_room, first, count, room;
	struct pace openings, probes;
	int open;
	bool out_of_memory;
};

static bool note(struct pace *pace, double now)
{
	if (!grow((void **)&pace->times, &pace->room, pace->count, sizeof *pace->times))
		return false;
	pace->times[pace->count++] = now;
	while (pace->times[pace->first] <= now - 1)
		pace->first++;
	if ((int)(pace->count - pace->first) > pace->most)
		pace->most = (int)(pace->count - pace->first);
	return true;
}

static void answer(struct stage *stage, int conn, enum observed what, double at, bool far, bool payload)
{
	bool timed = what == OBSERVED_OPEN || (what == OBSERVED_REPLY && !payload);

	if (!grow((void **)&stage->answers, &stage->room, stage->count, sizeof *stage->answers)) {
		stage->out_of_memory = true;
		return;
	}
	stage->answers[stage->count++] = (struct observation){
		.what = what, .conn = conn, .at = at, .rtt = timed ? RTT : NAN, .from = ORIGIN_ENDPOINT, .payload = payload,
		.far = far, .ttl = TTL,
	};
}

static void open_connection(struct stage *stage, const struct action *action, double now)
{
	if (!grow((void **)&stage->connections, &stage->connection_room, (size_t)action->conn, sizeof *stage->connections) ||
	    !note(&stage->openings, now)) {
		stage->out_of_memory = true;
		return;
	}
	stage->connections[action->conn] = (struct connection){ true, action->direction == DIRECTION_INBOUND, now + RTT };
	stage->rehearsal->connections++;
	if (++stage->open > stage->rehearsal->at_once)
		stage->rehearsal->at_once = stage->open;
	answer(stage, action->conn, OBSERVED_OPEN, now + RTT, false, false);
}

/* A segment of this end's, or one that the far end is asked for. */
static void send(struct stage *stage, const struct action *action, double now)
{
	struct connection *connection = &stage->connections[action->conn];
	bool far = action->kind == ACTION_BYTE || (action->kind == ACTION_PROBE && action->direction == DIRECTION_INBOUND);
	bool alive = now - connection->last <= stage->rehearsal->timeout;

	if (!note(&stage->probes, now))
		stage->out_of_memory = true;
	stage->rehearsal->probes++;
	stage->rehearsal->first_minute += now < 60;
	if (alive)
		connection->last = now + RTT;
	if (action->kind == ACTION_ACK)
		return;
	survey_observe(stage->survey, &(struct observation){ .what = OBSERVED_SENT, .conn = action->conn, .at = now, .rtt = NAN,
							     .far = far });
	if (far)
		answer(stage, action->conn, OBSERVED_LEFT, now + RTT, true, false);
	if (alive)
		answer(stage, action->conn, OBSERVED_REPLY, now + RTT, far, action->kind == ACTION_BYTE);
	if (alive && far)
		answer(stage, action->conn, OBSERVED_OUTBOUND, now + RTT, false, false);
}

static void act(struct stage *stage, const struct action *action, double now)
{
	switch (action->kind) {
	case ACTION_OPEN:
		open_connection(stage, action, now);
		break;
	case ACTION_PROBE:
	case ACTION_CONFIRM:
	case ACTION_BYTE:
	case ACTION_ACK:
		send(stage, action, now);
		break;
	case ACTION_CLOSE:
		stage->open -= stage->connections[action->conn].open;
		stage->connections[action->conn].open = false;
		break;
	}
}

/* A responder says hello on each connection. */
static void observe(struct stage *stage)
{
	struct observation seen = stage->answers[stage->first++];
	const struct connection *connection = &stage->connections[seen.conn];

	if (!connection->open)
		return;
	survey_observe(stage->survey, &seen);
	if (seen.what == OBSERVED_OPEN && stage->config->inbound)
		answer(stage, seen.conn, connection->inbound ? OBSERVED_REPLY : OBSERVED_UNASKED, seen.at + RTT,
		       connection->inbound, true);
}

static void play(struct stage *stage)
{
	struct action action;
	double now = 0;

	while (!stage->out_of_memory) {
		while (!stage->out_of_memory && survey_next(stage->survey, now, &action))
			act(stage, &action, now);
		if (survey_done(stage->survey))
			break;

		double deadline = survey_deadline(stage->survey);
		double event = stage->first < stage->count ? stage->answers[stage->first].at : INFINITY;

		if (event <= deadline && isfinite(event)) {
			now = fmax(now, event);
			observe(stage);
		} else {
			now = fmax(now + 1e-6, deadline);
		}
	}
	stage->rehearsal->elapsed = now;
}

int rehearse(const struct survey_config *config, double timeout, struct rehearsal *rehearsal)
{
	struct stage stage = { .config = config, .rehearsal = rehearsal, .survey = survey_new(config) };

	*rehearsal = (struct rehearsal){ .timeout = timeout };
	stage.out_of_memory = !stage.survey;
	if (stage.survey) {
		play(&stage);
		rehearsal->longest = survey_longest(stage.survey);
		stage.out_of_memory |= survey_out_of_memory(stage.survey);
	}
	rehearsal->openings_a_second = stage.openings.most;
	rehearsal->probes_a_second = stage.probes.most;
	survey_free(stage.survey);
	free(stage.connections);
	free(stage.answers);
	free(stage.openings.times);
	free(stage.probes.times);
	return stage.out_of_memory ? -1 : 0;
}
