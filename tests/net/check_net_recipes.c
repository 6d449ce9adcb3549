/* SPDX-License-Identifier: BSD-2-Clause */
/* contrib/routing: return routes for servers on mmproxy's own host, and for ports by TPROXY. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "recipe.h"
#include "routes.h"

#define HERE RECIPE_HERE

/* Where the load balancer connects, in marks.conf. */
#define LISTENS_V4 RECIPE_MMPROXY_V4 ":7000"
#define LISTENS_V6 RECIPE_MMPROXY_V6 ":7000"

/* ---- loopback ---- */

static const char loopback_config[] =
    "defaults = { allowed_subnets = [ \"198.51.100.1\", \"2001:db8:5::1\" ]; " DAEMON_TARGETS
    "connect_timeout = \"10m\"; };\ndrain_timeout = \"100ms\";\n"
    "listeners = ( { name = \"t\"; listen = [ %s ]; }, "
    "{ name = \"u\"; protocol = \"udp\"; listen = [ %s ]; } );\n";

START_TEST(servers_on_loopback)
{
	const char *listen =
	    netns_has_ipv6() ? "\"0.0.0.0:7000\", \"[::]:7000\"" : "\"0.0.0.0:7000\"";
	int balancer = recipe_add_balancer();
	char *before = recipe_dump(HERE);
	char config[1024];

	recipe_up(HERE, "", "loopback");
	snprintf(config, sizeof(config), loopback_config, listen, listen);
	daemon_start_config(config);
	recipe_check_tcp(balancer, LISTENS_V4, peer_listen(BACKEND_V4), RECIPE_CLIENT_V4, NULL);
	recipe_check_udp(balancer, LISTENS_V4, recipe_udp(HERE, BACKEND_V4), RECIPE_CLIENT_V4,
			 NULL);
	if (netns_has_ipv6()) {
		recipe_check_tcp(balancer, LISTENS_V6, peer_listen(BACKEND_V6), RECIPE_CLIENT_V6,
				 NULL);
		recipe_check_udp(balancer, LISTENS_V6, recipe_udp(HERE, BACKEND_V6),
				 RECIPE_CLIENT_V6, NULL);
	}
	daemon_stop();
	recipe_down(HERE, "", "loopback", before);
}
END_TEST

/* ---- marks ---- */

/*
 * Have sources filtered: not at all, strictly, or strictly and as wg-quick(8) has it. False where
 * that cannot be set.
 */
static bool set_filter(int filter)
{
	if ((filter >= 1 && !harness_sysctl("net/ipv4/conf/all/rp_filter", "1")) ||
	    (filter == 2 && !harness_sysctl("net/ipv4/conf/all/src_valid_mark", "1"))) {
		printf("skipped: sysctls cannot be set here\n");
		return false;
	}
	return true;
}

/* What marks.conf has targets in. */
static int add_guest(void)
{
	int guest = netns_make_another();

	recipe_connect(guest, "host", "192.0.2.1/24", "2001:db8:2::1/64", "guest", "192.0.2.2/24",
		       "2001:db8:2::2/64");
	recipe_shell(guest, "ip route add default via 192.0.2.1");
	if (netns_has_ipv6())
		recipe_shell(guest, "ip -6 route add default via 2001:db8:2::1");
	return guest;
}

START_TEST(servers_in_a_guest)
{
	int balancer = recipe_add_balancer();
	int guest = add_guest();
	char *before;

	if (!set_filter(_i))
		return;
	before = recipe_dump(HERE);
	recipe_up(HERE, "", "marks");
	recipe_start("marks.conf");
	recipe_check_tcp(balancer, LISTENS_V4, recipe_listen(guest, ROUTES_GUEST_V4),
			 RECIPE_CLIENT_V4, NULL);
	recipe_check_udp(balancer, LISTENS_V4, recipe_udp(guest, ROUTES_GUEST_V4), RECIPE_CLIENT_V4,
			 NULL);
	if (netns_has_ipv6()) {
		recipe_check_tcp(balancer, LISTENS_V6, recipe_listen(guest, ROUTES_GUEST_V6),
				 RECIPE_CLIENT_V6, NULL);
		recipe_check_udp(balancer, LISTENS_V6, recipe_udp(guest, ROUTES_GUEST_V6),
				 RECIPE_CLIENT_V6, NULL);
	}
	daemon_stop();
	recipe_down(HERE, "", "marks", before);
}
END_TEST

/* The other chain: the answers are this host's own packets. Other numbers than marks.conf has. */
#define OTHER_NUMBERS "MARK=7 ANSWER_MARK=8 OWN_ANSWER_MARK=9 TABLE=4000 PREFERENCE=300"

