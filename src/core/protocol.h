/* The protocol between `measure` and `respond`, version 1: lines of printable ASCII that end in a line feed and have at
 * most PROTOCOL_LONGEST octets with it; fields are separated by one space. Pure: text in, text out.
 *
 * The responder speaks first, on every connection:
 *   IDLEPROBE/1 ID ADDRESS PORT NONCE    ID: 32 hex digits, random; it is the right to command this connection.
 *                                        ADDRESS and PORT: the other end's, as the responder sees them.
 * One connection becomes the control channel by its first line:
 *   CONTROL 1 MAC      MAC: hex HMAC of "NONCE ID" (those of this connection's banner) under the token; "-" without one
 * and then carries commands for the others, each answered by one line, in order, but for KEEPALIVE and BYTE, which
 * are answered when the segment has left:
 *   ADOPT ID           -> STATE; from then on its end is told by a STATE of its own accord
 *   REPORT ID          -> STATE
 *   KEEPALIVE ID       -> SENT: one zero-length keepalive
 *   BYTE ID            -> SENT: one octet of payload
 *   CLOSE ID           -> STATE
 *   PING               -> PONG
 * Answers end in CLOCK, the responder's monotonic clock in milliseconds when what they tell happened:
 *   OK CLOCK                                to CONTROL
 *   STATE ID STATE SEGMENTS_IN CLOCK        segments received on it (tcpi_segs_in), and for an ended one when it ended
 *   SENT ID CLOCK
 *   PONG CLOCK
 *   ERROR ID CODE CLOCK                     ID: "-" where it is of none */
#ifndef IDLEPROBE_PROTOCOL_H
#define IDLEPROBE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL_VERSION = 1, PROTOCOL_LONGEST = 256, PROTOCOL_ID = 32, PROTOCOL_MAC = 64 };

struct protocol_id {
	char text[PROTOCOL_ID + 1];
};

struct protocol_banner {
	int version;             /* where it is not PROTOCOL_VERSION nothing else is filled in */
	struct protocol_id id, nonce;
	char address[46];        /* INET6_ADDRSTRLEN */
	uint16_t port;
};

enum protocol_verb { PROTOCOL_CONTROL, PROTOCOL_ADOPT, PROTOCOL_REPORT, PROTOCOL_KEEPALIVE, PROTOCOL_BYTE, PROTOCOL_CLOSE, PROTOCOL_PING };

struct protocol_command {
	enum protocol_verb verb;
	struct protocol_id id;   /* empty for CONTROL and PING */
	int version;             /* CONTROL */
	char mac[PROTOCOL_MAC + 1];
};

enum protocol_answer_kind { PROTOCOL_OK, PROTOCOL_STATE, PROTOCOL_SENT, PROTOCOL_PONG, PROTOCOL_ERROR };

/* How the responder's end of a connection stands. */
enum protocol_state { PROTOCOL_OPEN, PROTOCOL_RESET, PROTOCOL_FIN, PROTOCOL_TIMED_OUT, PROTOCOL_CLOSED };

enum protocol_error {
	PROTOCOL_UNKNOWN_ID,     /* never seen, or long gone: the responder was restarted since */
	PROTOCOL_BAD_TOKEN,
	PROTOCOL_BAD_VERSION,
	PROTOCOL_BAD_COMMAND,
	PROTOCOL_TOO_MANY,       /* commands per second */
	PROTOCOL_NOT_SENT,       /* the segment did not leave within two seconds */
};

struct protocol_answer {
	enum protocol_answer_kind kind;
	struct protocol_id id;
	enum protocol_state state;
	uint64_t segments_in;
	enum protocol_error error;
	uint64_t clock;          /* milliseconds */
};

/* Each writes one line with its line feed and a terminating zero, and returns its length. */
size_t protocol_write_banner(const struct protocol_banner *, char line[PROTOCOL_LONGEST + 1]);
size_t protocol_write_command(const struct protocol_command *, char line[PROTOCOL_LONGEST + 1]);
size_t protocol_write_answer(const struct protocol_answer *, char line[PROTOCOL_LONGEST + 1]);

/* Each reads one line without its line feed; false where it is none of the protocol's. Nothing but the exact grammar is
 * accepted. */
bool protocol_read_banner(const char *line, size_t length, struct protocol_banner *);
bool protocol_read_command(const char *line, size_t length, struct protocol_command *);
bool protocol_read_answer(const char *line, size_t length, struct protocol_answer *);

#endif
