/* SPDX-License-Identifier: BSD-2-Clause */
/* One flow that the kernel carries, with everyone around it in the test's hands. */
#include "fastpath_bed.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "netns.h"

/* A reply with its header, or a datagram with it. */
#define DATAGRAM_MAX (FASTPATH_HEADER_MAX + BED_PAYLOAD_MAX)

static void parse(struct addr *addr, const char *text)
{
	ck_assert_int_eq(addr_parse(addr, text), 0);
}

static void write_v2(struct fastpath_flow *flow, bool v6)
{
	size_t len = v6 ? 16 : 4;
	uint8_t *at = flow->header;

	memcpy(at, "\r\n\r\n\0\r\nQUIT\n\x21", 13);
	at[13] = v6 ? 0x22 : 0x12;
	at[15] = (uint8_t)(2 * len + 4);
	memcpy(at + 16,
	       v6 ? (void *)&flow->client.in6.sin6_addr : (void *)&flow->client.in.sin_addr, len);
	memcpy(at + 16 + len,
	       v6 ? (void *)&flow->destination.in6.sin6_addr
		  : (void *)&flow->destination.in.sin_addr,
	       len);
	memcpy(at + 16 + 2 * len, &flow->client.in.sin_port, 2);
	memcpy(at + 18 + 2 * len, &flow->destination.in.sin_port, 2);
	flow->header_len = 20 + 2 * len;
}

static void write_spp(struct fastpath_flow *flow)
{
	memcpy(flow->header, "\x56\xec", 2);
	addr_write_ip(&flow->client, flow->header + 2);
	addr_write_ip(&flow->destination, flow->header + 18);
	memcpy(flow->header + 34, &flow->client.in.sin_port, 2);
	memcpy(flow->header + 36, &flow->destination.in.sin_port, 2);
	flow->header_len = 38;
	flow->destination = (struct addr){0};
	flow->spp = true;
}

static int bind_socket(struct addr *addr, bool transparent)
{
	socklen_t len = sizeof(*addr);
	int big = 8 << 20;
	int one = 1;
	int fd = socket(addr_family(addr), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	if (transparent && addr_family(addr) == AF_INET)
		ck_assert_int_eq(setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)), 0);
	else if (transparent)
		ck_assert_int_eq(setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &one, sizeof(one)), 0);
	ck_assert_msg(bind(fd, &addr->sa, addr_len(addr)) == 0, "bind: %s", strerror(errno));
	ck_assert_int_eq(getsockname(fd, &addr->sa, &len), 0);
	return fd;
}

