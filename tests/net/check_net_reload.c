/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGHUP: what changes, what stays as it was, and what is refused. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "tcp_table.h"
#include "udp.h"
#include "udp_table.h"

#define SECOND_V4     "127.0.0.1:7001"
#define OTHER_BACKEND "127.0.0.1:8001"

#define HEAD "log = { level = \"debug\"; }; drain_timeout = \"300ms\";\n"

#define LONG_DRAIN "log = { level = \"debug\"; }; drain_timeout = \"1h\"; "

static unsigned reloads;

static void write_config(const char *format, va_list args)
{
	char text[4096];
	int len = snprintf(text, sizeof(text), "%s", HEAD);

	vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	(void)daemon_write_config(text);
}

/* Start with listener blocks, of which the first must be on port 7000. */
static void start(const char *listeners)
{
	char config[4096];

	reloads = 0;
	snprintf(config, sizeof(config), "%sworkers = 2; listeners = ( %s );\n", HEAD, listeners);
	daemon_start_config(config);
}

static void await_reload(const char *what)
{
	reloads++;
	HARNESS_AWAIT(daemon_log_count("reloaded: ", NULL) >= reloads);
	if (what != NULL)
		(void)daemon_log_await("reloaded: ", what, NULL);
}

/* Another file, and SIGHUP. */
static void write_and_signal(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void write_and_signal(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_config(format, args);
	va_end(args);
	daemon_signal(SIGHUP);
}

static void change(const char *listeners, const char *what)
{
	write_and_signal(DAEMON_AS_ROOT "workers = 2; listeners = ( %s );\n", listeners);
	await_reload(what);
}

#define BLOCK(name, listen, target, more)                                                         \
	"{ name = \"" name "\"; listen = " listen "; targets = { ipv4 = \"" target "\"; }; " more \
	" }"
#define TCP(name, listen, target, more) \
	BLOCK(name, listen, target, "header_timeout = \"10m\"; connect_timeout = \"10m\"; " more)
#define UDP(name, listen, target, more) BLOCK(name, listen, target, "protocol = \"udp\"; " more)
#define ON_7000				"\"" LISTEN_V4 "\""

/* A new connection goes to this backend; what it says and gets is as it should be. */
static void check_new(int backend)
{
	connection_try(backend, "203.0.113.9:40000");
}

START_TEST(new_connections_follow_and_old_ones_stay)
{
	struct connection old;
	int first = peer_listen(BACKEND_V4);
	int second = peer_listen(OTHER_BACKEND);

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	connection_open(&old, first, CONNECTION_CLIENT);
	change(TCP("t", ON_7000, OTHER_BACKEND, ""), "1 listener changed (t: targets.ipv4)");
	check_new(second);
	peer_assert_no_connection(first);
	connection_check(&old);
	connection_finish(&old);
}
END_TEST

/* All of them, at once, and nothing is half-applied. */
START_TEST(mistakes_change_nothing_and_are_all_logged)
{
	int backend = peer_listen(BACKEND_V4);

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	write_and_signal("workers = 2; nonsense = 1; listeners = ( %s, %s );\n",
			 TCP("t", ON_7000, OTHER_BACKEND, "mark = -1;"),
			 TCP("u", "\"" SECOND_V4 "\"", OTHER_BACKEND, ""));
	(void)daemon_log_await("error ", "nonsense", "mmproxy.conf:");
	(void)daemon_log_await("error ", "mark", "mmproxy.conf:");
	(void)daemon_log_await("error ", "not reloaded", NULL);
	ck_assert_int_lt(peer_try_connect(NULL, SECOND_V4), 0);
	check_new(backend);
	ck_assert_uint_eq(daemon_log_count("reloaded: ", NULL), 0);
}
END_TEST

START_TEST(a_file_that_is_gone_changes_nothing)
{
	int backend = peer_listen(BACKEND_V4);

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	ck_assert_int_eq(unlink(harness_path(DAEMON_CONFIG_NAME)), 0);
	daemon_signal(SIGHUP);
	(void)daemon_log_await("not reloaded", NULL, NULL);
	check_new(backend);
}
END_TEST

/* The new ones that did open are closed again. */
START_TEST(an_address_in_use_changes_nothing)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned descriptors;

	(void)peer_listen("127.0.0.1:7002");
	start(TCP("t", ON_7000, BACKEND_V4, ""));
	daemon_await_look();
	descriptors = daemon_fd_count();
	write_and_signal("listeners = ( %s, %s, %s );\n", TCP("t", ON_7000, OTHER_BACKEND, ""),
			 TCP("u", "\"" SECOND_V4 "\"", BACKEND_V4, ""),
			 TCP("w", "\"127.0.0.1:7002\"", BACKEND_V4, ""));
	(void)daemon_log_await("cannot listen on 127.0.0.1:7002", "listener w", NULL);
	(void)daemon_log_await("not reloaded", NULL, NULL);
	ck_assert_int_lt(peer_try_connect(NULL, SECOND_V4), 0);
	daemon_await_fd_count(descriptors);
	check_new(backend);
}
END_TEST

