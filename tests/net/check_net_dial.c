/* SPDX-License-Identifier: BSD-2-Clause */
/* The connection to the backend: its target and its mark. */
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"

static struct sender_header header;

/* ---- mark ---- */

START_TEST(mark_is_set_on_the_backend_connection)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	socklen_t len = sizeof(int);
	int mark = 0;

	/* The kernel then copies the mark of the SYN to the accepted socket. */
	if (!harness_sysctl("net/ipv4/tcp_fwmark_accept", "1")) {
		printf("skipped: net.ipv4.tcp_fwmark_accept cannot be set here\n");
		return;
	}
	daemon_start("mark = 4242;");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	ck_assert_int_eq(getsockopt(connection.backend, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	ck_assert_int_eq(mark, 4242);
}
END_TEST

START_TEST(mark_chooses_the_route)
{
	int client;

	/* Marked packets have no way out; the table of local addresses must not come first. */
	harness_shell("ip rule add pref 10 fwmark 77 lookup 177"
		      " && ip route add unreachable default table 177"
		      " && ip rule add pref 20 lookup local && ip rule del pref 0");
	peer_listen(BACKEND_V4);
	daemon_start("mark = 77;");
	client = sender_open_v1(CONNECTION_CLIENT);
	peer_expect_reset(client);
	daemon_log_await("warn ", "reason=backend_unreachable", "client=" CONNECTION_CLIENT);
}
END_TEST

/* ---- targets ---- */

START_TEST(the_clients_family_picks_the_target)
{
	struct connection ipv4;
	struct connection ipv6;
	int backend_v4 = peer_listen(BACKEND_V4);
	int backend_v6 = peer_listen(BACKEND_V6);

	daemon_start("");
	connection_open(&ipv4, backend_v4, "203.0.113.7:40000");
	connection_open(&ipv6, backend_v6, "[2001:db8::7]:40000");
	connection_check(&ipv4);
	connection_check(&ipv6);
}
END_TEST

START_TEST(without_a_target_of_its_family_a_client_is_refused)
{
	static const char config[] =
	    "log = { level = \"debug\"; };\n"
	    "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; targets = { %s }; } );\n";
	const char *other = _i == 0 ? "[2001:db8::7]:40000" : CONNECTION_CLIENT;
	char text[512];
	int client;

	snprintf(text, sizeof(text), config,
		 _i == 0 ? "ipv4 = \"" BACKEND_V4 "\";" : "ipv6 = \"" BACKEND_V6 "\";");
	daemon_start_config(text);
	client = sender_open_v2(other);
	peer_expect_closed(client);
	daemon_log_await("warn listener=t", "reason=no_target", other);
}
END_TEST

/* ---- dynamic destination ---- */

#define DYNAMIC                        \
	"dynamic_destination = true; " \
	"allowed_destinations = [ \"127.0.0.0/29\", \"127.0.9.9\", \"::1\" ];"

/* Send a header towards this destination. */
static int go_to(int version, const char *client, const char *destination)
{
	if (version == 1)
		sender_v1(&header, client, destination);
	else
		sender_v2(&header, client, destination);
	return sender_open(&header);
}

START_TEST(the_header_names_the_destination)
{
	struct connection connection;
	int near = peer_listen("127.0.0.5:8005");
	int far = peer_listen("127.0.9.9:8006");
	int ipv6 = netns_has_ipv6() ? peer_listen("[::1]:8007") : -1;

	daemon_start(DYNAMIC);
	connection.client = go_to(1, CONNECTION_CLIENT, "127.0.0.5:8005");
	connection.backend = peer_accept_from(near, CONNECTION_CLIENT);
	connection_check(&connection);
	connection.client = go_to(2, CONNECTION_CLIENT, "127.0.9.9:8006");
	connection.backend = peer_accept_from(far, CONNECTION_CLIENT);
	connection_check(&connection);
	if (ipv6 < 0)
		return;
	connection.client = go_to(2, "[2001:db8::7]:40000", "[::1]:8007");
	connection.backend = peer_accept_from(ipv6, "[2001:db8::7]:40000");
	connection_check(&connection);
}
END_TEST

START_TEST(a_destination_that_is_not_allowed_is_denied)
{
	int elsewhere = peer_listen("127.0.8.8:8005");
	int backend = peer_listen(BACKEND_V4);
	int client;

	daemon_start(DYNAMIC);
	client = go_to(_i, CONNECTION_CLIENT, "127.0.8.8:8005");
	peer_expect_closed(client);
	daemon_log_await("warn ", "reason=destination_denied", "client=" CONNECTION_CLIENT);
	peer_assert_no_connection(elsewhere);
	peer_assert_no_connection(backend);
}
END_TEST

/* Which link it is on, a header cannot say. */
START_TEST(an_address_of_a_link_is_neither_destination_nor_source)
{
	int client;

	daemon_start("dynamic_destination = true; allowed_destinations = [ \"::/0\" ];");
	if (_i == 0)
		client = go_to(2, "[2001:db8::7]:40000", "[fe80::1]:8000");
	else
		client = go_to(2, "[fe80::7]:40000", "[::1]:8000");
	peer_expect_closed(client);
	daemon_log_await("warn listener=t",
			 _i == 0 ? "reason=destination_denied" : "reason=source_invalid", "fe80::");
}
END_TEST

START_TEST(mmproxy_itself_is_no_destination)
{
	/* Its own address, and another one that its wildcard listener has. */
	static const char *const own[] = {"127.0.0.1:7000", "127.0.0.3:7001"};
	int client;

	daemon_start_config("log = { level = \"debug\"; };\n"
			    "defaults = { " DAEMON_TARGETS " " DYNAMIC " };\n"
			    "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; },\n"
			    "{ name = \"u\"; listen = \"0.0.0.0:7001\"; } );\n");
	client = go_to(2, CONNECTION_CLIENT, own[_i]);
	peer_expect_closed(client);
	daemon_log_await("warn ", "reason=destination_denied", "client=" CONNECTION_CLIENT);
}
END_TEST

START_TEST(without_a_destination_the_target_serves)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	daemon_start(DYNAMIC);
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	connection.client = sender_open(&header);
	connection.backend = peer_accept(backend, NULL);
	connection_check(&connection);
}
END_TEST

