/* A picture is as wide as the page, on any screen: its x axis is stretched (preserveAspectRatio="none"),
 * strokes are not (vector-effect), and a probe is a stroke of no length, whose round or square cap is all
 * that shows. Text would be stretched, so labels are HTML beside it. */
#include "format/picture_html.h"

#include "core/duration.h"
#include "format/words.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 1000, PROBES_HEIGHT = 120, PITCH = 7, MOST_ROWS = 240, MOST_TICKS = 5 };

/* Of the width: what is no further apart than this looks like one. */
static const double NEAR = 3;

/* One connection. */
struct row {
	bool control;
	int conn;
	double from, to;         /* on the x axis: what was drawn last, or is to be */
};

struct picture {
	FILE *out;
	const struct report_side *side;
	struct row *rows;        /* controls first, then in order of opening */
	size_t count;
	double survived, expired; /* NAN */
	bool by_age;             /* what the timer counts is not idle time but age */
	double longest;          /* on the x axis, seconds */
	int height;              /* of the picture */
	double pitch;            /* of a row in it */
};

static int by_row(const void *a, const void *b)
{
	const struct row *first = a, *second = b;

	if (first->control != second->control)
		return first->control ? -1 : 1;
	return (first->conn > second->conn) - (first->conn < second->conn);
}

/* Of a crowd, evenly chosen ones. */
static void thin_out(struct picture *picture)
{
	size_t count = picture->count;

	if (count <= MOST_ROWS)
		return;
	for (size_t i = 0; i < MOST_ROWS; i++)
		picture->rows[i] = picture->rows[i * count / MOST_ROWS];
	picture->count = MOST_ROWS;
}

static int list_rows(struct picture *picture)
{
	const struct report_side *side = picture->side;
	size_t kept = 0;

	picture->rows = calloc(side->sample_count + 1, sizeof *picture->rows);
	if (!picture->rows)
		return -1;
	for (size_t i = 0; i < side->sample_count; i++)
		if (!side->samples[i].moot)
			picture->rows[picture->count++] = (struct row){ .control = side->samples[i].control,
								.conn = side->samples[i].conn };
	qsort(picture->rows, picture->count, sizeof *picture->rows, by_row);
	for (size_t i = 0; i < picture->count; i++)
		if (i == 0 || by_row(&picture->rows[i], &picture->rows[kept - 1]) != 0)
			picture->rows[kept++] = picture->rows[i];
	picture->count = kept;
	thin_out(picture);
	return 0;
}

/* NULL where it is not shown. */
static struct row *row_of(const struct picture *picture, const struct sample *sample)
{
	const struct row wanted = { .control = sample->control, .conn = sample->conn };

	return sample->moot ? NULL : bsearch(&wanted, picture->rows, picture->count, sizeof wanted, by_row);
}

/* Its middle. */
static double y_of(const struct picture *picture, const struct row *row)
{
	return ((double)(row - picture->rows) + 0.5) * picture->pitch;
}

static void forget_drawn(struct picture *picture)
{
	for (size_t i = 0; i < picture->count; i++)
		picture->rows[i].from = picture->rows[i].to = -INFINITY;
}

static double x_of(const struct picture *picture, double seconds)
{
	return picture->longest > 0 ? seconds / picture->longest * WIDTH : 0;
}

enum fate { FATE_ALIVE, FATE_LOST, FATE_DEAD, FATES, FATE_NONE };

static enum fate fate_of(const struct sample *sample)
{
	switch (sample->outcome) {
	case SAMPLE_PENDING: return FATE_NONE;
	case SAMPLE_LOST: return FATE_LOST;
	case SAMPLE_ALIVE:
	case SAMPLE_UNASKED: return FATE_ALIVE;
	case SAMPLE_SILENT:
	case SAMPLE_RESET:
	case SAMPLE_FIN:
	case SAMPLE_ICMP: return FATE_DEAD;
	}
	return FATE_NONE;
}

static double counted(const struct picture *picture, const struct sample *sample)
{
	return picture->by_age ? sample->age : sample->idle;
}

static double tick_step(double longest)
{
	static const double steps[] = { 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
					3600, 7200, 14400, 21600, 43200 };

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (longest <= MOST_TICKS * steps[i])
			return steps[i];
	return ceil(longest / MOST_TICKS / 86400) * 86400;
}