START_TEST(listeners_come_and_go)
{
	struct connection old;
	int backend = peer_listen(BACKEND_V4);

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	connection_open(&old, backend, CONNECTION_CLIENT);
	change(TCP("u", "\"" SECOND_V4 "\"", BACKEND_V4, ""),
	       "1 listener added (u), 1 removed (t)");
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 0);
	ck_assert_int_lt(peer_try_connect(NULL, LISTEN_V4), 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
	HARNESS_AWAIT(tcp_table_count(7001, TCP_TABLE_LISTEN) == 2);
	/* Its listener has gone; it has not. */
	connection_check(&old);
	change(TCP("t", ON_7000, BACKEND_V4, ""), "1 listener added (t), 1 removed (u)");
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 2);
	connection_check(&old);
	connection_finish(&old);
	check_new(backend);
	HARNESS_AWAIT(daemon_log_count("reason=done", "listener=t") == 2);
}
END_TEST

/* Connections that the kernel has queued belong to sockets: the same before and after. */
START_TEST(queued_connections_are_served)
{
	int backend = peer_listen(BACKEND_V4);
	struct sender_header header;
	int queued[20];

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	daemon_pause();
	for (int i = 0; i < 20; i++) {
		char client[64];

		snprintf(client, sizeof(client), "203.0.113.7:%d", 41000 + i);
		sender_v1(&header, client, NULL);
		queued[i] = sender_open(&header);
	}
	write_and_signal(DAEMON_AS_ROOT "workers = 2; listeners = ( %s, %s );\n",
			 TCP("renamed", ON_7000, BACKEND_V4, ""),
			 TCP("u", "\"" SECOND_V4 "\"", BACKEND_V4, ""));
	daemon_resume();
	await_reload("2 listeners added (renamed, u), 1 removed (t)");
	for (int i = 0; i < 20; i++) {
		int accepted = peer_accept(backend, NULL);

		peer_send_text(accepted, "hello");
		peer_close(accepted);
	}
	for (int i = 0; i < 20; i++) {
		peer_expect_text(queued[i], "hello");
		peer_expect_end(queued[i]);
	}
}
END_TEST

/* A removed listener takes what waits in its queue before it closes. */
START_TEST(connections_queued_at_a_removed_listener_are_served)
{
	int backend = peer_listen(BACKEND_V4);
	int queued[20];

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	daemon_pause();
	for (int i = 0; i < 20; i++)
		queued[i] = sender_open_v1("203.0.113.7:0");
	write_and_signal(DAEMON_AS_ROOT "workers = 2; listeners = ( %s );\n",
			 TCP("u", "\"" SECOND_V4 "\"", BACKEND_V4, ""));
	daemon_resume();
	await_reload(NULL);
	for (int i = 0; i < 20; i++) {
		int accepted = peer_accept(backend, NULL);

		peer_send_text(accepted, "hello");
		peer_close(accepted);
	}
	for (int i = 0; i < 20; i++)
		peer_expect_text(queued[i], "hello");
}
END_TEST

