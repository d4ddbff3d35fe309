/* The lines between `measure` and `respond`, read by either side: what is accepted must be the one way to write it. */
#include "core/protocol.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void must_be(const char *written, size_t length, const char *line, size_t count)
{
	must(length == count + 1 && length <= PROTOCOL_LONGEST);
	must(memcmp(written, line, count) == 0 && written[count] == '\n' && written[count + 1] == '\0');
}

static void banner(const char *line, size_t count)
{
	char written[PROTOCOL_LONGEST + 1];
	struct protocol_banner banner;

	if (protocol_read_banner(line, count, &banner) && banner.version == PROTOCOL_VERSION)
		must_be(written, protocol_write_banner(&banner, written), line, count);
}

static void command(const char *line, size_t count)
{
	char written[PROTOCOL_LONGEST + 1];
	struct protocol_command command;

	if (protocol_read_command(line, count, &command) &&
	    (command.verb != PROTOCOL_CONTROL || command.version == PROTOCOL_VERSION))
		must_be(written, protocol_write_command(&command, written), line, count);
}

static void answer(const char *line, size_t count)
{
	char written[PROTOCOL_LONGEST + 1];
	struct protocol_answer answer;

	if (!protocol_read_answer(line, count, &answer))
		return;
	must_be(written, protocol_write_answer(&answer, written), line, count);
	must(answer.kind != PROTOCOL_ERROR || answer.error <= PROTOCOL_NOT_SENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	char *line = exact_copy(bytes, count);

	banner(line, count);
	command(line, count);
	answer(line, count);
	free(line);
	return 0;
}
