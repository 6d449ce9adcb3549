/* SPDX-License-Identifier: BSD-2-Clause */
/* The source port of the connection to the backend: kept, waited for, or another one. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "udp.h"
#include "udp_table.h"

/* A port that is taken is tried for 1.1 s; less a tick of the kernel's coarse clock, and then some.
 */
#define TRIED_AT_LEAST_MS 1000

static struct sender_header header;

/* ---- a port that the client has, or had ---- */

START_TEST(port_0_becomes_a_port_of_the_kernel)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	unsigned port;

	daemon_start("");
	connection.client = sender_open_v1("203.0.113.7:0");
	connection.backend = peer_accept_from_ip(backend, "203.0.113.7", &port);
	ck_assert_uint_ne(port, 0);
	connection_check(&connection);
}
END_TEST

/* How a former connection of the same client ended. */
static void end_former(const struct connection *former, int how)
{
	switch (how) {
	case 0: /* TIME_WAIT on mmproxy's side */
		peer_finish(former->client);
		peer_expect_end(former->backend);
		peer_close(former->backend);
		peer_expect_end(former->client);
		break;
	case 1: /* TIME_WAIT on the backend's */
		peer_finish(former->backend);
		peer_expect_end(former->client);
		peer_finish(former->client);
		peer_expect_end(former->backend);
		peer_close(former->backend);
		break;
	case 2:
		peer_reset(former->client);
		peer_expect_reset(former->backend);
		break;
	default:
		peer_reset(former->backend);
		peer_expect_reset(former->client);
		break;
	}
}

#define ENDS 4

START_TEST(a_client_comes_back_at_once)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection former;
	int64_t started;

	daemon_start("");
	connection_open(&former, backend, CONNECTION_CLIENT);
	connection_check(&former);
	end_former(&former, _i);
	started = harness_now_ms();
	connection_try(backend, CONNECTION_CLIENT);
	/* Linux lets a port in TIME_WAIT be used again after 1 s; this is not its whole 60 s. */
	ck_assert_int_lt(harness_now_ms() - started, harness_patience_ms());
}
END_TEST

/*
 * The former connection ends only while mmproxy already tries the same port again. False: on a busy
 * machine that took longer than it tries, and nothing is known.
 */
static bool next_gets_the_port(int backend, const char *who)
{
	struct connection former;
	struct connection next;
	int64_t started;
	bool waited;

	connection_open(&former, backend, who);
	started = harness_now_ms();
	next.client = sender_open_v1(who);
	waited = peer_poll(next.client, POLLIN, 200) == 0 && peer_poll(backend, POLLIN, 0) == 0;
	/* A reset leaves no TIME_WAIT behind. */
	peer_reset(former.client);
	HARNESS_AWAIT(peer_poll(backend, POLLIN, 0) != 0 || peer_poll(next.client, POLLIN, 0) != 0);
	if (harness_now_ms() - started >= TRIED_AT_LEAST_MS) {
		if (peer_poll(backend, POLLIN, 0) != 0)
			peer_close(peer_accept(backend, NULL));
		return false;
	}
	ck_assert(waited);
	next.backend = peer_accept_from(backend, who);
	connection_check(&next);
	return true;
}

START_TEST(a_port_that_becomes_free_in_time_is_used)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned attempt = 0;
	char who[64];

	daemon_start("");
	do {
		ck_assert_uint_lt(attempt, 30);
		snprintf(who, sizeof(who), "203.0.113.%u:40000", 1 + attempt++);
	} while (!next_gets_the_port(backend, who));
}
END_TEST

START_TEST(a_port_in_use_is_a_source_conflict)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection former;
	int64_t started;
	int client;

	daemon_start(_i == 0 ? "" : "source_port = \"preserve\";");
	connection_open(&former, backend, CONNECTION_CLIENT);
	started = harness_now_ms();
	client = sender_open_v1(CONNECTION_CLIENT);
	peer_expect_reset(client);
	/* It was tried for about a second. */
	ck_assert_int_ge(harness_now_ms() - started, 900);
	daemon_log_await("warn ", "reason=source_conflict", "client=" CONNECTION_CLIENT);
	peer_assert_no_connection(backend);
	connection_check(&former);
}
END_TEST

START_TEST(fallback_takes_another_port)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection former;
	struct connection next;
	unsigned port;

	daemon_start("source_port = \"fallback\";");
	connection_open(&former, backend, CONNECTION_CLIENT);
	next.client = sender_open_v1(CONNECTION_CLIENT);
	next.backend = peer_accept_from_ip(backend, "203.0.113.7", &port);
	ck_assert_uint_ne(port, 40000);
	connection_check(&next);
	connection_check(&former);
	connection_finish(&next);
	daemon_log_await("reason=done", "client=" CONNECTION_CLIENT, "source_port=ephemeral");
	connection_finish(&former);
	daemon_stop();
	/* Counted, and told at the end. */
	ck_assert_uint_eq(daemon_log_count("source_fallbacks=1", NULL), 1);
}
END_TEST

START_TEST(fallback_keeps_a_port_that_is_free)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("source_port = \"fallback\";");
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

START_TEST(ephemeral_takes_any_port)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection connections[3];

	daemon_start("source_port = \"ephemeral\";");
	for (size_t i = 0; i < 3; i++) {
		unsigned port;

		/* Below every ip_local_port_range, so the kernel's choice is another one. */
		connections[i].client = sender_open_v1("203.0.113.7:99");
		connections[i].backend = peer_accept_from_ip(backend, "203.0.113.7", &port);
		ck_assert_uint_ne(port, 99);
		connection_check(&connections[i]);
	}
}
END_TEST

/* ---- a port that another socket listens on ---- */