START_TEST(servers_on_another_address_of_this_host)
{
	int balancer = recipe_add_balancer();
	char *before = recipe_dump(HERE);

	recipe_up(HERE, OTHER_NUMBERS, "marks");
	daemon_start_config(
	    "defaults = { mark = 7; connect_timeout = \"10m\"; "
	    "targets = { ipv4 = \"198.51.100.2:8000\"; }; };\n"
	    "drain_timeout = \"100ms\";\nlisteners = ( "
	    "{ name = \"t\"; listen = \"0.0.0.0:7000\"; }, "
	    "{ name = \"u\"; protocol = \"udp\"; listen = \"0.0.0.0:7000\"; } );\n");
	recipe_check_tcp(balancer, LISTENS_V4, peer_listen("198.51.100.2:8000"), RECIPE_CLIENT_V4,
			 NULL);
	recipe_check_udp(balancer, LISTENS_V4, recipe_udp(HERE, "198.51.100.2:8000"),
			 RECIPE_CLIENT_V4, NULL);
	daemon_stop();
	recipe_down(HERE, OTHER_NUMBERS, "marks", before);
}
END_TEST

/* ---- TPROXY ---- */

static bool has_tproxy(void)
{
	if (system("nft 'add table inet probe; add chain inet probe p "
		   "{ type filter hook prerouting priority mangle; }; "
		   "add rule inet probe p tcp dport 1 tproxy to :1; delete table inet probe' "
		   "2>/dev/null") == 0)
		return true;
	printf("skipped: this kernel has no nftables TPROXY rules\n");
	return false;
}

static void check_ports(int balancer, const char *to, const char *server, const char *client)
{
	static const unsigned ports[] = {20000, 20567, 20999};

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		char destination[64];
		char caught[64];

		snprintf(caught, sizeof(caught), "%s:%u", to, ports[i]);
		snprintf(destination, sizeof(destination), "%s:%u", server, ports[i]);
		recipe_check_tcp(balancer, caught, peer_listen(destination), client, destination);
		recipe_check_udp(balancer, caught, recipe_udp(HERE, destination), client,
				 destination);
	}
}

START_TEST(a_range_of_ports)
{
	int balancer = recipe_add_balancer();
	char *before;

	if (!has_tproxy() || !set_filter(_i))
		return;
	before = recipe_dump(HERE);
	recipe_up(HERE, "", "tproxy");
	recipe_start("tproxy.conf");
	check_ports(balancer, RECIPE_MMPROXY_V4, "192.0.2.80", RECIPE_CLIENT_V4);
	if (netns_has_ipv6())
		check_ports(balancer, RECIPE_MMPROXY_V6, "[2001:db8:8::80]", RECIPE_CLIENT_V6);
	daemon_stop();
	recipe_down(HERE, "", "tproxy", before);
}
END_TEST

/* A load balancer that keeps the address that clients connect to; this host routes it elsewhere. */
START_TEST(a_range_of_ports_of_an_address_that_is_not_here)
{
	int balancer = recipe_add_balancer();

	if (!has_tproxy())
		return;
	recipe_shell(balancer, "ip route add 198.18.0.0/15 via " RECIPE_MMPROXY_V4);
	recipe_up(HERE, "BALANCERS_V6= SERVERS_V6=", "tproxy");
	recipe_start("tproxy.conf");
	check_ports(balancer, "198.18.0.5", "192.0.2.80", RECIPE_CLIENT_V4);
}
END_TEST

/* Other ports, and other peers, are not caught. */
START_TEST(other_ports_are_left_alone)
{
	int balancer = recipe_add_balancer();
	int listener = peer_listen(RECIPE_MMPROXY_V4 ":21000");
	int here;
	int fd;
	unsigned port;

	if (!has_tproxy())
		return;
	recipe_up(HERE, "PROTOCOLS=tcp", "tproxy");
	recipe_start("tproxy.conf");
	here = netns_change(balancer);
	fd = peer_connect("198.51.100.1:0", RECIPE_MMPROXY_V4 ":21000");
	(void)netns_change(here);
	peer_send_text(peer_accept_from_ip(listener, "198.51.100.1", &port), "hello");
	peer_expect_text(fd, "hello");
	recipe_shell(balancer, "ip addr add 198.51.100.3/24 dev to-mmproxy");
	here = netns_change(balancer);
	ck_assert_int_lt(peer_try_connect("198.51.100.3:0", RECIPE_MMPROXY_V4 ":20000"), 0);
	(void)netns_change(here);
}
END_TEST

/* ---- what every recipe does ---- */

static void check_refused(const char *assignments, const char *command, int code)
{
	char *before = recipe_dump(HERE);

	ck_assert_int_eq(recipe_run(HERE, assignments, command), code);
	recipe_expect(HERE, before);
	free(before);
}

static const char *const recipes[] = {"loopback", "marks", "tproxy", "backend-host"};
#define RECIPES (sizeof(recipes) / sizeof(recipes[0]))

