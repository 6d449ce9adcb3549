/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow: one client's socket towards one backend, and the way back through the load balancer. */
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

#define HEADER_V4_LEN 28

static struct sender_header header;

/* ---- whom the backend sees ---- */

START_TEST(each_client_is_a_flow_of_its_own)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char client[64];

	daemon_start_udp("");
	for (unsigned i = 0; i < 50; i++) {
		snprintf(client, sizeof(client), "203.0.113.%u:%u", 1 + i % 5, 40000 + i);
		balancer_send_text(balancer, client, client);
		udp_expect_text(backend, client, client);
		ck_assert(udp_table_has(client, BACKEND_V4));
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 50);
	/* Those that are there already are used again. */
	for (unsigned i = 0; i < 50; i++) {
		snprintf(client, sizeof(client), "203.0.113.%u:%u", 1 + i % 5, 40000 + i);
		balancer_check(balancer, backend, client);
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 50);
}
END_TEST

START_TEST(clients_of_ipv6_reach_the_backend_of_ipv6)
{
	int backend;
	int balancer = balancer_open();

	if (!netns_has_ipv6())
		return;
	backend = udp_open(BACKEND_V6);
	daemon_start_udp("");
	balancer_check(balancer, backend, BALANCER_CLIENT_V6);
	balancer_check(balancer, backend, "[2001:db8::8]:1");
	balancer_check(balancer, backend, BALANCER_CLIENT_V6);
	ck_assert_uint_eq(udp_table_connected_to(8000), 2);
}
END_TEST

/* A port of mmproxy's own or of the backend's is the client's as well, at another address. */
START_TEST(clients_may_have_any_port)
{
	static const char *const clients[] = {"203.0.113.7:1", "203.0.113.7:53", "203.0.113.7:7000",
					      "203.0.113.7:8000", "203.0.113.7:65535"};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		balancer_check(balancer, backend, clients[i]);
}
END_TEST

