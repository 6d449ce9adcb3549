/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host around the programs is like: sysctls, return routes, rules of a firewall, and
 * targets of every kind. Where datagrams would get lost, the self-test says so beforehand.
 */
#include "fastpath/fastpath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fastpath_bed.h"
#include "harness.h"
#include "netns.h"

#define ROUNDS 50
#define LEN    200

static const struct bed_kind outer_v4 = {.link = BED_VETH};
static const struct bed_kind outer_v6 = {.v6 = true, .link = BED_VETH};
static const struct bed_kind lo_v4 = {.link = BED_LO};

static void expect_carried(struct bed *bed)
{
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t seed = bed->seed++;

		bed_send(bed, seed, LEN);
		ck_assert_int_eq(bed_find_up(bed, seed, LEN, harness_patience_ms()), BED_TARGET);
		ck_assert_int_eq(bed_answer(bed, seed, LEN, harness_patience_ms()), BED_BALANCER);
	}
}

/* The test says no, with this in its sentence, and user space gets what is sent. */
static void expect_refused(struct bed *bed, const char *word)
{
	char why[FASTPATH_WHY_MAX];
	enum fastpath_verdict verdict = bed_try(bed, why);

	ck_assert_int_eq(verdict, FASTPATH_FAILS);
	ck_assert_msg(strstr(why, word) != NULL, "it says \"%s\" and not \"%s\"", why, word);
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t seed = bed->seed++;

		bed_send(bed, seed, LEN);
		ck_assert_int_eq(bed_find_up(bed, seed, LEN, harness_patience_ms()), BED_USER);
	}
}

START_TEST(test_missing_sysctl)
{
	static const char *const names[] = {"route_localnet", "accept_local"};
	char path[64];
	struct bed bed;

	if (!bed_open(&bed, &outer_v4))
		return;
	snprintf(path, sizeof(path), "net/ipv4/conf/lo/%s", names[_i]);
	ck_assert(harness_sysctl(path, "0"));
	expect_refused(&bed, names[_i]);
	bed_close(&bed);
}
END_TEST

