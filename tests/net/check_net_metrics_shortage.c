/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is counted when the daemon has no memory or no descriptor left, and what it ends itself when
 * it stops.
 *
 * Nobody can ask for /metrics while there is no descriptor, nor after the end: then the limit is
 * lifted before the question, and the line of totals, which has the same counters, is read.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "admin.h"
#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "udp_table.h"

/* More than the memory that is left can hold. */
#define CROWD 6000

/* Beside what the allocator has in reserve. */
#define MEMORY_LEFT_KB 64

/* What comes together, and is read before more is sent. */
#define BATCH 50

#define STOPPING "workers = 1; drain_timeout = \"1h\"; log = { level = \"debug\"; };\n"

static const char *series(const char *name, const char *reason)
{
	static char text[160];

	snprintf(text, sizeof(text), "mmproxy_%s_total{listener=\"t\",reason=\"%s\"}", name,
		 reason);
	return text;
}

/* ---- memory ---- */

START_TEST(connections_without_memory_are_counted)
{
	static int clients[CROWD];
	unsigned count = 0;
	unsigned refused = 0;

	peer_listen(BACKEND_V4);
	admin_start("tcp", "");
	if (daemon_is_instrumented())
		return;
	ck_assert_uint_eq(admin_metric(series("connections_closed", "internal")), 0);
	daemon_leave_memory(MEMORY_LEFT_KB);
	/* Each waits with a part of a header, which is kept. */
	while (daemon_log_count("listener=t", "reason=internal") == 0) {
		for (unsigned i = 0; i < BATCH; i++) {
			ck_assert_uint_lt(count, CROWD);
			clients[count] = peer_connect("127.0.0.1:0", LISTEN_V4);
			/* It may be refused already. */
			(void)!send(clients[count++], "PROXY TCP4 ", 11, MSG_NOSIGNAL);
		}
		peer_await_read(clients[count - 1]);
	}
	daemon_leave_all_memory();
	/* Each has been refused or waits. */
	HARNESS_AWAIT(admin_metric("mmproxy_connections_total{listener=\"t\"}") == count);
	for (unsigned i = 0; i < count; i++)
		if (peer_is_readable(clients[i])) {
			peer_expect_reset(clients[i]);
			refused++;
		}
	ck_assert_uint_gt(refused, 0);
	admin_await_metric(series("connections_closed", "internal"), refused);
}
END_TEST

/* How many clients are a flow or were dropped. */
static uint64_t count_seen(void)
{
	return admin_metric("mmproxy_udp_flows_active{listener=\"t\"}") +
	       admin_metric(series("udp_dropped", "internal"));
}

START_TEST(datagrams_without_memory_are_counted)
{
	int balancer = balancer_open();
	unsigned count = 0;

	udp_open(BACKEND_V4);
	admin_start("udp", "");
	if (daemon_is_instrumented())
		return;
	ck_assert_uint_eq(admin_metric(series("udp_dropped", "internal")), 0);
	daemon_leave_memory(MEMORY_LEFT_KB);
	while (daemon_log_count("listener=t", "reason=internal") == 0) {
		for (unsigned i = 0; i < BATCH; i++) {
			char client[64];

			ck_assert_uint_lt(count, CROWD);
			snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + count++);
			balancer_send_text(balancer, client, "hello");
		}
		HARNESS_AWAIT(udp_table_queued(7000) == 0);
	}
	daemon_leave_all_memory();
	HARNESS_AWAIT(count_seen() == count);
	ck_assert_uint_gt(admin_metric(series("udp_dropped", "internal")), 0);
}
END_TEST

/* ---- descriptors ---- */

/* With any flow that flow would make room. */
START_TEST(datagrams_without_a_descriptor_are_counted)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	admin_start("udp", "");
	if (daemon_is_wrapped())
		return;
	ck_assert_uint_eq(admin_metric(series("udp_dropped", "out_of_descriptors")), 0);
	daemon_leave_descriptors(0);
	balancer_send_text(balancer, BALANCER_CLIENT, "one");
	daemon_log_await("listener=t", "reason=out_of_descriptors", BALANCER_CLIENT);
	daemon_leave_all_descriptors();
	ck_assert_uint_eq(admin_metric(series("udp_dropped", "out_of_descriptors")), 1);
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
}
END_TEST

/* ---- the end ---- */

START_TEST(connections_that_the_daemon_ends_are_counted)
{
	struct connection connections[2];
	int backend = peer_listen(BACKEND_V4);

	admin_start_config(STOPPING "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
				    "\"; " DAEMON_TARGETS " } );\n");
	connection_open(&connections[0], backend, "203.0.113.7:40000");
	connection_open(&connections[1], backend, "203.0.113.8:40000");
	admin_await_metric("mmproxy_connections_active{listener=\"t\"}", 2);
	ck_assert_uint_eq(admin_metric(series("connections_closed", "shutdown")), 0);
	daemon_signal(SIGTERM);
	daemon_log_await("stopping: ", NULL, NULL);
	/* A drain ends nothing. */
	connection_check(&connections[0]);
	ck_assert_uint_eq(admin_metric(series("connections_closed", "shutdown")), 0);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
	daemon_log_await("listener=t", "msg=totals", " shutdown=2");
}
END_TEST

START_TEST(flows_that_the_daemon_ends_are_counted)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	admin_start_config(STOPPING "listeners = ( { name = \"t\"; protocol = \"udp\"; listen = "
				    "\"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
	ck_assert_uint_eq(admin_metric(series("connections_closed", "shutdown")), 0);
	daemon_signal(SIGTERM);
	daemon_log_await("stopping: ", NULL, NULL);
	ck_assert_uint_eq(admin_metric(series("connections_closed", "shutdown")), 0);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
	daemon_log_await("listener=t", "msg=totals", " shutdown=2");
}
END_TEST

static Suite *shortage_suite(void)
{
	Suite *suite = suite_create("net_metrics_shortage");
	TCase *shortage = harness_case(suite, "shortage", 60);
	TCase *end = harness_case(suite, "end", 60);

	tcase_add_test(shortage, connections_without_memory_are_counted);
	tcase_add_test(shortage, datagrams_without_memory_are_counted);
	tcase_add_test(shortage, datagrams_without_a_descriptor_are_counted);
	tcase_add_test(end, connections_that_the_daemon_ends_are_counted);
	tcase_add_test(end, flows_that_the_daemon_ends_are_counted);
	return suite;
}

int main(void)
{
	return harness_run(shortage_suite());
}
