/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contrib/routing: a server on another host, whose default route does not lead to mmproxy's.
 *
 *   balancer  198.51.100.0/24  mmproxy  10.20.0.0/24  server  10.30.0.0/24  net
 *
 * "net" is the server's way to everywhere else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "recipe.h"
#include "udp.h"

#define HERE RECIPE_HERE

#define LISTENS_V4 RECIPE_MMPROXY_V4 ":7000"
#define LISTENS_V6 RECIPE_MMPROXY_V6 ":7000"
#define SERVER_V4  "10.20.0.2:8000"
#define SERVER_V6  "[fd00:20::2]:8000"

/* Somebody in the net. */
#define STRANGER_V4 "198.18.0.9"

static int balancer;
static int server;
static int net;

static void make_hosts(void)
{
	int here;

	balancer = recipe_add_balancer();
	server = netns_make_another();
	net = netns_make_another();
	recipe_connect(server, "mmproxy", "10.20.0.1/24", "fd00:20::1/64", "server", "10.20.0.2/24",
		       "fd00:20::2/64");
	here = netns_change(server);
	recipe_connect(net, "server", "10.30.0.2/24", "fd00:30::2/64", "net", "10.30.0.1/24",
		       "fd00:30::1/64");
	close(netns_change(here));
	close(here);
	recipe_shell(server, "ip route add default via 10.30.0.1");
	recipe_shell(net, "ip addr add " STRANGER_V4 "/32 dev lo && "
			  "ip route add 10.20.0.0/24 via 10.30.0.2");
	if (netns_has_ipv6())
		recipe_shell(server, "ip -6 route add default via fd00:30::1");
	/* Neither host forwards anything. */
	recipe_shell(HERE, "[ \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 0 ]");
	recipe_shell(server, "[ \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 0 ]");
}

/* A sysctl of the server's host; false where sysctls cannot be set. */
static bool set_on_server(const char *sysctl, const char *value)
{
	int here = netns_change(server);
	bool done = harness_sysctl(sysctl, value);

	close(netns_change(here));
	close(here);
	return done;
}

/* The server listens on one address, or on all. */
static void check_traffic(const char *udp_v4, const char *udp_v6)
{
	int fd = recipe_udp(server, udp_v4);

	recipe_start("other-host.conf");
	recipe_check_tcp(balancer, LISTENS_V4, recipe_listen(server, SERVER_V4), RECIPE_CLIENT_V4,
			 NULL);
	recipe_check_udp(balancer, LISTENS_V4, fd, RECIPE_CLIENT_V4, NULL);
	peer_close(fd);
	if (netns_has_ipv6()) {
		recipe_check_tcp(balancer, LISTENS_V6, recipe_listen(server, SERVER_V6),
				 RECIPE_CLIENT_V6, NULL);
		recipe_check_udp(balancer, LISTENS_V6, recipe_udp(server, udp_v6), RECIPE_CLIENT_V6,
				 NULL);
	}
	daemon_stop();
}

START_TEST(a_server_on_another_host)
{
	char *before;
	char *before_there;

	make_hosts();
	before = recipe_dump(HERE);
	before_there = recipe_dump(server);
	recipe_up(HERE, "", "marks");
	recipe_up(server, "", "backend-host");
	check_traffic(SERVER_V4, SERVER_V6);
	recipe_down(HERE, "", "marks", before);
	recipe_down(server, "", "backend-host", before_there);
}
END_TEST

/* UDP on every address: the kernel chooses which one an answer comes from. */
START_TEST(a_server_that_listens_on_every_address)
{
	make_hosts();
	recipe_up(HERE, "", "marks");
	recipe_up(server, "", "backend-host");
	check_traffic("0.0.0.0:8000", netns_has_ipv6() ? "[::]:8000" : "");
}
END_TEST

/* Proof that neither script alone does it. */
START_TEST(either_host_needs_its_script)
{
	static const char config[] =
	    "defaults = { mark = 123; connect_timeout = \"300ms\"; };\n"
	    "listeners = ( { name = \"t\"; listen = \"127.0.0.1:7000\"; "
	    "targets = { ipv4 = \"" SERVER_V4 "\"; }; relay = \"auto\"; } );\n";
	int fd;

	make_hosts();
	(void)recipe_listen(server, SERVER_V4);
	recipe_up(_i == 0 ? HERE : server, "", _i == 0 ? "marks" : "backend-host");
	daemon_start_config(config);
	fd = peer_connect("127.0.0.1:0", "127.0.0.1:7000");
	peer_send_text(fd, "PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n");
	(void)daemon_log_await("reason=backend_timeout", "client=" RECIPE_CLIENT_V4, NULL);
}
END_TEST

