/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP flows that the kernel carries: both ways, both families, both headers, and what it leaves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "http.h"
#include "kernel_relay.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "udp.h"
#include "udp_table.h"

#define OUTER_V4 "192.0.2.1:7000"
#define OUTER_V6 "[2001:db8:2::1]:7000"

#define FLOWS 20

static struct sender_header header;

static const char *client_of(unsigned number)
{
	static char text[64];

	snprintf(text, sizeof(text), "203.0.113.%u:%u", 1 + number % 5, 40000 + number);
	return text;
}

/* ---- where datagrams come from ---- */

START_TEST(flows_of_this_host_are_carried)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	kernel_relay_start("");
	for (unsigned i = 0; i < FLOWS; i++)
		kernel_relay_await(balancer, backend, client_of(i), i + 1);
	for (unsigned i = 0; i < FLOWS; i++)
		kernel_relay_check(balancer, backend, client_of(i));
	/* Each has its socket, to go on with at any moment. */
	ck_assert_uint_eq(udp_table_connected_to(8000), FLOWS);
	ck_assert_uint_eq(kernel_relay_metric("demoted_total"), 0);
}
END_TEST

START_TEST(flows_of_ipv6_are_carried)
{
	int backend;
	int balancer;

	if (!netns_has_ipv6())
		return;
	backend = udp_open(BACKEND_V6);
	balancer = udp_open("[::1]:0");
	kernel_relay_start("listen = \"[::1]:7000\";");
	kernel_relay_await_at(balancer, "[::1]:7000", backend, BALANCER_CLIENT_V6, 1);
	kernel_relay_check_at(balancer, "[::1]:7000", backend, BALANCER_CLIENT_V6);
}
END_TEST

/* A socket of both families tells IPv4 as IPv6. */
START_TEST(flows_of_a_socket_of_both_families_are_carried)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	if (!netns_has_ipv6())
		return;
	kernel_relay_start("listen = \"[::]:7000\";");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(flows_of_another_host_are_carried)
{
	int guest = routes_add_guest();
	int backend = udp_open(BACKEND_V4);
	int balancer = routes_udp_in_guest(guest, "192.0.2.2:5000");

	kernel_relay_set_sysctls();
	kernel_relay_start("listen = \"0.0.0.0:7000\";");
	kernel_relay_await_at(balancer, OUTER_V4, backend, BALANCER_CLIENT, 1);
	kernel_relay_check_at(balancer, OUTER_V4, backend, BALANCER_CLIENT);
	kernel_relay_await_at(balancer, OUTER_V4, backend, BALANCER_OTHER_CLIENT, 2);
	kernel_relay_check_at(balancer, OUTER_V4, backend, BALANCER_OTHER_CLIENT);
}
END_TEST

START_TEST(flows_of_another_host_are_carried_with_ipv6)
{
	int guest = routes_add_guest();
	int backend;
	int balancer;

	if (!netns_has_ipv6())
		return;
	backend = udp_open(BACKEND_V6);
	balancer = routes_udp_in_guest(guest, "[2001:db8:2::2]:5000");
	kernel_relay_start("listen = \"[::]:7000\";");
	kernel_relay_await_at(balancer, OUTER_V6, backend, BALANCER_CLIENT_V6, 1);
	kernel_relay_check_at(balancer, OUTER_V6, backend, BALANCER_CLIENT_V6);
}
END_TEST

/* Datagrams between addresses of this host go by lo, whatever device has the address. */
START_TEST(flows_of_this_host_by_another_address_are_carried)
{
	int backend = udp_open(BACKEND_V4);
	int balancer;

	(void)routes_add_guest();
	balancer = udp_open("192.0.2.1:5000");
	kernel_relay_start("listen = \"192.0.2.1:7000\";");
	kernel_relay_await_at(balancer, OUTER_V4, backend, BALANCER_CLIENT, 1);
	kernel_relay_check_at(balancer, OUTER_V4, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(flows_of_several_workers_are_carried)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[FLOWS];

	daemon_start_config(kernel_relay_config(4, ""));
	for (unsigned i = 0; i < FLOWS; i++) {
		balancers[i] = balancer_open();
		kernel_relay_await(balancers[i], backend, client_of(i), i + 1);
	}
	for (unsigned i = 0; i < FLOWS; i++)
		kernel_relay_check(balancers[i], backend, client_of(i));
}
END_TEST

/* ---- headers ---- */

static void check_spp(const char *listener, int backend, int balancer, const char *client)
{
	static uint8_t expected[64];

	sender_spp(&header, client, NULL);
	memcpy(expected, header.bytes, header.len);
	memcpy(expected + header.len, "answer", 6);
	do {
		balancer_send_header(balancer, listener, &header, "question", 8);
		udp_expect_text(backend, client, "question");
		udp_send_text(backend, client, "answer");
		udp_expect(balancer, listener, expected, header.len + 6);
	} while (kernel_relay_datagrams("carried_datagrams_total", "down") < 3);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 1);
}

