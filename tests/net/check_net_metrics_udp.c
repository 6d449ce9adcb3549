/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /metrics of a UDP listener: each reason to drop a datagram is provoked and seen counted, and so
 * are the header errors that only datagrams have.
 *
 * Not provoked here: congestion, which needs a slow link (check_net_udp_slow_link);
 * out_of_descriptors and internal (check_net_metrics_shortage). connection_limit makes room by
 * ending another flow, which is displaced.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"

#include "admin.h"
#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "http.h"
#include "netns.h"
#include "peer.h"

static struct sender_header header;
static int backend;
static int balancer;

static const char *dropped_series(const char *reason)
{
	static char series[160];

	snprintf(series, sizeof(series), "mmproxy_udp_dropped_total{listener=\"t\",reason=\"%s\"}",
		 reason);
	return series;
}

static void send_no_header(void)
{
	udp_send_text(balancer, LISTEN_V4, "no header at all");
}

static void send_one(void)
{
	balancer_send_text(balancer, BALANCER_CLIENT, "one");
}

static void send_ipv6(void)
{
	balancer_send_text(balancer, BALANCER_CLIENT_V6, "one");
}

static void send_from_nowhere(void)
{
	balancer_send_text(balancer, "0.0.0.0:1", "one");
}

static void send_from_a_taken_port(void)
{
	harness_shell("ip address add 192.0.2.7/32 dev lo");
	udp_open("192.0.2.7:40000");
	balancer_send_text(balancer, "192.0.2.7:40000", "taken");
}

static void send_from_two_ports(void)
{
	balancer_check(balancer, backend, "203.0.113.7:40000");
	balancer_send_text(balancer, "203.0.113.7:40001", "one too many");
}

static void send_without_backend(void)
{
	peer_close(backend);
	balancer_send_text(balancer, BALANCER_CLIENT, "nobody is there");
}

static void send_without_a_route(void)
{
	harness_shell("ip route add unreachable 192.0.2.50/32");
	balancer_send_text(balancer, BALANCER_CLIENT, "nowhere");
}

static void send_from_a_new_client(unsigned number)
{
	char client[64];

	snprintf(client, sizeof(client), "203.0.113.9:%u", 20000 + number);
	balancer_send_text(balancer, client, "new");
}

struct reason_row {
	const char *reason;
	const char *keys;
	void (*provoke)(void);
};

static const struct reason_row reasons[] = {
    {"header_invalid", "", send_no_header},
    {"peer_denied", "allowed_subnets = [ \"192.0.2.1\" ];", send_one},
    {"client_denied", "denied_clients = [ \"203.0.113.0/24\" ];", send_one},
    {"destination_denied",
     "dynamic_destination = true; allowed_destinations = [ \"192.0.2.0/24\" ];", send_one},
    {"no_target", "targets = { ipv4 = \"" BACKEND_V4 "\"; };", send_ipv6},
    {"source_invalid", "", send_from_nowhere},
    {"source_conflict", "source_port = \"preserve\";", send_from_a_taken_port},
    {"client_limit", "max_connections_per_client = 1;", send_from_two_ports},
    {"backend_refused", "", send_without_backend},
    {"backend_unreachable", "targets = { ipv4 = \"192.0.2.50:8000\"; };", send_without_a_route},
};

#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

START_TEST(each_reason_to_drop_is_counted)
{
	const struct reason_row *row = &reasons[_i];

	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	admin_start("udp", row->keys);
	/* It is there before it happens. */
	ck_assert_uint_eq(admin_metric(dropped_series(row->reason)), 0);
	row->provoke();
	admin_await_metric(dropped_series(row->reason), 1);
}
END_TEST

