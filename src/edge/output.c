#include "edge/output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot_write(const char *name, struct failure *failure)
{
	return fail(failure, EXIT_CANNOT_RUN, "%.300s cannot be written: %s; name another file", name, strerror(errno));
}

/* Where the file is or will be, in `path`. Of a file that is not there yet, the directory must be. */
static int locate(struct output *output)
{
	char copy[PATH_MAX], directory[PATH_MAX];
	struct stat found;

	if (strlen(output->name) >= sizeof copy) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (realpath(output->name, output->path)) {
		if (stat(output->path, &found) < 0)
			return -1;
		output->mode = found.st_mode & 0777;
		output->special = !S_ISREG(found.st_mode);
		return 0;
	}
	if (errno != ENOENT)
		return -1;
	strcpy(copy, output->name);
	if (!realpath(dirname(copy), directory))
		return -1;
	strcpy(copy, output->name);
	if ((size_t)snprintf(output->path, sizeof output->path, "%s/%s", directory, basename(copy)) >= sizeof output->path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	mode_t mask = umask(0);
	umask(mask);
	output->mode = 0666 & ~mask;
	return 0;
}

static int open_temporary(struct output *output)
{
	int fd;

	snprintf(output->temporary, sizeof output->temporary, "%s.XXXXXX", output->path);
	fd = mkostemp(output->temporary, O_CLOEXEC);
	if (fd >= 0 && fchmod(fd, output->mode) < 0) {
		close(fd);
		unlink(output->temporary);
		return -1;
	}
	return fd;
}

/* Root loses the right to write into other people's directories when it drops its capabilities. There (sudo, in one's
 * home directory) the file is opened now and written in place at the end. */
static bool needs_capability(const struct output *output)
{
	char copy[PATH_MAX];
	struct stat found;

	strcpy(copy, output->path);
	if (geteuid() != 0 || stat(dirname(copy), &found) < 0 || (found.st_uid == 0 && found.st_mode & S_IWUSR))
		return false;
	return !(found.st_mode & S_IWOTH) || found.st_mode & S_ISVTX;
}

static int open_as_caller(struct output *output, const char *name, struct failure *failure)
{
	int fd;

	if (locate(output) < 0)
		return cannot_write(name, failure);
	if (output->special) {
		output->fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return output->fd < 0 ? cannot_write(name, failure) : 0;
	}
	fd = open_temporary(output);
	if (fd < 0)
		return cannot_write(name, failure);
	close(fd);
	unlink(output->temporary);
	if (needs_capability(output)) {
		output->fd = open(output->path, O_WRONLY | O_CREAT | O_CLOEXEC, output->mode);
		if (output->fd < 0)
			return cannot_write(name, failure);
	}
	return 0;
}

/* Files are the caller's business: a set-user-ID program must not lend its rights to that. */
static uid_t become_caller(void)
{
	uid_t privileged = geteuid();

	if (seteuid(getuid()) < 0)
		abort(); /* cannot fail; and must not be ignored if it does */
	return privileged;
}

static void become_privileged(uid_t privileged)
{
	if (seteuid(privileged) < 0)
		abort();
}

int output_open(struct output *output, const char *name, struct failure *failure)
{
	*output = (struct output){ .name = name, .fd = -1 };
	if (!name)
		return 0;
	uid_t privileged = become_caller();
	int status = open_as_caller(output, name, failure);
	become_privileged(privileged);
	return status;
}

int output_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t written = write(fd, text, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		text += written;
		length -= (size_t)written;
	}
	return 0;
}

/* Into the descriptor that was opened before the rights were dropped. */
static int write_in_place(struct output *output, const char *text, size_t length)
{
	if (output_all(output->fd, text, length) < 0)
		return -1;
	if (output->special)
		return 0;
	return ftruncate(output->fd, (off_t)length) < 0 || fsync(output->fd) < 0 ? -1 : 0;
}

static int replace(struct output *output, const char *text, size_t length)
{
	int fd = open_temporary(output), saved;

	if (fd < 0)
		return -1;
	int failed = output_all(fd, text, length) < 0 || fsync(fd) < 0;
	saved = errno;
	if (close(fd) < 0 && !failed) {
		failed = 1;
		saved = errno;
	}
	if (!failed && rename(output->temporary, output->path) == 0)
		return 0;
	saved = failed ? saved : errno;
	unlink(output->temporary);
	errno = saved;
	return -1;
}

int output_write(struct output *output, const char *text, size_t length, struct failure *failure)
{
	int status = output->fd >= 0 ? write_in_place(output, text, length) : replace(output, text, length);

	return status < 0 ? cannot_write(output->name, failure) : 0;
}

const char *output_anew(const struct output *output)
{
	return output->name && output->fd < 0 ? output->path : NULL;
}

void output_close(struct output *output)
{
	if (output->fd >= 0)
		close(output->fd);
	output->fd = -1;
}

int output_append(const char *name, struct failure *failure)
{
	uid_t privileged = become_caller();
	int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	int error = errno;

	become_privileged(privileged);
	errno = error;
	return fd < 0 ? cannot_write(name, failure) : fd;
}