START_TEST(the_server_may_answer_more_than_it_was_asked)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	for (int i = 0; i < 20; i++)
		balancer_check_answer(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* ---- the load balancer's address ---- */

START_TEST(answers_go_to_the_latest_port_of_the_load_balancer)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[3] = {balancer_open(), balancer_open(), udp_open("127.0.0.5:0")};

	daemon_start_udp("");
	for (int i = 0; i < 9; i++) {
		balancer_check(balancers[i % 3], backend, BALANCER_CLIENT);
		balancer_check_answer(balancers[i % 3], backend, BALANCER_CLIENT);
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/* The load balancer has gone without a word: the kernel tells of it, and the next one is heard. */
START_TEST(a_vanished_load_balancer_ends_no_flow)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	for (int i = 0; i < 3; i++) {
		balancer_check(balancer, backend, BALANCER_CLIENT);
		peer_close(balancer);
		for (int j = 0; j < 5; j++)
			udp_send_text(backend, BALANCER_CLIENT, "is anybody there?");
		/* What is not read by then goes to the next one, and rightly so. */
		HARNESS_AWAIT(udp_table_queued(40000) == 0);
		balancer = balancer_open();
	}
	balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/* ---- sizes ---- */

START_TEST(empty_datagrams_pass_both_ways)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	for (int i = 0; i < 3; i++) {
		balancer_send(balancer, BALANCER_CLIENT, NULL, 0);
		udp_expect(backend, BALANCER_CLIENT, "", 0);
		udp_send(backend, BALANCER_CLIENT, NULL, 0);
		udp_expect(balancer, LISTEN_V4, "", 0);
	}
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* Nothing is cut, nothing added, whatever the length. */
START_TEST(datagrams_of_all_lengths_pass_both_ways)
{
	static const size_t lengths[] = {1,    2,    27,    28,	   29,	  511,	 1472,
					 1473, 2048, 4096,  9000,  16384, 32768, 65000,
					 65535 - 28 - 28 /* with its header the longest there is */};
	static uint8_t bytes[65536];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		udp_fill(bytes, lengths[i], (unsigned)i);
		balancer_send(balancer, BALANCER_CLIENT, bytes, lengths[i]);
		udp_expect(backend, BALANCER_CLIENT, bytes, lengths[i]);
		bytes[0] ^= 1;
		udp_send(backend, BALANCER_CLIENT, bytes, lengths[i]);
		udp_expect(balancer, LISTEN_V4, bytes, lengths[i]);
	}
}
END_TEST

/* Without a header on the way there is room for 65,507 bytes each way. */
START_TEST(the_longest_datagrams_pass_both_ways)
{
	static uint8_t bytes[UDP_PAYLOAD_MAX];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("udp_header = \"first\"; allowed_subnets = [ \"127.0.0.1\" ];");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	balancer_send_header(balancer, LISTEN_V4, &header, NULL, 0);
	for (unsigned i = 0; i < 5; i++) {
		udp_fill(bytes, sizeof(bytes), i);
		udp_send(balancer, LISTEN_V4, bytes, sizeof(bytes));
		udp_expect(backend, BALANCER_CLIENT, bytes, sizeof(bytes));
		bytes[7] ^= 1;
		udp_send(backend, BALANCER_CLIENT, bytes, sizeof(bytes));
		udp_expect(balancer, LISTEN_V4, bytes, sizeof(bytes));
	}
}
END_TEST

/* A header with TLVs before as much payload as there is room for. */
START_TEST(long_headers_and_long_payload_go_together)
{
	static uint8_t bytes[UDP_PAYLOAD_MAX];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("header_max = 65535;");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_pad(&header, 40000);
	udp_fill(bytes, sizeof(bytes), 3);
	balancer_send_header(balancer, LISTEN_V4, &header, bytes, sizeof(bytes) - 40000);
	udp_expect(backend, BALANCER_CLIENT, bytes, sizeof(bytes) - 40000);
	balancer_check_answer(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(the_longest_answers_of_ipv6_pass)
{
	/* 65535 bytes of payload of IPv6 (RFC 8200, section 3), less the header of UDP. */
	static uint8_t bytes[65535 - 8];
	int backend;
	int balancer;

	if (!netns_has_ipv6())
		return;
	harness_shell("ip link set lo mtu 65576");
	backend = udp_open(BACKEND_V6);
	balancer = udp_open("[::1]:0");
	daemon_start_udp("listen = \"[::1]:7000\";");
	balancer_check_at(balancer, "[::1]:7000", backend, BALANCER_CLIENT_V6);
	udp_fill(bytes, sizeof(bytes), 5);
	udp_send(backend, BALANCER_CLIENT_V6, bytes, sizeof(bytes));
	udp_expect(balancer, "[::1]:7000", bytes, sizeof(bytes));
}
END_TEST

/* An answer that fits the backend's family and not the load balancer's is lost, not the flow. */
START_TEST(an_answer_too_long_for_the_load_balancer_is_dropped)
{
	static uint8_t bytes[UDP_PAYLOAD_MAX + 1];
	int backend;
	int balancer = balancer_open();

	if (!netns_has_ipv6())
		return;
	harness_shell("ip link set lo mtu 65576");
	backend = udp_open(BACKEND_V6);
	daemon_start_udp("");
	balancer_check(balancer, backend, BALANCER_CLIENT_V6);
	udp_send(backend, BALANCER_CLIENT_V6, bytes, sizeof(bytes));
	balancer_check(balancer, backend, BALANCER_CLIENT_V6);
	daemon_stop();
	daemon_log_await("client=" BALANCER_CLIENT_V6, " dropped=1 ", NULL);
}
END_TEST

static Suite *udp_flow_suite(void)
{
	Suite *suite = suite_create("net_udp_flow");
	TCase *clients = harness_case(suite, "clients", 60);
	TCase *balancers = harness_case(suite, "balancers", 60);
	TCase *sizes = harness_case(suite, "sizes", 60);

	tcase_add_test(clients, each_client_is_a_flow_of_its_own);
	tcase_add_test(clients, clients_of_ipv6_reach_the_backend_of_ipv6);
	tcase_add_test(clients, clients_may_have_any_port);
	tcase_add_test(clients, the_server_may_answer_more_than_it_was_asked);
	tcase_add_test(balancers, answers_go_to_the_latest_port_of_the_load_balancer);
	tcase_add_test(balancers, a_vanished_load_balancer_ends_no_flow);
	tcase_add_test(sizes, empty_datagrams_pass_both_ways);
	tcase_add_test(sizes, datagrams_of_all_lengths_pass_both_ways);
	tcase_add_test(sizes, the_longest_datagrams_pass_both_ways);
	tcase_add_test(sizes, long_headers_and_long_payload_go_together);
	tcase_add_test(sizes, the_longest_answers_of_ipv6_pass);
	tcase_add_test(sizes, an_answer_too_long_for_the_load_balancer_is_dropped);
	return suite;
}

int main(void)
{
	return harness_run(udp_flow_suite());
}
