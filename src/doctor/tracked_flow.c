/* SPDX-License-Identifier: BSD-2-Clause */
/* What connection tracking knows of a connection of mmproxy's. */
#include "doctor/tracked_flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <unistd.h>

#include "doctor/netlink.h"

/* It is there where connection tracking is; asking where it is not might load it. */
#define TRACKING "/proc/sys/net/netfilter/nf_conntrack_max"

static void put_ip(struct netlink_question *question, const struct addr *addr, uint16_t ipv4,
		   uint16_t ipv6)
{
	if (addr_family(addr) == AF_INET)
		netlink_put(question, ipv4, &addr->in.sin_addr, sizeof(addr->in.sin_addr));
	else
		netlink_put(question, ipv6, &addr->in6.sin6_addr, sizeof(addr->in6.sin6_addr));
}

static void put_tuple(struct netlink_question *question, const struct addr *from,
		      const struct addr *to, uint8_t ipproto)
{
	const uint16_t sport = htons(addr_port(from));
	const uint16_t dport = htons(addr_port(to));
	size_t tuple = netlink_nest(question, CTA_TUPLE_ORIG);
	size_t part = netlink_nest(question, CTA_TUPLE_IP);

	put_ip(question, from, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
	put_ip(question, to, CTA_IP_V4_DST, CTA_IP_V6_DST);
	netlink_close(question, part);
	part = netlink_nest(question, CTA_TUPLE_PROTO);
	netlink_put(question, CTA_PROTO_NUM, &ipproto, sizeof(ipproto));
	netlink_put(question, CTA_PROTO_SRC_PORT, &sport, sizeof(sport));
	netlink_put(question, CTA_PROTO_DST_PORT, &dport, sizeof(dport));
	netlink_close(question, part);
	netlink_close(question, tuple);
}

static uint32_t get_be32(const struct nlmsghdr *answer, uint16_t type)
{
	const void *value = netlink_get(answer, sizeof(struct nfgenmsg), type, sizeof(uint32_t));
	uint32_t number = 0;

	if (value != NULL)
		memcpy(&number, value, sizeof(number));
	return ntohl(number);
}

static void on_flow(const struct nlmsghdr *answer, void *arg)
{
	struct tracked_flow *flow = arg;

	flow->state = (get_be32(answer, CTA_STATUS) & IPS_SEEN_REPLY) != 0 ? TRACKED_FLOW_REPLIED
									   : TRACKED_FLOW_FORTH;
	flow->mark = get_be32(answer, CTA_MARK);
}

void tracked_flow_find(struct tracked_flow *flow, const struct addr *from, const struct addr *to,
		       uint8_t ipproto, int64_t deadline_ms)
{
	const struct nfgenmsg body = {.nfgen_family = (uint8_t)addr_family(to),
				      .version = NFNETLINK_V0};
	struct netlink_question question;
	int error;
	int fd;

	*flow = (struct tracked_flow){.state = TRACKED_FLOW_NONE};
	if (access(TRACKING, F_OK) < 0 && errno == ENOENT)
		return;
	flow->state = TRACKED_FLOW_UNKNOWN;
	fd = netlink_open(NETLINK_NETFILTER);
	if (fd < 0)
		return;
	netlink_begin(&question, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET, 0, &body,
		      sizeof(body));
	put_tuple(&question, from, to, ipproto);
	error = netlink_ask(fd, &question, on_flow, flow, deadline_ms);
	if (error == ENOENT)
		flow->state = TRACKED_FLOW_NONE;
	close(fd);
}
