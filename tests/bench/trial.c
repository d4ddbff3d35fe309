#include "trial.h"

#include <math.h>
#include <stdlib.h>

static void act(struct walk *walk, enum action_kind kind, int conn)
{
	world_act(walk->world, &(struct action){.kind = kind, .conn = conn}, walk->now);
}

static void wait_idle(struct walk *walk, struct trial *trial, double since)
{
	trial->state = TRIAL_IDLE;
	trial->sent = 0;
	trial->due = fmax(walk->now, since + trial->idle);
}

void trial_open(struct walk *walk, struct trial *trial, double idle)
{
	*trial = (struct trial){.idle = idle, .conn = walk->connections++, .due = INFINITY};
	act(walk, ACTION_OPEN, trial->conn);
}

void trial_again(struct walk *walk, struct trial *trial, double idle)
{
	trial->idle = idle;
	wait_idle(walk, trial, walk->now);
}

void trial_close(struct walk *walk, struct trial *trial)
{
	act(walk, ACTION_CLOSE, trial->conn);
}

static void observe(struct walk *walk, struct trial *trials, int count, const struct observation *seen)
{
	struct trial *trial = trials;

	while (trial < trials + count && trial->conn != seen->conn)
		trial++;
	if (trial == trials + count)
		return;
	if (seen->what == OBSERVED_OPEN)
		wait_idle(walk, trial, seen->at);
	else if (seen->what == OBSERVED_OPEN_FAILED)
		trial_open(walk, trial, trial->idle);
	else if (seen->what == OBSERVED_REPLY && trial->state == TRIAL_IDLE && trial->sent > 0)
		trial->state = TRIAL_ALIVE;
}

static void act_on_due(struct walk *walk, struct trial *trial)
{
	if (trial->sent == walk->patience->sends) {
		trial->state = TRIAL_EXPIRED;
		return;
	}
	act(walk, ACTION_PROBE, trial->conn);
	walk->probes++;
	trial->due = walk->now + walk->patience->wait[trial->sent++];
}

/* The index asked for, or -1 while it is not known. */
static int first_expired(const struct trial *trials, int count)
{
	int i = 0;

	while (i < count && trials[i].state == TRIAL_ALIVE)
		i++;
	return i == count || trials[i].state == TRIAL_EXPIRED ? i : -1;
}

int trials_run(struct walk *walk, struct trial *trials, int count)
{
	int found;

	while ((found = first_expired(trials, count)) < 0) {
		struct trial *next = NULL;
		struct observation seen;
		double event = world_next(walk->world);

		for (int i = 0; i < count; i++)
			if (trials[i].state == TRIAL_IDLE && (!next || trials[i].due < next->due))
				next = &trials[i];
		if (next && next->due < event) {
			walk->now = next->due;
			act_on_due(walk, next);
		} else if (event < INFINITY) {
			walk->now = fmax(walk->now, event);
			if (world_take(walk->world, &seen))
				observe(walk, trials, count, &seen);
		} else {
			abort();
		}
	}
	return found;
}

bool trial_alive(struct walk *walk, double idle)
{
	struct trial trial;
	bool alive;

	trial_open(walk, &trial, idle);
	alive = trials_run(walk, &trial, 1) == 1;
	trial_close(walk, &trial);
	return alive;
}