static void put_grid(const struct picture *picture)
{
	double step = tick_step(picture->longest);

	fputs("<path class=\"grid\" d=\"", picture->out);
	for (double tick = 0; tick <= picture->longest; tick += step)
		fprintf(picture->out, "M%.1f 0V%d", x_of(picture, tick), picture->height);
	fputs("\"/>\n", picture->out);
}

static void put_ticks(const struct picture *picture)
{
	double step = tick_step(picture->longest);

	fputs("<div class=\"ticks\" aria-hidden=\"true\">", picture->out);
	for (double tick = 0; tick <= picture->longest; tick += step) {
		double left = x_of(picture, tick) / 10;

		fprintf(picture->out, left > 90 ? "<span class=\"last\" style=\"right:%.1f%%\">%s</span>"
						: "<span style=\"left:%.1f%%\">%s</span>",
			left > 90 ? 100 - left : left, tick > 0 ? duration_text(tick).text : "0");
	}
	fputs("</div>\n", picture->out);
}

static void open_picture(const struct picture *picture, const char *kind, const char *label)
{
	fprintf(picture->out,
		"<svg class=\"%s\" role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %d %d\" height=\"%d\" "
		"preserveAspectRatio=\"none\">\n",
		kind, label, WIDTH, picture->height, picture->height);
	put_grid(picture);
}

/* All probes of one fate are one path. */
static void put_probes(struct picture *picture,
		       double (*place)(const struct picture *, const struct sample *))
{
	static const char *const classes[FATES] = { "alive", "lost", "dead" };

	for (int fate = 0; fate < FATES; fate++) {
		fprintf(picture->out, "<path class=\"%s\" d=\"", classes[fate]);
		forget_drawn(picture);
		for (size_t i = 0; i < picture->side->sample_count; i++) {
			const struct sample *sample = &picture->side->samples[i];
			struct row *row = row_of(picture, sample);
			double x = x_of(picture, place(picture, sample));

			if ((int)fate_of(sample) != fate || !row || fabs(x - row->to) < NEAR)
				continue;
			fprintf(picture->out, "M%.1f %.1fh0", x, y_of(picture, row));
			row->to = x;
		}
		fputs("\"/>\n", picture->out);
	}
}

/* Above the picture, at the interval: on that side of it where there is more room. */
static void put_mark(const struct picture *picture)
{
	const struct result *result = picture->side->result;
	double left = x_of(picture, picture->survived) / 10,
	       right = 100 - x_of(picture, picture->expired) / 10;
	int decimals;

	if (isnan(picture->survived) || isnan(picture->expired))
		return;
	decimals = span_decimals(result);
	fprintf(picture->out,
		"<div class=\"ticks mark\" aria-hidden=\"true\"><span style=\"%s:%.1f%%\">%.*f s to %.*f s"
		"</span></div>\n",
		left < right ? "left" : "right", left < right ? left : right, decimals, result->survived,
		decimals, result->expired);
}

/* Of the marks that are there. */
static void put_keys(const struct picture *picture)
{
	static const char *const keys[FATES] = {
		"<span class=\"key alive\">answered</span>",
		"<span class=\"key lost\">lost</span>",
		"<span class=\"key dead\">the connection had ended</span>",
	};
	bool there[FATES] = { 0 };

	for (size_t i = 0; i < picture->side->sample_count; i++)
		if (fate_of(&picture->side->samples[i]) < FATES)
			there[fate_of(&picture->side->samples[i])] = true;
	for (int fate = 0; fate < FATES; fate++)
		if (there[fate])
			fprintf(picture->out, " %s", keys[fate]);
	if (!isnan(picture->survived) && !isnan(picture->expired))
		fputs(" <span class=\"key interval\">the timeout lies here</span>", picture->out);
}

static void put_all_probes(struct picture *picture)
{
	FILE *out = picture->out;

	picture->height = PROBES_HEIGHT;
	picture->pitch = (double)PROBES_HEIGHT / (double)picture->count;
	picture->longest = 0;
	for (size_t i = 0; i < picture->side->sample_count; i++)
		picture->longest = fmax(picture->longest, counted(picture, &picture->side->samples[i]));
	picture->longest *= 1.02;
	fputs("<figure>\n", out);
	put_mark(picture);
	open_picture(picture, "probes",
		     "Every probe, from left to right by the time that its connection had been left alone");
	if (!isnan(picture->survived) && !isnan(picture->expired))
		fprintf(out, "<rect class=\"interval\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"/>\n",
			x_of(picture, picture->survived), x_of(picture, picture->expired - picture->survived),
			picture->height);
	put_probes(picture, counted);
	fputs("</svg>\n", out);
	put_ticks(picture);
	fprintf(out, "<figcaption>Every probe, by %s.",
		picture->by_age ? "the age of its connection, for that is what the timer counts" :
				  "how long its connection had been idle");
	put_keys(picture);
	fputs("</figcaption>\n</figure>\n", out);
}