START_TEST(other_verbs_are_refused)
{
	static const char *const verbs[] = {"", "upwards", "up down", "--help"};

	for (size_t i = 0; i < RECIPES; i++)
		for (size_t j = 0; j < sizeof(verbs) / sizeof(verbs[0]); j++) {
			char command[64];

			snprintf(command, sizeof(command), "%s %s", recipes[i], verbs[j]);
			check_refused("", command, 2);
		}
}
END_TEST

/* backend-host without its network would be refused for that already. */
#define NEIGHBOUR "ADDRESS_V4=198.51.100.2 GATEWAY_V4=198.51.100.1 ADDRESS_V6= "

START_TEST(a_table_of_somebody_else_is_refused)
{
	(void)recipe_add_balancer();
	harness_shell("ip route add 10.99.0.0/16 via 198.51.100.1 table 4000");
	for (size_t i = 0; i < RECIPES; i++) {
		char command[64];

		snprintf(command, sizeof(command), "%s up", recipes[i]);
		check_refused(NEIGHBOUR "TABLE=4000", command, 1);
		ck_assert_int_eq(recipe_run(HERE, NEIGHBOUR, command), 0);
		snprintf(command, sizeof(command), "%s down", recipes[i]);
		ck_assert_int_eq(recipe_run(HERE, NEIGHBOUR, command), 0);
	}
}
END_TEST

/* Each fails at its last step, or in the middle. */
START_TEST(half_a_recipe_is_none)
{
	(void)recipe_add_balancer();
	check_refused("SERVERS_V6= SERVERS_V4='127.0.0.1 nonsense'", "loopback up", 1);
	check_refused("MARK=nonsense", "marks up", 1);
	check_refused("SERVERS_V4='192.0.2.80 192.0.2.81' PROTOCOLS='tcp nonsense'", "tproxy up",
		      1);
	check_refused("SERVERS_V4='192.0.2.80 192.0.2.81/33'", "tproxy up", 1);
	check_refused("GATEWAY_V4=192.0.2.1", "backend-host up", 1);
	check_refused("GATEWAY_V4=198.51.100.2 ADDRESS_V4=198.51.100.2", "backend-host up", 1);
	check_refused(NEIGHBOUR "PROTOCOLS='tcp nonsense'", "backend-host up", 1);
}
END_TEST

/* What the former values brought goes, and what they share stays. */
START_TEST(other_values_replace_the_former_ones)
{
	char *before;

	(void)recipe_add_balancer();
	before = recipe_dump(HERE);
	recipe_up(HERE, "SERVERS_V4='192.0.2.80 192.0.2.81' PROTOCOLS=tcp", "tproxy");
	recipe_up(HERE, "SERVERS_V4=192.0.2.82 PORTS=30000-30009", "tproxy");
	ck_assert_uint_eq(routes_count("from 192.0.2.82 iif lo"), 2);
	ck_assert_uint_eq(routes_count("192.0.2.80"), 0);
	ck_assert_uint_eq(routes_count("20000"), 0);
	ck_assert_int_eq(recipe_run(HERE, "", "tproxy down"), 0);
	recipe_expect(HERE, before);
	free(before);
}
END_TEST

/* An address that is there already is somebody's, and so are rules that bear no number. */
START_TEST(what_others_have_set_up_stays)
{
	char *before;
	char *with_one;

	(void)recipe_add_balancer();
	harness_shell(
	    "ip addr add 192.0.2.80/32 dev lo && ip rule add pref 135 fwmark 5 table 126");
	before = recipe_dump(HERE);
	recipe_up(HERE, "", "tproxy");
	with_one = recipe_dump(HERE);
	recipe_up(HERE, "", "marks");
	recipe_up(HERE, "", "loopback");
	ck_assert_int_eq(recipe_run(HERE, "", "loopback down"), 0);
	recipe_down(HERE, "", "marks", with_one);
	recipe_down(HERE, "", "tproxy", before);
}
END_TEST

static Suite *recipes_suite(void)
{
	Suite *suite = suite_create("net_recipes");
	TCase *tcase = harness_case_without_routes(suite, "recipes", 60);

	if (!harness_has_tool("nft"))
		return suite;
	tcase_add_test(tcase, servers_on_loopback);
	tcase_add_loop_test(tcase, servers_in_a_guest, 0, 3);
	tcase_add_test(tcase, servers_on_another_address_of_this_host);
	tcase_add_loop_test(tcase, a_range_of_ports, 0, 3);
	tcase_add_test(tcase, a_range_of_ports_of_an_address_that_is_not_here);
	tcase_add_test(tcase, other_ports_are_left_alone);
	tcase_add_test(tcase, other_verbs_are_refused);
	tcase_add_test(tcase, a_table_of_somebody_else_is_refused);
	tcase_add_test(tcase, half_a_recipe_is_none);
	tcase_add_test(tcase, other_values_replace_the_former_ones);
	tcase_add_test(tcase, what_others_have_set_up_stays);
	return suite;
}

int main(void)
{
	return harness_run(recipes_suite());
}
