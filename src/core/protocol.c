#include "core/protocol.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The words of the wire, in the order of their enums. */
static const char *const verbs[] = { "CONTROL", "ADOPT", "REPORT", "KEEPALIVE", "BYTE", "CLOSE", "PING" };
static const char *const answers[] = { "OK", "STATE", "SENT", "PONG", "ERROR" };
static const char *const states[] = { "open", "reset", "fin", "timed_out", "closed" };
static const char *const errors[] = { "unknown_id",  "bad_token", "bad_version",
				      "bad_command", "too_many",  "not_sent" };

static const char HEX[] = "0123456789abcdef";

enum { VERSION_MOST = 9999 };

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

/* What is left of a line: fields with exactly one space between. */
struct fields {
	const char *at, *end;
	bool broken; /* a field was missing, or not what it had to be */
};

struct field {
	const char *text;
	size_t length;
};

static struct fields fields_of(const char *line, size_t length)
{
	struct fields fields = { line, line + length, .broken = length == 0 || length >= PROTOCOL_LONGEST };

	for (size_t i = 0; i < length && !fields.broken; i++)
		fields.broken = line[i] < ' ' || line[i] > '~';
	return fields;
}

/* The next field; an empty one breaks the line. `at` ends up behind the space that follows, or past the end. */
static struct field next(struct fields *fields)
{
	struct field field = { fields->at, 0 };

	if (fields->broken || fields->at >= fields->end) {
		fields->broken = true;
		return field;
	}
	const char *space = memchr(fields->at, ' ', (size_t)(fields->end - fields->at));

	field.length = (size_t)((space ? space : fields->end) - fields->at);
	fields->at += field.length + 1;
	if (field.length == 0 || (space && fields->at == fields->end))
		fields->broken = true;
	return field;
}

static bool at_end(const struct fields *fields)
{
	return !fields->broken && fields->at > fields->end;
}

/* The place of the next field among the words. */
static int next_word(struct fields *fields, const char *const *words, int count)
{
	struct field field = next(fields);

	for (int i = 0; i < count && !fields->broken; i++)
		if (strlen(words[i]) == field.length && memcmp(words[i], field.text, field.length) == 0)
			return i;
	fields->broken = true;
	return 0;
}

/* Decimal, without sign and without leading zeros. */
static uint64_t next_number(struct fields *fields, uint64_t most)
{
	struct field field = next(fields);
	uint64_t number = 0;

	if (!fields->broken && field.length > 1 && field.text[0] == '0')
		fields->broken = true;
	for (size_t i = 0; i < field.length && !fields->broken; i++) {
		unsigned digit = (unsigned)(field.text[i] - '0');

		if (digit > 9 || number > (most - digit) / 10)
			fields->broken = true;
		number = number * 10 + digit;
	}
	return fields->broken ? 0 : number;
}

/* `digits` of lower-case hexadecimal; or, where allowed, "-", which leaves the text empty. */
static void next_hex(struct fields *fields, char *text, size_t digits, bool or_none)
{
	struct field field = next(fields);

	text[0] = '\0';
	if (fields->broken || (or_none && field.length == 1 && field.text[0] == '-'))
		return;
	for (size_t i = 0; i < field.length && !fields->broken; i++)
		fields->broken = strchr(HEX, field.text[i]) == NULL;
	if (field.length != digits)
		fields->broken = true;
	if (fields->broken)
		return;
	memcpy(text, field.text, digits);
	text[digits] = '\0';
}

/* The characters of an address: whether it is one only the network can tell. */
static void next_address(struct fields *fields, char *text, size_t size)
{
	struct field field = next(fields);

	if (fields->broken || field.length >= size) {
		fields->broken = true;
		return;
	}
	memcpy(text, field.text, field.length);
	text[field.length] = '\0';
	if (strspn(text, "0123456789abcdef.:") != field.length)
		fields->broken = true;
}

bool protocol_read_banner(const char *line, size_t length, struct protocol_banner *banner)
{
	static const char name[] = "IDLEPROBE/";
	const size_t skip = sizeof name - 1;

	*banner = (struct protocol_banner){ 0 };
	if (length <= skip || memcmp(line, name, skip) != 0)
		return false;
	struct fields fields = fields_of(line, length);

	fields.at += skip;
	banner->version = (int)next_number(&fields, VERSION_MOST);
	if (fields.broken || banner->version != PROTOCOL_VERSION)
		return !fields.broken;
	next_hex(&fields, banner->id.text, PROTOCOL_ID, false);
	next_address(&fields, banner->address, sizeof banner->address);
	banner->port = (uint16_t)next_number(&fields, UINT16_MAX);
	next_hex(&fields, banner->nonce.text, PROTOCOL_ID, false);
	return at_end(&fields);
}

