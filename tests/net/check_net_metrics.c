/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /metrics of a TCP listener: each close reason and each header error is provoked and seen counted.
 *
 * Not provoked here: congestion and too_long, which are of datagrams (check_net_metrics_udp);
 * internal and shutdown, which check_net_metrics_shortage provokes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "proxyproto/proxy_header.h"

#include "admin.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "http.h"
#include "peer.h"
#include "sender.h"

static struct sender_header header;
static int backend;
static unsigned idle_fds; /* the daemon's descriptors when nothing is open */

static const char *closed_series(const char *reason)
{
	static char series[160];

	snprintf(series, sizeof(series),
		 "mmproxy_connections_closed_total{listener=\"t\",reason=\"%s\"}", reason);
	return series;
}

/* ---- close reasons ---- */

static void end_in_order(void)
{
	connection_try(backend, CONNECTION_CLIENT);
}

static void reset_by_client(void)
{
	struct connection connection;

	connection_open(&connection, backend, CONNECTION_CLIENT);
	peer_reset(connection.client);
}

static void reset_by_backend(void)
{
	struct connection connection;

	connection_open(&connection, backend, CONNECTION_CLIENT);
	peer_reset(connection.backend);
}

static void stay_silent(void)
{
	struct connection connection;

	connection_open(&connection, backend, CONNECTION_CLIENT);
}

static void finish_one_side(void)
{
	struct connection connection;

	connection_open(&connection, backend, CONNECTION_CLIENT);
	peer_finish(connection.client);
}

static void send_nothing(void)
{
	peer_connect(NULL, LISTEN_V4);
}

static void send_no_header(void)
{
	peer_send_text(peer_connect(NULL, LISTEN_V4), "SSH-2.0-OpenSSH_9.2\r\n");
}

static void close_in_header(void)
{
	int fd = peer_connect(NULL, LISTEN_V4);

	peer_send_text(fd, "PROXY");
	peer_close(fd);
}

static void open_one(void)
{
	sender_open_v1(CONNECTION_CLIENT);
}

static void open_ipv6(void)
{
	sender_open_v2("[2001:db8::7]:40000");
}

static void open_from_nowhere(void)
{
	sender_open_v2("0.0.0.0:1");
}

static void open_two_of_one_port(void)
{
	struct connection connection;

	connection_open(&connection, backend, CONNECTION_CLIENT);
	sender_open_v1(CONNECTION_CLIENT);
}

static void open_without_backend(void)
{
	peer_close(backend);
	sender_open_v1(CONNECTION_CLIENT);
}

/* Its queue is full. */
static void open_to_a_deaf_backend(void)
{
	peer_close(backend);
	peer_listen_backlog(BACKEND_V4, 0);
	for (int i = 0; i < 4; i++)
		peer_begin_connect(NULL, BACKEND_V4);
	sender_open_v1(CONNECTION_CLIENT);
}

static void open_without_a_route(void)
{
	harness_shell("ip route add unreachable 192.0.2.50/32");
	sender_open_v1(CONNECTION_CLIENT);
}

static void open_one_too_many(void)
{
	struct connection connection;

	connection_open(&connection, backend, CONNECTION_CLIENT);
	/* Refused before it could send anything. */
	peer_connect(NULL, LISTEN_V4);
}

/* Wait until the endpoint's connections have gone. */
static void await_no_requests(void)
{
	daemon_await_fd_count(idle_fds);
}

static void open_without_descriptors(void)
{
	if (daemon_is_wrapped())
		return;
	await_no_requests();
	daemon_leave_descriptors(1);
	peer_expect_closed(sender_open_v1(CONNECTION_CLIENT));
}

static void check_health(void)
{
	int fd;

	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	fd = sender_open(&header);
	peer_accept(backend, NULL);
	peer_close(fd);
}

static void open_two_of_one_client(void)
{
	struct connection connection;

	connection_open(&connection, backend, CONNECTION_CLIENT);
	sender_open_v1("203.0.113.7:40001");
}

static void kick(void)
{
	struct connection connection;
	struct http_answer answer;

	connection_open(&connection, backend, CONNECTION_CLIENT);
	http_ask(admin_path(), "POST", "/kick?network=203.0.113.7", NULL, &answer);
}

struct reason_row {
	const char *reason;
	const char *keys;
	void (*provoke)(void);
};

