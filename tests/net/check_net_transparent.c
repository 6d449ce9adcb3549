/* SPDX-License-Identifier: BSD-2-Clause */
/* listen_transparent: connections to addresses that are not mmproxy's, redirected by a TPROXY rule.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"

/* Where clients want to go; the TPROXY rule hands it to 127.0.0.1:7000 or [::1]:7000. */
#define ELSEWHERE_V4 "198.51.100.9:443"
#define ELSEWHERE_V6 "[2001:db8:5::9]:443"

static struct sender_header header;

/* False where the kernel has no such rule. */
static bool redirect(void)
{
	int probe =
	    system("nft add table inet probe 2>/dev/null"
		   " && nft add chain inet probe p '{ type filter hook prerouting priority -150; }'"
		   " && nft add rule inet probe p meta nfproto ipv4 tcp dport 443"
		   " tproxy ip to 127.0.0.1:7000 2>/dev/null");

	if (probe != 0) {
		printf("skipped: this kernel has no nftables TPROXY rules\n");
		return false;
	}
	harness_shell(
	    "nft add rule inet probe p meta nfproto ipv6 tcp dport 443 tproxy ip6 to '[::1]:7000'"
	    " && ip route add local 198.51.100.0/24 dev lo");
	if (netns_has_ipv6())
		harness_shell("ip -6 route add local 2001:db8:5::/64 dev lo");
	return true;
}

static void start(const char *keys)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 "log = { level = \"debug\"; };\nlisteners = ( { name = \"t\"; "
		 "listen = [ \"" LISTEN_V4 "\"%s ]; " DAEMON_TARGETS " %s } );\n",
		 netns_has_ipv6() ? ", \"[::1]:7000\"" : "", keys);
	daemon_start_config(config);
}

START_TEST(redirected_connections_are_carried)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	if (!redirect())
		return;
	start("listen_transparent = true;");
	connection.client = peer_connect("127.0.0.1:0", ELSEWHERE_V4);
	sender_v2(&header, CONNECTION_CLIENT, ELSEWHERE_V4);
	peer_send(connection.client, header.bytes, header.len);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	connection_check(&connection);
	connection_finish(&connection);
	daemon_log_await("reason=done", "client=" CONNECTION_CLIENT, NULL);
}
END_TEST

START_TEST(redirected_ipv6_connections_are_carried)
{
	struct connection connection;
	int backend;

	if (!redirect() || !netns_has_ipv6())
		return;
	backend = peer_listen(BACKEND_V6);
	start("listen_transparent = true;");
	connection.client = peer_connect("[::1]:0", ELSEWHERE_V6);
	sender_v1(&header, "[2001:db8::7]:40000", ELSEWHERE_V6);
	peer_send(connection.client, header.bytes, header.len);
	connection.backend = peer_accept_from(backend, "[2001:db8::7]:40000");
	connection_check(&connection);
}
END_TEST

/* Proof that the rule alone does not do it: the kernel wants IP_TRANSPARENT on the listener. */
START_TEST(without_the_key_nothing_is_accepted)
{
	if (!redirect())
		return;
	start("");
	ck_assert_int_lt(peer_try_connect("127.0.0.1:0", ELSEWHERE_V4), 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

START_TEST(ordinary_connections_go_on)
{
	int backend = peer_listen(BACKEND_V4);

	start("listen_transparent = true;");
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

START_TEST(a_transparent_listener_binds_any_address)
{
	/* 192.0.2.1 is no address of this host; IP_TRANSPARENT allows to listen on it all the same.
	 */
	daemon_start_config("listeners = ( { name = \"t\"; listen = [ \"" LISTEN_V4
			    "\", \"192.0.2.1:7001\" ]; " DAEMON_TARGETS
			    " listen_transparent = true; } );\n");
}
END_TEST

/*
 * Addresses of other hosts stay such for a listener on 0.0.0.0, on a system that lets programs bind
 * any address and has a TPROXY rule's table, where every address is local.
 */
START_TEST(a_foreign_destination_is_not_our_own)
{
	int client;

	harness_shell("ip link add near type veth peer name far && ip addr add 10.9.0.1/24 dev near"
		      " && ip link set near up && ip link set far up"
		      " && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev near"
		      " && ip route add default via 10.9.0.2 && ip rule add fwmark 1 lookup 100"
		      " && ip route add local default dev lo table 100");
	harness_sysctl("net/ipv4/ip_nonlocal_bind", "1");
	daemon_start_config("listeners = ( { name = \"t\"; listen = \"0.0.0.0:7000\"; "
			    "dynamic_destination = true; allowed_destinations = \"0.0.0.0/0\"; "
			    "listen_transparent = true; connect_timeout = \"200ms\"; } );\n");
	sender_v2(&header, CONNECTION_CLIENT, "198.51.100.9:7000");
	client = sender_open(&header);
	/* Nobody answers there; but it was tried. */
	daemon_log_await("reason=backend_timeout", "backend=198.51.100.9:7000", NULL);
	peer_close(client);
	sender_v2(&header, CONNECTION_CLIENT, "10.9.0.1:7000");
	client = sender_open(&header);
	daemon_log_await("reason=destination_denied", "backend=10.9.0.1:7000", NULL);
	peer_close(client);
}
END_TEST

static Suite *transparent_suite(void)
{
	Suite *suite = suite_create("net_transparent");
	TCase *transparent = harness_case(suite, "transparent", 60);

	if (harness_has_tool("nft")) {
		tcase_add_test(transparent, redirected_connections_are_carried);
		tcase_add_test(transparent, redirected_ipv6_connections_are_carried);
		tcase_add_test(transparent, without_the_key_nothing_is_accepted);
	}
	tcase_add_test(transparent, ordinary_connections_go_on);
	tcase_add_test(transparent, a_transparent_listener_binds_any_address);
	tcase_add_test(transparent, a_foreign_destination_is_not_our_own);
	return suite;
}

int main(void)
{
	return harness_run(transparent_suite());
}
