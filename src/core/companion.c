#include "core/companion.h"

#include <math.h>

#define FIRST_PAUSE 0.5    /* seconds between two segments, at first: shorter than the shortest timeout searched ... */
#define PAUSE_SHARE 0.008  /* ... and then this share of its age, ... */
#define EXPIRY_SHARE 0.05  /* ... at most this one of what it is to outlive: some may be lost in a row */
#define ASK_AGAIN 1.0      /* seconds between questions at the end */

void companion_init(struct companion *companion, enum companion_kind kind)
{
	*companion = (struct companion){ .kind = kind, .begun = NAN, .heard = NAN };
}

static double pause(const struct companion *companion, double now, double expired)
{
	return fmax(FIRST_PAUSE, fmin(PAUSE_SHARE * (now - companion->begun), EXPIRY_SHARE * expired));
}

void companion_observe(struct companion *companion, const struct observation *seen)
{
	switch (seen->what) {
	case OBSERVED_OPEN:
		companion->begun = companion->heard = seen->at;
		companion->next = seen->at + FIRST_PAUSE;
		return;
	case OBSERVED_REPLY:
	case OBSERVED_UNASKED:
		companion->heard = seen->at;
		/* Its banner: what comes later it is asked for at the end. */
		if (companion->kind == COMPANION_OUTBOUND && companion->asked == 0)
			companion->begun = seen->at;
		return;
	case OBSERVED_RESET:
	case OBSERVED_FIN:
	case OBSERVED_OPEN_FAILED:
		companion->ended = true;
		return;
	case OBSERVED_SYNACK:
	case OBSERVED_SENT:
	case OBSERVED_LEFT:
	case OBSERVED_SEND_FAILED:
	case OBSERVED_OUTBOUND:
	case OBSERVED_ICMP:
	case OBSERVED_FAR_OPEN:
	case OBSERVED_ARRIVED:
	case OBSERVED_MISSED:
	case OBSERVED_PROXY:
		return;
	}
}

bool companion_next(struct companion *companion, double now, double expired, double *deadline, struct action *action)
{
	if (!companion->opened) {
		companion->opened = true;
		*action = (struct action){ .kind = ACTION_OPEN, .direction = DIRECTION_INBOUND };
		return true;
	}
	if (companion->ended || isnan(companion->begun) || companion->asked > 0)
		return false;
	if (now < companion->next) {
		*deadline = fmin(*deadline, companion->next);
		return false;
	}
	companion->next = now + pause(companion, now, expired);
	action->kind = companion->kind == COMPANION_PAYLOAD ? ACTION_BYTE : ACTION_ACK;
	action->direction = DIRECTION_INBOUND;
	return true;
}

enum tristate companion_outlived(const struct companion *companion, double expired, int tries)
{
	if (isnan(companion->begun))
		return UNKNOWN;
	if (companion->heard - companion->begun > expired)
		return YES;
	return companion->ended || companion->missed >= tries ? NO : UNKNOWN;
}

bool companion_settled(const struct companion *companion, double expired, int tries)
{
	return isnan(companion->begun) || companion->asked > 2 * tries ||
	       companion_outlived(companion, expired, tries) != UNKNOWN;
}

bool companion_ask(struct companion *companion, double now, double expired, int tries, double wait, double path_heard,
		   double *deadline, struct action *action)
{
	double due = companion->asked > 0 ? companion->next : companion->begun + expired + wait;

	if (companion_settled(companion, expired, tries))
		return false;
	if (now < due) {
		*deadline = fmin(*deadline, due);
		return false;
	}
	companion->missed += companion->asked > 0 && path_heard > companion->asked_at;
	companion->asked++;
	companion->asked_at = now;
	companion->next = now + fmax(ASK_AGAIN, wait);
	*deadline = fmin(*deadline, companion->next);
	if (companion_settled(companion, expired, tries))
		return false;
	/* From the far side, for a segment from this one may revive what has expired; and payload, for a keepalive leaves only
	 * a second after the last segment that came. */
	action->kind = ACTION_BYTE;
	action->direction = DIRECTION_INBOUND;
	return true;
}
