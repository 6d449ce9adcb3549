/* SPDX-License-Identifier: BSD-2-Clause */
/* max_connections_per_client and connections_per_client_rate, with UDP. */
#include <stdio.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "refusals.h"
#include "udp.h"
#include "udp_table.h"

static const char *client_at(unsigned port)
{
	static char text[64];

	snprintf(text, sizeof(text), "203.0.113.7:%u", port);
	return text;
}

/* ---- open at one time ---- */

START_TEST(one_client_has_no_more_than_the_limit)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp_workers((unsigned)_i, "max_connections_per_client = 2;");
	balancer_check(balancer, backend, client_at(20000));
	balancer_check(balancer, backend, client_at(20001));
	balancer_send_text(balancer, client_at(20002), "one too many");
	daemon_log_await("warn listener=t", "client=203.0.113.7:20002", "reason=client_limit");
	/* The flows that there are go on, and others begin theirs. */
	balancer_check(balancer, backend, client_at(20000));
	balancer_check(balancer, backend, "203.0.113.8:20000");
	balancer_check(balancer, backend, client_at(20001));
	ck_assert_uint_eq(udp_table_connected_to(8000), 3);
}
END_TEST

#define BURST	    60
#define BURST_LIMIT 7

START_TEST(a_burst_gets_exactly_the_limit)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char key[64];

	snprintf(key, sizeof(key), "max_connections_per_client = %u;", BURST_LIMIT);
	daemon_start_udp_workers(2, key);
	daemon_pause();
	for (unsigned i = 0; i < BURST; i++)
		balancer_send_text(balancer, client_at(20000 + i), "hello");
	daemon_resume();
	for (unsigned i = 0; i < BURST_LIMIT; i++)
		(void)udp_receive(backend);
	HARNESS_AWAIT(refusals_logged("client_limit") == BURST - BURST_LIMIT);
	ck_assert_uint_eq(udp_table_connected_to(8000), BURST_LIMIT);
	ck_assert_ptr_null(udp_receive_within(backend, 0));
	daemon_stop();
	daemon_log_await("totals", " dropped_client_limit=53", NULL);
}
END_TEST

START_TEST(a_flow_that_is_over_makes_room)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp_workers(2, "max_connections_per_client = 1; close_after = \"200ms\";");
	for (unsigned i = 0; i < 3; i++) {
		char client[128];

		snprintf(client, sizeof(client), "client=%s ", client_at(20000 + i));
		balancer_send_text(balancer, client_at(20000 + i), "hello");
		udp_expect_text(backend, client_at(20000 + i), "hello");
		daemon_log_await(client, "reason=idle_timeout", NULL);
		/* The line comes before the place is free, which is before the socket is closed. */
		HARNESS_AWAIT(udp_table_connected_to(8000) == 0);
	}
}
END_TEST

/* The one that ends is another client's, or the same client's. */
START_TEST(a_flow_that_makes_way_makes_room)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("max_connections_per_client = 1; max_flows = 1;");
	for (unsigned i = 0; i < 5; i++) {
		balancer_check(balancer, backend, client_at(20000 + i));
		balancer_check(balancer, backend, "203.0.113.8:20000");
	}
	ck_assert_uint_eq(daemon_log_count("reason=client_limit", NULL), 0);
}
END_TEST

/* A worker asks another one for room, and keeps the datagram: it still begins one flow. */
START_TEST(a_datagram_that_waits_counts_once)
{
	int backend = udp_open(BACKEND_V4);

	daemon_start_udp_workers(4, "max_connections_per_client = 1; max_flows = 2; "
				    "connections_per_client_rate = 1;");
	for (unsigned i = 0; i < 60; i++) {
		char client[64];

		snprintf(client, sizeof(client), "203.0.113.%u:20000", 1 + i);
		balancer_check(balancer_open(), backend, client);
	}
	ck_assert_uint_eq(daemon_log_count("reason=client_limit", NULL), 0);
}
END_TEST

