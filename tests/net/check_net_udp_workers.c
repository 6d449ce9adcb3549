/* SPDX-License-Identifier: BSD-2-Clause */
/* Several workers: answers reach the right place whichever worker a datagram comes to. */
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

#define WORKERS 4

/* So many ports of a load balancer that every worker has its share, whatever the kernel's hash. */
#define PORTS 40

static struct sender_header header;

static void send_with(int fd, const char *payload)
{
	balancer_send_header(fd, LISTEN_V4, &header, payload, strlen(payload));
}

START_TEST(each_worker_has_a_socket)
{
	daemon_start_udp_workers(WORKERS, "");
	ck_assert_uint_eq(udp_table_unconnected(7000), WORKERS);
}
END_TEST

/* Clients of many load balancers' ports, all at once. */
START_TEST(every_client_has_its_own_answers)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[PORTS];
	char client[64];

	daemon_start_udp_workers(WORKERS, "");
	for (unsigned i = 0; i < PORTS; i++) {
		balancers[i] = balancer_open();
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
		balancer_check(balancers[i], backend, client);
	}
	for (unsigned i = PORTS; i-- > 0;) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
		balancer_check_answer(balancers[i], backend, client);
	}
}
END_TEST

/* The kernel would choose a worker by the load balancer's port. */
START_TEST(a_client_is_one_flow_whatever_port_it_comes_by)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[PORTS];

	daemon_start_udp_workers(WORKERS, "");
	for (unsigned i = 0; i < PORTS; i++)
		balancers[i] = balancer_open();
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < PORTS; i++) {
			balancer_check(balancers[i], backend, BALANCER_CLIENT);
			balancer_check_answer(balancers[i], backend, BALANCER_CLIENT);
		}
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

START_TEST(the_same_holds_for_ipv6_and_tlvs)
{
	int backend = udp_open(BACKEND_V6);
	int balancer;

	daemon_start_udp_workers(WORKERS, "");
	for (unsigned i = 0; i < PORTS; i++) {
		balancer = balancer_open();
		sender_v2_udp(&header, BALANCER_CLIENT_V6, NULL);
		for (unsigned j = 0; j < i % 3; j++)
			sender_tlv(&header, 0xE0, "tlv", 3);
		send_with(balancer, "x");
		udp_expect_text(backend, BALANCER_CLIENT_V6, "x");
		balancer_check_answer(balancer, backend, BALANCER_CLIENT_V6);
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

START_TEST(the_same_holds_for_spp)
{
	static uint8_t expected[64];
	int backend = udp_open(BACKEND_V4);
	int balancer;

	daemon_start_udp_workers(WORKERS, "udp_header = \"spp\";");
	sender_spp(&header, BALANCER_CLIENT, NULL);
	memcpy(expected, header.bytes, header.len);
	memcpy(expected + header.len, "answer", 6);
	for (unsigned i = 0; i < PORTS; i++) {
		balancer = balancer_open();
		send_with(balancer, "question");
		udp_expect_text(backend, BALANCER_CLIENT, "question");
		udp_send_text(backend, BALANCER_CLIENT, "answer");
		udp_expect(balancer, LISTEN_V4, expected, header.len + 6);
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/* Later datagrams say nothing of the client, so the worker is that of the load balancer's port. */
START_TEST(answers_find_a_client_of_one_header_that_moved)
{
	int backend = udp_open(BACKEND_V4);
	int balancer;

	daemon_start_udp_workers(WORKERS,
				 "udp_header = \"first\"; allowed_subnets = [ \"127.0.0.0/8\" ];");
	for (unsigned i = 0; i < PORTS; i++) {
		balancer = balancer_open();
		sender_v2_udp(&header, BALANCER_CLIENT, NULL);
		send_with(balancer, "begin");
		udp_expect_text(backend, BALANCER_CLIENT, "begin");
		balancer_check_answer(balancer, backend, BALANCER_CLIENT);
		udp_send_text(balancer, LISTEN_V4, "on");
		udp_expect_text(backend, BALANCER_CLIENT, "on");
		balancer_check_answer(balancer, backend, BALANCER_CLIENT);
	}
}
END_TEST

/* The load balancer may come back to a port that it used before, without a new header. */
START_TEST(answers_find_a_client_of_one_header_that_came_back)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[4];

	daemon_start_udp_workers(WORKERS,
				 "udp_header = \"first\"; allowed_subnets = [ \"127.0.0.0/8\" ];");
	for (unsigned i = 0; i < 4; i++) {
		balancers[i] = balancer_open();
		sender_v2_udp(&header, BALANCER_CLIENT, NULL);
		send_with(balancers[i], "begin");
		udp_expect_text(backend, BALANCER_CLIENT, "begin");
	}
	for (unsigned i = 0; i < 12; i++) {
		udp_send_text(balancers[i % 4], LISTEN_V4, "on");
		udp_expect_text(backend, BALANCER_CLIENT, "on");
		balancer_check_answer(balancers[i % 4], backend, BALANCER_CLIENT);
	}
}
END_TEST

START_TEST(load_balancers_without_a_client_have_their_own_answers)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[PORTS];
	static struct addr from[PORTS];
	char words[64];

	daemon_start_udp_workers(WORKERS, "");
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	for (unsigned i = 0; i < PORTS; i++) {
		balancers[i] = balancer_open();
		send_with(balancers[i], "hello");
		from[i] = udp_receive(backend)->from;
	}
	for (unsigned i = 0; i < PORTS; i++) {
		snprintf(words, sizeof(words), "answer %u", i);
		udp_send_addr(backend, &from[i], words, strlen(words));
		udp_expect_text(balancers[i], LISTEN_V4, words);
	}
}
END_TEST

/* Bad headers must not confuse whatever reads them to choose a worker. */
START_TEST(broken_headers_harm_no_worker)
{
	int backend = udp_open(BACKEND_V4);
	uint8_t bytes[64];
	int balancer;

	daemon_start_udp_workers(WORKERS, "");
	for (unsigned i = 0; i < 64; i++) {
		balancer = balancer_open();
		sender_v2_udp(&header, BALANCER_CLIENT, NULL);
		udp_send(balancer, LISTEN_V4, header.bytes,
			 header.len - 1 < i ? header.len - 1 : i);
		udp_fill(bytes, sizeof(bytes), i);
		udp_send(balancer, LISTEN_V4, bytes, i);
		balancer_check(balancer, backend, BALANCER_CLIENT);
	}
}
END_TEST

static Suite *udp_workers_suite(void)
{
	Suite *suite = suite_create("net_udp_workers");
	TCase *workers = harness_case(suite, "workers", 60);

	tcase_add_test(workers, each_worker_has_a_socket);
	tcase_add_test(workers, every_client_has_its_own_answers);
	tcase_add_test(workers, a_client_is_one_flow_whatever_port_it_comes_by);
	if (netns_has_ipv6())
		tcase_add_test(workers, the_same_holds_for_ipv6_and_tlvs);
	tcase_add_test(workers, the_same_holds_for_spp);
	tcase_add_test(workers, answers_find_a_client_of_one_header_that_moved);
	tcase_add_test(workers, answers_find_a_client_of_one_header_that_came_back);
	tcase_add_test(workers, load_balancers_without_a_client_have_their_own_answers);
	tcase_add_test(workers, broken_headers_harm_no_worker);
	return suite;
}

int main(void)
{
	return harness_run(udp_workers_suite());
}
