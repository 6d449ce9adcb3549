/* SPDX-License-Identifier: BSD-2-Clause */
/* The self-test of a device and a family. */
#include "fastpath/fastpath_trial.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error_text.h"

/* Of payload. The longest still fits the smallest MTU that IPv6 allows (1,280). */
static const size_t sizes[] = {0, 1, 2, 7, 64, 511, 512, 1100};
#define SIZES	    (sizeof(sizes) / sizeof(sizes[0]))
#define PAYLOAD_MAX 1100

#define LOOKS_MAX 4

/* Clients that nobody has (RFC 5737, RFC 3849). */
#define CLIENT_V4 "192.0.2.77:5077"
#define CLIENT_V6 "[2001:db8:4d6d::77]:5077"

/* A different byte at every place of every datagram. */
static void fill(uint8_t *payload, unsigned which)
{
	for (size_t i = 0; i < sizes[which]; i++)
		payload[i] = (uint8_t)(i * 31 + which * 7 + i / 251);
}

static void write_header(struct fastpath_flow *flow)
{
	static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n\x21";
	bool v6 = addr_family(&flow->client) == AF_INET6;
	size_t len = v6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	uint16_t ports[] = {htons(addr_port(&flow->client)), htons(addr_port(&flow->destination))};
	uint8_t *at = flow->header;

	memcpy(at, signature, 13);
	at[13] = v6 ? 0x22 : 0x12;
	at[14] = 0;
	at[15] = (uint8_t)(2 * len + sizeof(ports));
	at += 16;
	if (v6) {
		memcpy(at, &flow->client.in6.sin6_addr, len);
		memcpy(at + len, &flow->destination.in6.sin6_addr, len);
	} else {
		memcpy(at, &flow->client.in.sin_addr, len);
		memcpy(at + len, &flow->destination.in.sin_addr, len);
	}
	memcpy(at + 2 * len, ports, sizeof(ports));
	flow->header_len = 16 + 2 * len + sizeof(ports);
}

