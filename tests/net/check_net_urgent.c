/* SPDX-License-Identifier: BSD-2-Clause */
/* Urgent data (RFC 9293, section 3.8.5; RFC 6093): no byte around it is lost or waits for others.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "stream.h"

#define STREAM 1

/* Less than the kernel's buffers hold, and more than one read. */
#define BULK  (300 * 1000)
#define AFTER (50 * 1000)

static struct connection connection;
static int sender;
static int receiver;

/* Read urgent bytes in their place, as any other: where they are does not matter to this receiver.
 */
static void read_inline(int fd)
{
	const int on = 1;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), 0);
}

/* One connection; side 0 sends upwards, side 1 downwards. */
static void open_one(int side)
{
	int listener = peer_listen(BACKEND_V4);

	daemon_start("");
	connection_open(&connection, listener, CONNECTION_CLIENT);
	connection_check(&connection);
	sender = side == 0 ? connection.client : connection.backend;
	receiver = side == 0 ? connection.backend : connection.client;
}

/* The last byte is the urgent one. */
static void send_urgent(int fd, const char *text)
{
	size_t len = strlen(text);

	HARNESS_AWAIT(send(fd, text, len, MSG_OOB | MSG_NOSIGNAL) == (ssize_t)len);
}

static void send_stream(int fd, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to;) {
		size_t len = to - at < STREAM_RUN ? (size_t)(to - at) : STREAM_RUN;

		peer_send(fd, stream_at(STREAM, at), len);
		at += len;
	}
}

static void expect_stream(int fd, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to;) {
		size_t len = to - at < STREAM_RUN ? (size_t)(to - at) : STREAM_RUN;

		peer_expect(fd, stream_at(STREAM, at), len);
		at += len;
	}
}

static bool is_at_mark(int fd)
{
	int at_mark = 0;

	ck_assert_int_eq(ioctl(fd, SIOCATMARK, &at_mark), 0);
	return at_mark != 0;
}

/* With the engine that passes urgency on, the next byte is marked. */
static void expect_urgent(int fd, char byte)
{
	const char *engine = getenv("MMPROXY_TEST_RELAY");

	if (engine == NULL || strcmp(engine, "buffered") != 0)
		HARNESS_AWAIT(is_at_mark(fd));
	peer_expect(fd, &byte, sizeof(byte));
}

START_TEST(what_follows_an_urgent_byte_arrives)
{
	open_one(_i);
	read_inline(receiver);
	send_stream(sender, 0, BULK);
	send_urgent(sender, "!");
	send_stream(sender, BULK, BULK + AFTER);
	peer_finish(sender);
	expect_stream(receiver, 0, BULK);
	peer_expect_text(receiver, "!");
	expect_stream(receiver, BULK, BULK + AFTER);
	peer_expect_end(receiver);
}
END_TEST

/* As soon as it can: nothing more is sent that could push it. */
START_TEST(what_follows_an_urgent_byte_does_not_wait)
{
	open_one(_i);
	read_inline(receiver);
	peer_send_text(sender, "AAAA");
	send_urgent(sender, "!");
	peer_send_text(sender, "CCCC");
	peer_expect_text(receiver, "AAAA!CCCC");
	connection_check(&connection);
}
END_TEST

START_TEST(an_urgent_byte_stays_urgent_in_its_place)
{
	open_one(_i);
	read_inline(receiver);
	/* First of all, in the middle, and last before the end; each read before the next is sent,
	 * because a receiver's kernel knows of one at a time. */
	send_urgent(sender, "1");
	expect_urgent(receiver, '1');
	peer_send_text(sender, "before");
	send_urgent(sender, "2");
	peer_send_text(sender, "behind");
	peer_expect_text(receiver, "before");
	expect_urgent(receiver, '2');
	peer_expect_text(receiver, "behind");
	send_stream(sender, 0, BULK);
	send_urgent(sender, "3");
	peer_finish(sender);
	expect_stream(receiver, 0, BULK);
	expect_urgent(receiver, '3');
	peer_expect_end(receiver);
}
END_TEST

/* A receiver as telnet's, which reads the urgent byte apart. */
START_TEST(an_urgent_byte_can_be_read_out_of_band)
{
	const char *engine = getenv("MMPROXY_TEST_RELAY");
	char byte = 0;

	open_one(_i);
	if (engine != NULL && strcmp(engine, "buffered") == 0)
		return;
	peer_send_text(sender, "AAAA");
	send_urgent(sender, "!");
	peer_send_text(sender, "CCCC");
	HARNESS_AWAIT(recv(receiver, &byte, 1, MSG_OOB) == 1);
	ck_assert_int_eq(byte, '!');
	peer_expect_text(receiver, "AAAACCCC");
}
END_TEST