/* One block's addresses become another's. */
START_TEST(addresses_move_between_listeners)
{
	int first = peer_listen(BACKEND_V4);
	int second = peer_listen(OTHER_BACKEND);

	start(TCP("a", "[ " ON_7000 ", \"127.0.0.1:7001-7004\" ]", BACKEND_V4,
		  "") ", " TCP("b", "\"127.0.0.1:7005\"", OTHER_BACKEND, ""));
	change(TCP("b", "[ \"127.0.0.1:7005\", \"127.0.0.1:7002-7004\" ]", OTHER_BACKEND,
		   "") ", " TCP("a", "[ \"127.0.0.1:7001\", " ON_7000 " ]", BACKEND_V4, ""),
	       "2 listeners changed");
	for (int port = 7000; port < 7006; port++) {
		int backend = port < 7002 ? first : second;
		struct sender_header header;
		char from[32];
		char to[32];
		int client;

		snprintf(from, sizeof(from), "203.0.113.7:%d", 40000 + port);
		snprintf(to, sizeof(to), "127.0.0.1:%d", port);
		client = peer_connect(NULL, to);
		sender_v1(&header, from, NULL);
		peer_send(client, header.bytes, header.len);
		peer_close(peer_accept_from(backend, from));
		peer_expect_end(client);
		peer_close(client);
	}
	peer_assert_no_connection(first);
	peer_assert_no_connection(second);
}
END_TEST

/* ---- clients that become denied ---- */

START_TEST(a_client_that_becomes_denied_is_cut)
{
	struct connection denied;
	struct connection other;
	int backend = peer_listen(BACKEND_V4);

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	connection_open(&denied, backend, "203.0.113.7:40000");
	connection_open(&other, backend, "203.0.113.8:40000");
	change(TCP("t", ON_7000, BACKEND_V4, "denied_clients = [ \"203.0.113.7\" ];"),
	       "t: denied_clients");
	peer_expect_closed(denied.client);
	peer_expect_closed(denied.backend);
	(void)daemon_log_await("reason=client_denied", "client=203.0.113.7:40000", NULL);
	connection_check(&other);
	connection_finish(&other);
}
END_TEST

/* A file of networks that has changed is a change, without any in the configuration. */
START_TEST(a_flow_of_a_client_that_is_not_allowed_any_more_ends)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char listener[512];

	(void)harness_write("clients", "203.0.113.0/24\n");
	snprintf(listener, sizeof(listener),
		 UDP("t", ON_7000, BACKEND_V4, "allowed_clients_file = \"%s\";"),
		 harness_path("clients"));
	start(listener);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
	(void)harness_write("clients", "203.0.113.8");
	daemon_signal(SIGHUP);
	await_reload("t: allowed_clients");
	(void)daemon_log_await("reason=client_denied", "client=" BALANCER_CLIENT, NULL);
	HARNESS_AWAIT(udp_table_connected_to(8000) == 1);
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
}
END_TEST

/* ---- UDP ---- */

START_TEST(flows_keep_their_target_and_socket)
{
	int first = udp_open(BACKEND_V4);
	int second = udp_open(OTHER_BACKEND);
	int balancer = balancer_open();

	start(UDP("t", ON_7000, BACKEND_V4, ""));
	balancer_check(balancer, first, BALANCER_CLIENT);
	change(UDP("t", ON_7000, OTHER_BACKEND, "max_flows = 100;"),
	       "1 listener changed (t: targets.ipv4, max_flows)");
	balancer_check(balancer, second, BALANCER_OTHER_CLIENT);
	balancer_check(balancer, first, BALANCER_CLIENT);
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
	ck_assert_uint_eq(udp_table_connected_to(8001), 1);
	ck_assert_uint_eq(daemon_log_count("reason=", "header="), 0);
}
END_TEST

