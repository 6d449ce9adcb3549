/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may connect, whom a header may name, and who needs no header. */
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"

static struct sender_header header;

/* A peer at this address sends a header that names a client. */
static int come_from(const char *peer, const char *client)
{
	char from[64];
	int fd;

	snprintf(from, sizeof(from), "%s:0", peer);
	fd = peer_connect(from, LISTEN_V4);
	sender_v2(&header, client, NULL);
	peer_send(fd, header.bytes, header.len);
	return fd;
}

static void expect_carried(int backend, int client, const char *seen)
{
	struct connection connection = {.client = client};

	connection.backend = peer_accept_from(backend, seen);
	connection_check(&connection);
}

static void expect_refused(int backend, int client, const char *reason)
{
	char text[64];

	peer_expect_closed(client);
	snprintf(text, sizeof(text), "reason=%s", reason);
	daemon_log_await("warn listener=t", text, NULL);
	peer_assert_no_connection(backend);
}

/* ---- peers ---- */

START_TEST(peers_in_allowed_subnets_connect)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("allowed_subnets = [ \"127.0.0.0/30\", \"127.9.0.0/16\" ];");
	expect_carried(backend, come_from("127.0.0.3", "203.0.113.7:1001"), "203.0.113.7:1001");
	expect_carried(backend, come_from("127.9.255.255", "203.0.113.7:1002"), "203.0.113.7:1002");
}
END_TEST

START_TEST(other_peers_are_denied_unread)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	daemon_start("allowed_subnets = [ \"127.0.0.0/30\", \"127.9.0.0/16\" ];");
	/* Not even a header: nothing is waited for. */
	client = peer_connect(_i == 0 ? "127.0.0.4:0" : "127.10.0.0:0", LISTEN_V4);
	expect_refused(backend, client, "peer_denied");
	ck_assert_uint_eq(daemon_log_count("reason=peer_denied",
					   _i == 0 ? "peer=127.0.0.4:" : "peer=127.10.0.0:"),
			  1);
}
END_TEST

START_TEST(allowed_subnets_come_from_a_file)
{
	const char *path =
	    harness_write("allowed", "# balancers\n\n127.0.0.3 # one\n127.9.0.0/16\n");
	int backend = peer_listen(BACKEND_V4);
	char keys[512];

	snprintf(keys, sizeof(keys), "allowed_subnets_file = \"%s\";", path);
	daemon_start(keys);
	expect_carried(backend, come_from("127.0.0.3", "203.0.113.7:1001"), "203.0.113.7:1001");
	expect_carried(backend, come_from("127.9.1.1", "203.0.113.7:1002"), "203.0.113.7:1002");
	expect_refused(backend, peer_connect("127.0.0.4:0", LISTEN_V4), "peer_denied");
}
END_TEST

START_TEST(ipv6_peers_have_lists_too)
{
	int backend = peer_listen(BACKEND_V6);
	struct connection connection;

	daemon_start_config("log = { level = \"debug\"; };\n"
			    "listeners = ( { name = \"t\"; listen = \"[::1]:7000\"; " DAEMON_TARGETS
			    "allowed_subnets = [ \"2001:db8::/32\", \"::1\" ]; } );\n");
	daemon_await_look();
	connection.client = peer_connect("[::1]:0", "[::1]:7000");
	sender_v1(&header, "[2001:db8::7]:40000", NULL);
	peer_send(connection.client, header.bytes, header.len);
	connection.backend = peer_accept_from(backend, "[2001:db8::7]:40000");
	connection_check(&connection);
}
END_TEST

/* A dual-stack listener sees IPv4 peers as mapped addresses; the lists speak of IPv4. */
START_TEST(a_dual_stack_listener_knows_ipv4_peers)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start_config("log = { level = \"debug\"; };\n"
			    "listeners = ( { name = \"t\"; listen = \"[::]:7000\"; " DAEMON_TARGETS
			    "allowed_subnets = [ \"127.0.0.3\" ]; } );\n");
	daemon_await_look();
	expect_carried(backend, come_from("127.0.0.3", CONNECTION_CLIENT), CONNECTION_CLIENT);
	expect_refused(backend, peer_connect("127.0.0.4:0", LISTEN_V4), "peer_denied");
	ck_assert_uint_eq(daemon_log_count("reason=peer_denied", "peer=127.0.0.4:"), 1);
}
END_TEST