bool protocol_read_command(const char *line, size_t length, struct protocol_command *command)
{
	struct fields fields = fields_of(line, length);

	*command = (struct protocol_command){ 0 };
	command->verb = (enum protocol_verb)next_word(&fields, verbs, COUNT(verbs));
	if (fields.broken)
		return false;
	switch (command->verb) {
	case PROTOCOL_CONTROL:
		command->version = (int)next_number(&fields, VERSION_MOST);
		if (!fields.broken && command->version != PROTOCOL_VERSION)
			return true;
		next_hex(&fields, command->mac, PROTOCOL_MAC, true);
		break;
	case PROTOCOL_ADOPT:
	case PROTOCOL_REPORT:
	case PROTOCOL_KEEPALIVE:
	case PROTOCOL_BYTE:
	case PROTOCOL_CLOSE:
		next_hex(&fields, command->id.text, PROTOCOL_ID, false);
		break;
	case PROTOCOL_PING:
		break;
	}
	return at_end(&fields);
}

bool protocol_read_answer(const char *line, size_t length, struct protocol_answer *answer)
{
	struct fields fields = fields_of(line, length);

	*answer = (struct protocol_answer){ 0 };
	answer->kind = (enum protocol_answer_kind)next_word(&fields, answers, COUNT(answers));
	if (fields.broken)
		return false;
	switch (answer->kind) {
	case PROTOCOL_OK:
	case PROTOCOL_PONG:
		break;
	case PROTOCOL_STATE:
		next_hex(&fields, answer->id.text, PROTOCOL_ID, false);
		answer->state = (enum protocol_state)next_word(&fields, states, COUNT(states));
		answer->segments_in = next_number(&fields, UINT64_MAX);
		break;
	case PROTOCOL_SENT:
		next_hex(&fields, answer->id.text, PROTOCOL_ID, false);
		break;
	case PROTOCOL_ERROR:
		next_hex(&fields, answer->id.text, PROTOCOL_ID, true);
		answer->error = (enum protocol_error)next_word(&fields, errors, COUNT(errors));
		break;
	}
	answer->clock = next_number(&fields, UINT64_MAX);
	return at_end(&fields);
}

/* Every field is bounded, so that no line can be too long. */
__attribute__((format(printf, 2, 3))) static size_t write_line(char *line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, PROTOCOL_LONGEST + 1, format, arguments);
	va_end(arguments);
	return (size_t)length;
}

static const char *or_none(const char *text)
{
	return text[0] ? text : "-";
}

size_t protocol_write_banner(const struct protocol_banner *banner, char line[PROTOCOL_LONGEST + 1])
{
	return write_line(line, "IDLEPROBE/%d %s %s %u %s\n", banner->version, banner->id.text, banner->address,
			  banner->port, banner->nonce.text);
}

size_t protocol_write_command(const struct protocol_command *command, char line[PROTOCOL_LONGEST + 1])
{
	const char *verb = verbs[command->verb];

	switch (command->verb) {
	case PROTOCOL_CONTROL:
		return write_line(line, "%s %d %s\n", verb, command->version, or_none(command->mac));
	case PROTOCOL_ADOPT:
	case PROTOCOL_REPORT:
	case PROTOCOL_KEEPALIVE:
	case PROTOCOL_BYTE:
	case PROTOCOL_CLOSE:
		return write_line(line, "%s %s\n", verb, command->id.text);
	case PROTOCOL_PING:
		break;
	}
	return write_line(line, "%s\n", verb);
}

size_t protocol_write_answer(const struct protocol_answer *answer, char line[PROTOCOL_LONGEST + 1])
{
	const char *kind = answers[answer->kind];

	switch (answer->kind) {
	case PROTOCOL_OK:
	case PROTOCOL_PONG:
		break;
	case PROTOCOL_STATE:
		return write_line(line, "%s %s %s %" PRIu64 " %" PRIu64 "\n", kind, answer->id.text,
				  states[answer->state], answer->segments_in, answer->clock);
	case PROTOCOL_SENT:
		return write_line(line, "%s %s %" PRIu64 "\n", kind, answer->id.text, answer->clock);
	case PROTOCOL_ERROR:
		return write_line(line, "%s %s %s %" PRIu64 "\n", kind, or_none(answer->id.text),
				  errors[answer->error], answer->clock);
	}
	return write_line(line, "%s %" PRIu64 "\n", kind, answer->clock);
}
