#include "edge/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The sanitizers start threads, map files and trace their own process at the end: such builds, which are for tests
 * alone, go without. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
enum { CONFINED = false };
#else
enum { CONFINED = true };
#endif

/* Seen with strace(1) in the C library of Debian 12, and what other releases and architectures use in their
 * stead: also for what is rare, as abort(), and qsort() of much. */
static const int always[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close),
	SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64), SCMP_SYS(statx), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64),
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(getrandom), SCMP_SYS(sysinfo), SCMP_SYS(futex), SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigreturn), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* The event loop, and what is done with sockets that are open. */
static const int network[] = {
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_settime64),
	SCMP_SYS(recvfrom), SCMP_SYS(recv), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(send),
	SCMP_SYS(sendmsg), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(shutdown),
};

static const int connecting[] = { SCMP_SYS(connect), SCMP_SYS(bind) };
static const int accepting[] = { SCMP_SYS(accept4), SCMP_SYS(accept) };

/* Of a file that is made beside another and renamed over it. */
static const int replacing[] = {
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
	SCMP_SYS(fchmod),
};

static bool allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) < 0)
			return false;
	return true;
}

#define ALLOW_ALL(filter, calls) allow_all(filter, calls, sizeof(calls) / sizeof *(calls))

/* Where the bits of argument number `argument` that are in the mask are those of `value`, and no others. */
static bool allow_if(scmp_filter_ctx filter, int call, unsigned argument, uint32_t mask, uint32_t value)
{
	struct scmp_arg_cmp condition = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value);

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition) == 0;
}

/* No memory becomes executable. */
static bool allow_memory(scmp_filter_ctx filter)
{
	return allow_if(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0) &&
	       allow_if(filter, SCMP_SYS(mmap2), 2, PROT_EXEC, 0) &&
	       allow_if(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
}

/* abort(); to others no signal is sent. */
static bool allow_abort(scmp_filter_ctx filter)
{
	return allow_if(filter, SCMP_SYS(tgkill), 0, UINT32_MAX, (uint32_t)getpid());
}

/* Whether and how large a terminal is; what waits in a socket (libevent); whether an interface that went down
 * is still there (libpcap). */
static bool allow_ioctl(scmp_filter_ctx filter)
{
	static const uint32_t requests[] = { TCGETS, TIOCGWINSZ, FIONREAD, SIOCGIFFLAGS };

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (!allow_if(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, requests[i]))
			return false;
	return true;
}

static bool allow_sockets(scmp_filter_ctx filter)
{
	static const int families[] = { AF_INET, AF_INET6 }, types[] = { SOCK_STREAM, SOCK_DGRAM };
	const uint32_t all = UINT32_MAX, but_flags = ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (int i = 0; i < 4; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				     SCMP_A0_64(SCMP_CMP_MASKED_EQ, all, (uint32_t)families[i / 2]),
				     SCMP_A1_64(SCMP_CMP_MASKED_EQ, but_flags, (uint32_t)types[i % 2])) < 0)
			return false;
	return true;
}

static bool allow_open(scmp_filter_ctx filter, uint32_t mask, uint32_t flags)
{
	return allow_if(filter, SCMP_SYS(openat), 2, mask, flags) &&
	       allow_if(filter, SCMP_SYS(open), 1, mask, flags);
}

static bool allow(scmp_filter_ctx filter, const struct sandbox *sandbox)
{
	const uint32_t anew = O_CREAT | O_EXCL;

	if (!ALLOW_ALL(filter, always) || !allow_memory(filter) || !allow_abort(filter) ||
	    !allow_ioctl(filter))
		return false;
	if ((sandbox->connects || sandbox->accepts) && !ALLOW_ALL(filter, network))
		return false;
	if (sandbox->connects && (!ALLOW_ALL(filter, connecting) || !allow_sockets(filter)))
		return false;
	if (sandbox->accepts && !ALLOW_ALL(filter, accepting))
		return false;
	if (sandbox->reads && !allow_open(filter, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY))
		return false;
	return !sandbox->file || (ALLOW_ALL(filter, replacing) && allow_open(filter, anew, anew));
}

/* The filter knows a file's flags, not its name. A kernel without Landlock goes without: then no file that is
 * there can be opened for writing, but one can be made, renamed or removed elsewhere. */
static void confine_files(const struct sandbox *sandbox)
{
	const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	const uint64_t replacing_one = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
	const uint64_t all = 2 * LANDLOCK_ACCESS_FS_MAKE_SYM - 1; /* of Linux 5.13, the first that had it */
	const struct landlock_ruleset_attr ruleset = {
		.handled_access_fs = sandbox->reads ? all & ~reading : all,
	};
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = replacing_one & ruleset.handled_access_fs,
		.parent_fd = -1,
	};
	char path[PATH_MAX] = "";
	int rules = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);

	if (rules < 0)
		return;
	if (sandbox->file) {
		strncat(path, sandbox->file, sizeof path - 1);
		beneath.parent_fd = open(dirname(path), O_PATH | O_CLOEXEC);
	}
	if (!sandbox->file ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0)
		syscall(SYS_landlock_restrict_self, rules, 0);
	if (beneath.parent_fd >= 0)
		close(beneath.parent_fd);
	close(rules);
}

static int filter_calls(const struct sandbox *sandbox, struct failure *failure)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!filter)
		filter = seccomp_init(SCMP_ACT_KILL_THREAD); /* Linux before 4.14 */
	if (!filter || !allow(filter, sandbox)) {
		seccomp_release(filter);
		return fail(failure, EXIT_CANNOT_RUN, "cannot build a filter of system calls: out of memory");
	}
	seccomp_load(filter); /* what a kernel without seccomp refuses */
	seccomp_release(filter);
	return 0;
}

int sandbox_enter(const struct sandbox *sandbox, struct failure *failure)
{
	static const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot forbid core dumps: %s", strerror(errno));
	if (!CONFINED)
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot forbid core dumps: %s", strerror(errno));
	tzset();
	confine_files(sandbox);
	return filter_calls(sandbox, failure);
}
