/* SPDX-License-Identifier: BSD-2-Clause */
/* A load balancer's health checks: counted, quiet in the log, and no end of another kind is one. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "udp.h"

#define CHECK_LINE "debug listener=t"

static struct sender_header header;

/* A connection of the load balancer's own. */
static int open_local(void)
{
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	return sender_open(&header);
}

/* The daemon's count of a reason at its end, as in "done=3"; ends the daemon. */
static void expect_totals(const char *counts)
{
	daemon_stop();
	daemon_log_await("msg=totals", counts, NULL);
}

/* ---- nothing at all ---- */

START_TEST(an_empty_connection_is_a_check)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	daemon_start("");
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	if (_i == 0) {
		peer_finish(client);
		peer_expect_end(client);
	} else {
		peer_reset(client);
	}
	daemon_log_await(CHECK_LINE, "reason=health_check", "header=none");
	peer_assert_no_connection(backend);
	ck_assert_uint_eq(daemon_log_count("info listener=t", "reason="), 0);
	expect_totals(" health_check=1");
}
END_TEST

START_TEST(a_part_of_a_header_is_no_check)
{
	int client;

	daemon_start("");
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send(client, "P", 1);
	if (_i == 1)
		peer_await_read(client);
	peer_finish(client);
	daemon_log_await("info ", "reason=client_closed_early", NULL);
	expect_totals(" client_closed_early=1");
}
END_TEST

START_TEST(a_peer_that_may_send_no_header_makes_no_check)
{
	int backend = peer_listen(BACKEND_V4);

	/* Refused in the one case, and in the other not asked for a header. */
	daemon_start(_i == 0 ? "allowed_subnets = [ \"192.0.2.0/24\" ];"
			     : "headerless_subnets = [ \"127.0.0.0/8\" ];");
	peer_close(peer_connect("127.0.0.1:0", LISTEN_V4));
	if (_i == 0) {
		daemon_log_await("warn listener=t", "reason=peer_denied", NULL);
	} else {
		peer_close(peer_accept(backend, NULL));
		daemon_log_await("info listener=t", "reason=done", NULL);
	}
	ck_assert_uint_eq(daemon_log_count("health_check", NULL), 0);
}
END_TEST

START_TEST(silence_is_no_check)
{
	daemon_start("header_timeout = \"200ms\";");
	peer_expect_closed(peer_connect("127.0.0.1:0", LISTEN_V4));
	daemon_log_await("warn listener=t", "reason=header_timeout", NULL);
}
END_TEST

/* What one balancer asks in a day is not in the log, but for one number. */
START_TEST(checks_are_counted_and_not_shown)
{
	int backend = peer_listen(BACKEND_V4);
	char config[512];

	snprintf(config, sizeof(config),
		 "workers = 2;\nlisteners = ( { name = \"t\"; listen = \"" LISTEN_V4
		 "\"; " DAEMON_TARGETS " } );\n");
	daemon_start_config(config);
	for (int i = 0; i < 40; i++) {
		if (i % 2 == 0) {
			peer_close(peer_connect("127.0.0.1:0", LISTEN_V4));
		} else {
			peer_close(open_local());
			peer_close(peer_accept(backend, NULL));
		}
	}
	connection_try(backend, CONNECTION_CLIENT);
	HARNESS_AWAIT(daemon_log_count("reason=done", NULL) == 1);
	daemon_stop();
	ck_assert_uint_eq(daemon_log_count("peer=", NULL), 1);
	daemon_log_await("msg=totals", " done=1", " health_check=40");
}
END_TEST

/* ---- LOCAL ---- */

enum local_end {
	LEAVES,
	RESETS,
	LEAVES_AFTER_BANNER,
	RESETS_ON_BANNER,
	BACKEND_LEAVES,
	BACKEND_RESETS,
	LOCAL_ENDS
};

static void end_local(enum local_end how, int client, int backend)
{
	switch (how) {
	case LEAVES_AFTER_BANNER:
		peer_send_text(backend, "220 ready\r\n");
		peer_expect_text(client, "220 ready\r\n");
		/* fallthrough */
	case LEAVES:
		peer_finish(client);
		peer_expect_end(backend);
		peer_close(backend);
		break;
	case RESETS_ON_BANNER:
		peer_send_text(backend, "220 ready\r\n");
		HARNESS_AWAIT(peer_is_readable(client));
		/* fallthrough */
	case RESETS:
		peer_reset(client);
		peer_expect_closed(backend);
		break;
	case BACKEND_LEAVES:
		peer_finish(backend);
		peer_expect_end(client);
		peer_close(client);
		break;
	default:
		peer_reset(backend);
		peer_expect_closed(client);
		break;
	}
}

START_TEST(a_local_header_alone_is_a_check)
{
	int listener = peer_listen(BACKEND_V4);
	int client;

	daemon_start("");
	client = open_local();
	/* The server is asked: that is what it is for. */
	end_local((enum local_end)_i, client, peer_accept(listener, NULL));
	daemon_log_await(CHECK_LINE, "reason=health_check", "header=v2 up=0 ");
	expect_totals(" health_check=1");
	ck_assert_uint_eq(daemon_log_count("info listener=t", "reason="), 0);
}
END_TEST

START_TEST(a_check_that_stays_ends_as_one)
{
	int listener = peer_listen(BACKEND_V4);

	daemon_start("idle_timeout = \"200ms\";");
	peer_expect_closed(open_local());
	daemon_log_await(CHECK_LINE, "reason=health_check", NULL);
	peer_close(peer_accept(listener, NULL));
}
END_TEST

