/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors are short: the flow idle longest makes room, and some are left to connections. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

#define LISTEN_B "127.0.0.1:7001"

/* The usual limit, which the daemon cannot raise where the hard one is the same. */
#define NOFILE 1024

/* Clients of one datagram each, and connections that stay. */
#define CLIENTS	    1500
#define CONNECTIONS 30

/* Header lines of a configuration whose daemon starts with NOFILE descriptors. */
static void start_limited(unsigned workers, const char *listeners)
{
	const struct rlimit limit = {.rlim_cur = NOFILE, .rlim_max = NOFILE};
	char config[4096];

	snprintf(config, sizeof(config),
		 "workers = %u;\ndrain_timeout = \"100ms\";\n"
		 "defaults = { " DAEMON_PATIENT_UDP DAEMON_TARGETS " };\nlisteners = ( %s );\n",
		 workers, listeners);
	/* The daemon inherits it. */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	daemon_start_config(config);
}

START_TEST(the_flow_idle_longest_makes_room)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char client[64];

	daemon_start_udp("");
	if (daemon_is_wrapped())
		return;
	daemon_leave_descriptors(8);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
		balancer_check(balancer, backend, client);
		balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
	}
	daemon_log_await("warn ", "client=203.0.113.7:40000", "reason=out_of_descriptors");
	ck_assert_uint_eq(daemon_log_count("client=" BALANCER_OTHER_CLIENT, "reason="), 0);
	/* What it has room for stays in use. */
	ck_assert_uint_ge(udp_table_connected_to(8000), 3);
	ck_assert_uint_le(udp_table_connected_to(8000), 8);
}
END_TEST

/* Clients send one datagram each, and none is lost. */
static void flood(int balancer, int backend, const char *listener, unsigned first, unsigned count)
{
	static struct sender_header header;
	char client[64];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(client, sizeof(client), "198.51.%u.%u:40000", 100 + i / 250, 1 + i % 250);
		sender_v2_udp(&header, client, NULL);
		balancer_send_header(balancer, listener, &header, "flood", 5);
		udp_expect_text(backend, client, "flood");
	}
}

START_TEST(connections_have_descriptors_beside_a_flood)
{
	struct connection connections[CONNECTIONS];
	int tcp_backend = peer_listen(BACKEND_V4);
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char client[64];

	start_limited((unsigned)_i,
		      "{ name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_PATIENT_TCP "},"
		      "{ name = \"u\"; listen = \"" LISTEN_V4 "\"; protocol = \"udp\"; }");
	if (daemon_is_wrapped())
		return;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		flood(balancer, backend, LISTEN_V4, i * (CLIENTS / CONNECTIONS),
		      CLIENTS / CONNECTIONS);
		snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + i);
		connection_open(&connections[i], tcp_backend, client);
		connection_check(&connections[i]);
		connection_try(tcp_backend, CONNECTION_CLIENT);
	}
	for (unsigned i = 0; i < CONNECTIONS; i++)
		connection_check(&connections[i]);
	ck_assert_uint_gt(udp_table_connected_to(8000), NOFILE / 2);
	ck_assert_uint_le(udp_table_connected_to(8000), NOFILE - NOFILE / 8);
	ck_assert_uint_eq(daemon_log_count("listener=t", "reason=out_of_descriptors"), 0);
	daemon_log_await("warn listener=u", "reason=out_of_descriptors", NULL);
}
END_TEST

/* Whoever has the flows, also a listener or a worker without any finds room. */
START_TEST(another_listener_makes_room)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	unsigned before;
	char client[64];

	start_limited((unsigned)_i,
		      "{ name = \"u\"; listen = \"" LISTEN_V4 "\"; protocol = \"udp\"; },"
		      "{ name = \"v\"; listen = \"" LISTEN_B "\"; protocol = \"udp\"; }");
	if (daemon_is_wrapped())
		return;
	flood(balancer, backend, LISTEN_V4, 0, NOFILE);
	before = udp_table_connected_to(8000);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + i);
		balancer_check_at(balancer, LISTEN_B, backend, client);
	}
	/* A worker may be about to close what it ended. */
	HARNESS_AWAIT(udp_table_connected_to(8000) <= before + (unsigned)_i);
	ck_assert_uint_eq(daemon_log_count("listener=v", "reason=out_of_descriptors"), 0);
}
END_TEST

static Suite *udp_descriptors_suite(void)
{
	Suite *suite = suite_create("net_udp_descriptors");
	TCase *descriptors = harness_case(suite, "descriptors", 120);

	tcase_add_test(descriptors, the_flow_idle_longest_makes_room);
	tcase_add_loop_test(descriptors, connections_have_descriptors_beside_a_flood, 1, 4);
	tcase_add_loop_test(descriptors, another_listener_makes_room, 1, 4);
	return suite;
}

int main(void)
{
	return harness_run(udp_descriptors_suite());
}
