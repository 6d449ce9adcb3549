/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a packet would go, and by which routing table. */
#include "doctor/route_question.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "doctor/netlink.h"

struct hearing {
	struct route_reply *reply;
	int prefix;
};

static void on_route(const struct nlmsghdr *answer, void *arg)
{
	struct hearing *hearing = arg;
	const struct rtmsg *route = NLMSG_DATA(answer);
	const void *value;

	if (answer->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return;
	hearing->prefix = route->rtm_dst_len;
	hearing->reply->local = route->rtm_type == RTN_LOCAL;
	hearing->reply->table = route->rtm_table;
	value = netlink_get(answer, sizeof(*route), RTA_TABLE, sizeof(uint32_t));
	if (value != NULL)
		memcpy(&hearing->reply->table, value, sizeof(uint32_t));
	value = netlink_get(answer, sizeof(*route), RTA_OIF, sizeof(int));
	if (value != NULL)
		memcpy(&hearing->reply->oif, value, sizeof(int));
}

/* Returns the bits of the address. */
static unsigned char put_ip(struct netlink_question *question, uint16_t type,
			    const struct addr *addr)
{
	bool ipv4 = addr_family(addr) == AF_INET;
	const void *bytes =
	    ipv4 ? (const void *)&addr->in.sin_addr : (const void *)&addr->in6.sin6_addr;
	size_t len = ipv4 ? sizeof(addr->in.sin_addr) : sizeof(addr->in6.sin6_addr);

	netlink_put(question, type, bytes, len);
	return (unsigned char)(8 * len);
}

static void put_port(struct netlink_question *question, uint16_t type, const struct addr *addr)
{
	const uint16_t port = htons(addr_port(addr));

	if (port != 0)
		netlink_put(question, type, &port, sizeof(port));
}

static void put_flow(struct netlink_question *question, const struct route_flow *flow)
{
	struct rtmsg *route = NLMSG_DATA(&question->header);

	route->rtm_dst_len = put_ip(question, RTA_DST, &flow->to);
	if (addr_is_set(&flow->from))
		route->rtm_src_len = put_ip(question, RTA_SRC, &flow->from);
	if (flow->iif != 0)
		netlink_put(question, RTA_IIF, &flow->iif, sizeof(flow->iif));
	if (flow->mark != 0)
		netlink_put(question, RTA_MARK, &flow->mark, sizeof(flow->mark));
	if (flow->ipproto == 0)
		return;
	netlink_put(question, RTA_IP_PROTO, &flow->ipproto, sizeof(flow->ipproto));
	if (addr_is_set(&flow->from))
		put_port(question, RTA_SPORT, &flow->from);
	put_port(question, RTA_DPORT, &flow->to);
}

/* The errors by which the kernel says where a packet goes; others are about the question. */
static bool is_answer(int error)
{
	switch (error) {
	case 0:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EACCES: /* a "prohibit" route or rule */
	case EINVAL: /* a "blackhole" route, or a source that cannot be */
	case EAGAIN: /* a "throw" route */
	case EXDEV:  /* the reverse path filter */
		return true;
	default:
		return false;
	}
}

int route_question_ask(int fd, const struct route_flow *flow, int64_t deadline_ms,
		       struct route_reply *reply)
{
	const struct rtmsg body = {.rtm_family = (unsigned char)addr_family(&flow->to),
				   .rtm_flags = RTM_F_LOOKUP_TABLE};
	struct hearing hearing = {.reply = reply};
	struct netlink_question question;
	int error;

	memset(reply, 0, sizeof(*reply));
	netlink_begin(&question, RTM_GETROUTE, 0, &body, sizeof(body));
	put_flow(&question, flow);
	error = netlink_ask(fd, &question, on_route, &hearing, deadline_ms);
	if (!is_answer(error))
		return error;
	reply->error = error;
	return 0;
}

int route_question_prefix(int fd, const struct addr *to, int64_t deadline_ms)
{
	const struct rtmsg body = {.rtm_family = (unsigned char)addr_family(to),
				   .rtm_flags = RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH};
	const struct route_flow flow = {.to = *to};
	struct route_reply reply;
	struct hearing hearing = {.reply = &reply, .prefix = -1};
	struct netlink_question question;

	memset(&reply, 0, sizeof(reply));
	netlink_begin(&question, RTM_GETROUTE, 0, &body, sizeof(body));
	put_flow(&question, &flow);
	if (netlink_ask(fd, &question, on_route, &hearing, deadline_ms) != 0)
		return -1;
	return hearing.prefix;
}
