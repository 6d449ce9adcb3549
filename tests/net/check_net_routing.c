/* SPDX-License-Identifier: BSD-2-Clause */
/* Return routes by the daemon (routing.manage), in namespaces that have none. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "sender.h"
#include "udp.h"
#include "udp_table.h"

#define MANAGE "routing = { manage = true; };\n"
#define HEAD   "workers = 1; drain_timeout = \"100ms\"; log = { level = \"debug\"; };\n" MANAGE

#define TCP(targets)                                                                     \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; targets = { " targets \
	" }; } );\n"
#define UDP(targets)                                                              \
	"listeners = ( { name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4 \
	"\"; targets = { " targets " }; } );\n"

#define IPV4	     "ipv4 = \"127.0.0.1:8000\"; "
#define IPV6	     "ipv6 = \"[::1]:8000\"; "
#define CLIENT_V6    "[2001:db8::7]:40000"
#define OTHER_V4     "127.0.0.1:8001"
#define OWN	     "proto 223"
#define OWN_TABLE_V4 "local default dev lo table 123 proto 223 scope host"
#define OWN_TABLE_V6 "local default dev lo table 123 proto 223 metric 1024"

/* Nothing of the daemon's is left, and nothing else has changed. */
static void assert_as_before(char *before)
{
	char *after = routes_dump();

	ck_assert_str_eq(after, before);
	free(after);
	free(before);
}

/* ---- what is set up ---- */

START_TEST(tcp_needs_no_routes_by_hand)
{
	int backend = peer_listen(BACKEND_V4);
	char *before = routes_dump();

	daemon_start_config(HEAD TCP(IPV4));
	connection_try(backend, CONNECTION_CLIENT);
	ck_assert_uint_eq(routes_count(OWN_TABLE_V4), 1);
	ck_assert_uint_eq(routes_count("from 127.0.0.1 iif lo ipproto tcp sport 8000 lookup 123"),
			  1);
	/* Of the other family nothing was needed. */
	ck_assert_uint_eq(routes_count(OWN), 2);
	daemon_stop();
	assert_as_before(before);
}
END_TEST

START_TEST(tcp_needs_no_routes_of_ipv6)
{
	int backend = peer_listen(BACKEND_V6);
	char *before = routes_dump();

	daemon_start_config(HEAD TCP(IPV6));
	connection_try(backend, CLIENT_V6);
	ck_assert_uint_eq(routes_count(OWN_TABLE_V6), 1);
	ck_assert_uint_eq(routes_count("from ::1 iif lo ipproto tcp sport 8000 lookup 123"), 1);
	ck_assert_uint_eq(routes_count(OWN), 2);
	daemon_stop();
	assert_as_before(before);
}
END_TEST

START_TEST(both_families_at_once)
{
	int ipv4 = peer_listen(BACKEND_V4);
	int ipv6 = peer_listen(BACKEND_V6);

	daemon_start_config(HEAD TCP(IPV4 IPV6));
	connection_try(ipv4, CONNECTION_CLIENT);
	connection_try(ipv6, CLIENT_V6);
	ck_assert_uint_eq(routes_count(OWN), 4);
}
END_TEST

START_TEST(udp_needs_no_routes_by_hand)
{
	int backend = udp_open(BACKEND_V4);
	char *before = routes_dump();
	int balancer = balancer_open();

	daemon_start_config(HEAD UDP(IPV4));
	balancer_check(balancer, backend, BALANCER_CLIENT);
	/* That nobody listens there any more is heard of as well, if only of one in five. */
	peer_close(backend);
	for (int i = 0; i < 5; i++) {
		balancer_send_text(balancer, BALANCER_CLIENT, "lost");
		HARNESS_AWAIT(udp_table_queued(7000) == 0);
	}
	balancer_check(balancer, udp_open(BACKEND_V4), BALANCER_CLIENT);
	daemon_stop();
	(void)daemon_log_await("client=" BALANCER_CLIENT, " icmp_errors=", NULL);
	assert_as_before(before);
}
END_TEST

START_TEST(udp_needs_no_routes_of_ipv6)
{
	int backend = udp_open(BACKEND_V6);

	daemon_start_config(HEAD UDP(IPV6));
	balancer_check(balancer_open(), backend, BALANCER_CLIENT_V6);
}
END_TEST

START_TEST(dynamic_destinations_on_loopback)
{
	static struct sender_header header;
	int backend = peer_listen("127.0.0.5:8123");
	int client;

	daemon_start_config(
	    HEAD
	    "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
	    "\"; dynamic_destination = true; allowed_destinations = [ \"127.0.0.0/8\" ]; } );");
	ck_assert_uint_eq(routes_count("from 127.0.0.0/8 iif lo lookup 123"), 1);
	ck_assert_uint_eq(routes_count(OWN), 2);
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	sender_v1(&header, CONNECTION_CLIENT, "127.0.0.5:8123");
	peer_send(client, header.bytes, header.len);
	peer_send_text(peer_accept_from(backend, CONNECTION_CLIENT), "hello");
	peer_expect_text(client, "hello");
}
END_TEST

