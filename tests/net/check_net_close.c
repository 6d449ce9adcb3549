/* SPDX-License-Identifier: BSD-2-Clause */
/* How connections end: finished halves, resets, and what had been sent before. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "stream.h"

/* Half of what is contiguous: several fit into one run. */
#define PIECE (STREAM_RUN / 2)

/* mmproxy holds a reset back for 500 ms; its clock may make that less by a tenth of a second. */
#define HELD_MS 400

static struct connection connection;
static int backend;

/* One connection, with these keys. */
static void open_one(const char *keys)
{
	backend = peer_listen(BACKEND_V4);
	daemon_start(keys);
	connection_open(&connection, backend, CONNECTION_CLIENT);
}

/* Tests run once for each side: first and second are the side under test and its opposite. */
static int first_of(int side)
{
	return side == 0 ? connection.client : connection.backend;
}

static int second_of(int side)
{
	return side == 0 ? connection.backend : connection.client;
}

/* ---- FIN ---- */

START_TEST(one_side_finishes_and_the_other_goes_on)
{
	int first;
	int second;

	open_one("");
	first = first_of(_i);
	second = second_of(_i);
	peer_send_text(first, "question");
	peer_finish(first);
	peer_expect_text(second, "question");
	peer_expect_end(second);
	for (size_t i = 0; i < 16; i++) {
		peer_send(second, stream_at(1, i * PIECE), PIECE);
		peer_expect(first, stream_at(1, i * PIECE), PIECE);
	}
	peer_finish(second);
	peer_expect_end(first);
	daemon_log_await("reason=done", "client=" CONNECTION_CLIENT,
			 _i == 0 ? "up=8 down=524288 " : "up=524288 down=8 ");
}
END_TEST

START_TEST(both_sides_finish_at_once)
{
	open_one("");
	peer_send_text(connection.client, "up");
	peer_send_text(connection.backend, "down");
	peer_finish(connection.client);
	peer_finish(connection.backend);
	peer_expect_text(connection.client, "down");
	peer_expect_text(connection.backend, "up");
	peer_expect_end(connection.client);
	peer_expect_end(connection.backend);
	daemon_log_await("reason=done", "up=2 down=4 ", NULL);
}
END_TEST

/* As "printf ... | nc" does it: everything at once, then only reading. */
START_TEST(header_request_and_fin_at_once_get_a_long_answer)
{
	static struct sender_header header;
	int client;
	int server;

	backend = peer_listen(BACKEND_V4);
	daemon_start("");
	if (_i == 0)
		sender_v1(&header, CONNECTION_CLIENT, NULL);
	else
		sender_v2(&header, CONNECTION_CLIENT, NULL);
	memcpy(header.bytes + header.len, "request", 7);
	header.len += 7;
	client = sender_open(&header);
	peer_finish(client);
	server = peer_accept_from(backend, CONNECTION_CLIENT);
	peer_expect_text(server, "request");
	peer_expect_end(server);
	for (size_t i = 0; i < 128; i++) {
		peer_send(server, stream_at(2, i * PIECE), PIECE);
		peer_expect(client, stream_at(2, i * PIECE), PIECE);
	}
	peer_close(server);
	peer_expect_end(client);
	daemon_log_await("reason=done", "up=7 down=4194304 ", NULL);
}
END_TEST

START_TEST(header_and_fin_without_a_request_are_carried)
{
	static struct sender_header header;
	int client;
	int server;

	backend = peer_listen(BACKEND_V4);
	daemon_start("");
	sender_v1(&header, CONNECTION_CLIENT, NULL);
	client = sender_open(&header);
	peer_finish(client);
	server = peer_accept_from(backend, CONNECTION_CLIENT);
	peer_expect_end(server);
	peer_send_text(server, "banner");
	peer_close(server);
	peer_expect_text(client, "banner");
	peer_expect_end(client);
}
END_TEST

