#include "edge/privilege.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The copy that privilege_borrow() looks for; false where this program is not called ".../bin/idleprobe", as
 * the copy itself is not. */
static bool find_copy(char path[PATH_MAX])
{
	static const char own[] = "/bin/idleprobe", copy[] = "/libexec/idleprobe";
	ssize_t directory = readlink("/proc/self/exe", path, PATH_MAX - sizeof copy) - (ssize_t)strlen(own);

	if (directory < 0 || memcmp(path + directory, own, strlen(own)) != 0)
		return false;
	memcpy(path + directory, copy, sizeof copy);
	return true;
}

static bool may_use_raw(void)
{
	cap_flag_value_t permitted = CAP_CLEAR;
	cap_t own = cap_get_proc();

	if (own)
		cap_get_flag(own, CAP_NET_RAW, CAP_PERMITTED, &permitted);
	cap_free(own);
	return permitted == CAP_SET;
}

void privilege_borrow(char **argv)
{
	char copy[PATH_MAX];

	if (!may_use_raw() && find_copy(copy))
		execv(copy, argv);
}

bool privilege_allows_raw(void)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		return errno != EPERM && errno != EACCES;
	close(fd);
	return true;
}

/* Without CAP_SETPCAP the bounding set stays, and is of no use to a process that may gain nothing
 * (no_new_privs). */
static void drop_bounding(void)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (cap_drop_bound(cap) < 0)
			return;
}

/* Nothing is taken on trust: what is left is asked of the kernel. Where nothing is to be given up nothing is
 * set: a sandbox around this process may kill whoever does (systemd.exec(5), @privileged). */
static int keep_capabilities(cap_t wanted)
{
	cap_t own = cap_get_proc(), left = NULL;
	int result = -1;

	if (own != NULL && (cap_compare(wanted, own) == 0 || cap_set_proc(wanted) == 0) &&
	    (left = cap_get_proc()) != NULL)
		result = cap_compare(wanted, left) == 0 ? 0 : -1;
	cap_free(left);
	cap_free(own);
	return result;
}

/* `raw`: all but CAP_NET_RAW, where it is there. */
static int drop_capabilities(bool raw)
{
	static const cap_value_t net_raw = CAP_NET_RAW;
	cap_t wanted = cap_init();
	int result = wanted == NULL ? -1 : 0;

	if (result == 0 && raw && may_use_raw() &&
	    (cap_set_flag(wanted, CAP_PERMITTED, 1, &net_raw, CAP_SET) < 0 ||
	     cap_set_flag(wanted, CAP_EFFECTIVE, 1, &net_raw, CAP_SET) < 0))
		result = -1;
	if (result == 0)
		result = keep_capabilities(wanted);
	cap_free(wanted);
	return result;
}

/* Where there is nothing to change nothing is asked: in a user namespace without a mapping the kernel would
 * refuse. */
static int become_real_user(void)
{
	uid_t uid, effective_uid, saved_uid;
	gid_t gid, effective_gid, saved_gid;

	if (getresgid(&gid, &effective_gid, &saved_gid) < 0 ||
	    getresuid(&uid, &effective_uid, &saved_uid) < 0)
		return -1;
	if ((effective_gid != gid || saved_gid != gid) && setresgid(gid, gid, gid) < 0)
		return -1;
	if ((effective_uid != uid || saved_uid != uid) && setresuid(uid, uid, uid) < 0)
		return -1;
	return 0;
}

static int drop(bool raw, struct failure *failure)
{
	drop_bounding();
	cap_reset_ambient();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot set no_new_privs: %s", strerror(errno));
	if (!raw && become_real_user() < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot become the user who called (uid %u): %s",
			    (unsigned)getuid(), strerror(errno));
	if (drop_capabilities(raw) < 0)
		return fail(failure, EXIT_CANNOT_RUN, "cannot give up capabilities: %s", strerror(errno));
	return 0;
}

int privilege_keep_raw(struct failure *failure)
{
	return drop(true, failure);
}

int privilege_drop(struct failure *failure)
{
	return drop(false, failure);
}

int privilege_missing(const char *what, struct failure *failure)
{
	char path[PATH_MAX] = "";
	const struct group *group;
	struct stat status;
	ssize_t length;

	if (find_copy(path) && stat(path, &status) == 0 && access(path, X_OK) < 0 &&
	    (group = getgrgid(status.st_gid)))
		return fail(failure, EXIT_CANNOT_RUN,
			    "no permission to open %s: that is for members of the group %s. Join it with\n"
			    "  sudo usermod -aG %s \"$USER\"\n"
			    "and log in again, run this command with sudo, or do without: --engine socket", what, group->gr_name, group->gr_name);
	length = readlink("/proc/self/exe", path, sizeof path - 1);
	if (length <= 0)
		snprintf(path, sizeof path, "PATH_OF_THIS_PROGRAM");
	else
		path[length] = '\0';
	return fail(failure, EXIT_CANNOT_RUN,
		    "no permission to open %s: it needs the capability cap_net_raw. Grant it once with\n"
		    "  sudo setcap cap_net_raw+ep %.300s\n"
		    "or run this command with sudo, or do without: --engine socket", what, path);
}
