/* SPDX-License-Identifier: BSD-2-Clause */
/* listen_transparent: datagrams to addresses that are not mmproxy's, redirected by a TPROXY rule.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

/* Where load balancers send to; the rule hands it to 127.0.0.1:7000 or [::1]:7000. */
#define ELSEWHERE_V4	  "198.51.100.9:7000"
#define ELSEWHERE_V6	  "[2001:db8:5::9]:7000"
#define ELSEWHERE_PORT_V4 "198.51.100.9:443"
#define ELSEWHERE_PORT_V6 "[2001:db8:5::9]:443"

/* False where the kernel has no such rule. */
static bool redirect(void)
{
	int probe = system(
	    "nft add table inet probe 2>/dev/null"
	    " && nft add chain inet probe p '{ type filter hook prerouting priority -150; }'"
	    " && nft add rule inet probe p ip daddr 198.51.100.0/24 udp dport '{ 443, 7000 }'"
	    " tproxy ip to 127.0.0.1:7000 2>/dev/null");

	if (probe != 0) {
		printf("skipped: this kernel has no nftables TPROXY rules\n");
		return false;
	}
	harness_shell(
	    "nft add rule inet probe p ip6 daddr 2001:db8:5::/64 udp dport '{ 443, 7000 }'"
	    " tproxy ip6 to '[::1]:7000'"
	    " && ip route add local 198.51.100.0/24 dev lo");
	if (netns_has_ipv6())
		harness_shell("ip -6 route add local 2001:db8:5::/64 dev lo");
	return true;
}

START_TEST(redirected_datagrams_are_carried)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	if (!redirect())
		return;
	daemon_start_udp_workers((unsigned)_i, "listen_transparent = true;");
	for (int i = 0; i < 3; i++) {
		/* The answer comes from where the load balancer had sent to, not from mmproxy's
		 * own. */
		balancer_check_at(balancer, ELSEWHERE_V4, backend, BALANCER_CLIENT);
		balancer_check_at(balancer, "198.51.100.77:7000", backend, BALANCER_CLIENT);
		balancer_check(balancer, backend, BALANCER_CLIENT);
	}
}
END_TEST

/* A rule may catch other ports than the listener's, and answers come from those as well. */
START_TEST(answers_come_from_the_port_that_was_caught)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	if (!redirect())
		return;
	daemon_start_udp_workers((unsigned)_i, "listen_transparent = true;");
	for (int i = 0; i < 3; i++) {
		balancer_check_at(balancer, ELSEWHERE_PORT_V4, backend, BALANCER_CLIENT);
		balancer_check_at(balancer, "198.51.100.77:443", backend, BALANCER_OTHER_CLIENT);
		balancer_check_at(balancer, ELSEWHERE_V4, backend, BALANCER_CLIENT);
		balancer_check(balancer, backend, BALANCER_CLIENT);
	}
}
END_TEST

/* Flows have every descriptor that they may: one makes room for the socket that answers leave by.
 */
START_TEST(a_flow_makes_room_for_a_socket_of_replies)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	static struct sender_header header;
	int64_t deadline;
	char client[64];

	if (!redirect())
		return;
	daemon_start_udp("listen_transparent = true;");
	if (daemon_is_wrapped())
		return;
	daemon_leave_descriptors(6);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(client, sizeof(client), "203.0.113.9:%u", 50000 + i);
		balancer_check(balancer, backend, client);
	}
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	deadline = harness_now_ms() + harness_patience_ms();
	do {
		ck_assert_int_lt(harness_now_ms(), deadline);
		balancer_send_header(balancer, ELSEWHERE_PORT_V4, &header, "question", 8);
		udp_expect_text(backend, BALANCER_CLIENT, "question");
		udp_send_text(backend, BALANCER_CLIENT, "answer");
	} while (udp_receive_within(balancer, 200) == NULL);
	/* Answers to the questions before may be on their way still. */
	udp_send_text(backend, BALANCER_CLIENT, "the last answer");
	udp_await_text(balancer, "the last answer");
	balancer_check_at(balancer, ELSEWHERE_PORT_V4, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(redirected_ipv6_datagrams_are_carried)
{
	int backend;

	if (!redirect() || !netns_has_ipv6())
		return;
	backend = udp_open(BACKEND_V6);
	daemon_start_udp("listen = [ \"" LISTEN_V4
			 "\", \"[::1]:7000\" ]; listen_transparent = true;");
	balancer_check_at(udp_open("[::1]:0"), ELSEWHERE_V6, backend, BALANCER_CLIENT_V6);
	balancer_check_at(udp_open("[::1]:0"), ELSEWHERE_PORT_V6, backend, BALANCER_CLIENT_V6);
}
END_TEST

/* Proof that the rule alone does not do it: the kernel wants IP_TRANSPARENT on the socket. */
START_TEST(without_the_key_nothing_is_taken)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	static struct sender_header header;

	if (!redirect())
		return;
	daemon_start_udp("");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	balancer_send_header(balancer, ELSEWHERE_V4, &header, "lost", 4);
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(a_transparent_listener_binds_any_address)
{
	/* 192.0.2.1 is no address of this host; IP_TRANSPARENT allows to listen on it all the same.
	 */
	daemon_start_udp("listen = [ \"" LISTEN_V4
			 "\", \"192.0.2.1:7001\" ]; listen_transparent = true;");
	ck_assert_uint_eq(udp_table_unconnected(7001), 1);
}
END_TEST

static Suite *udp_transparent_suite(void)
{
	Suite *suite = suite_create("net_udp_transparent");
	TCase *transparent = harness_case(suite, "transparent", 60);

	if (harness_has_tool("nft")) {
		tcase_add_loop_test(transparent, redirected_datagrams_are_carried, 1, 4);
		tcase_add_loop_test(transparent, answers_come_from_the_port_that_was_caught, 1, 4);
		tcase_add_test(transparent, a_flow_makes_room_for_a_socket_of_replies);
		tcase_add_test(transparent, redirected_ipv6_datagrams_are_carried);
		tcase_add_test(transparent, without_the_key_nothing_is_taken);
	}
	tcase_add_test(transparent, a_transparent_listener_binds_any_address);
	return suite;
}

int main(void)
{
	return harness_run(udp_transparent_suite());
}