START_TEST(a_server_that_only_speaks_is_heard)
{
	open_one("");
	peer_send_text(connection.backend, "time is 12:00");
	peer_close(connection.backend);
	peer_expect_text(connection.client, "time is 12:00");
	peer_expect_end(connection.client);
	peer_close(connection.client);
	daemon_log_await("reason=done", "up=0 down=13 ", NULL);
}
END_TEST

/* A FIN must wait for what is still to be delivered to a slow reader. */
START_TEST(a_fin_comes_behind_the_last_byte)
{
	int first;
	int second;

	open_one("");
	first = first_of(_i);
	second = second_of(_i);
	for (size_t i = 0; i < 4; i++)
		peer_send(first, stream_at(3, i * PIECE), PIECE);
	peer_close(first);
	peer_await_read(second);
	for (size_t i = 0; i < 4; i++)
		peer_expect(second, stream_at(3, i * PIECE), PIECE);
	peer_expect_end(second);
}
END_TEST

/* ---- RST ---- */

static const char *reset_reason(int side)
{
	return side == 0 ? "reason=client_reset" : "reason=backend_reset";
}

START_TEST(a_reset_passes_on_as_a_reset)
{
	open_one("");
	connection_check(&connection);
	peer_reset(first_of(_i));
	peer_expect_reset(second_of(_i));
	daemon_log_await("info ", reset_reason(_i), "client=" CONNECTION_CLIENT);
}
END_TEST

START_TEST(a_reset_of_an_unused_connection_passes_on)
{
	open_one("");
	daemon_log_await("step=connected", NULL, NULL);
	peer_reset(first_of(_i));
	peer_expect_reset(second_of(_i));
	daemon_log_await(reset_reason(_i), NULL, NULL);
}
END_TEST

START_TEST(a_reset_after_half_a_close_passes_on)
{
	open_one("");
	/* The other side has finished; what it hears next is the reset. */
	peer_finish(second_of(_i));
	peer_expect_end(first_of(_i));
	peer_reset(first_of(_i));
	peer_expect_reset(second_of(_i));
	daemon_log_await(reset_reason(_i), NULL, NULL);
}
END_TEST

START_TEST(a_reset_by_the_side_that_finished_passes_on)
{
	open_one("");
	peer_finish(first_of(_i));
	peer_expect_end(second_of(_i));
	peer_reset(first_of(_i));
	/* Nothing is sent: whoever computes a long answer learns that nobody waits for it. */
	peer_await_dead(second_of(_i));
	daemon_log_await(reset_reason(_i), NULL, NULL);
}
END_TEST

START_TEST(an_answer_to_a_side_that_reset_meets_the_reset)
{
	open_one("");
	peer_finish(first_of(_i));
	peer_expect_end(second_of(_i));
	peer_reset(first_of(_i));
	/* The reset may be there already. */
	(void)send(second_of(_i), "answer", 6, MSG_NOSIGNAL);
	peer_await_dead(second_of(_i));
	daemon_log_await(reset_reason(_i), NULL, NULL);
}
END_TEST

START_TEST(data_before_a_reset_is_delivered)
{
	int first;
	int second;

	open_one("");
	first = first_of(_i);
	second = second_of(_i);
	peer_send_text(first, "last words");
	peer_await_acknowledged(first);
	peer_reset(first);
	peer_expect_text(second, "last words");
	peer_expect_reset(second);
	daemon_log_await(reset_reason(_i), NULL, NULL);
}
END_TEST

/*
 * False: the receiver was so late, on a machine that is busy elsewhere, that mmproxy may have given
 * the rest up, and nothing is known.
 */
static bool is_much_delivered(int side, const char *client)
{
	const size_t all = 4 * PIECE;
	char counted[64];
	char named[80];
	int64_t started;
	size_t got = 0;
	int first;
	int second;

	connection_open(&connection, backend, client);
	first = first_of(side);
	second = second_of(side);
	for (size_t i = 0; i < 4; i++)
		peer_send(first, stream_at(4, i * PIECE), PIECE);
	peer_await_acknowledged(first);
	started = harness_now_ms();
	peer_reset(first);
	snprintf(counted, sizeof(counted), " %s=%zu ", side == 0 ? "up" : "down", all);
	snprintf(named, sizeof(named), "client=%s ", client);
	daemon_log_await(reset_reason(side), counted, named);
	for (size_t i = 0; i < 4 && got == i * PIECE; i++)
		got += peer_receive_some(second, stream_at(4, i * PIECE), PIECE);
	ck_assert_msg(got == all || harness_now_ms() - started >= HELD_MS, "%zu of %zu bytes came",
		      got, all);
	if (got == all)
		peer_expect_reset(second);
	peer_close(second);
	return got == all;
}

