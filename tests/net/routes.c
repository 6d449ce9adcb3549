/* SPDX-License-Identifier: BSD-2-Clause */
/* What a namespace has of routes, rules and nftables. */
#include "routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#include "command.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"

bool routes_are_built(void)
{
#ifdef HAVE_NL_ROUTE
	return true;
#else
	printf("skipped: built without libnl-route\n");
	return false;
#endif
}

bool routes_have_marks(void)
{
#ifdef HAVE_NFTABLES
	return harness_has_tool("nft");
#else
	printf("skipped: built without libnftables, so what needs it is not tested\n");
	return false;
#endif
}

char *routes_dump(void)
{
	static struct command_result result;
	struct command command = {.argc = 0};
	char *text;

	command_add(&command, "/bin/sh");
	command_add(&command, "-c");
	/* A kernel without IPv6, or a system without nft, has nothing to show. */
	command_add(&command, "ip -4 rule && ip -4 route show table all && { ip -6 rule; "
			      "ip -6 route show table all; nft -s list ruleset; } 2>&1");
	command_run(&command, &result);
	ck_assert_uint_lt(strlen(result.out) + 1, sizeof(result.out));
	text = strdup(result.out);
	ck_assert_ptr_nonnull(text);
	return text;
}

unsigned routes_count(const char *text)
{
	char *dump = routes_dump();
	unsigned count = 0;
	char *rest = NULL;

	for (char *line = strtok_r(dump, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		count += strstr(line, text) != NULL;
	free(dump);
	return count;
}

int routes_add_guest(void)
{
	int guest = netns_make_another();
	bool ipv6 = netns_has_ipv6();
	int here;

	harness_shell("ip link add to-guest address 02:00:00:00:00:01 type veth "
		      "peer name to-host address 02:00:00:00:00:02 netns /proc/%d/fd/%d && "
		      "ip addr add 192.0.2.1/24 dev to-guest && ip link set to-guest up",
		      (int)getpid(), guest);
	if (ipv6)
		harness_shell("ip addr add 2001:db8:2::1/64 dev to-guest nodad");
	here = netns_change(guest);
	harness_shell("ip link set lo up && ip link set to-host up && "
		      "ip addr add 192.0.2.2/24 dev to-host && ip route add default via 192.0.2.1");
	if (ipv6)
		harness_shell("ip addr add 2001:db8:2::2/64 dev to-host nodad && "
			      "ip -6 route add default via 2001:db8:2::1");
	close(netns_change(here));
	close(here);
	/* Routes of link-local addresses come later, and dumps are compared. */
	HARNESS_AWAIT(routes_count(" linkdown") == 0 &&
		      (!ipv6 || (routes_count("multicast ff00::/8 dev to-guest") == 1 &&
				 routes_count("fe80::/64 dev to-guest") == 1 &&
				 routes_count("local fe80::") == 1)));
	return guest;
}

static int open_in_guest(int guest, const char *address, int (*open_socket)(const char *))
{
	int here = netns_change(guest);
	int fd = open_socket(address);

	close(netns_change(here));
	close(here);
	return fd;
}

int routes_listen_in_guest(int guest, const char *address)
{
	return open_in_guest(guest, address, peer_listen);
}

int routes_udp_in_guest(int guest, const char *address)
{
	return open_in_guest(guest, address, udp_open);
}
