/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process may do, and giving up the rest. */
#include "daemon/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#ifdef HAVE_CAP_NG
#include <cap-ng.h>
#endif

#include "daemon/account.h"
#include "daemon/capabilities.h"
#include "net/sock.h"
#include "net/udp_sock.h"
#include "udp/reply_sockets.h"

/* No file that the daemon makes is for others to read, or for its group to write. */
#define MASK 0027

static bool uses_mark(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++)
		if (conf->listeners[i].mark != 0)
			return true;
	return false;
}

static bool uses_protocol(const struct conf *conf, enum conf_protocol protocol)
{
	for (size_t i = 0; i < conf->listeners_count; i++)
		if (conf->listeners[i].protocol == protocol)
			return true;
	return false;
}

/* Whether some client's port is to be that of a connection to the backend. */
static bool uses_client_ports(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++)
		if (conf->listeners[i].source_port != CONF_SOURCE_EPHEMERAL)
			return true;
	return false;
}

static bool has(unsigned capability)
{
	return (capabilities_own() & CAPABILITIES_BIT(capability)) != 0;
}

int privileges_check(const struct conf *conf)
{
	if (sock_check_privileges(uses_mark(conf)) == 0)
		return 0;
	if (errno != EPERM) {
		log_msg(LOG_LEVEL_ERROR, "cannot make a socket: %s", strerror(errno));
		return -1;
	}
	log_msg(LOG_LEVEL_ERROR,
		"not permitted to use clients' addresses (IP_TRANSPARENT%s): grant CAP_NET_RAW or "
		"CAP_NET_ADMIN%s, by starting as root, in a container by --cap-add NET_RAW, by "
		"AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN in the systemd unit, or by setcap "
		"cap_net_raw,cap_net_admin+ep on the binary",
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

void privileges_close_inherited(const struct conf *conf)
{
	struct account account;
	DIR *directory;

	account_find(conf, &account);
	directory = account.state == ACCOUNT_OTHER ? opendir("/proc/self/fd") : NULL;
	if (directory == NULL)
		return;
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		int fd = (int)strtol(entry->d_name, NULL, 10);
		int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;

		/* Each that this program has opened or taken over is close-on-exec. */
		if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
			close(fd);
	}
	closedir(directory);
}

/* ---- what is missing ---- */

/* Whether the kernel gives sockets of UDP less than they are to have. */
static bool has_small_buffers(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(int);
	int size = 0;
	bool small;

	if (fd < 0)
		return false;
	udp_sock_set_buffers(fd, REPLY_SOCKETS_BUFFER, 0);
	/* The kernel counts its own overhead, and tells twice what it was asked for (socket(7)). */
	small = getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0 &&
		size < 2 * REPLY_SOCKETS_BUFFER;
	close(fd);
	return small;
}

void privileges_report(const struct conf *conf)
{
	static bool resets_said;
	static bool buffers_said;
	static bool ports_said;
	unsigned start = capabilities_port_start();

	if (!resets_said && uses_protocol(conf, CONF_PROTOCOL_TCP) &&
	    !(has(CAP_NET_ADMIN) && has(CAP_NET_RAW))) {
		resets_said = true;
		log_msg(LOG_LEVEL_INFO,
			"without %s a backend may keep a connection that was reset with bytes in "
			"flight",
			has(CAP_NET_ADMIN) ? "CAP_NET_RAW" : "CAP_NET_ADMIN");
	}
	if (!buffers_said && uses_protocol(conf, CONF_PROTOCOL_UDP) && !has(CAP_NET_ADMIN) &&
	    has_small_buffers()) {
		buffers_said = true;
		log_msg(LOG_LEVEL_INFO,
			"without CAP_NET_ADMIN the buffers of UDP are no larger than "
			"net.core.rmem_max and net.core.wmem_max allow, and bursts are lost "
			"earlier");
	}
	if (!ports_said && start > 0 && uses_client_ports(conf) && !has(CAP_NET_BIND_SERVICE)) {
		ports_said = true;
		log_msg(LOG_LEVEL_INFO,
			"without CAP_NET_BIND_SERVICE clients with ports below %u are refused "
			"(source_invalid)",
			start);
	}
}

/* ---- giving up ---- */

#ifdef HAVE_CAP_NG
static int become(const struct account *account, uint64_t kept)
{
	int result = 0;

	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned number = 0; number < 64 && result == 0; number++)
		if ((kept >> number & 1) != 0)
			result = capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, number);
	if (result == 0)
		result = capng_change_id((int)account->uid, (int)account->gid,
					 CAPNG_DROP_SUPP_GRP | CAPNG_NO_FLAG);
	if (result == 0)
		return 0;
	log_msg(LOG_LEVEL_ERROR, "cannot become user %u, group %u (error %d of libcap-ng)",
		(unsigned)account->uid, (unsigned)account->gid, result);
	return -1;
}
#else
/* account_find() knows of nobody to become then. */
static int become(const struct account *account, uint64_t kept)
{
	(void)account;
	(void)kept;
	return -1;
}
#endif