static const struct reason_row reasons[] = {
    {"done", "", end_in_order},
    {"client_reset", "", reset_by_client},
    {"backend_reset", "", reset_by_backend},
    {"idle_timeout", "idle_timeout = \"300ms\";", stay_silent},
    {"half_close_timeout", "half_close_timeout = \"300ms\";", finish_one_side},
    {"header_timeout", "header_timeout = \"300ms\";", send_nothing},
    {"header_invalid", "", send_no_header},
    {"client_closed_early", "", close_in_header},
    {"peer_denied", "allowed_subnets = [ \"192.0.2.1\" ];", send_nothing},
    {"client_denied", "denied_clients = [ \"203.0.113.0/24\" ];", open_one},
    {"destination_denied",
     "dynamic_destination = true; allowed_destinations = [ \"192.0.2.0/24\" ];", open_one},
    {"no_target", "targets = { ipv4 = \"" BACKEND_V4 "\"; };", open_ipv6},
    {"source_invalid", "", open_from_nowhere},
    {"source_conflict", "", open_two_of_one_port},
    {"backend_refused", "", open_without_backend},
    {"backend_timeout", "connect_timeout = \"300ms\";", open_to_a_deaf_backend},
    {"backend_unreachable", "targets = { ipv4 = \"192.0.2.50:8000\"; };", open_without_a_route},
    {"connection_limit", "max_connections = 1;", open_one_too_many},
    {"out_of_descriptors", "", open_without_descriptors},
    {"client_limit", "max_connections_per_client = 1;", open_two_of_one_client},
    {"health_check", "half_close_timeout = \"300ms\";", check_health},
    {"kicked", "", kick},
};

#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

START_TEST(each_close_reason_is_counted)
{
	const struct reason_row *row = &reasons[_i];

	backend = peer_listen(BACKEND_V4);
	admin_start("tcp", row->keys);
	daemon_log_await("is ready", NULL, NULL);
	idle_fds = daemon_fd_count();
	/* It is there before it happens. */
	ck_assert_uint_eq(admin_metric(closed_series(row->reason)), 0);
	row->provoke();
	if (row->provoke == open_without_descriptors && daemon_is_wrapped())
		return;
	admin_await_metric(closed_series(row->reason), 1);
}
END_TEST

START_TEST(every_series_is_there_from_the_start)
{
	char series[160];

	admin_start("tcp", "");
	for (int i = 0; i < REASON_COUNT; i++)
		ck_assert_uint_eq(admin_metric(closed_series(reason_name((enum close_reason)i))),
				  0);
	for (int i = PROXY_ERROR_NONE + 1; i < PROXY_ERROR_COUNT; i++) {
		snprintf(series, sizeof(series),
			 "mmproxy_header_errors_total{listener=\"t\",error=\"%s\"}",
			 proxy_error_name((enum proxy_error)i));
		ck_assert_uint_eq(admin_metric(series), 0);
	}
	ck_assert_uint_eq(admin_metric("mmproxy_bytes_total{listener=\"t\",direction=\"up\"}"), 0);
	ck_assert_uint_eq(admin_metric("mmproxy_reloads_total{result=\"success\"}"), 0);
	ck_assert_uint_eq(
	    admin_metric("mmproxy_backend_connect_seconds_bucket{listener=\"t\",le=\"+Inf\"}"), 0);
}
END_TEST

/* ---- header errors ---- */

