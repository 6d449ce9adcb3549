/* SPDX-License-Identifier: BSD-2-Clause */
/* max_connections_per_client and connections_per_client_rate, with TCP. */
#include <signal.h>
#include <stdio.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "refusals.h"
#include "sender.h"

static void start(unsigned workers, const char *keys)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 "workers = %u;\nlog = { level = \"debug\"; };\n"
		 "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS
		 "%s } );\n",
		 workers, keys);
	daemon_start_config(config);
	daemon_await_look();
}

static const char *client_at(unsigned port)
{
	static char text[64];

	snprintf(text, sizeof(text), "203.0.113.7:%u", port);
	return text;
}

/* A connection of this client is refused. */
static void expect_refused(const char *client)
{
	peer_expect_closed(sender_open_v1(client));
}

/* Try until a connection of the client's is let in, from another port each time: one that ended may
 * count a moment longer. */
static void await_room(struct connection *connection, int backend)
{
	static unsigned port = 30000;
	int64_t deadline = harness_now_ms() + harness_patience_ms();

	for (;;) {
		const char *client = client_at(port++);

		connection->client = sender_open_v1(client);
		HARNESS_AWAIT(peer_is_readable(connection->client) || peer_is_readable(backend));
		if (peer_is_readable(backend)) {
			connection->backend = peer_accept_from(backend, client);
			return;
		}
		peer_close(connection->client);
		ck_assert_msg(harness_now_ms() < deadline, "no room");
		harness_sleep_ms(20);
	}
}

/* ---- open at one time ---- */

START_TEST(one_client_has_no_more_than_the_limit)
{
	struct connection connections[3];
	int backend = peer_listen(BACKEND_V4);

	start((unsigned)_i, "max_connections_per_client = 3;");
	for (unsigned i = 0; i < 3; i++)
		connection_open(&connections[i], backend, client_at(20000 + i));
	for (unsigned i = 0; i < 5; i++)
		expect_refused(client_at(20010 + i));
	daemon_log_await("warn listener=t", "reason=client_limit", "client=203.0.113.7:20010");
	connection_try(backend, "203.0.113.8:20000");
	/* One that ends makes room for one, and no more. */
	connection_finish(&connections[1]);
	await_room(&connections[1], backend);
	expect_refused(client_at(20020));
	peer_assert_no_connection(backend);
	for (unsigned i = 0; i < 3; i++)
		connection_check(&connections[i]);
}
END_TEST

#define BURST	    60
#define BURST_LIMIT 7

static unsigned count_readable(const int *fds, unsigned count)
{
	unsigned readable = 0;

	for (unsigned i = 0; i < count; i++)
		readable += peer_is_readable(fds[i]);
	return readable;
}

/* They come to both workers at the same time. */
START_TEST(a_burst_gets_exactly_the_limit)
{
	int backend = peer_listen(BACKEND_V4);
	int clients[BURST];
	unsigned served = 0;
	char key[64];

	snprintf(key, sizeof(key), "max_connections_per_client = %u;", BURST_LIMIT);
	start(2, key);
	daemon_pause();
	for (unsigned i = 0; i < BURST; i++)
		clients[i] = sender_open_v1(client_at(20000 + i));
	daemon_resume();
	for (; served < BURST_LIMIT; served++)
		peer_accept(backend, NULL);
	HARNESS_AWAIT(refusals_logged("client_limit") == BURST - BURST_LIMIT);
	/* A line comes before the end that it tells of. */
	HARNESS_AWAIT(count_readable(clients, BURST) == BURST - BURST_LIMIT);
	for (unsigned i = 0; i < BURST; i++)
		if (peer_is_readable(clients[i]))
			peer_expect_closed(clients[i]);
	peer_assert_no_connection(backend);
	peer_close_all();
	daemon_stop();
	/* And counted. */
	daemon_log_await("totals", " client_limit=53", NULL);
}
END_TEST

static void end_by_fin(const struct connection *connection)
{
	connection_finish(connection);
}

static void end_by_a_reset_of_the_client(const struct connection *connection)
{
	peer_reset(connection->client);
	peer_expect_reset(connection->backend);
}

static void end_by_a_reset_of_the_backend(const struct connection *connection)
{
	peer_reset(connection->backend);
	peer_expect_reset(connection->client);
}

