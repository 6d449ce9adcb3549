/* SPDX-License-Identifier: BSD-2-Clause */
/* A network namespace of a test's own. */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define SETTLE_MS 2000

static int write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	close(fd);
	return written < 0 ? -1 : 0;
}

static int map_to_root(uid_t uid, gid_t gid)
{
	char map[64];

	/* Without this a process that has no privilege outside may not map its group. */
	if (write_proc("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
	if (write_proc("/proc/self/uid_map", map) < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned)gid);
	return write_proc("/proc/self/gid_map", map);
}

int netns_enter(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	/* Root of a container may lack CAP_SYS_ADMIN; it then needs the user namespace as well. */
	if (uid == 0 && unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	return map_to_root(uid, gid);
}

bool netns_is_available(void)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(netns_enter() == 0 ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

bool netns_enter_mounts(void)
{
	/* In a chroot, the root is no mount that could be made private. */
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return true;
	printf("SKIP: no mount namespace (%s), so a test did not run\n", strerror(errno));
	return false;
}

bool netns_has_ipv6(void)
{
	if (access("/proc/net/if_inet6", F_OK) == 0)
		return true;
	printf("skipped: there is no IPv6 here, so what needs it is not tested\n");
	return false;
}

/* Both files have an address as 32 hexadecimal digits; the routes go on with its prefix's length.
 */
static bool has_own_routes(void)
{
	char *addresses = harness_read("/proc/net/if_inet6");
	char *routes = harness_read("/proc/net/ipv6_route");
	char *rest = NULL;
	bool all = true;

	for (char *line = strtok_r(addresses, "\n", &rest); line != NULL && all;
	     line = strtok_r(NULL, "\n", &rest)) {
		char wanted[40];

		snprintf(wanted, sizeof(wanted), "%.32s 80 ", line);
		all = strstr(routes, wanted) != NULL;
	}
	free(addresses);
	free(routes);
	return all;
}

void netns_settle_ipv6(void)
{
	int64_t end = harness_now_ms() + SETTLE_MS;

	while (!has_own_routes() && harness_now_ms() < end)
		harness_sleep_ms(1);
}

void netns_bring_loopback_up(void)
{
	harness_shell("ip link set lo up");
	/* What moves bulk depends on it, and hosts differ. */
	(void)harness_sysctl("net/ipv4/tcp_congestion_control", "reno");
}

static int open_namespace(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

int netns_make_another(void)
{
	int here = open_namespace();
	int there;

	ck_assert_msg(unshare(CLONE_NEWNET) == 0, "namespace: %s", strerror(errno));
	there = open_namespace();
	ck_assert_int_eq(setns(here, CLONE_NEWNET), 0);
	close(here);
	return there;
}

int netns_change(int fd)
{
	int former = open_namespace();

	ck_assert_int_eq(setns(fd, CLONE_NEWNET), 0);
	return former;
}

void netns_set_up_loopback(void)
{
	netns_bring_loopback_up();
	harness_shell("ip rule add from 127.0.0.1/8 iif lo table 123"
		      " && ip route add local 0.0.0.0/0 dev lo table 123");
	if (netns_has_ipv6())
		harness_shell("ip -6 rule add from ::1/128 iif lo table 123"
			      " && ip -6 route add local ::/0 dev lo table 123");
}
