/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits: connections, descriptors, workers. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "stream.h"
#include "tcp_table.h"

#define LISTENER \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n"

/* ---- connections ---- */

/* Try until a connection is let in: one that ended may count a moment longer. */
static void await_room(struct connection *connection, int backend)
{
	static struct sender_header header;
	int64_t deadline = harness_now_ms() + harness_patience_ms();

	sender_v1(&header, "203.0.113.7:30000", NULL);
	for (;;) {
		connection->client = peer_connect("127.0.0.1:0", LISTEN_V4);
		/* Fails where the daemon has closed it already. */
		(void)!send(connection->client, header.bytes, header.len, MSG_NOSIGNAL);
		HARNESS_AWAIT(peer_is_readable(connection->client) || peer_is_readable(backend));
		if (peer_is_readable(backend))
			break;
		peer_close(connection->client);
		ck_assert_msg(harness_now_ms() < deadline, "no room");
	}
	connection->backend = peer_accept_from(backend, "203.0.113.7:30000");
}

START_TEST(more_than_max_connections_are_refused)
{
	struct connection connections[3];
	int backend = peer_listen(BACKEND_V4);
	char config[512];
	int client;

	snprintf(config, sizeof(config),
		 "workers = %d;\nlog = { level = \"debug\"; };\n"
		 "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS
		 " max_connections = 3; } );\n",
		 _i);
	daemon_start_config(config);
	daemon_await_look();
	for (unsigned i = 0; i < 3; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		connection_open(&connections[i], backend, who);
	}
	for (int i = 0; i < 5; i++) {
		client = peer_connect("127.0.0.1:0", LISTEN_V4);
		peer_expect_closed(client);
	}
	daemon_log_await("warn listener=t", "reason=connection_limit", "peer=127.0.0.1:");
	/* One that ends makes room for one. */
	connection_finish(&connections[0]);
	await_room(&connections[0], backend);
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_expect_closed(client);
	peer_assert_no_connection(backend);
	for (int i = 0; i < 3; i++)
		connection_check(&connections[i]);
}
END_TEST

START_TEST(connections_without_a_header_count)
{
	int client;

	daemon_start("max_connections = 1;");
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	daemon_log_await("step=accepted", NULL, NULL);
	peer_expect_closed(peer_connect("127.0.0.1:0", LISTEN_V4));
	peer_expect_silence(client, 50);
}
END_TEST

START_TEST(many_connections_leave_nothing_behind)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned fds;

	daemon_start_config("workers = 2;\n" LISTENER);
	fds = daemon_fd_count();
	for (unsigned i = 0; i < 500; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		connection_try(backend, who);
	}
	daemon_await_fd_count(fds);
	/* The last acknowledgement may be on its way. */
	HARNESS_AWAIT(tcp_table_connections(7000) == 0);
	HARNESS_AWAIT(tcp_table_connections(8000) == 0);
}
END_TEST

/* ---- descriptors ---- */

#define STREAM 1
#define BULK   (8u * 1024 * 1024)

/* Send the stream from this offset on until the kernel takes no more; returns how much it was. */
static size_t fill_with_stream(int fd, uint64_t at)
{
	size_t sent = 0;
	ssize_t now;

	while (sent < BULK &&
	       (now = send(fd, stream_at(STREAM, at + sent), STREAM_RUN, MSG_NOSIGNAL)) > 0)
		sent += (size_t)now;
	return sent;
}

static void expect_stream(int fd, uint64_t at, size_t len)
{
	static uint8_t bytes[STREAM_RUN];

	while (len > 0) {
		ssize_t got = peer_receive(fd, bytes, len < sizeof(bytes) ? len : sizeof(bytes));

		ck_assert_int_gt(got, 0);
		ck_assert(stream_matches(STREAM, at, bytes, (size_t)got));
		at += (size_t)got;
		len -= (size_t)got;
	}
}

START_TEST(accepting_goes_on_after_descriptors_ran_out)
{
	int backend = peer_listen(BACKEND_V4);
	int clients[20];

	daemon_start("");
	if (daemon_is_wrapped())
		return;
	daemon_leave_descriptors(6);
	for (size_t i = 0; i < 20; i++)
		clients[i] = peer_connect("127.0.0.1:0", LISTEN_V4);
	daemon_log_await("warn ", "out_of_descriptors", "listener=t");
	/* It pauses: neither a warning for each attempt nor a busy loop. */
	harness_sleep_ms(1000);
	ck_assert_uint_eq(daemon_log_count("out_of_descriptors", NULL), 1);
	daemon_assert_rests(500);
	/* Those that wait are served in their turn. */
	for (size_t i = 0; i < 19; i++)
		peer_close(clients[i]);
	peer_send_text(clients[19], "PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n");
	peer_accept_from(backend, CONNECTION_CLIENT);
	connection_try(backend, "203.0.113.8:40000");
}
END_TEST