START_TEST(what_comes_in_a_drain_is_counted)
{
	unsigned clients = 1;

	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	admin_start_config("workers = 1; drain_timeout = \"10m\";\n"
			   "listeners = ( { name = \"t\"; listen = \"127.0.0.1:7000\"; protocol = "
			   "\"udp\"; " DAEMON_TARGETS " } );\n");
	ck_assert_uint_eq(admin_metric(dropped_series("shutdown")), 0);
	/* A flow that goes on, or the daemon would be done. */
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_signal(SIGTERM);
	daemon_log_await("stopping: ", NULL, NULL);
	/* The worker hears of it a moment after the log, and takes clients until then. */
	HARNESS_AWAIT(
	    (send_from_a_new_client(clients++), admin_metric(dropped_series("shutdown")) > 0));
	HARNESS_AWAIT(admin_metric(dropped_series("shutdown")) +
			  admin_metric("mmproxy_udp_flows_active{listener=\"t\"}") ==
		      clients);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

START_TEST(an_answer_that_is_too_long_is_counted)
{
	static uint8_t bytes[65520];

	if (!netns_has_ipv6())
		return;
	/* IPv6 carries more in a datagram than IPv4. */
	harness_shell("ip link set lo mtu 65576");
	backend = udp_open(BACKEND_V6);
	balancer = balancer_open();
	admin_start("udp", "");
	balancer_send_text(balancer, BALANCER_CLIENT_V6, "question");
	udp_expect_text(backend, BALANCER_CLIENT_V6, "question");
	udp_send(backend, BALANCER_CLIENT_V6, bytes, sizeof(bytes));
	admin_await_metric(dropped_series("too_long"), 1);
}
END_TEST

START_TEST(errors_of_the_network_are_counted)
{
	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	admin_start("udp", "");
	send_without_backend();
	admin_await_metric("mmproxy_udp_icmp_errors_total{listener=\"t\"}", 1);
	admin_await_metric("mmproxy_udp_flows_active{listener=\"t\"}", 1);
}
END_TEST

START_TEST(flows_and_datagrams_are_counted)
{
	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	admin_start("udp", "max_flows = 2;");
	admin_await_metric("mmproxy_udp_flows_limit{listener=\"t\"}", 2);
	for (unsigned i = 0; i < 5; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		balancer_check(balancer, backend, who);
	}
	admin_await_metric("mmproxy_udp_flows_active{listener=\"t\"}", 2);
	admin_await_metric("mmproxy_udp_flows_displaced_total{listener=\"t\"}", 3);
	admin_await_metric("mmproxy_connections_total{listener=\"t\"}", 5);
	ck_assert_uint_eq(admin_metric("mmproxy_connections_closed_total{listener=\"t\",reason="
				       "\"connection_limit\"}"),
			  3);
	admin_await_metric("mmproxy_udp_datagrams_total{listener=\"t\",direction=\"up\"}", 5);
	admin_await_metric("mmproxy_udp_datagrams_total{listener=\"t\",direction=\"down\"}", 5);
	ck_assert_uint_gt(admin_metric("mmproxy_bytes_total{listener=\"t\",direction=\"up\"}"), 0);
}
END_TEST

static void expect_header_error(const char *error)
{
	char series[160];

	snprintf(series, sizeof(series), "mmproxy_header_errors_total{listener=\"t\",error=\"%s\"}",
		 error);
	ck_assert_uint_eq(admin_metric(series), 0);
	udp_send(balancer, LISTEN_V4, header.bytes, header.len);
	admin_await_metric(series, 1);
}

START_TEST(errors_of_datagrams_are_counted)
{
	balancer = balancer_open();
	admin_start("udp", _i == 0 ? "" : "udp_header = \"spp\";");
	if (_i == 0) {
		sender_v1(&header, BALANCER_CLIENT, NULL);
		expect_header_error("v1_datagram");
		sender_v2_udp(&header, BALANCER_CLIENT, NULL);
		header.len -= 3;
		expect_header_error("truncated");
	} else {
		sender_v2_udp(&header, BALANCER_CLIENT, NULL);
		expect_header_error("spp_magic");
	}
	admin_await_metric(dropped_series("header_invalid"), _i == 0 ? 2 : 1);
}
END_TEST

START_TEST(every_series_is_there_from_the_start)
{
	admin_start("udp", "");
	for (int i = 0; i < REASON_COUNT; i++)
		ck_assert_uint_eq(admin_metric(dropped_series(reason_name((enum close_reason)i))),
				  0);
}
END_TEST

static Suite *metrics_suite(void)
{
	Suite *suite = suite_create("net_metrics_udp");
	TCase *drops = harness_case(suite, "drops", 60);
	TCase *others = harness_case(suite, "others", 60);

	tcase_add_loop_test(drops, each_reason_to_drop_is_counted, 0, (int)REASONS);
	tcase_add_test(drops, what_comes_in_a_drain_is_counted);
	tcase_add_test(drops, an_answer_that_is_too_long_is_counted);
	tcase_add_test(others, errors_of_the_network_are_counted);
	tcase_add_test(others, flows_and_datagrams_are_counted);
	tcase_add_loop_test(others, errors_of_datagrams_are_counted, 0, 2);
	tcase_add_test(others, every_series_is_there_from_the_start);
	return suite;
}

int main(void)
{
	return harness_run(metrics_suite());
}
