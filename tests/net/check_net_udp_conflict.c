/* SPDX-License-Identifier: BSD-2-Clause */
/* Two listeners with one target: a client's pair of addresses belongs to one of them at a time. */
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

#define LISTEN_B "127.0.0.1:7001"

/* Listeners "a" and "b" with the same target, and keys of both and of "b". */
static void start_two(unsigned workers, const char *keys, const char *keys_of_b)
{
	char config[4096];

	snprintf(config, sizeof(config),
		 "workers = %u;\ndrain_timeout = \"100ms\";\nlog = { level = \"debug\"; };\n"
		 "defaults = { protocol = \"udp\"; " DAEMON_PATIENT_UDP DAEMON_TARGETS "%s };\n"
		 "listeners = ( { name = \"a\"; listen = \"" LISTEN_V4 "\"; },\n"
		 "{ name = \"b\"; listen = \"" LISTEN_B "\"; %s } );\n",
		 workers, keys, keys_of_b);
	daemon_start_config(config);
	/* Whose sockets have ports for a moment. */
	daemon_await_look();
}

static void send_to_b(int balancer, const char *client, const char *text)
{
	static struct sender_header header;

	sender_v2_udp(&header, client, NULL);
	balancer_send_header(balancer, LISTEN_B, &header, text, strlen(text));
}

START_TEST(answers_go_to_the_listener_that_has_the_client)
{
	int backend = udp_open(BACKEND_V4);
	int a = balancer_open();
	int b = balancer_open();
	char client[64];

	start_two((unsigned)_i, "source_port = \"preserve\";", "");
	for (unsigned i = 0; i < 20; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
		balancer_check(a, backend, client);
		send_to_b(b, client, "a's client");
		/* Of another client, so that the datagram before it has been dealt with. */
		balancer_check_at(b, LISTEN_B, backend, "203.0.113.9:50000");
		balancer_check_answer(a, backend, client);
	}
	daemon_log_await("warn ", "listener=b", "reason=source_conflict");
	ck_assert_uint_eq(daemon_log_count("listener=a", "reason=source_conflict"), 0);
	/* Another worker may hold the last socket that has to go. */
	HARNESS_AWAIT(udp_table_connected_to(8000) == 21);
}
END_TEST

START_TEST(fallback_gives_the_second_listener_a_port_of_its_own)
{
	int backend = udp_open(BACKEND_V4);
	int a = balancer_open();
	int b = balancer_open();
	const struct udp_datagram *datagram;
	char client[64];

	start_two((unsigned)_i, "source_port = \"fallback\";", "");
	for (unsigned i = 0; i < 20; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 10000 + i);
		balancer_check(a, backend, client);
		send_to_b(b, client, "question");
		datagram = udp_receive(backend);
		ck_assert_uint_eq(datagram->len, 8);
		ck_assert_uint_ne(addr_port(&datagram->from), 10000 + i);
		udp_answer(backend, datagram, "answer", 6);
		udp_expect_text(b, LISTEN_B, "answer");
		balancer_check_answer(a, backend, client);
	}
	ck_assert_uint_eq(daemon_log_count("reason=source_conflict", NULL), 0);
}
END_TEST

/* Of ten ports five are clients' own; five are left, and then none. */
START_TEST(a_port_of_the_kernels_choice_is_nobody_elses)
{
	int backend = udp_open(BACKEND_V4);
	int a = balancer_open();
	int b = balancer_open();
	bool seen[10] = {false};
	char client[64];

	ck_assert(harness_sysctl("net/ipv4/ip_local_port_range", "50000 50009"));
	start_two((unsigned)_i, "", "source_port = \"ephemeral\";");
	for (unsigned i = 0; i < 10; i += 2) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 50000 + i);
		balancer_check(a, backend, client);
		seen[i] = true;
	}
	for (unsigned i = 0; i < 5; i++) {
		const struct udp_datagram *datagram;
		unsigned port;

		snprintf(client, sizeof(client), "203.0.113.7:%u", 30000 + i);
		send_to_b(b, client, "question");
		datagram = udp_receive(backend);
		port = addr_port(&datagram->from) - 50000U;
		ck_assert_uint_lt(port, 10);
		ck_assert_msg(!seen[port], "port %u is another flow's", 50000 + port);
		seen[port] = true;
		udp_answer(backend, datagram, "answer", 6);
		udp_expect_text(b, LISTEN_B, "answer");
	}
	send_to_b(b, "203.0.113.7:30005", "question");
	daemon_log_await("listener=b", "client=203.0.113.7:30005", "reason=source_conflict");
}
END_TEST

/* Another target, so another pair. */
START_TEST(a_client_may_have_a_flow_to_each_target)
{
	int backend = udp_open(BACKEND_V4);
	int other = udp_open("127.0.0.1:8001");
	int a = balancer_open();
	int b = balancer_open();

	start_two((unsigned)_i, "", "targets = { ipv4 = \"127.0.0.1:8001\"; };");
	for (unsigned i = 0; i < 5; i++) {
		balancer_check(a, backend, BALANCER_CLIENT);
		balancer_check_at(b, LISTEN_B, other, BALANCER_CLIENT);
	}
}
END_TEST

START_TEST(the_pair_is_free_when_its_flow_has_ended)
{
	int backend = udp_open(BACKEND_V4);
	int a = balancer_open();
	int b = balancer_open();
	int64_t deadline;
	bool taken = false;

	start_two((unsigned)_i, "max_flows = 1; source_port = \"preserve\";", "");
	balancer_check(a, backend, BALANCER_CLIENT);
	send_to_b(b, BALANCER_CLIENT, "a's client");
	daemon_log_await("listener=b", "reason=source_conflict", NULL);
	/* Another client's flow takes its place. */
	balancer_check(a, backend, BALANCER_OTHER_CLIENT);
	/* A refused client is refused for a moment more. */
	deadline = harness_now_ms() + harness_patience_ms();
	while (!taken) {
		ck_assert_int_lt(harness_now_ms(), deadline);
		send_to_b(b, BALANCER_CLIENT, "free");
		taken = udp_receive_within(backend, 50) != NULL;
	}
	udp_send_text(backend, BALANCER_CLIENT, "answer");
	udp_expect_text(b, LISTEN_B, "answer");
}
END_TEST

static Suite *udp_conflict_suite(void)
{
	Suite *suite = suite_create("net_udp_conflict");
	TCase *conflict = harness_case(suite, "conflict", 60);

	/* With one worker and with several. */
	tcase_add_loop_test(conflict, answers_go_to_the_listener_that_has_the_client, 1, 4);
	tcase_add_loop_test(conflict, fallback_gives_the_second_listener_a_port_of_its_own, 1, 4);
	tcase_add_loop_test(conflict, a_port_of_the_kernels_choice_is_nobody_elses, 1, 3);
	tcase_add_loop_test(conflict, a_client_may_have_a_flow_to_each_target, 1, 3);
	tcase_add_loop_test(conflict, the_pair_is_free_when_its_flow_has_ended, 1, 3);
	return suite;
}

int main(void)
{
	return harness_run(udp_conflict_suite());
}
