/* SPDX-License-Identifier: BSD-2-Clause */
/* What this host must be set to before the kernel can carry datagrams that come by a device. */
#include "fastpath/fastpath_needs.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LO_INDEX 1 /* in every network namespace */

/* One of the sysctls that hold for a device when they are set for it or for all of them. */
static bool is_set(const char *device, const char *name)
{
	char path[128];
	char value = '0';
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", device, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) < 1)
		value = '0';
	close(fd);
	return value != '0';
}

static bool holds_for_lo(const char *name)
{
	return is_set("lo", name) || is_set("all", name);
}

bool fastpath_needs_met(uint32_t interface, const struct addr *target,
			char why[static FASTPATH_WHY_MAX])
{
	why[0] = '\0';
	if (interface == LO_INDEX || addr_family(target) != AF_INET)
		return true;
	/* 127.0.0.0/8 is nobody's address for what has come in by a device, lo not excepted. */
	if (addr_is_loopback(target) && !holds_for_lo("route_localnet")) {
		snprintf(why, FASTPATH_WHY_MAX,
			 "net.ipv4.conf.lo.route_localnet is 0, and lo takes no datagrams for "
			 "127.0.0.0/8 from a device then: set it to 1");
		return false;
	}
	/* The return routes call every client's address local, and lo takes none from such a one.
	 */
	if (!holds_for_lo("accept_local")) {
		snprintf(why, FASTPATH_WHY_MAX,
			 "net.ipv4.conf.lo.accept_local is 0, and lo takes no datagrams from "
			 "addresses that return routes call local then: set it to 1");
		return false;
	}
	return true;
}
