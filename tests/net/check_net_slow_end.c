/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a connection whose last bytes wait for a slow receiver. */
#include <stdio.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "stream.h"
#include "tcp_table.h"

/* One write; several of them are contiguous. */
#define PIECE (STREAM_RUN / 4)

/* Longer than mmproxy needs to look twice at a side that it does not read. */
#define LONG_MS 2500

#define STREAM 5

/*
 * Until mmproxy's kernel has sent what it was given, a reset is held back for 500 ms; its clock may
 * make that less by a tenth of a second.
 */
#define HELD_MS 400

static int backend_listener;
static struct connection connection;

static void open_slow(void)
{
	backend_listener = peer_listen(BACKEND_V4);
	peer_set_buffers(backend_listener, 4096, 4096);
	daemon_start("");
	connection_open(&connection, backend_listener, CONNECTION_CLIENT);
}

/* How many of the client's bytes mmproxy has left in its socket. */
static unsigned long unread_of_client(void)
{
	struct addr listen = peer_addr(LISTEN_V4);
	struct addr client = peer_addr("127.0.0.1:1");
	struct tcp_table_row row;

	addr_set_port(&client, (uint16_t)peer_local_port(connection.client));
	ck_assert(tcp_table_find(&listen, &client, &row));
	return row.rx_queue;
}

/* Send until mmproxy reads no more, and yet all is with its kernel. Returns how much that was. */
static uint64_t send_until_unread(void)
{
	uint64_t sent = 0;
	int64_t quiet_since = 0;

	while (quiet_since == 0 || harness_now_ms() - quiet_since < 200) {
		if (unread_of_client() > 0) {
			if (quiet_since == 0)
				quiet_since = harness_now_ms();
			harness_sleep_ms(10);
			continue;
		}
		quiet_since = 0;
		peer_send(connection.client, stream_at(STREAM, sent), PIECE);
		peer_await_acknowledged(connection.client);
		sent += PIECE;
	}
	return sent;
}

static void expect_stream(int fd, uint64_t len)
{
	for (uint64_t offset = 0; offset < len; offset += PIECE)
		peer_expect(fd, stream_at(STREAM, offset), PIECE);
}

/*
 * Both FINs have passed as far as the kernel is concerned, so the client's socket is closed in
 * every sense but one: mmproxy has not read it to its end.
 */
START_TEST(bytes_that_wait_behind_both_fins_arrive)
{
	uint64_t sent;

	open_slow();
	peer_finish(connection.backend);
	peer_expect_end(connection.client);
	sent = send_until_unread();
	peer_finish(connection.client);
	peer_await_acknowledged(connection.client);
	harness_sleep_ms(LONG_MS);
	expect_stream(connection.backend, sent);
	peer_expect_end(connection.backend);
	daemon_log_await("reason=done", NULL, NULL);
}
END_TEST

/* A reset is found although mmproxy is not reading that side. */
START_TEST(a_reset_behind_unread_bytes_is_noticed)
{
	open_slow();
	(void)send_until_unread();
	peer_reset(connection.client);
	daemon_log_await("reason=client_reset", NULL, NULL);
	HARNESS_AWAIT(tcp_table_connections(8000) == 0);
}
END_TEST

/*
 * Whether all that the client sent before its reset arrives. False: the receiver took so long, on a
 * machine that is busy elsewhere, that mmproxy may have given the rest up, and nothing is known.
 */
static bool do_unread_bytes_arrive(void)
{
	uint64_t sent = send_until_unread();
	int64_t started = harness_now_ms();
	char counted[64];
	uint64_t got = 0;
	size_t piece;

	peer_reset(connection.client);
	do {
		piece = peer_receive_some(connection.backend, stream_at(STREAM, got), PIECE);
		got += piece;
	} while (piece == PIECE && got < sent);
	ck_assert_msg(got == sent || harness_now_ms() - started >= HELD_MS,
		      "%llu of %llu bytes came", (unsigned long long)got, (unsigned long long)sent);
	if (got < sent)
		return false;
	peer_expect_reset(connection.backend);
	snprintf(counted, sizeof(counted), " up=%llu ", (unsigned long long)sent);
	daemon_log_await("reason=client_reset", counted, NULL);
	return true;
}

/* What came before the reset stays with the kernel, and goes out at the receiver's pace. */
START_TEST(unread_bytes_before_a_reset_arrive)
{
	int64_t deadline;
	unsigned attempt = 0;
	char client[64];

	open_slow();
	deadline = harness_now_ms() + 2 * harness_patience_ms();
	while (!do_unread_bytes_arrive()) {
		ck_assert_int_lt(harness_now_ms(), deadline);
		peer_close(connection.backend);
		snprintf(client, sizeof(client), "203.0.113.8:%u", 40000 + attempt++);
		connection_open(&connection, backend_listener, client);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slow end");
	TCase *tcase = harness_case(suite, "slow end", 60);

	tcase_add_test(tcase, bytes_that_wait_behind_both_fins_arrive);
	tcase_add_test(tcase, a_reset_behind_unread_bytes_is_noticed);
	tcase_add_test(tcase, unread_bytes_before_a_reset_arrive);
	return harness_run(suite);
}
