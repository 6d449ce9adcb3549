/* SPDX-License-Identifier: BSD-2-Clause */
/* Backends that are down, restart or answer from elsewhere: datagrams are lost, flows never. */
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

/* The counters that the end of the only flow shows. */
static void expect_at_end(const char *counters)
{
	daemon_stop();
	daemon_log_await("client=" BALANCER_CLIENT, "reason=", counters);
	ck_assert_uint_eq(daemon_log_count("client=" BALANCER_CLIENT, "reason="), 1);
}

/*
 * The only worker has sent all that came before this. The daemon may have read what a backend was
 * to lose, and not sent it yet when the next backend opens.
 */
static void await_latest(int balancer, int backend, const char *client)
{
	balancer_send_text(balancer, client, "the latest");
	udp_await_text(backend, "the latest");
}

START_TEST(a_backend_that_is_down_costs_datagrams_alone)
{
	int balancer = balancer_open();
	int backend;

	daemon_start_udp("");
	for (int i = 0; i < 5; i++) {
		balancer_send_text(balancer, BALANCER_CLIENT, "lost");
		/* The kernel has answered each by an ICMP error before the next one comes. */
		HARNESS_AWAIT(udp_table_queued(7000) == 0);
	}
	HARNESS_AWAIT(udp_table_has(BALANCER_CLIENT, BACKEND_V4));
	backend = udp_open(BACKEND_V4);
	await_latest(balancer, backend, BALANCER_CLIENT);
	/* What comes back first is the answer: no error is passed on as a datagram. */
	balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
	expect_at_end(" icmp_errors=");
}
END_TEST

START_TEST(a_backend_that_restarts_finds_its_clients)
{
	int balancer = balancer_open();
	int backend = udp_open(BACKEND_V4);
	char client[64];

	daemon_start_udp("");
	for (int turn = 0; turn < 5; turn++) {
		for (unsigned i = 0; i < 10; i++) {
			snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
			balancer_check(balancer, backend, client);
		}
		peer_close(backend);
		for (unsigned i = 0; i < 10; i++) {
			snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
			balancer_send_text(balancer, client, "lost");
		}
		HARNESS_AWAIT(udp_table_queued(7000) == 0);
		backend = udp_open(BACKEND_V4);
		await_latest(balancer, backend, "203.0.113.7:40009");
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 10);
	ck_assert_uint_eq(daemon_log_count("client=203.0.113.7:", "reason="), 0);
}
END_TEST

/* A program that binds no address answers from the one that the route back gives it. */
START_TEST(a_backend_on_a_wildcard_is_heard)
{
	int balancer = balancer_open();
	int backend = udp_open("0.0.0.0:8000");

	harness_shell("ip route add local 203.0.113.0/24 dev lo src 127.0.0.1");
	daemon_start_udp("");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* Nobody has asked that address anything; the flow waits for the right one. */
START_TEST(an_answer_from_another_address_ends_no_flow)
{
	int balancer = balancer_open();
	int backend = udp_open("0.0.0.0:8000");

	harness_shell("ip address add 192.0.2.1/32 dev lo"
		      " && ip route add local 203.0.113.0/24 dev lo src 192.0.2.1");
	daemon_start_udp("");
	for (int i = 0; i < 3; i++) {
		balancer_send_text(balancer, BALANCER_CLIENT, "question");
		udp_expect_text(backend, BALANCER_CLIENT, "question");
		udp_send_text(backend, BALANCER_CLIENT, "from elsewhere");
	}
	peer_close(backend);
	balancer_check(balancer, udp_open(BACKEND_V4), BALANCER_CLIENT);
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/* Nor may anybody but the backend send to the client's address here. */
START_TEST(strangers_are_not_the_backend)
{
	int balancer = balancer_open();
	int backend = udp_open(BACKEND_V4);
	int stranger = udp_open("127.0.0.1:8001");

	daemon_start_udp("");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	udp_send_text(stranger, BALANCER_CLIENT, "believe me");
	balancer_check_answer(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(a_backend_without_a_route_is_found_when_it_has_one)
{
	int balancer = balancer_open();
	int backend;

	harness_shell("ip route add unreachable 192.0.2.50/32"
		      " && ip rule add from 192.0.2.50 iif lo table 123");
	daemon_start_config(
	    "workers = 1;\ndrain_timeout = \"100ms\";\n"
	    "listeners = ( { name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4
	    "\"; targets = { ipv4 = \"192.0.2.50:8000\"; }; } );\n");
	balancer_send_text(balancer, BALANCER_CLIENT, "nowhere");
	daemon_log_await("warn ", "client=" BALANCER_CLIENT, "reason=backend_unreachable");
	harness_shell("ip route del unreachable 192.0.2.50/32"
		      " && ip address add 192.0.2.50/32 dev lo");
	backend = udp_open("192.0.2.50:8000");
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* An error that is not taken would keep the socket ready for ever. */
START_TEST(errors_cost_no_processor_time)
{
	int balancer = balancer_open();
	unsigned spent;

	daemon_start_udp("");
	for (int i = 0; i < 20; i++)
		balancer_send_text(balancer, BALANCER_CLIENT, "lost");
	HARNESS_AWAIT(udp_table_queued(7000) == 0);
	if (daemon_is_instrumented())
		return;
	spent = daemon_cpu_ms();
	harness_sleep_ms(1000);
	spent = daemon_cpu_ms() - spent;
	ck_assert_uint_lt(spent, 500);
}
END_TEST

START_TEST(a_backend_of_ipv6_may_be_down)
{
	int balancer = balancer_open();
	int backend;

	if (!netns_has_ipv6())
		return;
	daemon_start_udp("");
	for (int i = 0; i < 5; i++) {
		balancer_send_text(balancer, BALANCER_CLIENT_V6, "lost");
		HARNESS_AWAIT(udp_table_queued(7000) == 0);
	}
	HARNESS_AWAIT(udp_table_has(BALANCER_CLIENT_V6, BACKEND_V6));
	backend = udp_open(BACKEND_V6);
	await_latest(balancer, backend, BALANCER_CLIENT_V6);
	balancer_check(balancer, backend, BALANCER_CLIENT_V6);
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
	daemon_stop();
	daemon_log_await("client=" BALANCER_CLIENT_V6, " icmp_errors=", NULL);
}
END_TEST

static Suite *udp_backend_suite(void)
{
	Suite *suite = suite_create("net_udp_backend");
	TCase *backend = harness_case(suite, "backend", 60);

	tcase_add_test(backend, a_backend_that_is_down_costs_datagrams_alone);
	tcase_add_test(backend, a_backend_that_restarts_finds_its_clients);
	tcase_add_test(backend, a_backend_on_a_wildcard_is_heard);
	tcase_add_test(backend, an_answer_from_another_address_ends_no_flow);
	tcase_add_test(backend, strangers_are_not_the_backend);
	tcase_add_test(backend, a_backend_without_a_route_is_found_when_it_has_one);
	tcase_add_test(backend, errors_cost_no_processor_time);
	tcase_add_test(backend, a_backend_of_ipv6_may_be_down);
	return suite;
}

int main(void)
{
	return harness_run(udp_backend_suite());
}
