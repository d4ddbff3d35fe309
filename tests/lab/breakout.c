/* Preloaded into idleprobe (ld.so(8), LD_PRELOAD), this stands for somebody who has taken it over: at the
 * first turn of the event loop, or the first octets read from a file, it tries what $BREAKOUT names, and says
 * what came of it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long execute(void)
{
	char *const arguments[] = { "/bin/true", NULL };

	return execve(arguments[0], arguments, arguments + 1);
}

static long start(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child;
}

static long trace(void) { return ptrace(PTRACE_SEIZE, 1, NULL, NULL); }
static long look_into(void) { return syscall(SYS_pidfd_getfd, 0, 0, 0); }
static long signal_other(void) { return kill(1, 0); }
static long capture(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static long forge(void) { return socket(AF_INET, SOCK_RAW, IPPROTO_RAW); }
static long ask_kernel(void) { return socket(AF_NETLINK, SOCK_RAW, 0); }
static long listen_tcp(void) { return listen(STDERR_FILENO, 1); }
static long overwrite(void) { return open(getenv("BREAKOUT_FILE"), O_WRONLY); }
static long empty(void) { return open(getenv("BREAKOUT_FILE"), O_RDONLY | O_TRUNC); }
static long peek(void) { return open(getenv("BREAKOUT_FILE"), O_RDONLY); }
static long create(void) { return open(getenv("BREAKOUT_NEW"), O_WRONLY | O_CREAT | O_EXCL, 0600); }
static long displace(void) { return rename(getenv("BREAKOUT_FILE"), getenv("BREAKOUT_NEW")); }
static long delete(void) { return unlink(getenv("BREAKOUT_FILE")); }
static long permit(void) { return chmod(getenv("BREAKOUT_FILE"), 04755); }
static long run_data(void)
{
	return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long become(void) { return setuid(0); }
static long dump(void) { return setrlimit(RLIMIT_CORE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }); }
static long widen(void)
{
	int domain;
	socklen_t length = sizeof domain;

	for (int fd = 3; fd < 100; fd++)
		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_PACKET)
			return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &domain, sizeof domain);
	return 0;
}

static long nothing(void) { return -1; }

static const struct attempt {
	const char *name;
	long (*make)(void);
} attempts[] = {
	{ "nothing", nothing }, { "execute", execute }, { "start", start }, { "trace", trace },
	{ "look_into", look_into }, { "signal_other", signal_other }, { "capture", capture },
	{ "forge", forge }, { "ask_kernel", ask_kernel }, { "listen_tcp", listen_tcp },
	{ "overwrite", overwrite },
	{ "empty", empty }, { "peek", peek }, { "create", create }, { "displace", displace },
	{ "delete", delete }, { "permit", permit }, { "run_data", run_data }, { "become", become },
	{ "dump", dump }, { "widen", widen },
};

static void break_out(void)
{
	static int tried;
	const char *name = getenv("BREAKOUT");

	if (!name || tried++)
		return;
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		if (strcmp(name, attempts[i].name) != 0)
			continue;
		if (attempts[i].make() == -1)
			dprintf(STDERR_FILENO, "breakout: %s: refused, %s\n", name, strerror(errno));
		else
			dprintf(STDERR_FILENO, "breakout: %s: done\n", name);
		return;
	}
	dprintf(STDERR_FILENO, "breakout: %s: done? there is no such attempt\n", name);
}

typedef int epoll_wait_function(int, struct epoll_event *, int, int);
typedef ssize_t read_function(int, void *, size_t);

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
	break_out();
	return ((epoll_wait_function *)dlsym(RTLD_NEXT, "epoll_wait"))(epoll, events, count, timeout);
}

ssize_t read(int fd, void *bytes, size_t count)
{
	break_out();
	return ((read_function *)dlsym(RTLD_NEXT, "read"))(fd, bytes, count);
}
