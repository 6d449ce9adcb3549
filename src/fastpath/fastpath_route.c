/* SPDX-License-Identifier: BSD-2-Clause */
/* By which way a datagram from one address to another would leave. */
#include "fastpath/fastpath_route.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUESTION_MAX 128
#define ANSWER_MAX   4096

/* Answers to questions that were given up, which lie before the one that is waited for. */
#define STALE_MAX 4

struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[QUESTION_MAX];
};

union answer {
	struct nlmsghdr header;
	uint8_t bytes[ANSWER_MAX];
};

static void add(struct question *question, unsigned short type, const void *value, size_t len)
{
	const struct rtattr attribute = {.rta_type = type,
					 .rta_len = (unsigned short)RTA_LENGTH(len)};
	uint8_t *at = (uint8_t *)question + NLMSG_ALIGN(question->header.nlmsg_len);

	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + RTA_LENGTH(0), value, len);
	question->header.nlmsg_len =
	    NLMSG_ALIGN(question->header.nlmsg_len) + (uint32_t)RTA_LENGTH(len);
}

static unsigned char add_ip(struct question *question, unsigned short type, const struct addr *addr)
{
	if (addr_family(addr) == AF_INET) {
		add(question, type, &addr->in.sin_addr, sizeof(addr->in.sin_addr));
		return 32;
	}
	add(question, type, &addr->in6.sin6_addr, sizeof(addr->in6.sin6_addr));
	return 128;
}

static uint32_t read_mtu(const struct rtattr *metrics)
{
	const struct rtattr *metric = RTA_DATA(metrics);
	size_t left = RTA_PAYLOAD(metrics);
	uint32_t mtu = 0;

	for (; RTA_OK(metric, left); metric = RTA_NEXT(metric, left)) {
		if (metric->rta_type == RTAX_MTU && RTA_PAYLOAD(metric) >= sizeof(mtu))
			memcpy(&mtu, RTA_DATA(metric), sizeof(mtu));
	}
	return mtu;
}

static int read_answer(const union answer *answer, size_t len, struct fastpath_route *route)
{
	const struct rtmsg *message = NLMSG_DATA(&answer->header);
	const struct rtattr *attribute;
	size_t left;

	if (!NLMSG_OK(&answer->header, len) || answer->header.nlmsg_type != RTM_NEWROUTE ||
	    answer->header.nlmsg_len < NLMSG_LENGTH(sizeof(*message)))
		return -1;
	*route = (struct fastpath_route){.local = message->rtm_type == RTN_LOCAL};
	if (!route->local && message->rtm_type != RTN_UNICAST)
		return -1;
	left = RTM_PAYLOAD(&answer->header);
	for (attribute = RTM_RTA(message); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type == RTA_OIF &&
		    RTA_PAYLOAD(attribute) >= sizeof(route->interface))
			memcpy(&route->interface, RTA_DATA(attribute), sizeof(route->interface));
		else if (attribute->rta_type == RTA_METRICS)
			route->mtu = read_mtu(attribute);
	}
	return 0;
}

static int ask(struct fastpath_router *router, struct question *question,
	       struct fastpath_route *route)
{
	union answer answer;

	question->header.nlmsg_seq = ++router->sequence;
	if (send(router->fd, question, question->header.nlmsg_len, MSG_DONTWAIT) < 0)
		return -1;
	for (int i = 0; i <= STALE_MAX; i++) {
		ssize_t len = recv(router->fd, &answer, sizeof(answer), MSG_DONTWAIT);

		if (len < 0)
			return -1;
		if (answer.header.nlmsg_seq == router->sequence)
			return read_answer(&answer, (size_t)len, route);
	}
	return -1;
}

int fastpath_router_init(struct fastpath_router *router)
{
	router->sequence = 0;
	router->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (router->fd < 0)
		return -1;
	pthread_mutex_init(&router->lock, NULL);
	return 0;
}

void fastpath_router_fini(struct fastpath_router *router)
{
	close(router->fd);
	pthread_mutex_destroy(&router->lock);
}

int fastpath_route_ask(struct fastpath_router *router, const struct addr *from,
		       const struct addr *to, struct fastpath_route *route)
{
	struct question question = {.header = {.nlmsg_type = RTM_GETROUTE,
					       .nlmsg_flags = NLM_F_REQUEST,
					       .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg))},
				    .route = {.rtm_family = (unsigned char)addr_family(to)}};
	const uint16_t from_port = htons(addr_port(from));
	const uint16_t to_port = htons(addr_port(to));
	const uint8_t protocol = IPPROTO_UDP;
	int result;

	question.route.rtm_dst_len = add_ip(&question, RTA_DST, to);
	question.route.rtm_src_len = add_ip(&question, RTA_SRC, from);
	/* Rules may ask for them (Linux 4.17). A port of 0 is no port to the kernel. */
	add(&question, RTA_IP_PROTO, &protocol, sizeof(protocol));
	if (from_port != 0)
		add(&question, RTA_SPORT, &from_port, sizeof(from_port));
	if (to_port != 0)
		add(&question, RTA_DPORT, &to_port, sizeof(to_port));
	pthread_mutex_lock(&router->lock);
	result = ask(router, &question, route);
	pthread_mutex_unlock(&router->lock);
	return result;
}