static double age_of(const struct picture *picture, const struct sample *sample)
{
	(void)picture;
	return sample->age;
}

static void put_line(const struct picture *picture, const struct row *row, double from, double to)
{
	if (from < to)
		fprintf(picture->out, "M%.1f %.1fH%.1f", from, y_of(picture, row), to);
}

/* The idle periods that an answer ended: one line where they follow each other. */
static void put_lives(struct picture *picture)
{
	fputs("<path class=\"life\" d=\"", picture->out);
	forget_drawn(picture);
	for (size_t i = 0; i < picture->side->sample_count; i++) {
		const struct sample *sample = &picture->side->samples[i];
		struct row *row = row_of(picture, sample);
		double from = x_of(picture, fmax(sample->age - sample->idle, 0));

		if (fate_of(sample) != FATE_ALIVE || !row)
			continue;
		if (from > row->to + NEAR) {
			put_line(picture, row, row->from, row->to);
			row->from = from;
		}
		row->to = x_of(picture, sample->age);
	}
	for (size_t i = 0; i < picture->count; i++)
		put_line(picture, &picture->rows[i], picture->rows[i].from, picture->rows[i].to);
	fputs("\"/>\n", picture->out);
}

/* The periods in which connections ended: alive up to the interval, dead after it. Of several probes of one
 * period the last has the longest line. */
static void put_deaths(const struct picture *picture, const char *class, double from, double to)
{
	fprintf(picture->out, "<path class=\"%s\" d=\"", class);
	for (size_t i = 0; i < picture->side->sample_count; i++) {
		const struct sample *sample = &picture->side->samples[i];
		const struct row *row = row_of(picture, sample);
		double begin = picture->by_age ? 0 : fmax(sample->age - sample->idle, 0);

		if (fate_of(sample) == FATE_DEAD && row)
			put_line(picture, row, x_of(picture, begin + from),
				 x_of(picture, fmin(begin + to, sample->age)));
	}
	fputs("\"/>\n", picture->out);
}

static void put_all_lives(struct picture *picture)
{
	FILE *out = picture->out;
	double survived = isnan(picture->survived) ? 0 : picture->survived;
	double expired = isnan(picture->expired) ? INFINITY : picture->expired;

	picture->height = (int)picture->count * PITCH;
	picture->pitch = PITCH;
	picture->longest = 0;
	for (size_t i = 0; i < picture->side->sample_count; i++)
		picture->longest = fmax(picture->longest, picture->side->samples[i].age);
	picture->longest *= 1.01;
	fputs("<figure>\n", out);
	open_picture(picture, "lives", "Each connection's life, a line each, from its opening on");
	put_lives(picture);
	put_deaths(picture, "life", 0, survived);
	put_deaths(picture, "doubt", survived, expired);
	put_deaths(picture, "death", expired, INFINITY);
	put_probes(picture, age_of);
	fputs("</svg>\n", out);
	put_ticks(picture);
	fprintf(out,
		"<figcaption>Each connection's life, a line for each of %zu, from its opening on. Where a "
		"probe was answered, %s.%s</figcaption>\n</figure>\n",
		picture->count,
		picture->by_age ? "it lived on, but its timer was not restarted" : "its idle time began anew",
		picture->rows[0].control ? " Those at the top are controls: frequent probes kept them alive."
					 : "");
}

int picture_html(FILE *out, const struct report *report, const struct report_side *side)
{
	struct picture picture = {
		.out = out,
		.side = side,
		.survived = side->result ? side->result->survived : NAN,
		.expired = side->result ? side->result->expired : NAN,
		.by_age = report->result.keepalive_refreshes == NO,
	};

	if (list_rows(&picture) < 0)
		return -1;
	if (picture.count) {
		put_all_probes(&picture);
		put_all_lives(&picture);
	}
	free(picture.rows);
	return 0;
}