static const char *const v1_errors[][2] = {
    {"signature", "SSH-2.0-OpenSSH_9.2\r\n"},
    {"v1_family", "PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n"},
    {"v1_source", "PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n"},
    {"v1_destination", "PROXY TCP4 1.2.3.4 1.2.3 1 1\r\n"},
    {"v1_source_port", "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n"},
    {"v1_destination_port", "PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n"},
    {"v1_line_end", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\rX"},
    {"v1_too_long", "PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
};

static void expect_header_error(const char *error)
{
	char series[160];
	int fd = peer_connect(NULL, LISTEN_V4);

	snprintf(series, sizeof(series), "mmproxy_header_errors_total{listener=\"t\",error=\"%s\"}",
		 error);
	ck_assert_uint_eq(admin_metric(series), 0);
	peer_send(fd, header.bytes, header.len);
	peer_expect_closed(fd);
	admin_await_metric(series, 1);
}

START_TEST(each_header_error_is_counted)
{
	static const uint8_t block[5000];
	static const uint8_t broken_tlv[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xFF, 0xFF};
	size_t count = sizeof(v1_errors) / sizeof(v1_errors[0]);

	admin_start("tcp", "");
	for (size_t i = 0; i < count; i++) {
		sender_text(&header, v1_errors[i][1]);
		expect_header_error(v1_errors[i][0]);
	}
	sender_v2_raw(&header, 0x11, SENDER_TCP4, block, 12);
	expect_header_error("v2_version");
	sender_v2_raw(&header, 0x22, SENDER_TCP4, block, 12);
	expect_header_error("v2_command");
	sender_v2_raw(&header, SENDER_PROXY, 0x41, block, 12);
	expect_header_error("v2_family");
	sender_v2_raw(&header, SENDER_PROXY, 0x13, block, 12);
	expect_header_error("v2_transport");
	sender_v2_raw(&header, SENDER_PROXY, SENDER_UDP4, block, 12);
	expect_header_error("transport_mismatch");
	sender_v2_raw(&header, SENDER_PROXY, SENDER_TCP4, block, 4);
	expect_header_error("v2_length");
	sender_v2_raw(&header, SENDER_PROXY, SENDER_TCP4, block, sizeof(block));
	expect_header_error("v2_too_long");
	sender_v2_raw(&header, SENDER_PROXY, SENDER_TCP4, broken_tlv, sizeof(broken_tlv));
	expect_header_error("v2_tlv");
	sender_v2(&header, CONNECTION_CLIENT, NULL);
	sender_tlv(&header, 0x03, "none", 4);
	expect_header_error("v2_crc32c");
	admin_await_metric(closed_series("header_invalid"), count + 9);
}
END_TEST

/* ---- other counters ---- */

#define CHUNK  65536
#define CHUNKS 64

static void move_chunks(int from, int to)
{
	static uint8_t bytes[CHUNK];

	for (int i = 0; i < CHUNKS; i++) {
		peer_send(from, bytes, sizeof(bytes));
		peer_expect(to, bytes, sizeof(bytes));
	}
}

/* With both engines: the runs of MMPROXY_TEST_RELAY are no part of this. */
START_TEST(bytes_of_a_stream_are_counted_while_it_runs)
{
	const char *up = "mmproxy_bytes_total{listener=\"t\",direction=\"up\"}";
	const char *down = "mmproxy_bytes_total{listener=\"t\",direction=\"down\"}";
	struct connection connection;

	backend = peer_listen(BACKEND_V4);
	admin_start("tcp", _i == 0 ? "relay = \"splice\";" : "relay = \"buffered\";");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	peer_send_text(connection.client, "0123456789");
	peer_expect_text(connection.backend, "0123456789");
	admin_await_metric(up, 10);
	move_chunks(connection.client, connection.backend);
	admin_await_metric(up, 10 + (uint64_t)CHUNK * CHUNKS);
	ck_assert_uint_eq(admin_metric(down), 0);
	move_chunks(connection.backend, connection.client);
	admin_await_metric(down, (uint64_t)CHUNK * CHUNKS);
	ck_assert_uint_eq(admin_metric(closed_series("done")), 0);
	/* The end adds nothing twice. */
	connection_finish(&connection);
	admin_await_metric(closed_series("done"), 1);
	ck_assert_uint_eq(admin_metric(up), 10 + (uint64_t)CHUNK * CHUNKS);
	ck_assert_uint_eq(admin_metric(down), (uint64_t)CHUNK * CHUNKS);
}
END_TEST

START_TEST(what_came_with_the_header_is_counted_once)
{
	struct connection connection;

	backend = peer_listen(BACKEND_V4);
	admin_start("tcp", _i == 0 ? "relay = \"splice\";" : "relay = \"buffered\";");
	sender_v1(&header, CONNECTION_CLIENT, NULL);
	connection.client = peer_connect(NULL, LISTEN_V4);
	memcpy(header.bytes + header.len, "hello", 5);
	peer_send(connection.client, header.bytes, header.len + 5);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	peer_expect_text(connection.backend, "hello");
	admin_await_metric("mmproxy_bytes_total{listener=\"t\",direction=\"up\"}", 5);
	connection_finish(&connection);
	admin_await_metric(closed_series("done"), 1);
	ck_assert_uint_eq(admin_metric("mmproxy_bytes_total{listener=\"t\",direction=\"up\"}"), 5);
}
END_TEST

#define SLOW_PORT   41000
#define SLOW_CLIENT "203.0.113.8:41000"

START_TEST(connecting_is_timed)
{
	const char *all = "mmproxy_backend_connect_seconds_count{listener=\"t\"}";
	const char *fast = "mmproxy_backend_connect_seconds_bucket{listener=\"t\",le=\"0.5\"}";
	struct connection connection;
	struct addr from;

	backend = peer_listen_backlog(BACKEND_V4, 0);
	admin_start("tcp", "");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	admin_await_metric(all, 1);
	/* The backend's queue is full, and the kernel asks again after a second. */
	for (int i = 0; i < 4; i++)
		peer_begin_connect(NULL, BACKEND_V4);
	sender_open_v1(SLOW_CLIENT);
	daemon_log_await("step=connecting", SLOW_CLIENT, NULL);
	do
		peer_accept(backend, &from);
	while (addr_port(&from) != SLOW_PORT);
	admin_await_metric(all, 2);
	ck_assert_uint_le(admin_metric(fast), 1);
	ck_assert_uint_eq(
	    admin_metric("mmproxy_backend_connect_seconds_bucket{listener=\"t\",le=\"+Inf\"}"), 2);
}
END_TEST

START_TEST(a_taken_port_is_a_fallback)
{
	struct connection connection;

	backend = peer_listen(BACKEND_V4);
	admin_start("tcp", "source_port = \"fallback\";");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	sender_open_v1(CONNECTION_CLIENT);
	peer_accept(backend, NULL);
	admin_await_metric("mmproxy_source_fallbacks_total{listener=\"t\"}", 1);
	admin_await_metric("mmproxy_connections_active{listener=\"t\"}", 2);
}
END_TEST

START_TEST(log_lines_that_are_left_out_are_counted)
{
	int fds[200];

	admin_start("tcp", "max_connections = 7; allowed_subnets = [ \"192.0.2.1\" ];");
	/* Together, for ten a second of them are told of. */
	daemon_pause();
	for (size_t i = 0; i < 200; i++)
		fds[i] = peer_connect(NULL, LISTEN_V4);
	daemon_resume();
	for (size_t i = 0; i < 200; i++)
		peer_expect_closed(fds[i]);
	admin_await_metric(closed_series("peer_denied"), 200);
	ck_assert_uint_gt(admin_metric("mmproxy_log_suppressed_total"), 0);
	ck_assert_uint_eq(admin_metric("mmproxy_log_lines_lost_total"), 0);
	ck_assert_uint_eq(admin_metric("mmproxy_connections_total{listener=\"t\"}"), 200);
	ck_assert_uint_eq(admin_metric("mmproxy_connections_limit{listener=\"t\"}"), 7);
}
END_TEST

START_TEST(bulk_without_pipes_is_counted)
{
	static uint8_t bytes[8 << 20];
	struct connection connection;
	size_t sent = 0;

	backend = peer_listen(BACKEND_V4);
	admin_start("tcp", "relay = \"splice\";");
	if (daemon_is_wrapped())
		return;
	daemon_log_await("is ready", NULL, NULL);
	idle_fds = daemon_fd_count();
	ck_assert_uint_eq(admin_metric("mmproxy_pipe_shortages_total"), 0);
	await_no_requests();
	connection_open(&connection, backend, CONNECTION_CLIENT);
	daemon_leave_descriptors(1);
	while (sent < sizeof(bytes)) {
		size_t now = peer_fill(connection.client, 50);

		for (size_t left = now; left > 0;) {
			ssize_t got = peer_receive(connection.backend, bytes,
						   left < sizeof(bytes) ? left : sizeof(bytes));

			ck_assert_int_gt(got, 0);
			left -= (size_t)got;
		}
		sent += now;
	}
	ck_assert_uint_gt(admin_metric("mmproxy_pipe_shortages_total"), 0);
}
END_TEST

/* promtool judges names, types and labels. */
START_TEST(promtool_has_nothing_to_say)
{
	if (!harness_has_tool("promtool"))
		return;
	backend = peer_listen(BACKEND_V4);
	admin_start("tcp", "");
	connection_try(backend, CONNECTION_CLIENT);
	harness_write("metrics", http_get(admin_path(), "/metrics"));
	harness_shell("promtool check metrics < %s", harness_path("metrics"));
}
END_TEST

static Suite *metrics_suite(void)
{
	Suite *suite = suite_create("net_metrics");
	TCase *closes = harness_case(suite, "closes", 60);
	TCase *headers = harness_case(suite, "headers", 60);
	TCase *others = harness_case(suite, "others", 60);

	tcase_add_loop_test(closes, each_close_reason_is_counted, 0, (int)REASONS);
	tcase_add_test(closes, every_series_is_there_from_the_start);
	tcase_add_test(headers, each_header_error_is_counted);
	tcase_add_loop_test(others, bytes_of_a_stream_are_counted_while_it_runs, 0, 2);
	tcase_add_loop_test(others, what_came_with_the_header_is_counted_once, 0, 2);
	tcase_add_test(others, connecting_is_timed);
	tcase_add_test(others, a_taken_port_is_a_fallback);
	tcase_add_test(others, log_lines_that_are_left_out_are_counted);
	tcase_add_test(others, bulk_without_pipes_is_counted);
	tcase_add_test(others, promtool_has_nothing_to_say);
	return suite;
}

int main(void)
{
	return harness_run(metrics_suite());
}
