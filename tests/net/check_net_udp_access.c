/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may send, who is a client, and where its datagrams go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

static struct sender_header header;

static void send_to(int fd, const char *dst, const char *payload)
{
	sender_v2_udp(&header, BALANCER_CLIENT, dst);
	balancer_send_header(fd, LISTEN_V4, &header, payload, strlen(payload));
}

/* ---- peers ---- */

START_TEST(peers_that_are_not_allowed_are_dropped)
{
	int backend = udp_open(BACKEND_V4);
	int stranger = udp_open("127.0.0.2:0");
	int balancer = balancer_open();

	daemon_start_udp("allowed_subnets = [ \"127.0.0.1\" ];");
	balancer_send_text(stranger, BALANCER_OTHER_CLIENT, "let me in");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("warn ", "peer=127.0.0.2:", "reason=peer_denied");
	/* Nor may a stranger turn somebody else's answers to itself. */
	balancer_send_text(stranger, BALANCER_CLIENT, "to me");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/* A peer whose datagrams are passed on as they are, from its own address. */
static void check_headerless(const char *address, const char *keys)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int direct = udp_open(address);
	const int on = 1;
	char from[64];

	/* Client and flow are two sockets of one address only where both are on one host. */
	ck_assert_int_eq(setsockopt(direct, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	daemon_start_udp(keys);
	snprintf(from, sizeof(from), "%.*s:%u", (int)strcspn(address, ":"), address,
		 peer_local_port(direct));
	udp_send_text(direct, LISTEN_V4, "no header");
	udp_expect_text(backend, from, "no header");
	udp_send_text(backend, from, "answer");
	udp_expect_text(direct, LISTEN_V4, "answer");
	/* What looks like a header is payload. */
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	balancer_send_header(direct, LISTEN_V4, &header, "x", 1);
	header.bytes[header.len++] = 'x';
	udp_expect(backend, from, header.bytes, header.len);
	balancer_check(balancer, backend, BALANCER_CLIENT);
}

START_TEST(headerless_peers_keep_their_address)
{
	harness_shell("ip address add 192.0.2.9/32 dev lo");
	check_headerless("192.0.2.9:0", "headerless_subnets = [ \"192.0.2.0/24\" ];");
}
END_TEST

START_TEST(headerless_peers_need_no_place_in_the_other_list)
{
	harness_shell("ip address add 192.0.2.9/32 dev lo");
	check_headerless("192.0.2.9:0", "headerless_subnets = [ \"192.0.2.0/24\" ]; "
					"allowed_subnets = [ \"127.0.0.1\", \"192.0.2.9\" ];");
}
END_TEST

/* ---- clients ---- */

START_TEST(denied_clients_are_dropped)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("denied_clients = [ \"203.0.113.8\", \"2001:db8::/32\" ];");
	balancer_send_text(balancer, BALANCER_OTHER_CLIENT, "denied");
	balancer_send_text(balancer, BALANCER_CLIENT_V6, "denied");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("warn ", "client=203.0.113.8:40000", "reason=client_denied");
	daemon_log_await("warn ", "client=[2001:db8::7]:40000", "reason=client_denied");
}
END_TEST

START_TEST(clients_that_are_not_allowed_are_dropped)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("allowed_clients = [ \"203.0.113.7\" ];");
	balancer_send_text(balancer, BALANCER_OTHER_CLIENT, "not allowed");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("warn ", "client=203.0.113.8:40000", "reason=client_denied");
}
END_TEST

/* ---- targets ---- */

START_TEST(the_client_s_family_picks_the_target)
{
	int backend_v4;
	int backend_v6;
	int balancer = balancer_open();

	if (!netns_has_ipv6())
		return;
	backend_v4 = udp_open("127.0.0.1:8001");
	backend_v6 = udp_open("[::1]:8002");
	daemon_start_config(
	    "workers = 1;\ndrain_timeout = \"100ms\";\n"
	    "listeners = ( { name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4
	    "\"; targets = { ipv4 = \"127.0.0.1:8001\"; ipv6 = \"[::1]:8002\"; }; } "
	    ");\n");
	for (int i = 0; i < 2; i++) {
		balancer_check(balancer, backend_v4, BALANCER_CLIENT);
		balancer_check(balancer, backend_v6, BALANCER_CLIENT_V6);
	}
}
END_TEST

START_TEST(a_family_without_a_target_is_dropped)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_config(
	    "workers = 1;\ndrain_timeout = \"100ms\";\n"
	    "listeners = ( { name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4
	    "\"; targets = { ipv4 = \"" BACKEND_V4 "\"; }; } );\n");
	balancer_send_text(balancer, BALANCER_CLIENT_V6, "nowhere");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("warn ", "client=[2001:db8::7]:40000", "reason=no_target");
}
END_TEST

START_TEST(listeners_have_flows_of_their_own)
{
	int backends[2] = {udp_open(BACKEND_V4), udp_open("127.0.0.1:8001")};
	int balancer = balancer_open();

	daemon_start_config(
	    "workers = 2;\ndrain_timeout = \"100ms\";\n"
	    "listeners = ( { name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4
	    "\"; targets = { ipv4 = \"" BACKEND_V4 "\"; }; }, { name = \"u\"; "
	    "protocol = \"udp\"; listen = \"127.0.0.1:7001\"; targets = { ipv4 = "
	    "\"127.0.0.1:8001\"; }; } );\n");
	for (int i = 0; i < 3; i++) {
		balancer_check(balancer, backends[0], BALANCER_CLIENT);
		balancer_check_at(balancer, "127.0.0.1:7001", backends[1], BALANCER_CLIENT);
	}
}
END_TEST

