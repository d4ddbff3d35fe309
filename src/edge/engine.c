/* Both engines: what differs between them is link_raw.c and link_socket.c.
 *
 * Every observation goes through one queue, which is emptied from the event loop: the observer may ask for
 * actions, and what comes of these is queued behind. */
#include "edge/engine.h"
#include "core/grow.h"
#include "edge/capture.h"
#include "edge/clock.h"
#include "edge/inject.h"
#include "edge/link.h"
#include "edge/privilege.h"
#include "edge/target.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SPARE_DESCRIPTORS = 32 };

/* The kernel sends a keepalive no sooner than a second after what it received (keepalive_time_elapsed in
 * include/net/tcp.h; TCP_KEEPIDLE counts whole seconds). */
#define SOCKET_SPACING 1.1

struct engine {
	struct engine_config config;
	struct link_shared shared;
	struct link **links; /* by number; NULL where closed */
	int link_count;
	struct sockaddr_storage source; /* of the first connection; of no family before */
	struct observation *queue;
	size_t queued, queue_size;
	struct event *deliver;
};

static void queue(void *arg, const struct observation *observation)
{
	struct engine *engine = arg;

	if (!grow((void **)&engine->queue, &engine->queue_size, engine->queued, sizeof *engine->queue)) {
		engine->shared.stats.out_of_memory = true;
		return;
	}
	engine->queue[engine->queued++] = *observation;
	event_active(engine->deliver, 0, 0);
}

static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct engine *engine = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < engine->queued; i++) {
		struct observation o = engine->queue[i]; /* the queue may move while it is observed */

		engine->config.observe(engine->config.observe_arg, &o);
	}
	engine->queued = 0;
}

static void on_segment(void *arg, const struct segment *segment, double at, uint32_t tick)
{
	struct engine *engine = arg;

	for (int i = 0; i < engine->link_count; i++)
		if (engine->links[i] != NULL && link_segment(engine->links[i], segment, at, tick))
			return;
}

static void note_source(struct engine *engine, const struct sockaddr_storage *source)
{
	if (engine->source.ss_family == AF_UNSPEC)
		engine->source = *source;
	else if (memcmp(&engine->source, source, engine->config.target->length) != 0)
		engine->shared.stats.address_changed = true;
}

static bool open_link(struct engine *engine, int number, enum direction direction)
{
	if (number >= engine->link_count) {
		struct link **larger = realloc(engine->links, (size_t)(number + 1) * sizeof *larger);

		if (larger == NULL)
			return false;
		while (engine->link_count <= number)
			larger[engine->link_count++] = NULL;
		engine->links = larger;
	}
	if (engine->links[number] != NULL)
		return true;
	engine->links[number] = link_new(&engine->shared, number, direction);
	if (engine->links[number] != NULL && link_source(engine->links[number]) != NULL)
		note_source(engine, link_source(engine->links[number]));
	return engine->links[number] != NULL;
}

static void not_opened(struct engine *engine, int number)
{
	const struct observation o = { .what = OBSERVED_OPEN_FAILED, .conn = number, .at = clock_now(), .rtt = NAN,
				       .error = ENOMEM };

	queue(engine, &o);
}

void engine_act(struct engine *engine, const struct action *action)
{
	struct link *link = action->conn < engine->link_count ? engine->links[action->conn] : NULL;

	if (!link && action->kind != ACTION_OPEN)
		return; /* it could not be opened, or is closed already */
	switch (action->kind) {
	case ACTION_OPEN:
		if (!open_link(engine, action->conn, action->direction))
			not_opened(engine, action->conn);
		break;
	case ACTION_PROBE:
		link_probe(link);
		break;
	case ACTION_CONFIRM:
		link_confirm(link);
		break;
	case ACTION_BYTE:
		link_byte(link);
		break;
	case ACTION_ACK:
		link_ack(link);
		break;
	case ACTION_CLOSE:
		engine->links[action->conn] = NULL;
		link_free(link);
		break;
	}
}

static int raise_descriptor_limit(int connections, struct failure *failure)
{
	rlim_t need = (rlim_t)connections + SPARE_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
		return 0;
	if (limit.rlim_max < need)
		return fail(failure, EXIT_CANNOT_RUN,
			    "%d connections need %llu file descriptors and %llu are allowed; raise the limit "
			    "with `ulimit -n %llu` (the hard limit may need root), or use fewer "
			    "--connections or targets",
			    connections, (unsigned long long)need, (unsigned long long)limit.rlim_max,
			    (unsigned long long)need);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return fail(failure, EXIT_CANNOT_RUN,
			    "cannot raise the limit of file descriptors to %llu: %s",
			    (unsigned long long)limit.rlim_max, strerror(errno));
	return 0;
}

static int set_up(struct engine *engine, struct failure *failure)
{
	struct link_shared *shared = &engine->shared;

	if (raise_descriptor_limit(engine->config.connections, failure) < 0)
		return -1;
	engine->deliver = event_new(shared->base, -1, 0, on_deliver, engine);
	if (engine->deliver == NULL)
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	if (shared->capture == NULL)
		return 0;
	shared->raw = inject_open(shared->target, failure);
	if (shared->raw < 0)
		return -1;
	if (!capture_join(shared->capture, shared->target, on_segment, engine))
		return fail(failure, EXIT_CANNOT_RUN, "out of memory");
	return 0;
}

struct engine *engine_new(const struct engine_config *config, struct failure *failure)
{
	struct engine *engine = calloc(1, sizeof *engine);

	if (engine == NULL) {
		fail(failure, EXIT_CANNOT_RUN, "out of memory");
		return NULL;
	}
	engine->config = *config;
	engine->shared = (struct link_shared){ .base = config->base, .target = config->target,
					       .means = config->capture ? &link_raw : &link_socket,
					       .capture = config->capture, .raw = -1,
					       .queue = queue, .queue_arg = engine };
	if (set_up(engine, failure) < 0) {
		engine_free(engine);
		return NULL;
	}
	return engine;
}

bool engine_will_be_raw(enum engine_choice choice)
{
	return choice == ENGINE_RAW || (choice == ENGINE_AUTO && privilege_allows_raw());
}

double engine_spacing(bool raw)
{
	return raw ? 0 : SOCKET_SPACING;
}

void engine_set_far(struct engine *engine, struct farside *far)
{
	engine->shared.far = far;
}

void engine_answer(struct engine *engine, const struct protocol_answer *answer, double at)
{
	for (int i = 0; i < engine->link_count; i++)
		if (engine->links[i] != NULL && link_answer(engine->links[i], answer, at))
			return;
}

void engine_far_changed(struct engine *engine, bool ready)
{
	for (int i = 0; i < engine->link_count; i++)
		if (engine->links[i] != NULL)
			link_far_changed(engine->links[i], ready);
}

void engine_free(struct engine *engine)
{
	if (engine == NULL)
		return;
	for (int i = 0; i < engine->link_count; i++)
		link_free(engine->links[i]);
	free(engine->links);
	if (engine->shared.capture != NULL)
		capture_leave(engine->shared.capture, engine);
	if (engine->deliver != NULL)
		event_free(engine->deliver);
	if (engine->shared.raw >= 0)
		close(engine->shared.raw);
	free(engine->queue);
	free(engine);
}

struct engine_stats engine_stats(const struct engine *engine)
{
	struct engine_stats stats = engine->shared.stats;

	if (engine->shared.capture != NULL)
		stats.dropped = capture_dropped(engine->shared.capture);
	return stats;
}

bool engine_is_spoiled(const struct engine *engine)
{
	return engine->shared.stats.address_changed || engine->shared.stats.out_of_memory;
}
