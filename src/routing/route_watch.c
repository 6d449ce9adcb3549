/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's notifications of changes by others. */
#include "routing/route_watch.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "routing/return_plan.h"
#include "routing/return_text.h"

/* A datagram of the kernel's is a page at most (NLMSG_GOODSIZE), a notification far less. */
#define DATAGRAM_MAX 8192

/* Datagrams that are read of a socket at once: a full routing table may be on its way. */
#define TURN 64

/* Both headers end where an attribute may begin. */
_Static_assert(NLMSG_HDRLEN % 4 == 0 && sizeof(struct nfgenmsg) % 4 == 0, "aligned");

/* The name of the table is the first attribute of tables, chains, rules and sets alike. */
#define NFT_TABLE_NAME 1

union datagram {
	struct nlmsghdr header;
	uint8_t bytes[DATAGRAM_MAX];
};

void route_watch_init(struct route_watch *watch)
{
	*watch = (struct route_watch){.route_fd = -1, .nft_fd = -1};
}

void route_watch_fini(struct route_watch *watch)
{
	if (watch->route_fd >= 0)
		close(watch->route_fd);
	if (watch->nft_fd >= 0)
		close(watch->nft_fd);
	route_watch_init(watch);
}

/* Join these groups of a socket that is bound: one that is not hears nothing. */
static int join(int fd, const int *groups, size_t count)
{
	const struct sockaddr_nl any = {.nl_family = AF_NETLINK};

	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return -1;
	return 0;
}

/* A socket in these groups, or -1 with errno. */
static int open_groups(int protocol, const int *groups, size_t count)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int saved;

	if (fd < 0 || join(fd, groups, count) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int route_watch_open(struct route_watch *watch, bool nft)
{
	static const int route_groups[] = {
	    RTNLGRP_IPV4_RULE,	 RTNLGRP_IPV6_RULE,   RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_LINK};
	static const int nft_groups[] = {NFNLGRP_NFTABLES};

	if (watch->route_fd < 0)
		watch->route_fd = open_groups(NETLINK_ROUTE, route_groups,
					      sizeof(route_groups) / sizeof(route_groups[0]));
	if (watch->route_fd < 0)
		return -1;
	if (nft && watch->nft_fd < 0)
		watch->nft_fd = open_groups(NETLINK_NETFILTER, nft_groups, 1);
	return nft && watch->nft_fd < 0 ? -1 : 0;
}

static bool is_loopback(unsigned ifindex)
{
	return ifindex == if_nametoindex("lo");
}

/* A route of mmproxy's own, or one that may have taken its place. */
static bool concerns_route(const struct nlmsghdr *header)
{
	const struct rtmsg *route = NLMSG_DATA(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return false;
	return route->rtm_protocol == RETURN_PLAN_PROTOCOL ||
	       (route->rtm_type == RTN_LOCAL && route->rtm_dst_len == 0);
}

static bool concerns_link(const struct route_watch *watch, const struct nlmsghdr *header)
{
	const struct ifinfomsg *link = NLMSG_DATA(header);

	return header->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)) &&
	       (watch->places || is_loopback((unsigned)link->ifi_index));
}

static bool concerns_addr(const struct route_watch *watch, const struct nlmsghdr *header)
{
	const struct ifaddrmsg *addr = NLMSG_DATA(header);

	return header->nlmsg_len >= NLMSG_LENGTH(sizeof(*addr)) &&
	       (watch->places || is_loopback(addr->ifa_index));
}

static bool concerns_nft(const struct nlmsghdr *header)
{
	const size_t fixed = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	const uint8_t *at = (const uint8_t *)header + fixed;
	struct nlattr attribute;

	if (header->nlmsg_len < fixed + sizeof(attribute))
		return false;
	memcpy(&attribute, at, sizeof(attribute));
	return attribute.nla_type == NFT_TABLE_NAME &&
	       attribute.nla_len == sizeof(attribute) + sizeof(RETURN_TEXT_NFT_TABLE) &&
	       fixed + attribute.nla_len <= header->nlmsg_len &&
	       memcmp(at + sizeof(attribute), RETURN_TEXT_NFT_TABLE,
		      sizeof(RETURN_TEXT_NFT_TABLE)) == 0;
}

static bool concerns(const struct route_watch *watch, const struct nlmsghdr *header, bool nft)
{
	if (nft)
		return concerns_nft(header);
	switch (header->nlmsg_type) {
	case RTM_DELRULE:
		return true;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return concerns_route(header);
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return concerns_link(watch, header);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return concerns_addr(watch, header);
	default:
		return false;
	}
}

static bool hear_socket(const struct route_watch *watch, int fd, bool nft)
{
	union datagram datagram;
	bool found = false;

	for (int i = 0; i < TURN && fd >= 0; i++) {
		ssize_t got = recv(fd, &datagram, sizeof(datagram), MSG_DONTWAIT);
		size_t left = got > 0 ? (size_t)got : 0;
		const struct nlmsghdr *header = &datagram.header;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != ENOBUFS)
			break;
		found |= got < 0;
		while (NLMSG_OK(header, left)) {
			found |= concerns(watch, header, nft);
			header = NLMSG_NEXT(header, left);
		}
	}
	return found;
}

bool route_watch_hear(struct route_watch *watch)
{
	bool found = hear_socket(watch, watch->route_fd, false);

	return hear_socket(watch, watch->nft_fd, true) || found;
}