/* Nor does one that begins none: the client's address is another listener's flow's. */
START_TEST(a_datagram_in_vain_does_not_count)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_config(
	    "workers = 1; drain_timeout = \"100ms\";\nlisteners = (\n"
	    "{ name = \"a\"; protocol = \"udp\"; listen = \"127.0.0.1:7001\"; " DAEMON_TARGETS
	    " },\n"
	    "{ name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS
	    "max_connections_per_client = 1; connections_per_client_rate = 1; } );\n");
	balancer_check_at(balancer, "127.0.0.1:7001", backend, client_at(20000));
	for (unsigned i = 0; i < 3; i++)
		balancer_send_text(balancer, client_at(20000), "in vain");
	daemon_log_await("listener=t", "reason=source_conflict", NULL);
	balancer_check(balancer, backend, client_at(20001));
	ck_assert_uint_eq(daemon_log_count("reason=client_limit", NULL), 0);
}
END_TEST

START_TEST(one_network_of_64_bits_is_one_client)
{
	int balancer = balancer_open();
	int backend;

	if (!netns_has_ipv6())
		return;
	backend = udp_open(BACKEND_V6);
	daemon_start_udp("max_connections_per_client = 1;");
	balancer_check(balancer, backend, "[2001:db8:0:1::7]:20000");
	balancer_send_text(balancer, "[2001:db8:0:1:ffff:ffff:ffff:ffff]:20000", "one too many");
	daemon_log_await("reason=client_limit", "client=[2001:db8:0:1:ffff:ffff:ffff:ffff]:20000",
			 NULL);
	balancer_check(balancer, backend, "[2001:db8:0:2::7]:20000");
	balancer_check(balancer, backend, "[2001:db8:0:1::7]:20000");
}
END_TEST

/* ---- begun in a second ---- */

#define RATE	 5
#define ATTEMPTS 200

START_TEST(a_burst_then_refusals_then_again)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int64_t began_ms;
	int64_t took_ms;
	unsigned served = 0;
	char client[ADDR_STRLEN];
	char key[64];

	snprintf(key, sizeof(key), "connections_per_client_rate = %u;", RATE);
	daemon_start_udp_workers(2, key);
	began_ms = harness_now_ms();
	for (unsigned i = 0; i < ATTEMPTS; i++)
		balancer_send_text(balancer, client_at(20000 + i), "hello");
	HARNESS_AWAIT(refusals_logged("client_limit") + udp_table_connected_to(8000) == ATTEMPTS);
	took_ms = harness_now_ms() - began_ms;
	served = udp_table_connected_to(8000);
	ck_assert_uint_ge(served, RATE);
	ck_assert_uint_le(served, RATE + (unsigned)(RATE * took_ms / 1000) + 1);
	for (unsigned i = 0; i < served; i++)
		addr_format(&udp_receive(backend)->from, client);
	ck_assert_ptr_null(udp_receive_within(backend, 0));
	/* A flow that is there asks nobody. */
	for (unsigned i = 0; i < 20; i++)
		balancer_check(balancer, backend, client);
	harness_sleep_ms(1100);
	for (unsigned i = 0; i < RATE; i++)
		balancer_check(balancer, backend, client_at(40000 + i));
	daemon_stop();
	snprintf(key, sizeof(key), " dropped_client_limit=%u", ATTEMPTS - served);
	daemon_log_await("totals", key, NULL);
}
END_TEST

static Suite *udp_client_limits_suite(void)
{
	Suite *suite = suite_create("net_udp_client_limits");
	TCase *open = harness_case(suite, "open", 60);
	TCase *rate = harness_case(suite, "rate", 60);

	tcase_add_loop_test(open, one_client_has_no_more_than_the_limit, 1, 3);
	tcase_add_test(open, a_burst_gets_exactly_the_limit);
	tcase_add_test(open, a_flow_that_is_over_makes_room);
	tcase_add_test(open, a_flow_that_makes_way_makes_room);
	tcase_add_test(open, a_datagram_that_waits_counts_once);
	tcase_add_test(open, a_datagram_in_vain_does_not_count);
	tcase_add_test(open, one_network_of_64_bits_is_one_client);
	tcase_add_test(rate, a_burst_then_refusals_then_again);
	return suite;
}

int main(void)
{
	return harness_run(udp_client_limits_suite());
}
