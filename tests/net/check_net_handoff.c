/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The moment at which the relay takes both sockets over: whatever the client and the backend did
 * before it, with the header or while the backend was being dialled, comes out as if done later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "stream.h"

#define STREAM 1

/* More than what mmproxy takes before there is a backend, and less than the kernel's buffers. */
#define MUCH (300 * 1024)

/* What a client does before the handoff. */
struct deed {
	const char *name;
	size_t payload_len;
	bool finishes;
	bool resets;
};

static const struct deed deeds[] = {
    {"nothing", 0, false, false},	 {"a few bytes", 5, false, false},
    {"many bytes", MUCH, false, false},	 {"a FIN", 0, true, false},
    {"bytes and a FIN", 5, true, false}, {"many bytes and a FIN", MUCH, true, false},
    {"a reset", 0, false, true},	 {"bytes and a reset", 5, false, true},
};

enum { DEEDS = sizeof(deeds) / sizeof(deeds[0]) };

/* When it does so. */
enum moment { WITH_HEADER, WHILE_DIALLING, MOMENTS };

/* Who speaks first behind the handoff. */
enum opening { BACKEND_SILENT, BACKEND_GREETS, OPENINGS };

static int backend;
static int client;
static int server;

/* Connections that fill the backend's queue, so that mmproxy's SYN is dropped for a second. */
static int fillers[2];

static void make_deaf(void)
{
	backend = peer_listen_backlog(BACKEND_V4, 0);
	fillers[0] = peer_connect(NULL, BACKEND_V4);
	fillers[1] = peer_begin_connect(NULL, BACKEND_V4);
}

static void make_hear(void)
{
	peer_close(fillers[1]);
	peer_close(peer_accept(backend, NULL));
}

/* Header and payload leave in one piece where they belong together. */
static void open_client(const uint8_t *payload, size_t len)
{
	struct sender_header header;
	uint8_t *whole;

	sender_v2(&header, CONNECTION_CLIENT, NULL);
	whole = malloc(header.len + len + 1);
	ck_assert_ptr_nonnull(whole);
	memcpy(whole, header.bytes, header.len);
	memcpy(whole + header.len, payload, len);
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send(client, whole, header.len + len);
	free(whole);
}

static uint8_t *make_payload(size_t len)
{
	uint8_t *payload = malloc(len + 1);

	ck_assert_ptr_nonnull(payload);
	for (size_t at = 0; at < len; at += STREAM_RUN)
		memcpy(payload + at, stream_at(STREAM, at),
		       len - at < STREAM_RUN ? len - at : STREAM_RUN);
	return payload;
}

static void end_client(const struct deed *deed)
{
	if (deed->finishes)
		peer_finish(client);
	if (deed->resets)
		peer_reset(client);
}

static void act(const struct deed *deed, enum moment moment)
{
	uint8_t *payload = make_payload(deed->payload_len);

	if (moment == WITH_HEADER) {
		open_client(payload, deed->payload_len);
		end_client(deed);
	} else {
		open_client(payload, 0);
		daemon_log_await("step=connecting", NULL, NULL);
		peer_send(client, payload, deed->payload_len);
		end_client(deed);
	}
	free(payload);
}

/* The client is there and reads: everything arrives, and the backend's answer comes back. */
static void expect_service(const struct deed *deed, enum opening opening)
{
	uint8_t *payload = make_payload(deed->payload_len);

	peer_expect(server, payload, deed->payload_len);
	free(payload);
	if (opening == BACKEND_GREETS)
		peer_expect_text(client, "220 hello");
	if (deed->finishes) {
		peer_expect_end(server);
	} else {
		peer_send_text(client, "more");
		peer_expect_text(server, "more");
		peer_finish(client);
		peer_expect_end(server);
	}
	peer_send_text(server, "the answer");
	peer_close(server);
	peer_expect_text(client, "the answer");
	peer_expect_end(client);
	peer_close(client);
}

/* The client is gone: the backend gets what came before, and then hears of it. */
static void expect_reset(const struct deed *deed)
{
	uint8_t *payload = make_payload(deed->payload_len);

	peer_expect(server, payload, deed->payload_len);
	free(payload);
	peer_expect_closed(server);
	peer_close(server);
}

START_TEST(what_came_before_the_handoff_arrives)
{
	const struct deed *deed = &deeds[_i % DEEDS];
	enum moment moment = (enum moment)(_i / DEEDS % MOMENTS);
	enum opening opening = (enum opening)(_i / DEEDS / MOMENTS);
	unsigned fds;

	/* It looks at its targets first, and a deaf one would keep it looking for seconds. */
	daemon_start("");
	make_deaf();
	fds = daemon_fd_count();
	act(deed, moment);
	if (moment == WITH_HEADER)
		daemon_log_await("step=connecting", NULL, NULL);
	make_hear();
	server = peer_accept_from(backend, CONNECTION_CLIENT);
	if (deed->resets) {
		/* May meet the reset already, or not. */
		if (opening == BACKEND_GREETS)
			(void)send(server, "220 hello", 9, MSG_NOSIGNAL);
		expect_reset(deed);
	} else {
		if (opening == BACKEND_GREETS)
			peer_send_text(server, "220 hello");
		expect_service(deed, opening);
	}
	daemon_await_fd_count(fds);
}
END_TEST

/* The backend is gone when the relay starts. */
START_TEST(a_backend_that_resets_at_once_resets_the_client)
{
	unsigned fds;

	backend = peer_listen(BACKEND_V4);
	daemon_start("");
	fds = daemon_fd_count();
	for (unsigned i = 0; i < 200; i++) {
		char from[64];

		snprintf(from, sizeof(from), "203.0.113.7:%u", 30000 + i);
		client = sender_open_v1(from);
		server = peer_accept_from(backend, from);
		if (i % 2 == 0)
			peer_send_text(server, "go away");
		peer_reset(server);
		if (i % 2 == 0)
			peer_expect_text(client, "go away");
		peer_expect_reset(client);
		peer_close(client);
	}
	daemon_await_fd_count(fds);
}
END_TEST

static Suite *handoff_suite(void)
{
	Suite *suite = suite_create("net_handoff");
	TCase *handoff = harness_case(suite, "handoff", 30);

	tcase_add_loop_test(handoff, what_came_before_the_handoff_arrives, 0,
			    DEEDS * MOMENTS * OPENINGS);
	tcase_add_test(handoff, a_backend_that_resets_at_once_resets_the_client);
	return suite;
}

int main(void)
{
	return harness_run(handoff_suite());
}
