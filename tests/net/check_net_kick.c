/* SPDX-License-Identifier: BSD-2-Clause */
/* --kick: what a client has open ends, in all workers, and it may come again. */
#include <stdio.h>
#include <string.h>

#include "admin.h"
#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"

#define CONNECTIONS 12

#define LISTENERS                                                                           \
	"workers = 3; log = { level = \"debug\"; }; drain_timeout = \"100ms\";\n"           \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " },\n" \
	"{ name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS   \
	" } );\n"

static struct command_result result;

static void open_connections(struct connection *connections, int backend, const char *address)
{
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		char who[64];

		snprintf(who, sizeof(who), "%s:%u", address, 20000 + i);
		connection_open(&connections[i], backend, who);
	}
}

static void expect_answer(const char *answer)
{
	ck_assert_msg(result.exit_code == 0, "%s", result.err);
	ck_assert_str_eq(result.out, answer);
}

START_TEST(connections_of_a_client_end)
{
	struct connection kicked[CONNECTIONS];
	struct connection others[CONNECTIONS];
	int backend = peer_listen(BACKEND_V4);

	admin_start_config(LISTENERS);
	open_connections(kicked, backend, "203.0.113.7");
	open_connections(others, backend, "203.0.113.8");
	admin_run(&result, "--kick", "203.0.113.7", NULL);
	expect_answer("203.0.113.7 is kicked; connections and flows ended: 12\n");
	for (size_t i = 0; i < CONNECTIONS; i++) {
		peer_expect_reset(kicked[i].client);
		peer_expect_reset(kicked[i].backend);
		connection_check(&others[i]);
	}
	HARNESS_AWAIT(daemon_log_count("info ", "reason=kicked") == CONNECTIONS);
	admin_await_metric("mmproxy_connections_closed_total{listener=\"t\",reason=\"kicked\"}",
			   CONNECTIONS);
	/* It may come again; who sees its end may do so before it has ended for the daemon. */
	connection_try(backend, "203.0.113.7:30000");
	admin_await_metric("mmproxy_connections_active{listener=\"t\"}", CONNECTIONS);
	admin_run(&result, "--kick=203.0.113.0/24", NULL);
	expect_answer("203.0.113.0/24 is kicked; connections and flows ended: 12\n");
	admin_run(&result, "--kick", "203.0.113.0/24", NULL);
	expect_answer("203.0.113.0/24 is kicked; connections and flows ended: 0\n");
}
END_TEST

START_TEST(flows_of_a_client_end)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[CONNECTIONS];

	admin_start_config(LISTENERS);
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		char who[64];

		balancers[i] = balancer_open();
		snprintf(who, sizeof(who), "203.0.113.%u:40000", i / 4);
		balancer_check(balancers[i], backend, BALANCER_OTHER_CLIENT);
		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		balancer_check(balancers[i], backend, who);
	}
	admin_await_metric("mmproxy_udp_flows_active{listener=\"u\"}", CONNECTIONS + 1);
	admin_run(&result, "--kick", "203.0.113.7", NULL);
	expect_answer("203.0.113.7 is kicked; connections and flows ended: 12\n");
	HARNESS_AWAIT(daemon_log_count("listener=u", "reason=kicked") == CONNECTIONS);
	admin_await_metric("mmproxy_udp_flows_active{listener=\"u\"}", 1);
	/* The next datagram opens another. */
	balancer_check(balancers[0], backend, "203.0.113.7:20000");
	balancer_check(balancers[0], backend, BALANCER_OTHER_CLIENT);
	admin_await_metric("mmproxy_connections_total{listener=\"u\"}", CONNECTIONS + 2);
}
END_TEST

START_TEST(who_waits_for_a_header_or_a_backend_is_no_client_or_one)
{
	int waits;
	int dials;

	/* Its queue is full, so that it answers nobody. */
	peer_listen_backlog(BACKEND_V4, 0);
	for (int i = 0; i < 4; i++)
		peer_begin_connect(NULL, BACKEND_V4);
	admin_start("tcp", "");
	waits = peer_connect("127.0.0.1:0", LISTEN_V4);
	dials = sender_open_v1(CONNECTION_CLIENT);
	daemon_log_await("step=connecting", "client=" CONNECTION_CLIENT, NULL);
	admin_run(&result, "--kick", "0.0.0.0/0", NULL);
	expect_answer("0.0.0.0/0 is kicked; connections and flows ended: 1\n");
	peer_expect_reset(dials);
	peer_expect_silence(waits, 100);
}
END_TEST

START_TEST(what_is_no_network_is_refused)
{
	static const char *const wrong[] = {"", "client", "203.0.113.7:40000", "203.0.113.0/33",
					    "-1"};

	admin_start("tcp", "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		admin_run(&result, "--kick", wrong[i], NULL);
		ck_assert_int_eq(result.exit_code, 2);
		ck_assert_msg(strstr(result.err, "takes an address or a network") != NULL, "%s",
			      result.err);
	}
	admin_run(&result, "--kick", NULL);
	ck_assert_int_eq(result.exit_code, 2);
}
END_TEST

static Suite *kick_suite(void)
{
	Suite *suite = suite_create("net_kick");
	TCase *kick = harness_case(suite, "kick", 60);

	tcase_add_test(kick, connections_of_a_client_end);
	tcase_add_test(kick, flows_of_a_client_end);
	tcase_add_test(kick, who_waits_for_a_header_or_a_backend_is_no_client_or_one);
	tcase_add_test(kick, what_is_no_network_is_refused);
	return suite;
}

int main(void)
{
	return harness_run(kick_suite());
}