/* Have this device leave checksums to the kernel. */
static void sum_here(const char *device)
{
	struct ethtool_value off = {.cmd = ETHTOOL_STXCSUM, .data = 0};
	struct ifreq request = {.ifr_data = (void *)&off};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ck_assert_int_ge(fd, 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	ck_assert_int_eq(ioctl(fd, SIOCETHTOOL, &request), 0);
	close(fd);
}

/* One end: the device's name, and what its addresses end with. */
static void make_end(enum bed_link link, const char *device, int own, int other)
{
	harness_shell("ip link set lo up && ip link set %s up", device);
	if (link != BED_VETH)
		sum_here(device);
	if (link == BED_VXLAN) {
		harness_shell("ip addr add 10.8.0.%d/24 dev %s && ip link add over%s type vxlan"
			      " id 7 local 10.8.0.%d remote 10.8.0.%d dev %s dstport 4789 udpcsum"
			      " && ip link set over%s up",
			      own, device, device, own, other, device, device);
		sum_here(device[0] == 'n' ? "overnear" : "overfar");
	}
	harness_shell("ip addr add 10.9.0.%d/24 dev %s%s"
		      " && { [ ! -e /proc/net/if_inet6 ] ||"
		      " ip -6 addr add fd09::%d/64 dev %s%s nodad; }",
		      own, link == BED_VXLAN ? "over" : "", device, own,
		      link == BED_VXLAN ? "over" : "", device);
}

/* near is this host, far the balancer's. */
static void make_link(struct bed *bed)
{
	int here;

	bed->far = netns_make_another();
	harness_shell("ip link add near type veth peer name far netns /proc/%d/fd/%d", getpid(),
		      bed->far);
	make_end(bed->kind.link, "near", 1, 2);
	here = netns_change(bed->far);
	make_end(bed->kind.link, "far", 2, 1);
	close(netns_change(here));
	close(here);
	ck_assert(harness_sysctl("net/ipv4/conf/lo/route_localnet", "1"));
	ck_assert(harness_sysctl("net/ipv4/conf/lo/accept_local", "1"));
}

static void open_sockets(struct bed *bed)
{
	struct fastpath_flow *flow = &bed->flow;
	int here = -1;

	if (bed->kind.link != BED_LO)
		here = netns_change(bed->far);
	bed->balancer_fd = bind_socket(&flow->balancer, false);
	if (bed->kind.link != BED_LO)
		close(netns_change(here));
	if (here >= 0)
		close(here);
	bed->listening_fd = bind_socket(&flow->listening, false);
	bed->target_fd = bind_socket(&flow->target, false);
	bed->client_fd = bind_socket(&flow->client, true);
	ck_assert_int_eq(connect(bed->client_fd, &flow->target.sa, addr_len(&flow->target)), 0);
}

bool bed_open(struct bed *bed, const struct bed_kind *kind)
{
	struct fastpath_flow *flow = &bed->flow;
	char why[FASTPATH_WHY_MAX];
	bool v6 = kind->v6;

	*bed = (struct bed){.kind = *kind, .far = -1, .seed = 1, .renews = true};
	bed->fastpath = fastpath_open(why);
	if (bed->fastpath == NULL) {
		printf("skipped: %s\n", why);
		return false;
	}
	if (kind->link != BED_LO)
		make_link(bed);
	parse(&flow->client, v6 ? "[2001:db8::7]:5000" : "203.0.113.7:5000");
	parse(&flow->destination, v6 ? "[2001:db8:1::1]:443" : "198.51.100.1:443");
	parse(&flow->target, v6 ? "[::1]:8000" : "127.0.0.1:8000");
	if (kind->link != BED_LO) {
		parse(&flow->balancer, v6 ? "[fd09::2]:0" : "10.9.0.2:0");
		parse(&flow->listening, v6 ? "[fd09::1]:7000" : "10.9.0.1:7000");
		flow->interface = if_nametoindex(kind->link == BED_VXLAN ? "overnear" : "near");
	} else {
		parse(&flow->balancer, v6 ? "[::1]:0" : "127.0.0.1:0");
		parse(&flow->listening, v6 ? "[::1]:7000" : "127.0.0.1:7000");
		flow->interface = 1;
	}
	if (kind->spp)
		write_spp(flow);
	else
		write_v2(flow, v6);
	open_sockets(bed);
	return true;
}

enum fastpath_verdict bed_try(struct bed *bed, char why[static FASTPATH_WHY_MAX])
{
	int64_t until_ms = harness_now_ms() + harness_patience_ms();
	enum fastpath_verdict verdict;

	do {
		verdict = fastpath_try(bed->fastpath, bed->flow.interface, &bed->flow.listening,
				       &bed->flow.target, why);
		if (verdict != FASTPATH_TESTING)
			return verdict;
		fastpath_renew(bed->fastpath);
		harness_sleep_ms(2);
	} while (harness_now_ms() < until_ms);
	return verdict;
}

void bed_install(struct bed *bed)
{
	char why[FASTPATH_WHY_MAX];
	enum fastpath_verdict verdict = bed_try(bed, why);

	ck_assert_msg(verdict == FASTPATH_WORKS, "it does not work: %s", why);
	ck_assert_msg(fastpath_install(bed->fastpath, &bed->flow, &bed->place) == 0, "install: %s",
		      strerror(errno));
}

void bed_close(struct bed *bed)
{
	close(bed->balancer_fd);
	close(bed->listening_fd);
	close(bed->client_fd);
	close(bed->target_fd);
	if (bed->far >= 0)
		close(bed->far);
	fastpath_close(bed->fastpath);
}

void bed_fill(uint8_t *payload, size_t len, uint32_t seed)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		payload[i] = (uint8_t)(x >> i % 8 * 8);
	}
}

void bed_send(struct bed *bed, uint32_t seed, size_t len)
{
	static uint8_t datagram[DATAGRAM_MAX];
	size_t header_len = bed->flow.header_len;
	ssize_t sent;

	if (bed->renews)
		fastpath_renew(bed->fastpath);
	memcpy(datagram, bed->flow.header, header_len);
	bed_fill(datagram + header_len, len, seed);
	sent = sendto(bed->balancer_fd, datagram, header_len + len, 0, &bed->flow.listening.sa,
		      addr_len(&bed->flow.listening));
	ck_assert_msg(sent == (ssize_t)(header_len + len), "send %zu: %s", header_len + len,
		      strerror(errno));
}