/* The number behind a key of a log line. */
static long line_number(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	ck_assert_ptr_nonnull(at);
	return strtol(at + strlen(key), NULL, 10);
}

/* How long the daemon took to connect for a client that has the listener's port. */
static long connect_ms_beside_listener(int backend, unsigned number)
{
	struct connection connection;
	char client[64];
	char named[80];
	char ip[32];
	unsigned port;

	snprintf(ip, sizeof(ip), "203.0.113.%u", number);
	snprintf(client, sizeof(client), "%s:7000", ip);
	snprintf(named, sizeof(named), "client=%s ", client);
	connection.client = sender_open_v1(client);
	connection.backend = peer_accept_from_ip(backend, ip, &port);
	ck_assert_uint_ne(port, 7000);
	connection_check(&connection);
	connection_finish(&connection);
	return line_number(daemon_log_await("reason=done", named, NULL), "connect_ms=");
}

/*
 * A listener on a wildcard address has its port on clients' addresses as well, and for as long as
 * it lives: another port is taken without waiting for it.
 */
START_TEST(fallback_does_not_wait_for_a_listeners_port)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned number = 1;

	daemon_start_config("log = { level = \"debug\"; };\n"
			    "listeners = ( { name = \"t\"; listen = \"0.0.0.0:7000\"; "
			    "source_port = \"fallback\"; " DAEMON_TARGETS " } );\n");
	/* One that waits does so each time; a machine that is busy elsewhere does not. */
	HARNESS_AWAIT(connect_ms_beside_listener(backend, number++) < TRIED_AT_LEAST_MS);
}
END_TEST

START_TEST(preserve_does_not_take_a_listeners_port)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start_config(
	    "log = { level = \"debug\"; };\n"
	    "listeners = ( { name = \"t\"; listen = \"0.0.0.0:7000\"; " DAEMON_TARGETS " } );\n");
	peer_expect_reset(sender_open_v1("203.0.113.7:7000"));
	daemon_log_await("warn ", "reason=source_conflict", "client=203.0.113.7:7000");
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* ---- a port that the kernel chooses ---- */

/* The ports that the kernel chooses from: few, and the backend's is one of them. */
#define FIRST_PORT 8000
#define LAST_PORT  8031

#define ATTEMPTS 60

static void narrow_ports(void)
{
	char range[64];

	snprintf(range, sizeof(range), "%d %d", FIRST_PORT, LAST_PORT);
	ck_assert(harness_sysctl("net/ipv4/ip_local_port_range", range));
}

/* Nobody listens there: what came back would be what was sent. */
START_TEST(a_backend_that_is_down_is_never_mmproxy_itself)
{
	narrow_ports();
	daemon_start(_i == 0 ? "" : "source_port = \"ephemeral\";");
	if (_i == 0)
		sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	else
		sender_v2(&header, "127.0.0.1:5555", NULL);
	memcpy(header.bytes + header.len, "echo?", 5);
	header.len += 5;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		char from[64];
		int client;

		snprintf(from, sizeof(from), "127.0.0.1:%u", 20000 + i);
		client = peer_connect(from, LISTEN_V4);
		peer_send(client, header.bytes, header.len);
		peer_expect_reset(client);
		peer_close(client);
	}
	daemon_log_await("warn listener=t", "reason=backend_refused", NULL);
	daemon_stop();
	/* It says how often each reason came. */
	daemon_log_await("backend_refused=60", NULL, NULL);
}
END_TEST

START_TEST(a_datagrams_backend_that_is_down_is_never_mmproxy_itself)
{
	struct addr target = peer_addr(BACKEND_V4);
	int backend;

	narrow_ports();
	daemon_start_udp("");
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	/* More load balancers than ports, each with a flow, so that every port is taken. */
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		char from[64];
		int balancer;

		snprintf(from, sizeof(from), "127.0.0.1:%u", 20000 + i);
		balancer = udp_open(from);
		balancer_send_header(balancer, LISTEN_V4, &header, "echo?", 5);
		HARNESS_AWAIT(udp_table_queued(7000) == 0);
		ck_assert_ptr_null(udp_receive_within(balancer, 5));
	}
	/* The backend's own is free for the backend when it comes. */
	backend = peer_adopt(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	/* When the daemon has closed what it had for a moment. */
	HARNESS_AWAIT(bind(backend, &target.sa, addr_len(&target)) == 0);
}
END_TEST

static Suite *source_port_suite(void)
{
	Suite *suite = suite_create("net_source_port");
	TCase *port = harness_case(suite, "client", 60);
	TCase *held = harness_case(suite, "held", 60);
	TCase *chosen = harness_case(suite, "chosen", 60);

	tcase_add_test(port, port_0_becomes_a_port_of_the_kernel);
	tcase_add_loop_test(port, a_client_comes_back_at_once, 0, ENDS);
	tcase_add_test(port, a_port_that_becomes_free_in_time_is_used);
	tcase_add_loop_test(port, a_port_in_use_is_a_source_conflict, 0, 2);
	tcase_add_test(port, fallback_takes_another_port);
	tcase_add_test(port, fallback_keeps_a_port_that_is_free);
	tcase_add_test(port, ephemeral_takes_any_port);
	tcase_add_test(held, fallback_does_not_wait_for_a_listeners_port);
	tcase_add_test(held, preserve_does_not_take_a_listeners_port);
	tcase_add_loop_test(chosen, a_backend_that_is_down_is_never_mmproxy_itself, 0, 2);
	tcase_add_test(chosen, a_datagrams_backend_that_is_down_is_never_mmproxy_itself);
	return suite;
}

int main(void)
{
	return harness_run(source_port_suite());
}