/* Who may look into the process, and what it makes. */
static void close_doors(void)
{
	const char *wish = secure_getenv("MMPROXY_DUMPABLE");
	bool dumpable = wish != NULL && strcmp(wish, "1") == 0;

	(void)umask(umask(MASK) | MASK);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) < 0)
		log_msg(LOG_LEVEL_WARN, "cannot set no_new_privs: %s", strerror(errno));
	/* After the change of user, which the kernel has its own answer to. */
	(void)prctl(PR_SET_DUMPABLE, dumpable ? 1UL : 0UL, 0UL, 0UL, 0UL);
}

/*
 * A filter of system calls around this process, such as that of the systemd unit, may refuse
 * capset(2). Then what is not used stays, but not for a program that this one might run.
 */
static int keep(uint64_t kept)
{
	char text[CAPABILITIES_TEXT_MAX];
	uint64_t rest = capabilities_own() & ~kept;

	if (capabilities_keep(kept) == 0)
		return 0;
	if (errno != EPERM) {
		log_msg(LOG_LEVEL_ERROR, "cannot give up capabilities: %s", strerror(errno));
		return -1;
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0UL, 0UL, 0UL);
	if (rest != 0)
		log_msg(LOG_LEVEL_DEBUG, "cannot give up %s: capset(2) is refused",
			capabilities_text(rest, text));
	return 0;
}

int privileges_drop(const struct conf *conf)
{
	uint64_t kept = capabilities_used(conf) & capabilities_own();
	struct account account;

	account_find(conf, &account);
	if (account.state == ACCOUNT_REFUSED) {
		if (account.user_why[0] != '\0')
			log_msg(LOG_LEVEL_ERROR, "user: %s", account.user_why);
		if (account.group_why[0] != '\0')
			log_msg(LOG_LEVEL_ERROR, "group: %s", account.group_why);
		return -1;
	}
	if (account.state == ACCOUNT_NONE)
		log_msg(LOG_LEVEL_WARN, "running as root: %s", account.user_why);
	/* A child of root's has them from its parent, and so has whatever started as root. */
	if (geteuid() == 0)
		(void)!setgroups(0, NULL);
	if (account.state != ACCOUNT_OTHER && geteuid() == 0)
		kept |= CAPABILITIES_BIT(CAP_DAC_OVERRIDE);
	/* First, since it takes CAP_SETPCAP. */
	capabilities_bound(kept);
	if (account.state == ACCOUNT_OTHER && become(&account, kept) < 0)
		return -1;
	if (keep(kept) < 0)
		return -1;
	close_doors();
	privileges_report(conf);
	return 0;
}

/* ---- when the configuration is read again ---- */

static int refuse(const char *what, const char *capability)
{
	log_msg(LOG_LEVEL_ERROR,
		"%s needs %s, which this process does not have or has given up when it was "
		"started: restart it with that",
		what, capability);
	return -1;
}

int privileges_check_again(const struct conf *conf)
{
	if (sock_check_privileges(uses_mark(conf)) < 0 && errno == EPERM)
		return refuse("mark", "CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17,");
	if (conf->routing_manage && !has(CAP_NET_ADMIN))
		return refuse("routing.manage", "CAP_NET_ADMIN");
	return 0;
}

const char *privileges_bind_hint(int error, const struct addr *addr)
{
	static char hint[192];
	unsigned start = capabilities_port_start();

	if (error != EACCES || addr_port(addr) >= start || has(CAP_NET_BIND_SERVICE))
		return "";
	snprintf(hint, sizeof(hint),
		 "; ports below %u need CAP_NET_BIND_SERVICE, which this process does not have or "
		 "has given up when it was started: restart it with that",
		 start);
	return hint;
}

void privileges_pass_on(void)
{
	if (geteuid() != 0)
		(void)!capabilities_pass_on();
}