START_TEST(the_destination_of_a_static_listener_is_ignored)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	go_to(1, CONNECTION_CLIENT, "127.0.0.5:8005");
	peer_accept_from(backend, CONNECTION_CLIENT);
}
END_TEST

static Suite *dial_suite(void)
{
	Suite *suite = suite_create("net_dial");
	TCase *mark = harness_case(suite, "mark", 60);
	TCase *targets = harness_case(suite, "targets", 60);
	TCase *dynamic = harness_case(suite, "dynamic destination", 60);

	tcase_add_test(mark, mark_is_set_on_the_backend_connection);
	tcase_add_test(mark, mark_chooses_the_route);
	if (netns_has_ipv6())
		tcase_add_test(targets, the_clients_family_picks_the_target);
	tcase_add_loop_test(targets, without_a_target_of_its_family_a_client_is_refused, 0, 2);
	tcase_add_test(dynamic, the_header_names_the_destination);
	tcase_add_loop_test(dynamic, a_destination_that_is_not_allowed_is_denied, 1, 3);
	if (netns_has_ipv6())
		tcase_add_loop_test(dynamic, an_address_of_a_link_is_neither_destination_nor_source,
				    0, 2);
	tcase_add_loop_test(dynamic, mmproxy_itself_is_no_destination, 0, 2);
	tcase_add_test(dynamic, without_a_destination_the_target_serves);
	tcase_add_test(dynamic, the_destination_of_a_static_listener_is_ignored);
	return suite;
}

int main(void)
{
	return harness_run(dial_suite());
}