START_TEST(many_urgent_bytes_lose_nothing)
{
	enum { PIECES = 300, PIECE = 700 };

	open_one(_i);
	read_inline(receiver);
	for (unsigned i = 0; i < PIECES; i++) {
		send_stream(sender, i * PIECE, (i + 1) * PIECE);
		send_urgent(sender, i % 3 == 0 ? "!!!" : "!");
	}
	peer_finish(sender);
	for (unsigned i = 0; i < PIECES; i++) {
		expect_stream(receiver, i * PIECE, (i + 1) * PIECE);
		peer_expect_text(receiver, i % 3 == 0 ? "!!!" : "!");
	}
	peer_expect_end(receiver);
}
END_TEST

/* The urgent byte waits in the relay, or in the sender's kernel behind what waits there. */
START_TEST(a_slow_receiver_gets_all_around_an_urgent_byte)
{
	int listener = peer_listen(BACKEND_V4);
	uint64_t sent = 0;

	peer_set_buffers(listener, 4096, 4096);
	daemon_start("");
	connection_open(&connection, listener, CONNECTION_CLIENT);
	read_inline(connection.backend);
	for (unsigned round = 0; round < 20; round++) {
		send_stream(connection.client, sent, sent + 20000);
		send_urgent(connection.client, "!");
		sent += 20000;
		/* Time for the relay to meet a receiver without room. */
		harness_sleep_ms(10);
	}
	peer_finish(connection.client);
	for (uint64_t at = 0; at < sent; at += 20000) {
		expect_stream(connection.backend, at, at + 20000);
		peer_expect_text(connection.backend, "!");
	}
	peer_expect_end(connection.backend);
}
END_TEST

/* Header and payload in one segment, whose last byte is urgent. */
static void begin_with(const char *payload)
{
	struct sender_header header;
	int listener = peer_listen(BACKEND_V4);
	size_t len = strlen(payload);

	read_inline(listener);
	daemon_start("");
	sender_v1(&header, CONNECTION_CLIENT, NULL);
	memcpy(header.bytes + header.len, payload, len);
	header.len += len;
	connection.client = peer_connect("127.0.0.1:0", LISTEN_V4);
	ck_assert_int_eq(send(connection.client, header.bytes, header.len, MSG_OOB | MSG_NOSIGNAL),
			 (ssize_t)header.len);
	peer_send_text(connection.client, "CCCC");
	connection.backend = peer_accept_from(listener, CONNECTION_CLIENT);
}

START_TEST(an_urgent_byte_behind_the_header_arrives)
{
	begin_with("!");
	peer_expect_text(connection.backend, "!CCCC");
	connection_check(&connection);
}
END_TEST

START_TEST(an_urgent_byte_behind_the_first_bytes_arrives)
{
	begin_with("AAAA!");
	peer_expect_text(connection.backend, "AAAA");
	expect_urgent(connection.backend, '!');
	peer_expect_text(connection.backend, "CCCC");
	connection_check(&connection);
}
END_TEST

/* Urgency says nothing within a header: the byte is one of it. */
START_TEST(an_urgent_byte_within_the_header_is_part_of_it)
{
	begin_with("");
	peer_expect_text(connection.backend, "CCCC");
	connection_check(&connection);
}
END_TEST

/* Nothing but urgent bytes, as fast as they go: others are served all the same. */
START_TEST(urgent_bytes_without_end_do_not_stop_others)
{
	int listener = peer_listen(BACKEND_V4);
	struct connection flood;
	char drained[4096];
	int64_t until;

	daemon_start("");
	connection_open(&flood, listener, "203.0.113.8:40000");
	connection_open(&connection, listener, CONNECTION_CLIENT);
	until = harness_now_ms() + 1000;
	for (unsigned round = 0; harness_now_ms() < until; round++) {
		for (unsigned i = 0; i < 50; i++)
			(void)send(flood.client, "!", 1, MSG_OOB | MSG_NOSIGNAL);
		while (recv(flood.backend, drained, sizeof(drained), 0) > 0)
			continue;
		if (round % 20 == 0)
			connection_check(&connection);
	}
	connection_check(&connection);
	connection_finish(&connection);
}
END_TEST

static Suite *urgent_suite(void)
{
	Suite *suite = suite_create("net_urgent");
	TCase *urgent = harness_case(suite, "urgent", 60);

	tcase_add_loop_test(urgent, what_follows_an_urgent_byte_arrives, 0, 2);
	tcase_add_loop_test(urgent, what_follows_an_urgent_byte_does_not_wait, 0, 2);
	tcase_add_loop_test(urgent, an_urgent_byte_stays_urgent_in_its_place, 0, 2);
	tcase_add_loop_test(urgent, an_urgent_byte_can_be_read_out_of_band, 0, 2);
	tcase_add_loop_test(urgent, many_urgent_bytes_lose_nothing, 0, 2);
	tcase_add_test(urgent, a_slow_receiver_gets_all_around_an_urgent_byte);
	tcase_add_test(urgent, an_urgent_byte_behind_the_header_arrives);
	tcase_add_test(urgent, an_urgent_byte_behind_the_first_bytes_arrives);
	tcase_add_test(urgent, an_urgent_byte_within_the_header_is_part_of_it);
	tcase_add_test(urgent, urgent_bytes_without_end_do_not_stop_others);
	return suite;
}

int main(void)
{
	return harness_run(urgent_suite());
}