/* Its flows have drain_timeout to end; new clients have nobody to open one. */
START_TEST(a_removed_udp_listener_drains)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start(UDP("t", ON_7000, BACKEND_V4, ""));
	balancer_check(balancer, backend, BALANCER_CLIENT);
	write_and_signal(DAEMON_AS_ROOT
			 "workers = 2; drain_timeout = \"1h\"; listeners = ( %s );\n",
			 UDP("u", "\"" SECOND_V4 "\"", BACKEND_V4, ""));
	/* The key is there twice, which is a mistake. */
	(void)daemon_log_await("not reloaded", NULL, NULL);
	change(UDP("u", "\"" SECOND_V4 "\"", BACKEND_V4, ""),
	       "1 listener added (u), 1 removed (t)");
	(void)daemon_log_await("reason=shutdown", "client=" BALANCER_CLIENT, NULL);
	HARNESS_AWAIT(udp_table_unconnected(7000) == 0);
	HARNESS_AWAIT(udp_table_connected_to(8000) == 0);
	(void)daemon_log_await("listener=t", "msg=totals", "flows=1");
	balancer_check_at(balancer, SECOND_V4, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(flows_of_a_draining_address_go_on)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start(UDP("t", "[ " ON_7000 ", \"" SECOND_V4 "\" ]", BACKEND_V4, ""));
	balancer_check(balancer, backend, BALANCER_CLIENT);
	(void)harness_write(
	    DAEMON_CONFIG_NAME,
	    "log = { level = \"debug\"; }; drain_timeout = \"1h\"; " DAEMON_AS_ROOT
	    "workers = 2; listeners = ( " UDP("t", "\"" SECOND_V4 "\"", BACKEND_V4, "") " );");
	daemon_signal(SIGHUP);
	await_reload("t: listen");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_send_text(balancer, BALANCER_OTHER_CLIENT, "new");
	ck_assert_ptr_null(udp_receive_within(backend, 200));
	/* Back again before it has drained. */
	change(UDP("t", "[ \"" SECOND_V4 "\", " ON_7000 " ]", BACKEND_V4, ""), "t: listen");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
	HARNESS_AWAIT(udp_table_unconnected(7000) == 2);
}
END_TEST

/* The kernel's program that picks a worker is another one, or none. */
START_TEST(udp_header_changes)
{
	int backend = udp_open(BACKEND_V4);
	struct sender_header header;
	int balancer = balancer_open();

	start(UDP("t", ON_7000, BACKEND_V4, "allowed_subnets = [ \"127.0.0.0/8\" ];"));
	balancer_check(balancer, backend, BALANCER_CLIENT);
	change(UDP("t", ON_7000, BACKEND_V4,
		   "allowed_subnets = [ \"127.0.0.0/8\" ]; udp_header = \"spp\";"),
	       "t: udp_header");
	for (int i = 0; i < 8; i++) {
		char client[32];

		snprintf(client, sizeof(client), "203.0.113.9:%d", 40000 + i);
		sender_spp(&header, client, NULL);
		balancer_send_header(balancer, LISTEN_V4, &header, "x", 1);
		(void)udp_expect(backend, client, "x", 1);
	}
	change(UDP("t", ON_7000, BACKEND_V4,
		   "allowed_subnets = [ \"127.0.0.0/8\" ]; udp_header = \"first\";"),
	       "t: udp_header");
	sender_v2_udp(&header, "203.0.113.10:40000", NULL);
	balancer_send_header(balancer, LISTEN_V4, &header, "y", 1);
	(void)udp_expect(backend, "203.0.113.10:40000", "y", 1);
	udp_send_text(balancer, LISTEN_V4, "z");
	(void)udp_expect_text(backend, "203.0.113.10:40000", "z");
}
END_TEST

START_TEST(close_after_holds_for_flows_that_are_there)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start(UDP("t", ON_7000, BACKEND_V4, "close_after = 0;"));
	balancer_check(balancer, backend, BALANCER_CLIENT);
	change(UDP("t", ON_7000, BACKEND_V4, "close_after = \"50ms\";"), "t: close_after");
	(void)daemon_log_await("reason=idle_timeout", "client=" BALANCER_CLIENT, NULL);
}
END_TEST

/* ---- limits, and what else goes on ---- */

/* Whether a connection is not refused. */
static bool is_let_in(void)
{
	int client = peer_connect("127.0.0.1:0", LISTEN_V4);
	bool refused = peer_poll(client, POLLIN, 100) != 0;

	peer_close(client);
	return !refused;
}

