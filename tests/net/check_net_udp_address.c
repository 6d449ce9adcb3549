/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the host's addresses answers come from: the one that the load balancer had sent to. Left
 * to itself the kernel would choose by the route back, which every test here makes another one.
 */
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

#define WILDCARD_V4 "listen = \"0.0.0.0:7000\";"
#define WILDCARD_V6 "listen = \"[::]:7000\";"

static const char *const ipv4_listeners[] = {"192.0.2.1:7000", "192.0.2.2:7000", "127.0.0.1:7000",
					     "127.0.0.77:7000"};
static const char *const ipv6_listeners[] = {"[2001:db8:1::1]:7000", "[2001:db8:1::2]:7000",
					     "[::1]:7000"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void add_addresses(void)
{
	harness_shell("ip address add 192.0.2.1/32 dev lo && ip address add 192.0.2.2/32 dev lo");
	if (netns_has_ipv6())
		harness_shell("ip address add 2001:db8:1::1/128 dev lo nodad"
			      " && ip address add 2001:db8:1::2/128 dev lo nodad");
}

/* A flow through each of these addresses, more than once, so that none sticks to the first. */
static void check_listeners(int balancer, int backend, const char *const *listeners, size_t count)
{
	char client[64];

	for (unsigned i = 0; i < 3 * count; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
		balancer_check_at(balancer, listeners[i % count], backend, client);
	}
}

START_TEST(a_wildcard_of_ipv4_answers_from_where_it_was_asked)
{
	int backend = udp_open(BACKEND_V4);

	add_addresses();
	daemon_start_udp_workers((unsigned)_i, WILDCARD_V4);
	check_listeners(balancer_open(), backend, ipv4_listeners, COUNT(ipv4_listeners));
	check_listeners(udp_open("192.0.2.2:0"), backend, ipv4_listeners, COUNT(ipv4_listeners));
}
END_TEST

START_TEST(a_wildcard_of_ipv6_answers_from_where_it_was_asked)
{
	int backend = udp_open(BACKEND_V4);

	if (!netns_has_ipv6())
		return;
	add_addresses();
	daemon_start_udp_workers((unsigned)_i, WILDCARD_V6);
	check_listeners(udp_open("[::1]:0"), backend, ipv6_listeners, COUNT(ipv6_listeners));
	check_listeners(udp_open("[2001:db8:1::2]:0"), backend, ipv6_listeners,
			COUNT(ipv6_listeners));
}
END_TEST

/* Nothing else listens on IPv4, so [::] takes both families. */
START_TEST(a_dual_stack_wildcard_answers_from_where_it_was_asked)
{
	int backend = udp_open(BACKEND_V4);

	if (!netns_has_ipv6())
		return;
	add_addresses();
	daemon_start_udp_workers((unsigned)_i, WILDCARD_V6);
	check_listeners(balancer_open(), backend, ipv4_listeners, COUNT(ipv4_listeners));
	check_listeners(udp_open("192.0.2.1:0"), backend, ipv4_listeners, COUNT(ipv4_listeners));
	check_listeners(udp_open("[2001:db8:1::1]:0"), backend, ipv6_listeners,
			COUNT(ipv6_listeners));
}
END_TEST

/* Both wildcards side by side are two listeners. */
START_TEST(two_wildcards_answer_from_where_they_were_asked)
{
	int backend = udp_open(BACKEND_V4);

	if (!netns_has_ipv6())
		return;
	add_addresses();
	daemon_start_udp("listen = [ \"0.0.0.0:7000\", \"[::]:7000\" ];");
	check_listeners(balancer_open(), backend, ipv4_listeners, COUNT(ipv4_listeners));
	check_listeners(udp_open("[::1]:0"), backend, ipv6_listeners, COUNT(ipv6_listeners));
}
END_TEST

/* One flow through several addresses: the latest counts, of both ends. */
START_TEST(a_flow_follows_the_load_balancer_to_another_address)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[2] = {balancer_open()};

	add_addresses();
	balancers[1] = udp_open("192.0.2.2:0");
	daemon_start_udp(WILDCARD_V4);
	for (unsigned i = 0; i < 12; i++)
		balancer_check_at(balancers[i % 2], ipv4_listeners[i % 3], backend,
				  BALANCER_CLIENT);
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

START_TEST(a_flow_follows_the_load_balancer_to_another_family)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[2];

	if (!netns_has_ipv6())
		return;
	add_addresses();
	balancers[0] = balancer_open();
	balancers[1] = udp_open("[2001:db8:1::1]:0");
	daemon_start_udp("listen = [ \"0.0.0.0:7000\", \"[::]:7000\" ];");
	for (unsigned i = 0; i < 6; i++)
		balancer_check_at(balancers[i % 2],
				  i % 2 == 0 ? ipv4_listeners[1] : ipv6_listeners[1], backend,
				  BALANCER_CLIENT);
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/* Ports of a range are listeners with one set of flows. */
START_TEST(a_port_range_answers_from_the_port_that_was_asked)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char listener[64];

	daemon_start_udp("listen = \"127.0.0.1:7000-7009\";");
	for (unsigned i = 0; i < 20; i++) {
		snprintf(listener, sizeof(listener), "127.0.0.1:%u", 7000 + i * 3 % 10);
		balancer_check_at(balancer, listener, backend, BALANCER_CLIENT);
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

static Suite *udp_address_suite(void)
{
	Suite *suite = suite_create("net_udp_address");
	TCase *address = harness_case(suite, "address", 60);

	tcase_add_loop_test(address, a_wildcard_of_ipv4_answers_from_where_it_was_asked, 1, 3);
	tcase_add_loop_test(address, a_wildcard_of_ipv6_answers_from_where_it_was_asked, 1, 3);
	tcase_add_loop_test(address, a_dual_stack_wildcard_answers_from_where_it_was_asked, 1, 3);
	tcase_add_test(address, two_wildcards_answer_from_where_they_were_asked);
	tcase_add_test(address, a_flow_follows_the_load_balancer_to_another_address);
	tcase_add_test(address, a_flow_follows_the_load_balancer_to_another_family);
	tcase_add_test(address, a_port_range_answers_from_the_port_that_was_asked);
	return suite;
}

int main(void)
{
	return harness_run(udp_address_suite());
}