/* A request of its own, as of option httpchk in HAProxy. */
START_TEST(a_check_may_have_payload)
{
	int listener = peer_listen(BACKEND_V4);
	struct connection connection;

	daemon_start("");
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	/* Behind the header at once, or later. */
	if (_i == 0)
		header.bytes[header.len++] = 'x';
	connection.client = sender_open(&header);
	connection.backend = peer_accept(listener, NULL);
	if (_i == 0)
		peer_expect_text(connection.backend, "x");
	else
		connection_check(&connection);
	connection_finish(&connection);
	daemon_log_await(CHECK_LINE, "reason=health_check", "header=v2");
	ck_assert_uint_eq(daemon_log_count("info listener=t", "reason="), 0);
}
END_TEST

START_TEST(headers_of_clients_make_no_check)
{
	int listener = peer_listen(BACKEND_V4);
	int client;

	daemon_start("");
	switch (_i) {
	case 0:
		sender_v2(&header, CONNECTION_CLIENT, NULL);
		break;
	case 1: /* PROXY, of a family without addresses */
		sender_v2_raw(&header, SENDER_PROXY, SENDER_UNSPEC, NULL, 0);
		break;
	default:
		sender_text(&header, "PROXY UNKNOWN\r\n");
		break;
	}
	client = sender_open(&header);
	end_local(LEAVES, client, peer_accept(listener, NULL));
	daemon_log_await("info listener=t", "reason=done", NULL);
	ck_assert_uint_eq(daemon_log_count("health_check", NULL), 0);
}
END_TEST

START_TEST(a_check_that_fails_says_why)
{
	/* Nobody listens on the target. */
	daemon_start("");
	peer_expect_closed(open_local());
	daemon_log_await("warn listener=t", "reason=backend_refused", "header=v2");
	ck_assert_uint_eq(daemon_log_count("health_check", NULL), 0);
}
END_TEST

START_TEST(a_check_that_mmproxy_ends_is_a_shutdown)
{
	int listener = peer_listen(BACKEND_V4);

	daemon_start("");
	open_local();
	peer_accept(listener, NULL);
	HARNESS_AWAIT(daemon_log_count("step=connected", NULL) == 1);
	daemon_signal(SIGTERM);
	daemon_log_await("msg=\"stopping", NULL, NULL);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
	daemon_log_await("info listener=t", "reason=shutdown", NULL);
}
END_TEST

/* ---- UDP ---- */

struct udp_row {
	enum sender_command command;
	const char *keys;
	const char *payload;
	const char *line;
	const char *reason;
};

static const struct udp_row udp_rows[] = {
    {SENDER_LOCAL, "", "", CHECK_LINE, "reason=health_check"},
    {SENDER_LOCAL, "udp_header = \"first\"; allowed_subnets = [ \"127.0.0.0/8\" ];", "", CHECK_LINE,
     "reason=health_check"},
    {SENDER_LOCAL, "", "x", CHECK_LINE, "reason=health_check"},
    {SENDER_PROXY, "", "", "info listener=t", "reason=idle_timeout"},
};

START_TEST(a_local_datagram_is_a_check)
{
	const struct udp_row *row = &udp_rows[_i];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char keys[256];

	snprintf(keys, sizeof(keys), "close_after = \"200ms\"; %s", row->keys);
	daemon_start_udp(keys);
	sender_v2_raw(&header, (uint8_t)row->command, SENDER_UNSPEC, NULL, 0);
	balancer_send_header(balancer, LISTEN_V4, &header, row->payload, strlen(row->payload));
	/* In the flow's first datagram a header alone is no datagram for the backend. */
	if (strstr(row->keys, "first") == NULL)
		ck_assert_uint_eq(udp_receive(backend)->len, strlen(row->payload));
	daemon_log_await(row->line, row->reason, "header=v2");
	ck_assert_uint_eq(daemon_log_count("health_check", NULL), row->line[0] == 'd');
}
END_TEST

START_TEST(a_datagram_check_of_a_dead_server_is_no_check)
{
	int balancer = balancer_open();

	daemon_start_udp("close_after = \"300ms\";");
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	balancer_send_header(balancer, LISTEN_V4, &header, NULL, 0);
	daemon_log_await("info listener=t", "reason=idle_timeout", "icmp_errors=1");
}
END_TEST

static Suite *health_check_suite(void)
{
	Suite *suite = suite_create("net_health_check");
	TCase *nothing = harness_case(suite, "nothing", 60);
	TCase *local = harness_case(suite, "local", 60);
	TCase *udp = harness_case(suite, "udp", 60);

	tcase_add_loop_test(nothing, an_empty_connection_is_a_check, 0, 2);
	tcase_add_loop_test(nothing, a_part_of_a_header_is_no_check, 0, 2);
	tcase_add_loop_test(nothing, a_peer_that_may_send_no_header_makes_no_check, 0, 2);
	tcase_add_test(nothing, silence_is_no_check);
	tcase_add_test(nothing, checks_are_counted_and_not_shown);
	tcase_add_loop_test(local, a_local_header_alone_is_a_check, 0, LOCAL_ENDS);
	tcase_add_test(local, a_check_that_stays_ends_as_one);
	tcase_add_loop_test(local, a_check_may_have_payload, 0, 2);
	tcase_add_loop_test(local, headers_of_clients_make_no_check, 0, 3);
	tcase_add_test(local, a_check_that_fails_says_why);
	tcase_add_test(local, a_check_that_mmproxy_ends_is_a_shutdown);
	tcase_add_loop_test(udp, a_local_datagram_is_a_check, 0,
			    (int)(sizeof(udp_rows) / sizeof(udp_rows[0])));
	tcase_add_test(udp, a_datagram_check_of_a_dead_server_is_no_check);
	return suite;
}

int main(void)
{
	return harness_run(health_check_suite());
}
