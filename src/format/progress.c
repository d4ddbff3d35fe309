#include "format/progress.h"

#include "core/duration.h"

#include <math.h>
#include <stdio.h>

/* The answer so far: where the timeout is known to lie. */
static void tell_known(const struct search_progress *progress, char *text, size_t size)
{
	if (isnan(progress->expired) && isnan(progress->survived))
		snprintf(text, size, "nothing known yet");
	else if (isnan(progress->expired))
		snprintf(text, size, "longer than %s", duration_text(progress->survived).text);
	else if (isnan(progress->survived))
		snprintf(text, size, "shorter than %s", duration_text(progress->expired).text);
	else
		snprintf(text, size, "between %.1f and %.1f s", progress->survived, progress->expired);
}

static void tell_left(const struct search_progress *progress, char *text, size_t size)
{
	struct duration_text shortest = duration_text(ceil(progress->left_min));
	struct duration_text longest = duration_text(ceil(progress->left_max));

	if (!(progress->left_max > 0))
		snprintf(text, size, "nearly done");
	else if (isnan(progress->expired) || progress->left_min <= 0)
		snprintf(text, size, "at most %s left", longest.text);
	else if (progress->left_max < 1.3 * progress->left_min)
		snprintf(text, size, "about %s left", longest.text);
	else
		snprintf(text, size, "%s to %s left", shortest.text, longest.text);
}

struct progress_line progress_line(const struct search_progress *progress)
{
	struct progress_line line;
	char known[80], left[80];

	tell_known(progress, known, sizeof known);
	tell_left(progress, left, sizeof left);
	snprintf(line.text, sizeof line.text, "%s: idle %s, %d alive, %d ended; %s; %s", progress->phase,
		 duration_text(progress->idle).text, progress->alive, progress->ended, known, left);
	return line;
}
