/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process may do, and giving up the rest. */
#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"

#ifdef HAVE_CAP_NG
#include <cap-ng.h>
#endif

#include "net/sock.h"

#define DEFAULT_USER "mmproxy"

static bool uses_mark(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++)
		if (conf->listeners[i].mark != 0)
			return true;
	return false;
}

int privileges_check(const struct conf *conf)
{
	if (sock_check_privileges(uses_mark(conf)) == 0)
		return 0;
	if (errno != EPERM) {
		log_msg(LOG_LEVEL_ERROR, "cannot make a socket: %s", strerror(errno));
		return -1;
	}
	log_msg(
	    LOG_LEVEL_ERROR,
	    "not permitted to use clients' addresses (IP_TRANSPARENT%s): grant CAP_NET_RAW or "
	    "CAP_NET_ADMIN%s, by starting as root, by AmbientCapabilities=CAP_NET_RAW "
	    "CAP_NET_ADMIN in the systemd unit, or by setcap cap_net_raw,cap_net_admin+ep on the "
	    "binary",
	    uses_mark(conf) ? " and SO_MARK" : "",
	    uses_mark(conf) ? " (before Linux 5.17 a mark needs CAP_NET_ADMIN)" : "");
	return -1;
}

void privileges_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

#ifdef HAVE_CAP_NG

/* In a user namespace that does not map a user (user_namespaces(7)) nobody can become it. */
static bool is_mapped(uid_t uid)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned inside;
	unsigned outside;
	unsigned count;
	bool mapped = false;

	if (map == NULL)
		return true;
	while (!mapped && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3)
		mapped = uid >= inside && uid - inside < count;
	fclose(map);
	return mapped;
}

/* 0 with the ids, 1 when the default user cannot be had, -1 when a configured one cannot. */
static int find_ids(const struct conf *conf, uid_t *uid, gid_t *gid)
{
	const char *user = conf->user != NULL ? conf->user : DEFAULT_USER;
	const struct passwd *passwd = getpwnam(user);
	const struct group *group;

	if (passwd == NULL || !is_mapped(passwd->pw_uid)) {
		if (conf->user != NULL) {
			log_msg(LOG_LEVEL_ERROR, "user: there is no user \"%s\" on this system",
				user);
			return -1;
		}
		log_msg(LOG_LEVEL_WARN,
			"running as root: there is no user \"%s\"; create it, or name another with "
			"the key user",
			user);
		return 1;
	}
	*uid = passwd->pw_uid;
	*gid = passwd->pw_gid;
	if (conf->group == NULL)
		return 0;
	group = getgrnam(conf->group);
	if (group == NULL) {
		log_msg(LOG_LEVEL_ERROR, "group: there is no group \"%s\" on this system",
			conf->group);
		return -1;
	}
	*gid = group->gr_gid;
	return 0;
}

/*
 * Those of the three that the process has: root of a container may lack some. Returns 0, or -1 when
 * the kernel cannot be asked.
 */
static int choose_capabilities(void)
{
	static const unsigned wanted[] = {CAP_NET_RAW, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE};
	bool has[sizeof(wanted) / sizeof(wanted[0])];

	if (capng_get_caps_process() != 0)
		return -1;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, wanted[i]) != 0;
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (has[i] &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, wanted[i]) != 0)
			return -1;
	return 0;
}

int privileges_drop(const struct conf *conf)
{
	uid_t uid;
	gid_t gid;
	int result;

	if (geteuid() != 0)
		return 0;
	result = find_ids(conf, &uid, &gid);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (uid == 0)
		return 0;
	if (choose_capabilities() < 0) {
		log_msg(LOG_LEVEL_ERROR, "cannot tell which capabilities this process has");
		return -1;
	}
	result = capng_change_id((int)uid, (int)gid, CAPNG_DROP_SUPP_GRP | CAPNG_NO_FLAG);
	if (result == 0)
		return 0;
	log_msg(LOG_LEVEL_ERROR, "cannot become user %u, group %u (error %d of libcap-ng)",
		(unsigned)uid, (unsigned)gid, result);
	return -1;
}

#else

int privileges_drop(const struct conf *conf)
{
	if (geteuid() != 0)
		return 0;
	if (conf->user != NULL || conf->group != NULL) {
		log_msg(LOG_LEVEL_ERROR, "user, group: this mmproxy was built without libcap-ng "
					 "and cannot give up root");
		return -1;
	}
	log_msg(LOG_LEVEL_WARN, "running as root: this mmproxy was built without libcap-ng and "
				"cannot become another user; start it as one that has the "
				"capabilities, as mmproxy.service does");
	return 0;
}

#endif

/* The kernel's own interface: what is set is for execve(2), and libcap-ng may not be there. */
struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
};

static bool get_capabilities(struct capabilities *capabilities)
{
	*capabilities = (struct capabilities){.header.version = _LINUX_CAPABILITY_VERSION_3};
	return syscall(SYS_capget, &capabilities->header, capabilities->words) == 0;
}

void privileges_pass_on(void)
{
	struct capabilities own;

	if (geteuid() == 0 || !get_capabilities(&own))
		return;
	/* Only what can be inherited can be ambient. */
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		own.words[i].inheritable = own.words[i].permitted;
	/* The systemd unit has this refused; what it has made ambient is inheritable already. */
	(void)syscall(SYS_capset, &own.header, own.words);
	for (unsigned cap = 0; cap < 32 * _LINUX_CAPABILITY_U32S_3; cap++)
		if ((own.words[cap / 32].permitted >> cap % 32 & 1) != 0)
			(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)cap, 0UL,
				    0UL);
}

void privileges_keep_to_itself(void)
{
	struct capabilities own;

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0UL, 0UL, 0UL);
	if (!get_capabilities(&own))
		return;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		own.words[i].inheritable = 0;
	(void)syscall(SYS_capset, &own.header, own.words);
}