START_TEST(a_limit_counts_what_was_open_before)
{
	struct connection old[2];
	int backend = peer_listen(BACKEND_V4);

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	connection_open(&old[0], backend, "203.0.113.7:40000");
	connection_open(&old[1], backend, "203.0.113.8:40000");
	change(TCP("t", ON_7000, BACKEND_V4, "max_connections = 2;"), "t: max_connections");
	peer_expect_closed(peer_connect("127.0.0.1:0", LISTEN_V4));
	(void)daemon_log_await("reason=connection_limit", NULL, NULL);
	connection_finish(&old[0]);
	/* Its place is free a moment after its line: until then others are refused at once. */
	HARNESS_AWAIT(is_let_in());
}
END_TEST

START_TEST(what_needs_a_restart_is_said)
{
	int backend = peer_listen(BACKEND_V4);

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	write_and_signal("workers = 3; user = \"nobody\"; listeners = ( %s );\n",
			 TCP("t", ON_7000, BACKEND_V4, ""));
	await_reload("1 listener unchanged");
	(void)daemon_log_await("warn ", "workers", "restart");
	(void)daemon_log_await("warn ", "user", "restart");
	ck_assert_uint_eq(tcp_table_count(7000, TCP_TABLE_LISTEN), 2);
	check_new(backend);
}
END_TEST

#ifdef HAVE_CAP_NG

/* Addresses that listen already are kept; another user could not bind them again. */
START_TEST(as_another_user_kept_sockets_stay_and_new_ones_open)
{
	int backend = peer_listen(BACKEND_V4);
	struct sender_header header;
	int client;

	reloads = 0;
	/* It is the one who reads the file again. */
	harness_shell("chmod 755 %s", harness_path("."));
	daemon_start_config(HEAD "user = \"nobody\"; group = \"nogroup\"; workers = 2; "
				 "listeners = ( " TCP("t", ON_7000, BACKEND_V4, "") " );");
	write_and_signal("user = \"nobody\"; group = \"nogroup\"; workers = 2; "
			 "listeners = ( %s, %s );",
			 TCP("t", ON_7000, BACKEND_V4, "mark = 1;"),
			 TCP("low", "\"127.0.0.1:700\"", BACKEND_V4, ""));
	await_reload("1 listener added (low), 1 changed (t: mark)");
	check_new(backend);
	client = peer_connect(NULL, "127.0.0.1:700");
	sender_v1(&header, CONNECTION_CLIENT, NULL);
	peer_send(client, header.bytes, header.len);
	(void)peer_accept_from(backend, CONNECTION_CLIENT);
}
END_TEST

#endif

/* Signals that come while a reload is under way are one more reload, not a queue of them. */
START_TEST(a_thousand_reloads_leave_nothing_behind)
{
	struct connection old;
	int backend = peer_listen(BACKEND_V4);
	unsigned descriptors;
	unsigned long rss;

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	connection_open(&old, backend, CONNECTION_CLIENT);
	for (int i = 0; i < 50; i++)
		change(i % 2 == 0 ? TCP("t", ON_7000, BACKEND_V4, "mark = 1;")
				  : UDP("t", ON_7000, BACKEND_V4, ""),
		       NULL);
	harness_sleep_ms(50);
	change(TCP("t", ON_7000, BACKEND_V4, ""), NULL);
	HARNESS_AWAIT(udp_table_unconnected(7000) == 0);
	descriptors = daemon_fd_count();
	rss = daemon_rss_kb();
	for (int i = 0; i < 1000; i++) {
		daemon_signal(SIGHUP);
		harness_sleep_ms(1);
	}
	harness_sleep_ms(100);
	check_new(backend);
	connection_check(&old);
	connection_finish(&old);
	HARNESS_AWAIT(daemon_fd_count() <= descriptors);
	if (!daemon_is_instrumented())
		ck_assert_uint_lt(daemon_rss_kb(), rss + 2048);
}
END_TEST