START_TEST(test_sysctl_for_all_devices)
{
	struct bed bed;

	if (!bed_open(&bed, &outer_v4))
		return;
	ck_assert(harness_sysctl("net/ipv4/conf/lo/route_localnet", "0"));
	ck_assert(harness_sysctl("net/ipv4/conf/lo/accept_local", "0"));
	ck_assert(harness_sysctl("net/ipv4/conf/all/route_localnet", "1"));
	ck_assert(harness_sysctl("net/ipv4/conf/all/accept_local", "1"));
	bed_install(&bed);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

/* lo and IPv6 need none of them. */
START_TEST(test_no_need)
{
	static const struct bed_kind *const kinds[] = {&lo_v4, &outer_v6};
	struct bed bed;

	if ((kinds[_i]->v6 && !netns_has_ipv6()) || !bed_open(&bed, kinds[_i]))
		return;
	ck_assert(harness_sysctl("net/ipv4/conf/lo/route_localnet", "0"));
	ck_assert(harness_sysctl("net/ipv4/conf/lo/accept_local", "0"));
	bed_install(&bed);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

START_TEST(test_rp_filter)
{
	static const char *const values[] = {"0", "1", "2"};
	static const char *const devices[] = {"all", "default", "lo", "near"};
	char path[64];
	struct bed bed;

	if (!bed_open(&bed, _i / 3 == 0 ? &outer_v4 : &lo_v4))
		return;
	for (size_t i = 0; i < (_i / 3 == 0 ? 4 : 3); i++) {
		snprintf(path, sizeof(path), "net/ipv4/conf/%s/rp_filter", devices[i]);
		ck_assert(harness_sysctl(path, values[_i % 3]));
	}
	bed_install(&bed);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

START_TEST(test_no_return_routes)
{
	struct bed bed;

	if (!bed_open(&bed, _i == 0 ? &outer_v4 : &lo_v4))
		return;
	harness_shell("ip rule del table 123");
	expect_refused(&bed, "does not come back over lo");
	bed_close(&bed);
}
END_TEST

/* A firewall that lets nothing in from lo but what it knows. */
START_TEST(test_firewall_in_the_way)
{
	struct bed bed;

	if (!harness_has_tool("nft") || !bed_open(&bed, &outer_v4))
		return;
	harness_shell(
	    "nft 'add table inet t; add chain inet t in { type filter hook input priority 0;"
	    " }; add rule inet t in iifname lo udp dport != 8000 drop'");
	expect_refused(&bed, "reached their target");
	bed_close(&bed);
}
END_TEST

/* Connection tracking, and rules that ask it: nothing is lost, whichever way datagrams take. */
START_TEST(test_conntrack)
{
	static const struct bed_kind *const kinds[] = {&outer_v4, &outer_v6, &lo_v4};
	struct bed bed;

	if (!harness_has_tool("nft") || (kinds[_i]->v6 && !netns_has_ipv6()) ||
	    !bed_open(&bed, kinds[_i]))
		return;
	harness_shell("nft 'add table inet t;"
		      " add chain inet t pre { type filter hook prerouting priority -150; };"
		      " add rule inet t pre ct state invalid drop;"
		      " add chain inet t in { type filter hook input priority 0; policy drop; };"
		      " add rule inet t in ct state established,related accept;"
		      " add rule inet t in iifname lo accept;"
		      " add rule inet t in udp dport 7000 accept;"
		      " add rule inet t in meta l4proto ipv6-icmp accept;"
		      " add chain inet t out { type filter hook output priority 0; };"
		      " add rule inet t out ct state invalid drop'");
	bed_install(&bed);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

/* Replace the bed's target by a socket of another kind on the same address. */
static void open_target(struct bed *bed, const char *address, bool shared)
{
	struct addr addr;
	int one = 1;

	close(bed->target_fd);
	ck_assert_int_eq(addr_parse(&addr, address), 0);
	bed->target_fd = socket(addr_family(&addr), SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(bed->target_fd, 0);
	if (shared)
		ck_assert_int_eq(
		    setsockopt(bed->target_fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	ck_assert_int_eq(bind(bed->target_fd, &addr.sa, addr_len(&addr)), 0);
}

/* Targets that share their address by SO_REUSEPORT, and that are connected to the client. */
START_TEST(test_kinds_of_targets)
{
	static const struct bed_kind *const kinds[] = {&outer_v4, &outer_v6, &lo_v4};
	const struct bed_kind *kind = kinds[_i % 3];
	const char *address = kind->v6 ? "[::1]:8000" : "127.0.0.1:8000";
	struct bed bed;

	if ((kind->v6 && !netns_has_ipv6()) || !bed_open(&bed, kind))
		return;
	bed_install(&bed);
	open_target(&bed, address, _i / 3 == 1);
	if (_i / 3 == 0)
		ck_assert_int_eq(
		    connect(bed.target_fd, &bed.flow.client.sa, addr_len(&bed.flow.client)), 0);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

/*
 * A target on all addresses that answers from the one that it was asked at: that is the target's,
 * not the listener's.
 */
START_TEST(test_packet_info)
{
	static const struct bed_kind *const kinds[] = {&outer_v4, &lo_v4};
	char control[256];
	uint8_t payload[LEN];
	struct sockaddr_in client;
	struct iovec part = {.iov_base = payload, .iov_len = sizeof(payload)};
	struct msghdr message = {.msg_name = &client,
				 .msg_namelen = sizeof(client),
				 .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct in_pktinfo info = {0};
	struct bed bed;
	int one = 1;

	if (!bed_open(&bed, kinds[_i]))
		return;
	bed_install(&bed);
	open_target(&bed, "0.0.0.0:8000", false);
	ck_assert_int_eq(setsockopt(bed.target_fd, SOL_IP, IP_PKTINFO, &one, sizeof(one)), 0);
	bed_send(&bed, 1, LEN);
	HARNESS_AWAIT(recvmsg(bed.target_fd, &message, MSG_DONTWAIT) == LEN);
	for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each != NULL;
	     each = CMSG_NXTHDR(&message, each)) {
		if (each->cmsg_level == SOL_IP && each->cmsg_type == IP_PKTINFO)
			memcpy(&info, CMSG_DATA(each), sizeof(info));
	}
	ck_assert_uint_eq(info.ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
	ck_assert_uint_eq(info.ipi_spec_dst.s_addr, htonl(INADDR_LOOPBACK));
	ck_assert_int_eq(info.ipi_ifindex, 1);
	/* The control message goes back as it came. */
	ck_assert_int_eq(sendmsg(bed.target_fd, &message, 0), LEN);
	HARNESS_AWAIT(recv(bed.balancer_fd, payload, sizeof(payload), MSG_DONTWAIT) == LEN);
	bed_close(&bed);
}
END_TEST

/* A target on an address of the host's own, once routes say that its answers come back. */
START_TEST(test_target_of_host)
{
	struct fastpath_place place;
	struct fastpath_flow flow;
	struct bed bed;

	if (!bed_open(&bed, &outer_v4))
		return;
	bed_install(&bed);
	flow = bed.flow;
	ck_assert_int_eq(addr_parse(&flow.target, "10.9.0.1:8000"), 0);
	ck_assert_int_eq(fastpath_install(bed.fastpath, &flow, &place), -1);
	ck_assert_int_eq(errno, EHOSTUNREACH);
	harness_shell("ip rule add from 10.9.0.1 ipproto udp sport 8000 table 123");
	fastpath_remove(bed.fastpath, &bed.place, &(struct fastpath_counts){0});
	bed.flow = flow;
	open_target(&bed, "10.9.0.1:8000", false);
	bed_install(&bed);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

/* A balancer that is behind another device than the one that its datagrams come by. */
START_TEST(test_other_way_back)
{
	struct bed bed;

	if (!bed_open(&bed, &outer_v4))
		return;
	bed_install(&bed);
	fastpath_remove(bed.fastpath, &bed.place, &(struct fastpath_counts){0});
	harness_shell("ip link add other type veth peer name side && ip link set other up"
		      " && ip addr add 10.7.0.1/24 dev other && ip link set side up"
		      " && ip route add 10.9.0.2 via 10.7.0.2");
	ck_assert_int_eq(fastpath_install(bed.fastpath, &bed.flow, &bed.place), -1);
	ck_assert_int_eq(errno, EHOSTUNREACH);
	bed_close(&bed);
}
END_TEST

/* Put the balancer into a third namespace, behind a link that takes no more than 1,300 bytes. */
static void move_behind_narrow_link(struct bed *bed, bool v6)
{
	int end = netns_make_another();
	int here = netns_change(bed->far);
	int kept;

	harness_shell("ip link add mid type veth peer name end netns /proc/%d/fd/%d", getpid(),
		      end);
	harness_shell("ip addr add 10.6.0.1/24 dev mid && ip link set mid mtu 1300 up");
	ck_assert(harness_sysctl("net/ipv4/ip_forward", "1"));
	if (v6) {
		harness_shell("ip -6 addr add fd06::1/64 dev mid nodad");
		ck_assert(harness_sysctl("net/ipv6/conf/all/forwarding", "1"));
	}
	close(netns_change(end));
	harness_shell("ip link set end mtu 1300 up && ip addr add 10.6.0.2/24 dev end"
		      " && ip route add default via 10.6.0.1");
	if (v6)
		harness_shell("ip -6 addr add fd06::2/64 dev end nodad"
			      " && ip -6 route add default via fd06::1");
	close(bed->balancer_fd);
	ck_assert_int_eq(addr_parse(&bed->flow.balancer, v6 ? "[fd06::2]:9000" : "10.6.0.2:9000"),
			 0);
	kept = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(kept, &bed->flow.balancer.sa, addr_len(&bed->flow.balancer)), 0);
	bed->balancer_fd = kept;
	close(netns_change(here));
	close(here);
	close(end);
	harness_shell("ip route add 10.6.0.0/24 via 10.9.0.2");
	if (v6)
		harness_shell("ip -6 route add fd06::/64 via fd09::2");
}

/*
 * Where a router on the way back takes only shorter packets, it says so of the first reply, which
 * is lost as it always is; longer ones are user space's from then on, where the kernel cuts them.
 */
START_TEST(test_narrow_way)
{
	const struct bed_kind *kind = _i == 0 ? &outer_v4 : &outer_v6;
	int64_t until_ms = harness_now_ms() + harness_patience_ms();
	struct fastpath_counts counts;
	enum bed_end end;
	struct bed bed;

	if ((kind->v6 && !netns_has_ipv6()) || !bed_open(&bed, kind))
		return;
	move_behind_narrow_link(&bed, kind->v6);
	bed_install(&bed);
	/* The way is known to neighbours after the first datagram. */
	bed_send(&bed, 1, LEN);
	ck_assert_int_ne(bed_find_up(&bed, 1, LEN, harness_patience_ms()), BED_NOBODY);
	expect_carried(&bed);
	/* The one that says so may itself take its time. */
	do {
		fastpath_renew(bed.fastpath);
		end = bed_answer(&bed, 1, 1400, 100);
		ck_assert_int_ne(end, BED_BALANCER);
	} while (end == BED_NOBODY && harness_now_ms() < until_ms);
	ck_assert_int_eq(end, BED_USER);
	ck_assert_int_eq(bed_answer(&bed, 2, 1400, harness_patience_ms()), BED_USER);
	ck_assert_uint_ge(bed_events(&bed, FASTPATH_TOO_LONG), 2);
	expect_carried(&bed);
	/* And a new owner, who has not seen it, learns it from the route. */
	fastpath_remove(bed.fastpath, &bed.place, &counts);
	fastpath_close(bed.fastpath);
	bed.fastpath = fastpath_open((char[FASTPATH_WHY_MAX]){0});
	ck_assert_ptr_nonnull(bed.fastpath);
	bed_install(&bed);
	ck_assert_int_eq(bed_answer(&bed, 3, 1400, harness_patience_ms()), BED_USER);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

/* A mark that leads replies to this host must not lead them astray on the way to the balancer. */
START_TEST(test_marked_replies)
{
	struct bed bed;

	if (!harness_has_tool("nft") || !bed_open(&bed, &outer_v4))
		return;
	move_behind_narrow_link(&bed, false);
	harness_shell("nft 'add table inet t;"
		      " add chain inet t out { type route hook output priority mangle; };"
		      " add rule inet t out udp sport 8000 meta mark set 0x7b'"
		      " && ip rule add fwmark 0x7b table 123"
		      " && ip rule add pref 10 fwmark 0x7b to 10.6.0.0/24 unreachable");
	bed_install(&bed);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fastpath_host");
	TCase *tcase = harness_case(suite, "host", 60);

	tcase_add_loop_test(tcase, test_missing_sysctl, 0, 2);
	tcase_add_test(tcase, test_sysctl_for_all_devices);
	tcase_add_loop_test(tcase, test_no_need, 0, 2);
	tcase_add_loop_test(tcase, test_rp_filter, 0, 6);
	tcase_add_loop_test(tcase, test_no_return_routes, 0, 2);
	tcase_add_test(tcase, test_firewall_in_the_way);
	tcase_add_loop_test(tcase, test_conntrack, 0, 3);
	tcase_add_test(tcase, test_marked_replies);
	tcase_add_loop_test(tcase, test_kinds_of_targets, 0, 6);
	tcase_add_loop_test(tcase, test_packet_info, 0, 2);
	tcase_add_test(tcase, test_target_of_host);
	tcase_add_test(tcase, test_other_way_back);
	tcase_add_loop_test(tcase, test_narrow_way, 0, 2);
	return harness_run(suite);
}