static void end_by_timeout(const struct connection *connection)
{
	peer_expect_closed(connection->client);
	peer_expect_closed(connection->backend);
}

/* The backend has all of its window full and does not read, so its reset is held for a while. */
static void end_by_a_reset_that_is_held(const struct connection *connection)
{
	(void)peer_fill(connection->client, 100);
	peer_reset(connection->client);
}

START_TEST(however_a_connection_ends_it_makes_room)
{
	static void (*const ends[])(const struct connection *connection) = {
	    end_by_fin,	    end_by_a_reset_of_the_client, end_by_a_reset_of_the_backend,
	    end_by_timeout, end_by_a_reset_that_is_held,
	};
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	start(2, ends[_i] == end_by_timeout
		     ? "max_connections_per_client = 1; idle_timeout = \"200ms\";"
		     : "max_connections_per_client = 1;");
	connection_open(&connection, backend, client_at(20000));
	ends[_i](&connection);
	await_room(&connection, backend);
}
END_TEST

/* By one worker: another could see the next connection before this one has let go of the last. */
START_TEST(what_the_backend_refuses_is_left_at_once)
{
	start(1, "max_connections_per_client = 1;");
	for (unsigned i = 0; i < 50; i++)
		expect_refused(client_at(20000 + i));
	ck_assert_uint_gt(daemon_log_count("reason=backend_refused", NULL), 0);
	ck_assert_uint_eq(daemon_log_count("reason=client_limit", NULL), 0);
}
END_TEST

START_TEST(one_network_of_64_bits_is_one_client)
{
	struct connection connection;
	int backend;

	if (!netns_has_ipv6())
		return;
	backend = peer_listen(BACKEND_V6);
	start(2, "max_connections_per_client = 1;");
	connection_open(&connection, backend, "[2001:db8:0:1::7]:20000");
	expect_refused("[2001:db8:0:1:ffff:ffff:ffff:ffff]:20000");
	connection_try(backend, "[2001:db8:0:2::7]:20000");
	connection_check(&connection);
}
END_TEST

/* Change the listener's keys in the file and reload. */
static void reload(const char *keys)
{
	static unsigned reloads;
	char config[1024];

	snprintf(config, sizeof(config),
		 DAEMON_AS_ROOT "workers = 2;\nlisteners = ( { name = \"t\"; listen = \"" LISTEN_V4
				"\"; " DAEMON_TARGETS "%s } );\n",
		 keys);
	(void)daemon_write_config(config);
	daemon_signal(SIGHUP);
	reloads++;
	HARNESS_AWAIT(daemon_log_count("reloaded: ", NULL) >= reloads);
}

START_TEST(a_reload_keeps_the_counts)
{
	struct connection connections[3];
	int backend = peer_listen(BACKEND_V4);

	start(2, "");
	reload("max_connections_per_client = 2;");
	connection_open(&connections[0], backend, client_at(20000));
	connection_open(&connections[1], backend, client_at(20001));
	reload("max_connections_per_client = 3;");
	connection_open(&connections[2], backend, client_at(20002));
	expect_refused(client_at(20003));
	/* Without a limit, and with one again: of those that there are, three count. */
	reload("");
	connection_try(backend, client_at(20004));
	reload("max_connections_per_client = 3;");
	expect_refused(client_at(20005));
	connection_finish(&connections[0]);
	await_room(&connections[0], backend);
	expect_refused(client_at(20006));
	connection_check(&connections[1]);
}
END_TEST

/* ---- who is no client ---- */

START_TEST(connections_of_nobody_do_not_count)
{
	static struct sender_header headers[2];
	int backend = peer_listen(BACKEND_V4);

	sender_v2_raw(&headers[0], SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	sender_text(&headers[1], "PROXY UNKNOWN\r\n");
	start(1, "max_connections_per_client = 1; connections_per_client_rate = 1;");
	for (unsigned i = 0; i < 10; i++) {
		int client = sender_open(&headers[i % 2]);
		int accepted = peer_accept(backend, NULL);

		peer_send_text(client, "up");
		peer_expect_text(accepted, "up");
	}
}
END_TEST

START_TEST(a_peer_without_a_header_is_a_client)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	start(2, "max_connections_per_client = 1; headerless_subnets = [ \"127.0.0.0/8\" ];");
	client = peer_connect("127.0.0.2:0", LISTEN_V4);
	(void)peer_accept(backend, NULL);
	peer_expect_closed(peer_connect("127.0.0.2:0", LISTEN_V4));
	daemon_log_await("reason=client_limit", "client=127.0.0.2:", NULL);
	(void)peer_connect("127.0.0.3:0", LISTEN_V4);
	(void)peer_accept(backend, NULL);
	peer_assert_no_connection(backend);
	peer_expect_silence(client, 20);
}
END_TEST

