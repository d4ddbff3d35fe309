#include "edge/log.h"
#include "edge/clock.h"

#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Lines a second, and at once. */
static const double RATE = 5, BURST = 50;

/* systemd says which file the journal reads, systemd.exec(5): $JOURNAL_STREAM is DEVICE:INODE. */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat file;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &file) == 0 &&
	       file.st_dev == device && file.st_ino == inode;
}

void log_open(struct log *log)
{
	*log = (struct log){ .stamped = !is_journal(STDERR_FILENO), .bucket = bucket_of(RATE, BURST, clock_now()) };
}

/* A pipe that nobody empties must not hold up the service. */
static bool has_room(void)
{
	struct pollfd error = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&error, 1, 0) == 1 && (error.revents & POLLOUT);
}

void log_line(struct log *log, const char *format, ...)
{
	char line[500] = "", stamp[32] = "";
	time_t now = time(NULL);
	struct tm utc;
	va_list arguments;

	if (!bucket_take(&log->bucket, clock_now()) || !has_room()) {
		log->left_out++;
		return;
	}
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (log->stamped && gmtime_r(&now, &utc))
		strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ ", &utc);
	if (log->left_out)
		dprintf(STDERR_FILENO, "%sidleprobe: %u lines were left out here\n", stamp, log->left_out);
	dprintf(STDERR_FILENO, "%sidleprobe: %s\n", stamp, line);
	log->left_out = 0;
}