/* The server's host keeps its default route, also for answers from other ports and its own talk. */
START_TEST(everything_else_keeps_its_way)
{
	int listener;
	int here;
	int fd;

	make_hosts();
	listener = recipe_listen(server, "10.20.0.2:9000");
	recipe_up(server, "", "backend-host");
	here = netns_change(net);
	fd = peer_connect(STRANGER_V4 ":0", "10.20.0.2:9000");
	(void)netns_change(here);
	peer_send_text(fd, "hello");
	peer_expect_text(peer_accept(listener, NULL), "hello");
	recipe_shell(server, "ip route get " STRANGER_V4 " | grep -q ' via 10.30.0.1 '");
	recipe_shell(server, "ip route get " STRANGER_V4
			     " from 10.20.0.2 ipproto tcp sport 8001 | grep -q ' via 10.30.0.1 '");
	recipe_shell(server, "ip route get " STRANGER_V4
			     " from 10.20.0.2 ipproto tcp sport 8000 | grep -q ' via 10.20.0.1 '");
}
END_TEST

/* A host that drops what comes by another interface than answers would go. */
START_TEST(a_strict_host_is_loosened_and_made_strict_again)
{
	const char *strict =
	    _i == 0 ? "net/ipv4/conf/all/rp_filter" : "net/ipv4/conf/to-mmproxy/rp_filter";
	char *before;

	make_hosts();
	if (!set_on_server(strict, "1")) {
		printf("skipped: sysctls cannot be set here\n");
		return;
	}
	before = recipe_dump(server);
	recipe_up(HERE, "", "marks");
	recipe_up(server, "", "backend-host");
	recipe_shell(server, "[ \"$(cat /proc/sys/net/ipv4/conf/to-mmproxy/rp_filter)\" = 2 ]");
	check_traffic(SERVER_V4, SERVER_V6);
	/* The interface may change, and then its filter is as before. */
	ck_assert_int_eq(recipe_run(server, "ADDRESS_V4=10.30.0.2 GATEWAY_V4=10.30.0.1 ADDRESS_V6=",
				    "backend-host up"),
			 0);
	recipe_down(server, "", "backend-host", before);
}
END_TEST

/* What its administrator sets meanwhile stays. */
START_TEST(a_filter_that_was_set_since_stays)
{
	make_hosts();
	if (!set_on_server("net/ipv4/conf/to-mmproxy/rp_filter", "1")) {
		printf("skipped: sysctls cannot be set here\n");
		return;
	}
	recipe_up(server, "", "backend-host");
	ck_assert(set_on_server("net/ipv4/conf/to-mmproxy/rp_filter", "0"));
	ck_assert_int_eq(recipe_run(server, "", "backend-host down"), 0);
	recipe_shell(server, "[ \"$(cat /proc/sys/net/ipv4/conf/to-mmproxy/rp_filter)\" = 0 ]");
}
END_TEST

/* The interface was down for a moment, and its routes went. */
START_TEST(up_again_brings_back_what_went)
{
	make_hosts();
	recipe_up(HERE, "", "marks");
	recipe_up(server, "", "backend-host");
	recipe_shell(server, "ip route flush table 127 && ip rule del table 127");
	recipe_up(server, "", "backend-host");
	recipe_start("other-host.conf");
	recipe_check_tcp(balancer, LISTENS_V4, recipe_listen(server, SERVER_V4), RECIPE_CLIENT_V4,
			 NULL);
}
END_TEST

static Suite *recipes_suite(void)
{
	Suite *suite = suite_create("net_recipes_host");
	TCase *tcase = harness_case_without_routes(suite, "other_host", 60);

	if (!harness_has_tool("nft"))
		return suite;
	tcase_add_test(tcase, a_server_on_another_host);
	tcase_add_test(tcase, a_server_that_listens_on_every_address);
	tcase_add_loop_test(tcase, either_host_needs_its_script, 0, 2);
	tcase_add_test(tcase, everything_else_keeps_its_way);
	tcase_add_loop_test(tcase, a_strict_host_is_loosened_and_made_strict_again, 0, 2);
	tcase_add_test(tcase, a_filter_that_was_set_since_stays);
	tcase_add_test(tcase, up_again_brings_back_what_went);
	return suite;
}

int main(void)
{
	return harness_run(recipes_suite());
}