/* A socket at this address, with a port that is free, which becomes the address's. */
static int bind_socket(struct addr *addr)
{
	socklen_t len = sizeof(*addr);
	int fd = socket(addr_family(addr), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	addr_set_port(addr, 0);
	if (bind(fd, &addr->sa, addr_len(addr)) < 0 || getsockname(fd, &addr->sa, &len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_sockets(struct fastpath_trial *trial)
{
	trial->balancer_fd = bind_socket(&trial->flow.balancer);
	trial->listening_fd = bind_socket(&trial->flow.listening);
	trial->target_fd = bind_socket(&trial->flow.target);
	return trial->balancer_fd < 0 || trial->listening_fd < 0 || trial->target_fd < 0 ? -1 : 0;
}

static int read_mac(uint32_t interface, uint8_t mac[static 6], int fd)
{
	struct ifreq request = {0};

	if (if_indextoname(interface, request.ifr_name) == NULL ||
	    ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -1;
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return 0;
}

static void send_all(struct fastpath_trial *trial)
{
	uint8_t datagram[FASTPATH_HEADER_MAX + PAYLOAD_MAX];
	const struct fastpath_flow *flow = &trial->flow;

	memcpy(datagram, flow->header, flow->header_len);
	for (unsigned i = 0; i < SIZES; i++) {
		fill(datagram + flow->header_len, i);
		if (sendto(trial->balancer_fd, datagram, flow->header_len + sizes[i], MSG_DONTWAIT,
			   &flow->listening.sa, addr_len(&flow->listening)) >= 0)
			trial->sent++;
	}
}

/* Which of the datagrams it is; SIZES: none. */
static unsigned which_is(const uint8_t *payload, size_t len)
{
	uint8_t expected[PAYLOAD_MAX];

	for (unsigned i = 0; i < SIZES; i++) {
		if (sizes[i] != len)
			continue;
		fill(expected, i);
		return memcmp(payload, expected, len) == 0 ? i : SIZES;
	}
	return SIZES;
}

/* Take what has come to a socket from this address; returns how many were as they should be. */
static unsigned take(const struct fastpath_trial *trial, int fd, const struct addr *sender,
		     bool answer)
{
	uint8_t payload[PAYLOAD_MAX + 1];
	unsigned good = 0;

	for (unsigned i = 0; i < 2 * SIZES; i++) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		struct addr source;
		ssize_t len = recvfrom(fd, payload, sizeof(payload), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &from_len);

		if (len < 0)
			break;
		if (addr_from_sockaddr(&source, (struct sockaddr *)&from, from_len) < 0 ||
		    !addr_equal(&source, sender) || which_is(payload, (size_t)len) == SIZES)
			continue;
		good++;
		if (answer)
			(void)sendto(fd, payload, (size_t)len, MSG_DONTWAIT, &trial->flow.client.sa,
				     addr_len(&trial->flow.client));
	}
	return good;
}

static int find_way_back(struct fastpath_trial *trial, struct fastpath_router *router,
			 const struct addr *target, char why[static FASTPATH_WHY_MAX])
{
	struct fastpath_route route;
	char text[ADDR_STRLEN];

	if (fastpath_route_ask(router, target, &trial->flow.client, &route) == 0 && route.local)
		return 0;
	snprintf(why, FASTPATH_WHY_MAX,
		 "what %s answers to clients does not come back over lo: no return route says so "
		 "(mmproxy --check-routing)",
		 addr_format(target, text));
	return -1;
}

int fastpath_trial_begin(struct fastpath_trial *trial, struct fastpath_flows *flows,
			 struct fastpath_router *router, uint32_t interface, uint32_t device,
			 const struct addr *target, char why[static FASTPATH_WHY_MAX])
{
	bool v6 = addr_family(target) == AF_INET6;
	struct fastpath_flow_kind kind = {.device = device, .trial = true};
	struct fastpath_flow *flow = &trial->flow;
	char text[64];

	*trial = (struct fastpath_trial){
	    .flows = flows, .balancer_fd = -1, .listening_fd = -1, .target_fd = -1};
	flow->interface = interface;
	flow->target = *target;
	if (addr_parse(&flow->client, v6 ? CLIENT_V6 : CLIENT_V4) < 0 ||
	    addr_parse(&flow->balancer, v6 ? "[::1]:0" : "127.0.0.1:0") < 0)
		return -1;
	flow->listening = flow->balancer;
	if (find_way_back(trial, router, target, why) < 0)
		return -1;
	/* A rule that asks for the target's port, which is taken, leads no other back. */
	trial->answers = addr_is_loopback(target);
	if (open_sockets(trial) < 0)
		goto failed;
	if (interface != FASTPATH_LO && read_mac(interface, kind.mac, trial->balancer_fd) < 0)
		goto failed;
	flow->destination = flow->listening;
	write_header(flow);
	if (fastpath_flows_add(flows, flow, &kind, &trial->place) < 0)
		goto failed;
	send_all(trial);
	return 0;
failed:
	snprintf(why, FASTPATH_WHY_MAX, "the self-test could not begin: %s",
		 error_text(errno, text, sizeof(text)));
	fastpath_trial_end(trial);
	return -1;
}

enum fastpath_verdict fastpath_trial_look(struct fastpath_trial *trial,
					  char why[static FASTPATH_WHY_MAX])
{
	unsigned not_carried;

	trial->looks++;
	trial->arrived += take(trial, trial->target_fd, &trial->flow.client, trial->answers);
	trial->answered += take(trial, trial->balancer_fd, &trial->flow.listening, false);
	if (trial->arrived == SIZES && (!trial->answers || trial->answered == SIZES)) {
		fastpath_trial_end(trial);
		return FASTPATH_WORKS;
	}
	if (trial->looks < LOOKS_MAX)
		return FASTPATH_TESTING;
	not_carried = 0;
	while (recv(trial->listening_fd, why, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0)
		not_carried++;
	if (trial->arrived < SIZES)
		snprintf(
		    why, FASTPATH_WHY_MAX,
		    "of %u datagrams of the self-test %u reached their target, and %u were not "
		    "carried: a firewall or other programs may be in the way",
		    trial->sent, trial->arrived, not_carried);
	else
		snprintf(
		    why, FASTPATH_WHY_MAX,
		    "of %u answers of the self-test %u came back: a firewall or other programs "
		    "may be in the way",
		    trial->arrived, trial->answered);
	fastpath_trial_end(trial);
	return FASTPATH_FAILS;
}

void fastpath_trial_end(struct fastpath_trial *trial)
{
	int *fds[] = {&trial->balancer_fd, &trial->listening_fd, &trial->target_fd};
	struct fastpath_counts counts;

	fastpath_flows_remove(trial->flows, &trial->place, &counts);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