/* Take a datagram that is this payload behind this header, from there. */
static void take(int fd, const struct addr *from, const uint8_t *header, size_t header_len,
		 uint32_t seed, size_t len)
{
	static uint8_t got[DATAGRAM_MAX + 1];
	static uint8_t expected[DATAGRAM_MAX];
	char is[ADDR_STRLEN], should_be[ADDR_STRLEN];
	struct sockaddr_storage sender;
	socklen_t sender_len = sizeof(sender);
	struct addr source;
	ssize_t got_len =
	    recvfrom(fd, got, sizeof(got), MSG_DONTWAIT, (struct sockaddr *)&sender, &sender_len);

	ck_assert_msg(got_len >= 0, "receive: %s", strerror(errno));
	ck_assert_int_eq(addr_from_sockaddr(&source, (struct sockaddr *)&sender, sender_len), 0);
	if (header_len > 0)
		memcpy(expected, header, header_len);
	bed_fill(expected + header_len, len, seed);
	ck_assert_msg(addr_equal(&source, from), "it came from %s, not from %s",
		      addr_format(&source, is), addr_format(from, should_be));
	ck_assert_msg((size_t)got_len == header_len + len, "%zd bytes instead of %zu", got_len,
		      header_len + len);
	ck_assert_msg(memcmp(got, expected, header_len + len) == 0, "%zu bytes, but others", len);
}

/* Wait for either, and renew the lease meanwhile; returns how many there are, or 0. */
static int await_either(struct bed *bed, struct pollfd polled[2], int timeout_ms)
{
	int64_t until_ms = harness_now_ms() + timeout_ms;
	int count;

	do {
		count = poll(polled, 2, timeout_ms < 100 ? timeout_ms : 100);
		if (bed->renews)
			fastpath_renew(bed->fastpath);
	} while (count == 0 && harness_now_ms() < until_ms);
	return count;
}

enum bed_end bed_find_up(struct bed *bed, uint32_t seed, size_t len, int timeout_ms)
{
	const struct fastpath_flow *flow = &bed->flow;
	struct pollfd polled[] = {{.fd = bed->target_fd, .events = POLLIN},
				  {.fd = bed->listening_fd, .events = POLLIN}};

	if (await_either(bed, polled, timeout_ms) <= 0)
		return BED_NOBODY;
	if (polled[0].revents & POLLIN) {
		take(bed->target_fd, &flow->client, NULL, 0, seed, len);
		return BED_TARGET;
	}
	take(bed->listening_fd, &flow->balancer, flow->header, flow->header_len, seed, len);
	return BED_USER;
}

enum bed_end bed_answer(struct bed *bed, uint32_t seed, size_t len, int timeout_ms)
{
	static uint8_t payload[BED_PAYLOAD_MAX];
	const struct fastpath_flow *flow = &bed->flow;
	struct pollfd polled[] = {{.fd = bed->balancer_fd, .events = POLLIN},
				  {.fd = bed->client_fd, .events = POLLIN}};
	ssize_t sent;

	bed_fill(payload, len, seed);
	sent = sendto(bed->target_fd, payload, len, 0, &flow->client.sa, addr_len(&flow->client));
	ck_assert_msg(sent == (ssize_t)len, "answer %zu: %s", len, strerror(errno));
	if (await_either(bed, polled, timeout_ms) <= 0)
		return BED_NOBODY;
	if (polled[0].revents & POLLIN) {
		take(bed->balancer_fd, &flow->listening, flow->header,
		     flow->spp ? flow->header_len : 0, seed, len);
		return BED_BALANCER;
	}
	take(bed->client_fd, &flow->target, NULL, 0, seed, len);
	return BED_USER;
}

uint64_t bed_events(struct bed *bed, enum fastpath_event event)
{
	uint64_t counts[FASTPATH_EVENTS];

	fastpath_read_events(bed->fastpath, counts);
	return counts[event];
}

bool bed_is_possible(void)
{
	char why[FASTPATH_WHY_MAX];
	struct fastpath *fastpath = fastpath_open(why);

	if (fastpath == NULL)
		printf("skipped: %s\n", why);
	fastpath_close(fastpath);
	return fastpath != NULL;
}
