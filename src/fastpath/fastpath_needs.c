/* SPDX-License-Identifier: BSD-2-Clause */
/* What this host must be set to before the kernel can carry datagrams that come by a device. */
#include "fastpath/fastpath_needs.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LO_INDEX 1 /* in every network namespace */

struct need {
	const char *name; /* below net.ipv4.conf.DEVICE */
	const char *sysctl;
	bool of_loopback; /* only for targets there */
	const char *why;
};

static const struct need needs[FASTPATH_NEEDS_MAX] = {
    /* 127.0.0.0/8 is nobody's address for what has come in by a device, lo not excepted. */
    {"route_localnet", "net.ipv4.conf.lo.route_localnet", true,
     "lo takes no datagrams for 127.0.0.0/8 from a device then"},
    /* The return routes call every client's address local, and lo takes none from such a one. */
    {"accept_local", "net.ipv4.conf.lo.accept_local", false,
     "lo takes no datagrams from addresses that return routes call local then"},
};

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

static bool is_missing(const struct need *need, uint32_t interface, const struct addr *target)
{
	if (interface == LO_INDEX || addr_family(target) != AF_INET)
		return false;
	if (need->of_loopback && !addr_is_loopback(target))
		return false;
	return !is_set("lo", need->name) && !is_set("all", need->name);
}

size_t fastpath_needs_find(uint32_t interface, const struct addr *target,
			   const char *missing[static FASTPATH_NEEDS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < FASTPATH_NEEDS_MAX; i++)
		if (is_missing(&needs[i], interface, target))
			missing[count++] = needs[i].sysctl;
	return count;
}

bool fastpath_needs_met(uint32_t interface, const struct addr *target,
			char why[static FASTPATH_WHY_MAX])
{
	why[0] = '\0';
	for (size_t i = 0; i < FASTPATH_NEEDS_MAX; i++) {
		if (!is_missing(&needs[i], interface, target))
			continue;
		snprintf(why, FASTPATH_WHY_MAX, "%s is 0, and %s: set it to 1", needs[i].sysctl,
			 needs[i].why);
		return false;
	}
	return true;
}