START_TEST(flows_of_spp_are_carried)
{
	int backend = udp_open(BACKEND_V4);

	kernel_relay_start("udp_header = \"spp\"; ");
	check_spp(LISTEN_V4, backend, balancer_open(), BALANCER_CLIENT);
}
END_TEST

START_TEST(flows_of_spp_are_carried_with_ipv6)
{
	int backend;

	if (!netns_has_ipv6())
		return;
	backend = udp_open(BACKEND_V6);
	kernel_relay_start("listen = \"[::1]:7000\"; udp_header = \"spp\"; ");
	check_spp("[::1]:7000", backend, udp_open("[::1]:0"), BALANCER_CLIENT_V6);
}
END_TEST

START_TEST(flows_of_spp_of_another_host_are_carried)
{
	int guest = routes_add_guest();
	int backend = udp_open(BACKEND_V4);

	kernel_relay_set_sysctls();
	kernel_relay_start("listen = \"0.0.0.0:7000\"; udp_header = \"spp\"; ");
	check_spp(OUTER_V4, backend, routes_udp_in_guest(guest, "192.0.2.2:5000"), BALANCER_CLIENT);
}
END_TEST

/* The whole header is compared, and what has another one goes through user space. */
START_TEST(a_header_with_a_tlv_in_between_passes)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	uint64_t user;

	kernel_relay_start("");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	for (int i = 0; i < 10; i++) {
		sender_v2_udp(&header, BALANCER_CLIENT, NULL);
		sender_tlv(&header, 0xE0, "tlv", 3);
		balancer_send_header(balancer, LISTEN_V4, &header, "with a TLV", 10);
		udp_expect_text(backend, BALANCER_CLIENT, "with a TLV");
		balancer_check(balancer, backend, BALANCER_CLIENT);
	}
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 1);
	user = kernel_relay_datagrams("datagrams_total", "up") -
	       kernel_relay_datagrams("carried_datagrams_total", "up");
	ck_assert_uint_ge(user, 11);
}
END_TEST

/* Flows of one client to two servers, which the header tells apart. */
START_TEST(destinations_of_headers_are_carried)
{
	static const char *const targets[] = {"127.0.0.1:8000", "127.0.0.1:8001"};
	int backends[2] = {udp_open(targets[0]), udp_open(targets[1])};
	int balancer = balancer_open();

	kernel_relay_start("dynamic_destination = true; "
			   "allowed_destinations = [ \"127.0.0.0/8\" ]; ");
	do {
		for (int i = 0; i < 2; i++) {
			sender_v2_udp(&header, BALANCER_CLIENT, targets[i]);
			balancer_send_header(balancer, LISTEN_V4, &header, targets[i], 14);
			udp_expect_text(backends[i], BALANCER_CLIENT, targets[i]);
			balancer_check_answer(balancer, backends[i], BALANCER_CLIENT);
		}
	} while (kernel_relay_datagrams("carried_datagrams_total", "up") < 20 ||
		 kernel_relay_datagrams("carried_datagrams_total", "down") < 20);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 2);
}
END_TEST

/* One flow whose headers differ in what does not matter here: whoever carries it, it passes. */
START_TEST(headers_in_turn_pass)
{
	static const char *const destinations[] = {"198.51.100.1:443", "198.51.100.2:443"};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	kernel_relay_start("");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	for (int i = 0; i < 100; i++) {
		sender_v2_udp(&header, BALANCER_CLIENT, destinations[i % 2]);
		balancer_send_header(balancer, LISTEN_V4, &header, "question", 8);
		udp_expect_text(backend, BALANCER_CLIENT, "question");
		balancer_check_answer(balancer, backend, BALANCER_CLIENT);
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

START_TEST(a_balancer_that_moves_is_followed)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[3] = {balancer_open(), balancer_open(), udp_open("127.0.0.5:0")};

	kernel_relay_start("");
	kernel_relay_await(balancers[0], backend, BALANCER_CLIENT, 1);
	for (int i = 0; i < 6; i++) {
		kernel_relay_check(balancers[i % 3], backend, BALANCER_CLIENT);
		for (int j = 0; j < 5; j++)
			balancer_check_answer(balancers[i % 3], backend, BALANCER_CLIENT);
	}
	/* And one that comes by all of them in turn. */
	for (int i = 0; i < 60; i++) {
		balancer_check(balancers[i % 3], backend, BALANCER_CLIENT);
		balancer_check_answer(balancers[i % 3], backend, BALANCER_CLIENT);
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/*
 * Who may not send headers can still make the kernel leave a flow to user space, by one datagram
 * that names its client; he gets no answer, nobody loses one, and the flow is given again.
 */
START_TEST(a_stranger_takes_no_flow_away)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int stranger = udp_open("127.0.0.66:0");

	kernel_relay_start("allowed_subnets = [ \"127.0.0.1\" ]; ");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	for (int i = 0; i < 5; i++) {
		balancer_send_text(stranger, BALANCER_CLIENT, "me too");
		for (int j = 0; j < 20; j++)
			balancer_check_answer(balancer, backend, BALANCER_CLIENT);
		kernel_relay_check(balancer, backend, BALANCER_CLIENT);
	}
	ck_assert_ptr_null(udp_receive_within(stranger, 0));
	ck_assert_uint_eq(kernel_relay_metric("demoted_total"), 0);
	ck_assert_uint_eq(
	    admin_metric("mmproxy_udp_dropped_total{listener=\"t\",reason=\"peer_denied\"}"), 5);
}
END_TEST

/* Nothing is cut, nothing added, whoever carries it. */
START_TEST(datagrams_of_all_lengths_pass_both_ways)
{
	static const size_t lengths[] = {0,    1,    2,	   27,	  28,	 29,	511,   1472,
					 1473, 2048, 9000, 16384, 16385, 32768, 65000, 65535 - 56};
	static uint8_t bytes[65536];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	kernel_relay_start("");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		udp_fill(bytes, lengths[i], (unsigned)i);
		balancer_send(balancer, BALANCER_CLIENT, bytes, lengths[i]);
		udp_expect(backend, BALANCER_CLIENT, bytes, lengths[i]);
		bytes[0] ^= 1;
		udp_send(backend, BALANCER_CLIENT, bytes, lengths[i]);
		udp_expect(balancer, LISTEN_V4, bytes, lengths[i]);
	}
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 1);
}
END_TEST