/* Bulk needs a pipe of two descriptors to be spliced; it arrives all the same. */
START_TEST(without_descriptors_for_pipes_bulk_is_copied)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	uint64_t at = 0;

	daemon_start("");
	if (daemon_is_wrapped())
		return;
	connection_open(&connection, backend, CONNECTION_CLIENT);
	daemon_leave_descriptors(1);
	/* All at once, so that it is read in large pieces. */
	while (at < BULK) {
		size_t sent = fill_with_stream(connection.client, at);

		expect_stream(connection.backend, at, sent);
		at += sent;
	}
	connection_finish(&connection);
	daemon_stop();
	daemon_log_await("bulk was copied for want of pipes", NULL, NULL);
}
END_TEST

START_TEST(without_a_descriptor_for_the_backend_one_client_is_refused)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	daemon_start("");
	if (daemon_is_wrapped())
		return;
	/* Enough for the client's socket alone. */
	daemon_leave_descriptors(1);
	client = sender_open_v1(CONNECTION_CLIENT);
	peer_expect_closed(client);
	daemon_log_await("warn listener=t", "reason=out_of_descriptors",
			 "client=" CONNECTION_CLIENT);
	peer_assert_no_connection(backend);
	/* A dial that failed for want of one gave the client's back. */
	daemon_leave_descriptors(4);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* ---- workers ---- */

START_TEST(each_worker_has_a_socket)
{
	struct connection connections[40];
	int backend = peer_listen(BACKEND_V4);

	daemon_start_config("workers = 3;\n" LISTENER);
	ck_assert_uint_eq(tcp_table_count(7000, TCP_TABLE_LISTEN), 3);
	for (unsigned i = 0; i < 40; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		connection_open(&connections[i], backend, who);
	}
	for (unsigned i = 0; i < 40; i++)
		connection_check(&connections[i]);
}
END_TEST

START_TEST(several_listeners_and_ranges_serve)
{
	static const char *const addresses[] = {"127.0.0.1:7000", "127.0.0.2:7000",
						"127.0.0.1:7100", "127.0.0.1:7105",
						"127.0.0.1:7109", "127.0.0.1:7200"};
	static struct sender_header header;
	int backend = peer_listen(BACKEND_V4);
	int other = peer_listen("127.0.0.1:8001");

	daemon_start_config(
	    "workers = 2;\n"
	    "listeners = ( { name = \"a\"; listen = [ \"127.0.0.1:7000\", \"127.0.0.2:7000\", "
	    "\"127.0.0.1:7100-7109\" ]; " DAEMON_TARGETS " },\n"
	    "{ name = \"b\"; listen = \"127.0.0.1:7200\"; targets = { ipv4 = \"127.0.0.1:8001\"; "
	    "}; } );\n");
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		char who[64];
		int client = peer_connect("127.0.0.1:0", addresses[i]);

		snprintf(who, sizeof(who), "203.0.113.7:%zu", 20000 + i);
		sender_v1(&header, who, NULL);
		peer_send(client, header.bytes, header.len);
		peer_accept_from(i < 5 ? backend : other, who);
	}
	ck_assert_int_lt(peer_try_connect(NULL, "127.0.0.1:7110"), 0);
}
END_TEST

static Suite *limits_suite(void)
{
	Suite *suite = suite_create("net_limits");
	TCase *connections = harness_case(suite, "connections", 60);
	TCase *descriptors = harness_case(suite, "descriptors", 60);
	TCase *workers = harness_case(suite, "workers", 60);

	tcase_add_loop_test(connections, more_than_max_connections_are_refused, 1, 3);
	tcase_add_test(connections, connections_without_a_header_count);
	tcase_add_test(connections, many_connections_leave_nothing_behind);
	tcase_add_test(descriptors, accepting_goes_on_after_descriptors_ran_out);
	tcase_add_test(descriptors, without_descriptors_for_pipes_bulk_is_copied);
	tcase_add_test(descriptors, without_a_descriptor_for_the_backend_one_client_is_refused);
	tcase_add_test(workers, each_worker_has_a_socket);
	tcase_add_test(workers, several_listeners_and_ranges_serve);
	return suite;
}

int main(void)
{
	return harness_run(limits_suite());
}