/* ---- headerless ---- */

START_TEST(a_headerless_peer_is_its_own_client)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	char from[64];

	/* Listed nowhere else: being headerless lets it in. */
	daemon_start(
	    "allowed_subnets = [ \"127.0.0.1\" ]; headerless_subnets = [ \"127.5.0.0/16\" ];");
	connection.client = peer_connect("127.5.0.5:0", LISTEN_V4);
	snprintf(from, sizeof(from), "127.5.0.5:%u", peer_local_port(connection.client));
	connection.backend = peer_accept_from(backend, from);
	connection_check(&connection);
	/* What looks like a header is payload. */
	peer_send_text(connection.client, "PROXY UNKNOWN\r\n");
	peer_expect_text(connection.backend, "PROXY UNKNOWN\r\n");
	connection_finish(&connection);
	daemon_log_await("reason=done", "header=none", from);
}
END_TEST

START_TEST(a_headerless_peer_gets_a_banner_first)
{
	int backend = peer_listen(BACKEND_V4);
	int client;
	int server;

	daemon_start("headerless_subnets = [ \"127.5.0.0/16\" ];");
	client = peer_connect("127.5.0.5:0", LISTEN_V4);
	server = peer_accept(backend, NULL);
	peer_send_text(server, "220 ready\r\n");
	peer_expect_text(client, "220 ready\r\n");
}
END_TEST

START_TEST(peers_beside_headerless_ones_need_a_header)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	daemon_start("headerless_subnets = [ \"127.5.0.0/16\" ];");
	expect_carried(backend, come_from("127.0.0.1", CONNECTION_CLIENT), CONNECTION_CLIENT);
	client = peer_connect("127.6.0.1:0", LISTEN_V4);
	peer_send_text(client, "GET / HTTP/1.1\r\n\r\n");
	expect_refused(backend, client, "header_invalid");
}
END_TEST

START_TEST(client_lists_hold_for_headerless_peers)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start(
	    "headerless_subnets = [ \"127.5.0.0/16\" ]; denied_clients = [ \"127.5.6.0/24\" ];");
	expect_refused(backend, peer_connect("127.5.6.7:0", LISTEN_V4), "client_denied");
}
END_TEST

/* ---- clients ---- */

struct client_row {
	const char *keys;
	const char *client;
	bool allowed;
};

#define DENIED	"denied_clients = [ \"203.0.113.0/25\", \"2001:db8:bad::/48\" ]; "
#define ALLOWED "allowed_clients = [ \"203.0.113.0/24\", \"2001:db8::/32\" ]; "

static const struct client_row clients[] = {
    {DENIED, "203.0.113.127:9", false},	       {DENIED, "203.0.113.128:9", true},
    {DENIED, "[2001:db8:bad::1]:9", false},    {DENIED, "[2001:db8:bae::1]:9", true},
    {ALLOWED, "203.0.113.127:9", true},	       {ALLOWED, "203.0.114.0:9", false},
    {ALLOWED, "[2001:db9::1]:9", false},       {DENIED ALLOWED, "203.0.113.127:9", false},
    {DENIED ALLOWED, "203.0.113.128:9", true}, {DENIED ALLOWED, "192.0.2.1:9", false},
    {DENIED, "[::ffff:203.0.113.1]:9", false},
};

#define CLIENTS ((int)(sizeof(clients) / sizeof(clients[0])))

START_TEST(client_lists_decide_by_the_clients_address)
{
	const struct client_row *row = &clients[_i];
	int backend = peer_listen(row->client[0] == '[' ? BACKEND_V6 : BACKEND_V4);
	int client;

	daemon_start(row->keys);
	client = come_from("127.0.0.1", row->client);
	if (row->allowed)
		expect_carried(backend, client, row->client);
	else
		expect_refused(backend, client, "client_denied");
}
END_TEST

START_TEST(client_lists_come_from_files)
{
	int backend = peer_listen(BACKEND_V4);
	char keys[512];

	snprintf(keys, sizeof(keys), "denied_clients_file = \"%s\"; allowed_clients_file = \"%s\";",
		 harness_write("denied", "203.0.113.66\n"),
		 harness_write("allowed", "203.0.113.0/24\n"));
	daemon_start(keys);
	expect_carried(backend, come_from("127.0.0.1", "203.0.113.7:9"), "203.0.113.7:9");
	expect_refused(backend, come_from("127.0.0.1", "203.0.113.66:9"), "client_denied");
	peer_expect_closed(come_from("127.0.0.1", "192.0.2.1:9"));
	ck_assert_uint_eq(daemon_log_count("reason=client_denied", "client="), 2);
}
END_TEST