/* Both at once: whatever comes first, what is closed stays closed and flows go on. */
START_TEST(reloading_and_stopping_at_once_is_stopping)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start(UDP("t", "[ " ON_7000 ", \"" SECOND_V4 "\" ]", BACKEND_V4,
		  "") ", " TCP("u", ON_7000, BACKEND_V4, ""));
	balancer_check(balancer, backend, BALANCER_CLIENT);
	(void)daemon_write_config(
	    LONG_DRAIN "workers = 2; listeners = ( " UDP("t", ON_7000, BACKEND_V4, "") " );");
	daemon_signal(SIGHUP);
	await_reload(NULL);
	/* With the same drain: which configuration the stop finds depends on what comes first. */
	(void)daemon_write_config(LONG_DRAIN "workers = 2; listeners = ( " UDP(
	    "t", "[ " ON_7000 ", \"" SECOND_V4 "\" ]", BACKEND_V4,
	    "") ", " TCP("u", ON_7000, BACKEND_V4, "") " );");
	daemon_signal(SIGHUP);
	await_reload(NULL);
	(void)daemon_write_config(LONG_DRAIN "workers = 2; listeners = ( " UDP(
	    "t", ON_7000, BACKEND_V4, "") ", " TCP("u", ON_7000, BACKEND_V4, "mark = 1;") " );");
	daemon_pause();
	daemon_signal(SIGHUP);
	daemon_signal(SIGTERM);
	daemon_resume();
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 0);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_send_text(balancer, BALANCER_OTHER_CLIENT, "new");
	ck_assert_ptr_null(udp_receive_within(backend, 200));
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

START_TEST(a_daemon_that_stops_does_not_reload)
{
	struct connection old;
	int backend = peer_listen(BACKEND_V4);

	start(TCP("t", ON_7000, BACKEND_V4, ""));
	write_and_signal(DAEMON_AS_ROOT "drain_timeout = \"1h\"; listeners = ( );");
	(void)daemon_log_await("not reloaded", NULL, NULL);
	(void)daemon_write_config(
	    "drain_timeout = \"1h\"; " DAEMON_AS_ROOT "log = { level = \"debug\"; }; "
	    "workers = 2; listeners = ( " TCP("t", ON_7000, BACKEND_V4, "") " );");
	daemon_signal(SIGHUP);
	await_reload(NULL);
	connection_open(&old, backend, CONNECTION_CLIENT);
	daemon_signal(SIGTERM);
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 0);
	daemon_signal(SIGHUP);
	(void)daemon_log_await("SIGHUP", "stopping", NULL);
	connection_check(&old);
	connection_finish(&old);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net_reload");
	TCase *tcase;

	tcase = harness_case(suite, "connections", 10);
	tcase_add_test(tcase, new_connections_follow_and_old_ones_stay);
	tcase_add_test(tcase, listeners_come_and_go);
	tcase_add_test(tcase, queued_connections_are_served);
	tcase_add_test(tcase, connections_queued_at_a_removed_listener_are_served);
	tcase_add_test(tcase, addresses_move_between_listeners);
	tcase = harness_case(suite, "refused", 10);
	tcase_add_test(tcase, mistakes_change_nothing_and_are_all_logged);
	tcase_add_test(tcase, a_file_that_is_gone_changes_nothing);
	tcase_add_test(tcase, an_address_in_use_changes_nothing);
	tcase_add_test(tcase, a_daemon_that_stops_does_not_reload);
	tcase_add_loop_test(tcase, reloading_and_stopping_at_once_is_stopping, 0, 3);
	tcase = harness_case(suite, "clients", 10);
	tcase_add_test(tcase, a_client_that_becomes_denied_is_cut);
	tcase_add_test(tcase, a_flow_of_a_client_that_is_not_allowed_any_more_ends);
	tcase = harness_case(suite, "flows", 10);
	tcase_add_test(tcase, flows_keep_their_target_and_socket);
	tcase_add_test(tcase, a_removed_udp_listener_drains);
	tcase_add_test(tcase, flows_of_a_draining_address_go_on);
	tcase_add_test(tcase, udp_header_changes);
	tcase_add_test(tcase, close_after_holds_for_flows_that_are_there);
	tcase = harness_case(suite, "the rest", 20);
	tcase_add_test(tcase, a_limit_counts_what_was_open_before);
	tcase_add_test(tcase, what_needs_a_restart_is_said);
#ifdef HAVE_CAP_NG
	/* A user namespace of an ordinary user has no second user to become. */
	if (geteuid() == 0)
		tcase_add_test(tcase, as_another_user_kept_sockets_stay_and_new_ones_open);
#endif
	tcase_add_test(tcase, a_thousand_reloads_leave_nothing_behind);
	return harness_run(suite);
}