/* More than the receiver's kernel takes at once, so that mmproxy must hold the reset back. */
START_TEST(much_data_before_a_reset_is_delivered)
{
	int64_t deadline;
	unsigned attempt = 0;
	char client[64];

	backend = peer_listen(BACKEND_V4);
	daemon_start("");
	deadline = harness_now_ms() + harness_patience_ms();
	do {
		ck_assert_int_lt(harness_now_ms(), deadline);
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + attempt++);
	} while (!is_much_delivered(_i, client));
}
END_TEST

START_TEST(data_both_ways_before_a_reset_is_delivered)
{
	int first;
	int second;

	open_one("");
	first = first_of(_i);
	second = second_of(_i);
	peer_send_text(second, "unheard");
	HARNESS_AWAIT(peer_is_readable(first));
	peer_send_text(first, "answer");
	peer_await_acknowledged(first);
	/* "unheard" is still unread: closing resets. */
	peer_close(first);
	peer_expect_text(second, "answer");
	peer_expect_reset(second);
	daemon_log_await(reset_reason(_i), NULL, NULL);
}
END_TEST

START_TEST(an_answer_before_the_request_is_read_arrives)
{
	int client;
	int server;

	/* A server that says 413 and closes while the upload still runs. */
	backend = peer_listen(BACKEND_V4);
	daemon_start("");
	client = sender_open_v1(CONNECTION_CLIENT);
	server = peer_accept_from(backend, CONNECTION_CLIENT);
	peer_fill(client, 100);
	HARNESS_AWAIT(peer_is_readable(server));
	peer_send_text(server, "413 too large");
	peer_await_acknowledged(server);
	peer_close(server);
	peer_expect_text(client, "413 too large");
	peer_expect_reset(client);
	daemon_log_await("reason=backend_reset", "client=" CONNECTION_CLIENT, NULL);
}
END_TEST

static Suite *close_suite(void)
{
	Suite *suite = suite_create("net_close");
	TCase *fin = harness_case(suite, "fin", 60);
	TCase *reset = harness_case(suite, "reset", 60);

	tcase_add_loop_test(fin, one_side_finishes_and_the_other_goes_on, 0, 2);
	tcase_add_test(fin, both_sides_finish_at_once);
	tcase_add_loop_test(fin, header_request_and_fin_at_once_get_a_long_answer, 0, 2);
	tcase_add_test(fin, header_and_fin_without_a_request_are_carried);
	tcase_add_test(fin, a_server_that_only_speaks_is_heard);
	tcase_add_loop_test(fin, a_fin_comes_behind_the_last_byte, 0, 2);
	tcase_add_loop_test(reset, a_reset_passes_on_as_a_reset, 0, 2);
	tcase_add_loop_test(reset, a_reset_of_an_unused_connection_passes_on, 0, 2);
	tcase_add_loop_test(reset, a_reset_after_half_a_close_passes_on, 0, 2);
	tcase_add_loop_test(reset, a_reset_by_the_side_that_finished_passes_on, 0, 2);
	tcase_add_loop_test(reset, an_answer_to_a_side_that_reset_meets_the_reset, 0, 2);
	tcase_add_loop_test(reset, data_before_a_reset_is_delivered, 0, 2);
	tcase_add_loop_test(reset, much_data_before_a_reset_is_delivered, 0, 2);
	tcase_add_loop_test(reset, data_both_ways_before_a_reset_is_delivered, 0, 2);
	tcase_add_test(reset, an_answer_before_the_request_is_read_arrives);
	return suite;
}

int main(void)
{
	return harness_run(close_suite());
}