/* ---- targets that are not on loopback ---- */

START_TEST(a_guest_of_this_host)
{
	int guest = routes_add_guest();
	int backend = routes_listen_in_guest(guest, ROUTES_GUEST_V4);
	char *before = routes_dump();

	daemon_start_config(HEAD TCP("ipv4 = \"" ROUTES_GUEST_V4 "\";"));
	ck_assert_uint_eq(routes_count("table inet mmproxy"), 1);
	connection_try(backend, CONNECTION_CLIENT);
	daemon_stop();
	assert_as_before(before);
}
END_TEST

START_TEST(a_guest_with_ipv6_and_a_listener_with_a_mark)
{
	int guest = routes_add_guest();
	int backend = routes_listen_in_guest(guest, ROUTES_GUEST_V6);

	/* The mark that would have been the daemon's own choice. */
	daemon_start_config(HEAD "defaults = { " DAEMON_PATIENT_TCP
				 "mark = 124; };\n" TCP("ipv6 = \"" ROUTES_GUEST_V6 "\";"));
	connection_try(backend, CLIENT_V6);
	ck_assert_uint_eq(routes_count("fwmark 0x7d lookup 123"), 1);
}
END_TEST

START_TEST(a_guest_with_udp)
{
	int guest = routes_add_guest();
	int backend = routes_udp_in_guest(guest, ROUTES_GUEST_V4);

	daemon_start_config(HEAD UDP("ipv4 = \"" ROUTES_GUEST_V4 "\";"));
	balancer_check(balancer_open(), backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(another_address_of_this_host)
{
	unsigned port;
	int backend;
	int direct;

	(void)routes_add_guest();
	harness_shell("ip route add default via 192.0.2.2");
	backend = peer_listen("192.0.2.1:8000");
	daemon_start_config(HEAD TCP("ipv4 = \"192.0.2.1:8000\";"));
	connection_try(backend, CONNECTION_CLIENT);
	/* Connections that are not mmproxy's are left alone. */
	direct = peer_connect("192.0.2.1:0", "192.0.2.1:8000");
	peer_send_text(peer_accept_from_ip(backend, "192.0.2.1", &port), "hello");
	peer_expect_text(direct, "hello");
}
END_TEST

START_TEST(a_guest_that_comes_later)
{
	int backend;

	daemon_start_config(HEAD TCP("ipv4 = \"" ROUTES_GUEST_V4 "\";"));
	(void)daemon_log_await("listener t: there is no route to 192.0.2.2", NULL, NULL);
	ck_assert_uint_eq(routes_count(OWN), 0);
	backend = routes_listen_in_guest(routes_add_guest(), ROUTES_GUEST_V4);
	HARNESS_AWAIT(routes_count("table inet mmproxy") == 1);
	HARNESS_AWAIT(routes_count(OWN) == 2);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

START_TEST(another_host_is_said_to_be_one)
{
	/* A device that leads away, of a kind that this kernel has; not each is for everybody. */
	harness_shell("(ip link add to-net type dummy || "
		      "ip link add to-net type vxlan id 5 remote 192.0.2.1 dstport 4789 || "
		      "ip tuntap add to-net mode tun) 2>/dev/null && "
		      "ip addr add 198.51.100.2/24 dev to-net && ip link set to-net up");
	daemon_start_config(HEAD TCP("ipv4 = \"198.51.100.9:8000\";"));
	(void)daemon_log_await("warn ", "listener t: 198.51.100.9 is on another host", NULL);
	ck_assert_uint_eq(routes_count(OWN), 0);
	ck_assert_uint_eq(routes_count("table inet mmproxy"), 0);
}
END_TEST

static Suite *routing_suite(void)
{
	Suite *suite = suite_create("net_routing");
	TCase *loopback = harness_case_without_routes(suite, "loopback", 30);
	TCase *elsewhere = harness_case_without_routes(suite, "elsewhere", 30);
	bool ipv6 = netns_has_ipv6();

	tcase_add_test(loopback, tcp_needs_no_routes_by_hand);
	tcase_add_test(loopback, udp_needs_no_routes_by_hand);
	tcase_add_test(loopback, dynamic_destinations_on_loopback);
	if (ipv6) {
		tcase_add_test(loopback, tcp_needs_no_routes_of_ipv6);
		tcase_add_test(loopback, both_families_at_once);
		tcase_add_test(loopback, udp_needs_no_routes_of_ipv6);
	}
	tcase_add_test(elsewhere, another_host_is_said_to_be_one);
	if (!routes_have_marks())
		return suite;
	tcase_add_test(elsewhere, a_guest_of_this_host);
	tcase_add_test(elsewhere, a_guest_with_udp);
	tcase_add_test(elsewhere, another_address_of_this_host);
	tcase_add_test(elsewhere, a_guest_that_comes_later);
	if (ipv6)
		tcase_add_test(elsewhere, a_guest_with_ipv6_and_a_listener_with_a_mark);
	return suite;
}

int main(void)
{
	return routes_are_built() ? harness_run(routing_suite()) : 77;
}
