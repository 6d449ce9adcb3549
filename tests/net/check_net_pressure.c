/* SPDX-License-Identifier: BSD-2-Clause */
/* Back-pressure: a receiver that does not read stops the sender, and costs the daemon little
 * memory. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "stream.h"

#define MIB 1048576ull

/* What one connection may cost, in KiB. */
#define MEMORY_MAX_KB 4096

/* The sender is stopped when nothing went for this long. */
#define STALL_MS 400

#define STREAM 3

static uint8_t bytes[262144];

static uint64_t goal(void)
{
	return daemon_is_instrumented() ? 48 * MIB : 1024 * MIB;
}

/* Send what the socket takes now, up to a limit. Returns the new offset. */
static uint64_t push(int fd, uint64_t offset, uint64_t limit)
{
	while (offset < limit) {
		size_t len = limit - offset < STREAM_RUN ? (size_t)(limit - offset) : STREAM_RUN;
		ssize_t sent = send(fd, stream_at(STREAM, offset), len, MSG_NOSIGNAL);

		if (sent < 0) {
			ck_assert_msg(errno == EAGAIN, "send: %s", strerror(errno));
			break;
		}
		offset += (uint64_t)sent;
	}
	return offset;
}

/* Send until the receiver's silence has come through. Returns how much was sent. */
static uint64_t push_until_stalled(int fd, uint64_t limit)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	uint64_t offset = 0;

	do
		offset = push(fd, offset, limit);
	while (offset < limit && poll(&wait, 1, STALL_MS) > 0);
	return offset;
}

/* Receive once and compare. Returns the new offset. */
static uint64_t pull(int fd, uint64_t offset, size_t most)
{
	ssize_t got = recv(fd, bytes, most, 0);

	if (got < 0) {
		ck_assert_msg(errno == EAGAIN, "recv: %s", strerror(errno));
		return offset;
	}
	ck_assert_msg(got > 0, "the stream ended after %llu bytes", (unsigned long long)offset);
	ck_assert(stream_matches(STREAM, offset, bytes, (size_t)got));
	return offset + (uint64_t)got;
}

/* Carry the rest: the sender finishes behind the last byte. */
static void carry(int sender, uint64_t sent, int receiver, uint64_t received, uint64_t limit)
{
	struct pollfd polls[2] = {{.fd = sender, .events = POLLOUT},
				  {.fd = receiver, .events = POLLIN}};

	while (received < limit) {
		ck_assert_msg(poll(polls, 2, harness_patience_ms()) > 0,
			      "nothing moves after %llu bytes", (unsigned long long)received);
		if ((polls[0].revents & POLLOUT) != 0) {
			sent = push(sender, sent, limit);
			if (sent == limit) {
				peer_finish(sender);
				polls[0].fd = -1;
				polls[0].revents = 0;
			}
		}
		if ((polls[1].revents & POLLIN) != 0)
			received = pull(receiver, received, sizeof(bytes));
	}
	peer_expect_end(receiver);
}

/* Some reads with pauses: the sender goes on in small steps. */
static uint64_t read_slowly(int receiver, uint64_t received)
{
	for (int i = 0; i < 20; i++) {
		received = pull(receiver, received, 16384);
		harness_sleep_ms(5);
	}
	return received;
}

static void assert_memory(unsigned long before_kb)
{
	unsigned long peak_kb = daemon_rss_peak_kb();

	if (!daemon_is_instrumented())
		ck_assert_msg(peak_kb < before_kb + MEMORY_MAX_KB,
			      "memory grew from %lu to %lu KiB", before_kb, peak_kb);
}

START_TEST(a_slow_receiver_stops_the_sender)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;
	unsigned long before_kb;
	uint64_t received = 0;
	uint64_t sent;
	int sender;
	int receiver;

	daemon_start("");
	connection_try(backend, "203.0.113.8:40000");
	before_kb = daemon_rss_kb();
	connection_open(&connection, backend, CONNECTION_CLIENT);
	sender = _i == 0 ? connection.backend : connection.client;
	receiver = _i == 0 ? connection.client : connection.backend;
	sent = push_until_stalled(sender, goal());
	ck_assert_uint_lt(sent, goal());
	assert_memory(before_kb);
	received = read_slowly(receiver, received);
	assert_memory(before_kb);
	carry(sender, sent, receiver, received, goal());
	assert_memory(before_kb);
	/* The other way was free all the time. */
	peer_send_text(receiver, "thanks");
	peer_expect_text(sender, "thanks");
}
END_TEST

START_TEST(a_stalled_connection_does_not_stop_others)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection stalled;

	daemon_start("");
	connection_open(&stalled, backend, CONNECTION_CLIENT);
	push_until_stalled(stalled.backend, goal());
	push_until_stalled(stalled.client, goal());
	connection_try(backend, "203.0.113.8:40000");
	/* Waiting costs no processor time. */
	daemon_assert_rests(500);
}
END_TEST

START_TEST(a_receiver_that_never_reads_can_leave)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;
	unsigned fds;

	daemon_start("");
	fds = daemon_fd_count();
	connection_open(&connection, backend, CONNECTION_CLIENT);
	push_until_stalled(connection.backend, goal());
	push_until_stalled(connection.client, goal());
	/* Closing with bytes unread is a reset (RFC 2525, section 2.17). */
	HARNESS_AWAIT(peer_is_readable(connection.client));
	peer_close(connection.client);
	daemon_log_await("reason=client_reset", "client=" CONNECTION_CLIENT, NULL);
	daemon_await_fd_count(fds);
}
END_TEST

static Suite *pressure_suite(void)
{
	Suite *suite = suite_create("net_pressure");
	TCase *pressure = harness_case(suite, "back-pressure", 120);

	tcase_add_loop_test(pressure, a_slow_receiver_stops_the_sender, 0, 2);
	tcase_add_test(pressure, a_stalled_connection_does_not_stop_others);
	tcase_add_test(pressure, a_receiver_that_never_reads_can_leave);
	return suite;
}

int main(void)
{
	return harness_run(pressure_suite());
}