/* ---- what is said ---- */

START_TEST(everything_is_counted_once)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	unsigned up = 0;
	unsigned down = 0;

	kernel_relay_start("");
	while (kernel_relay_datagrams("carried_datagrams_total", "down") < 10) {
		balancer_send_text(balancer, BALANCER_CLIENT, "question");
		udp_expect_text(backend, BALANCER_CLIENT, "question");
		up++;
		for (int i = 0; i < 2; i++, down++) {
			udp_send_text(backend, BALANCER_CLIENT, "two answers");
			udp_expect_text(balancer, LISTEN_V4, "two answers");
		}
	}
	HARNESS_AWAIT(kernel_relay_datagrams("datagrams_total", "up") == up);
	HARNESS_AWAIT(kernel_relay_datagrams("datagrams_total", "down") == down);
	admin_await_metric("mmproxy_bytes_total{listener=\"t\",direction=\"up\"}", up * 8);
	admin_await_metric("mmproxy_bytes_total{listener=\"t\",direction=\"down\"}", down * 11);
	admin_check_json(http_get(admin_path(), "/sessions"),
			 "[s['relay'] for s in d['sessions']] == ['kernel']");
	daemon_stop();
	kernel_relay_expect_end(BALANCER_CLIENT, "reason=shutdown", up, down);
}
END_TEST

START_TEST(the_table_of_sessions_says_who_carries)
{
	static struct command_result result;
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	kernel_relay_start("");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	admin_run(&result, "--status", "--sessions", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	ck_assert_msg(strstr(result.out, "  kernel ") != NULL, "%s", result.out);
}
END_TEST

START_TEST(user_space_is_the_default)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	kernel_relay_start("udp_relay = \"user\"; ");
	for (int i = 0; i < 20; i++)
		balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 0);
	ck_assert_uint_eq(kernel_relay_datagrams("carried_datagrams_total", "up"), 0);
	admin_check_json(http_get(admin_path(), "/sessions"),
			 "[s['relay'] for s in d['sessions']] == ['user']");
}
END_TEST

static Suite *udp_kernel_suite(void)
{
	Suite *suite = suite_create("net_udp_kernel");
	TCase *places = harness_case(suite, "places", 60);
	TCase *headers = harness_case(suite, "headers", 60);
	TCase *counts = harness_case(suite, "counts", 60);

	tcase_add_test(places, flows_of_this_host_are_carried);
	tcase_add_test(places, flows_of_ipv6_are_carried);
	tcase_add_test(places, flows_of_a_socket_of_both_families_are_carried);
	tcase_add_test(places, flows_of_another_host_are_carried);
	tcase_add_test(places, flows_of_another_host_are_carried_with_ipv6);
	tcase_add_test(places, flows_of_this_host_by_another_address_are_carried);
	tcase_add_test(places, flows_of_several_workers_are_carried);
	tcase_add_test(headers, flows_of_spp_are_carried);
	tcase_add_test(headers, flows_of_spp_are_carried_with_ipv6);
	tcase_add_test(headers, flows_of_spp_of_another_host_are_carried);
	tcase_add_test(headers, a_header_with_a_tlv_in_between_passes);
	tcase_add_test(headers, destinations_of_headers_are_carried);
	tcase_add_test(headers, headers_in_turn_pass);
	tcase_add_test(headers, a_balancer_that_moves_is_followed);
	tcase_add_test(headers, a_stranger_takes_no_flow_away);
	tcase_add_test(headers, datagrams_of_all_lengths_pass_both_ways);
	tcase_add_test(counts, everything_is_counted_once);
	tcase_add_test(counts, the_table_of_sessions_says_who_carries);
	tcase_add_test(counts, user_space_is_the_default);
	return suite;
}

int main(void)
{
	return kernel_relay_run(udp_kernel_suite());
}