/* A port of TCP's is another than that of UDP. */
START_TEST(tcp_and_udp_share_an_address)
{
	int tcp_backend = peer_listen(BACKEND_V4);
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int client;

	daemon_start_config(
	    "workers = 1;\ndrain_timeout = \"100ms\";\n"
	    "listeners = ( { name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4
	    "\"; " DAEMON_TARGETS " }, { name = \"u\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS
	    " } );\n");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	client = sender_open_v1(BALANCER_CLIENT);
	peer_accept_from(tcp_backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	peer_close(client);
}
END_TEST

/* ---- the header's destination ---- */

#define DYNAMIC                                                                                 \
	"dynamic_destination = true; allowed_destinations = [ \"127.0.0.0/8\", \"192.0.2.1\", " \
	"\"::1\" ];"

/* One client, several destinations: answers of each are of a flow of its own. */
START_TEST(the_header_picks_the_destination)
{
	static const char *const destinations[] = {"127.0.0.1:8001", "127.0.0.1:8002",
						   "127.0.0.9:8001"};
	int balancer = balancer_open();
	int backends[3];

	daemon_start_udp(DYNAMIC);
	for (int i = 0; i < 3; i++)
		backends[i] = udp_open(destinations[i]);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 3; i++) {
			send_to(balancer, destinations[i], destinations[i]);
			udp_expect_text(backends[i], BALANCER_CLIENT, destinations[i]);
			ck_assert(udp_table_has(BALANCER_CLIENT, destinations[i]));
		}
	}
	for (int i = 2; i >= 0; i--) {
		udp_send_text(backends[i], BALANCER_CLIENT, destinations[i]);
		udp_expect_text(balancer, LISTEN_V4, destinations[i]);
	}
}
END_TEST

START_TEST(other_destinations_are_refused)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(DYNAMIC);
	send_to(balancer, "198.51.100.1:443", "elsewhere");
	daemon_log_await("warn ", "client=" BALANCER_CLIENT, "reason=destination_denied");
	send_to(balancer, BACKEND_V4, "here");
	udp_expect_text(backend, BALANCER_CLIENT, "here");
}
END_TEST

/* A loop would multiply one datagram without end. */
START_TEST(own_listeners_are_no_destination)
{
	static const char *const own[] = {LISTEN_V4, "192.0.2.1:7001"};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	harness_shell("ip address add 192.0.2.1/32 dev lo");
	daemon_start_udp("listen = [ \"" LISTEN_V4 "\", \"0.0.0.0:7001\" ]; " DYNAMIC);
	send_to(balancer, own[_i], "loop");
	daemon_log_await("warn ", "client=" BALANCER_CLIENT, "reason=destination_denied");
	send_to(balancer, BACKEND_V4, "here");
	udp_expect_text(backend, BALANCER_CLIENT, "here");
	ck_assert_uint_eq(udp_table_connected_to(7000), 0);
	ck_assert_uint_eq(udp_table_connected_to(7001), 0);
}
END_TEST

/* ---- mark ---- */

START_TEST(flows_carry_the_mark)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char *counted;

	harness_shell("nft add table inet m"
		      " && nft add chain inet m out '{ type filter hook output priority 0; }'"
		      " && nft add rule inet m out udp dport 8000 meta mark 123 counter");
	daemon_start_udp("mark = 123;");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	harness_shell("nft list chain inet m out >%s", harness_path("counted"));
	counted = harness_read(harness_path("counted"));
	ck_assert_msg(strstr(counted, "packets 2 ") != NULL, "%s", counted);
	free(counted);
}
END_TEST

START_TEST(without_the_key_there_is_no_mark)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	/* What has a mark would not arrive. */
	harness_shell("nft add table inet m"
		      " && nft add chain inet m out '{ type filter hook output priority 0; }'"
		      " && nft add rule inet m out udp dport 8000 meta mark != 0 drop");
	daemon_start_udp("");
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

static Suite *udp_access_suite(void)
{
	Suite *suite = suite_create("net_udp_access");
	TCase *peers = harness_case(suite, "peers", 60);
	TCase *clients = harness_case(suite, "clients", 60);
	TCase *targets = harness_case(suite, "targets", 60);
	TCase *marks = harness_case(suite, "marks", 60);

	tcase_add_test(peers, peers_that_are_not_allowed_are_dropped);
	tcase_add_test(peers, headerless_peers_keep_their_address);
	tcase_add_test(peers, headerless_peers_need_no_place_in_the_other_list);
	tcase_add_test(clients, denied_clients_are_dropped);
	tcase_add_test(clients, clients_that_are_not_allowed_are_dropped);
	tcase_add_test(targets, the_client_s_family_picks_the_target);
	tcase_add_test(targets, a_family_without_a_target_is_dropped);
	tcase_add_test(targets, listeners_have_flows_of_their_own);
	tcase_add_test(targets, tcp_and_udp_share_an_address);
	tcase_add_test(targets, the_header_picks_the_destination);
	tcase_add_test(targets, other_destinations_are_refused);
	tcase_add_loop_test(targets, own_listeners_are_no_destination, 0, 2);
	if (harness_has_tool("nft")) {
		tcase_add_test(marks, flows_carry_the_mark);
		tcase_add_test(marks, without_the_key_there_is_no_mark);
	}
	return suite;
}

int main(void)
{
	return harness_run(udp_access_suite());
}