START_TEST(who_has_not_said_who_he_is_does_not_count)
{
	int backend = peer_listen(BACKEND_V4);
	int silent[5];

	start(1, "max_connections_per_client = 1;");
	for (size_t i = 0; i < 5; i++)
		silent[i] = peer_connect("127.0.0.1:0", LISTEN_V4);
	connection_try(backend, "127.0.0.1:20000");
	for (size_t i = 0; i < 5; i++)
		peer_expect_silence(silent[i], 5);
}
END_TEST

/* ---- begun in a second ---- */

#define RATE	 5
#define ATTEMPTS 200

START_TEST(a_burst_then_refusals_then_again)
{
	int backend = peer_listen(BACKEND_V4);
	int64_t began_ms;
	int64_t took_ms;
	unsigned served = 0;
	char key[64];

	snprintf(key, sizeof(key), "connections_per_client_rate = %u;", RATE);
	start(2, key);
	began_ms = harness_now_ms();
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		int client = sender_open_v1(client_at(20000 + i));

		HARNESS_AWAIT(peer_is_readable(client) || peer_is_readable(backend));
		if (peer_is_readable(backend)) {
			peer_close(peer_accept_from(backend, client_at(20000 + i)));
			served++;
		} else {
			peer_expect_closed(client);
		}
		peer_close(client);
	}
	took_ms = harness_now_ms() - began_ms;
	/* What the bucket holds, and what time brings: that much is let in if the attempts go on
	 * all the time, and no more in any case. */
	ck_assert_uint_ge(served, RATE);
	ck_assert_uint_le(served, RATE + (unsigned)(RATE * took_ms / 1000) + 1);
	/* All refusals are in the log, one by one or summed up, and in the totals. */
	HARNESS_AWAIT(refusals_logged("client_limit") == ATTEMPTS - served);
	ck_assert_uint_le(daemon_log_count("reason=client_limit", "client=203.0.113.7:"),
			  10 * (unsigned)(took_ms / 1000 + 2));
	/* Others have not come too fast. */
	connection_try(backend, "203.0.113.8:20000");
	harness_sleep_ms(1100);
	for (unsigned i = 0; i < RATE; i++)
		connection_try(backend, client_at(40000 + i));
	peer_close_all();
	daemon_stop();
	snprintf(key, sizeof(key), " client_limit=%u", ATTEMPTS - served);
	daemon_log_await("totals", key, NULL);
}
END_TEST

static Suite *client_limits_suite(void)
{
	Suite *suite = suite_create("net_client_limits");
	TCase *open = harness_case(suite, "open", 60);
	TCase *nobody = harness_case(suite, "nobody", 60);
	TCase *rate = harness_case(suite, "rate", 60);

	tcase_add_loop_test(open, one_client_has_no_more_than_the_limit, 1, 3);
	tcase_add_test(open, a_burst_gets_exactly_the_limit);
	tcase_add_loop_test(open, however_a_connection_ends_it_makes_room, 0, 5);
	tcase_add_test(open, what_the_backend_refuses_is_left_at_once);
	tcase_add_test(open, a_reload_keeps_the_counts);
	tcase_add_test(open, one_network_of_64_bits_is_one_client);
	tcase_add_test(nobody, connections_of_nobody_do_not_count);
	tcase_add_test(nobody, a_peer_without_a_header_is_a_client);
	tcase_add_test(nobody, who_has_not_said_who_he_is_does_not_count);
	tcase_add_test(rate, a_burst_then_refusals_then_again);
	return suite;
}

int main(void)
{
	return harness_run(client_limits_suite());
}