START_TEST(local_is_exempt_from_client_lists_and_unknown_is_not)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	daemon_start("denied_clients = [ \"127.0.0.9\" ];");
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	client = peer_connect("127.0.0.9:0", LISTEN_V4);
	peer_send(client, header.bytes, header.len);
	peer_accept(backend, NULL);
	client = peer_connect("127.0.0.9:0", LISTEN_V4);
	peer_send_text(client, "PROXY UNKNOWN\r\n");
	expect_refused(backend, client, "client_denied");
}
END_TEST

/* ---- sources that nobody has ---- */

static const char *const martians[] = {
    "0.0.0.0:9", "0.1.2.3:9",	"224.0.0.1:9", "239.255.255.255:9",  "255.255.255.255:9",
    "[::]:9",	 "[ff02::1]:9", "[ff0e::1]:9", "[::ffff:0.0.0.0]:9", "[::ffff:224.0.0.1]:9",
};

#define MARTIANS ((int)(sizeof(martians) / sizeof(martians[0])))

START_TEST(impossible_sources_are_refused)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	expect_refused(backend, come_from("127.0.0.1", martians[_i]), "source_invalid");
}
END_TEST

START_TEST(a_loopback_peer_may_name_loopback)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	expect_carried(backend, come_from("127.0.0.1", "127.0.0.77:5555"), "127.0.0.77:5555");
}
END_TEST

static const char *const loopbacks[] = {"127.0.0.77:5555", "[::1]:5555", "[::ffff:127.0.0.1]:5555"};

START_TEST(another_peer_may_not_name_loopback)
{
	int backend = peer_listen(BACKEND_V4);

	harness_shell("ip addr add 10.1.1.1/32 dev lo");
	daemon_start("");
	expect_refused(backend, come_from("10.1.1.1", loopbacks[_i]), "source_invalid");
	expect_carried(backend, come_from("10.1.1.1", CONNECTION_CLIENT), CONNECTION_CLIENT);
}
END_TEST

/* A connection from the target's own address and port would be one to itself. */
START_TEST(the_target_is_no_source)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	peer_expect_closed(come_from("127.0.0.1", BACKEND_V4));
	peer_assert_no_connection(backend);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

static Suite *access_suite(void)
{
	Suite *suite = suite_create("net_access");
	TCase *peers = harness_case(suite, "peers", 60);
	TCase *headerless = harness_case(suite, "headerless", 60);
	TCase *lists = harness_case(suite, "clients", 60);
	TCase *sources = harness_case(suite, "sources", 60);

	tcase_add_test(peers, peers_in_allowed_subnets_connect);
	tcase_add_loop_test(peers, other_peers_are_denied_unread, 0, 2);
	tcase_add_test(peers, allowed_subnets_come_from_a_file);
	if (netns_has_ipv6()) {
		tcase_add_test(peers, ipv6_peers_have_lists_too);
		tcase_add_test(peers, a_dual_stack_listener_knows_ipv4_peers);
		tcase_add_loop_test(lists, client_lists_decide_by_the_clients_address, 0, CLIENTS);
	}
	tcase_add_test(headerless, a_headerless_peer_is_its_own_client);
	tcase_add_test(headerless, a_headerless_peer_gets_a_banner_first);
	tcase_add_test(headerless, peers_beside_headerless_ones_need_a_header);
	tcase_add_test(headerless, client_lists_hold_for_headerless_peers);
	tcase_add_test(lists, client_lists_come_from_files);
	tcase_add_test(lists, local_is_exempt_from_client_lists_and_unknown_is_not);
	tcase_add_loop_test(sources, impossible_sources_are_refused, 0, MARTIANS);
	tcase_add_test(sources, a_loopback_peer_may_name_loopback);
	tcase_add_loop_test(sources, another_peer_may_not_name_loopback, 0, 3);
	tcase_add_test(sources, the_target_is_no_source);
	return suite;
}

int main(void)
{
	return harness_run(access_suite());
}
