/* SPDX-License-Identifier: BSD-2-Clause */
/* PROXY headers on real sockets: what is accepted, however it is split, and what follows it. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"
#include "stream.h"

static struct sender_header header;

/* ---- which address the backend sees ---- */

struct identity_row {
	const char *client; /* also what the backend sees */
	int version;
};

static const struct identity_row identities[] = {
    {"203.0.113.7:40000", 1},	    {"203.0.113.7:40000", 2}, {"[2001:db8::7]:40000", 1},
    {"[2001:db8::7]:40000", 2},	    {"1.2.3.4:1", 1},	      {"255.255.255.254:65535", 2},
    {"[2001:db8::1:2:3]:65535", 1}, {"[fd00::1]:1024", 2},    {"127.0.0.77:5555", 1},
};

START_TEST(backend_sees_the_client)
{
	const struct identity_row *row = &identities[_i];
	struct connection connection;
	int backend;

	if (row->client[0] == '[' && !netns_has_ipv6())
		return;
	backend = peer_listen(row->client[0] == '[' ? BACKEND_V6 : BACKEND_V4);
	daemon_start("");
	connection.client =
	    row->version == 1 ? sender_open_v1(row->client) : sender_open_v2(row->client);
	connection.backend = peer_accept_from(backend, row->client);
	connection_check(&connection);
	connection_finish(&connection);
	daemon_log_await("reason=done", row->client, row->version == 1 ? "header=v1" : "header=v2");
}
END_TEST

START_TEST(a_mapped_client_is_ipv4)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	sender_v2(&header, "[::ffff:203.0.113.7]:40000", "[::ffff:198.51.100.1]:443");
	sender_open(&header);
	peer_accept_from(backend, "203.0.113.7:40000");
}
END_TEST

/* ---- from mmproxy's own address ---- */

static void make_own(int kind)
{
	static const uint8_t unix_block[216] = "/run/client.sock";
	static const uint8_t inet_block[12] = {203, 0, 113,  7,	   198, 51,
					       100, 1, 0x9C, 0x40, 1,	0xBB};
	static const uint8_t broken_tlv[] = {0x02, 0xFF, 0xFF, 'x'};

	switch (kind) {
	case 0:
		sender_text(&header, "PROXY UNKNOWN\r\n");
		break;
	case 1:
		sender_text(&header,
			    "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n");
		break;
	case 2:
		sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
		break;
	case 3: /* a LOCAL's block means nothing */
		sender_v2_raw(&header, SENDER_LOCAL, SENDER_TCP4, inet_block, sizeof(inet_block));
		break;
	case 4:
		sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, broken_tlv, sizeof(broken_tlv));
		break;
	case 5:
		sender_v2_raw(&header, SENDER_PROXY, SENDER_UNSPEC, NULL, 0);
		break;
	default:
		sender_v2_raw(&header, SENDER_PROXY, SENDER_UNIX, unix_block, sizeof(unix_block));
		break;
	}
}

#define OWN_KINDS 7

START_TEST(without_a_client_mmproxy_is_the_source)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	unsigned port;

	daemon_start("");
	make_own(_i);
	/* The peer's address must not be taken for the client's. */
	connection.client = peer_connect("127.0.0.9:0", LISTEN_V4);
	peer_send(connection.client, header.bytes, header.len);
	connection.backend = peer_accept_from_ip(backend, "127.0.0.1", &port);
	connection_check(&connection);
	connection_finish(&connection);
}
END_TEST

/* ---- splits ---- */

/* A v1 line, a v2 header, and one with TLVs and a checksum. */
static void make_split(int kind)
{
	if (kind == 0) {
		sender_v1(&header, CONNECTION_CLIENT, NULL);
		return;
	}
	sender_v2(&header, CONNECTION_CLIENT, NULL);
	if (kind == 1)
		return;
	sender_tlv(&header, 0x02, "example.net", 11);
	sender_crc(&header);
}

#define SPLIT_KINDS 3

START_TEST(split_at_every_byte_is_as_good_as_whole)
{
	int backend = peer_listen(BACKEND_V4);
	char client[64];

	daemon_start("");
	for (size_t at = 1; at < 4096; at++) {
		struct connection connection;

		make_split(_i);
		if (at >= header.len)
			break;
		/* A port of its own for each, so that none waits for another's end. */
		snprintf(client, sizeof(client), "203.0.113.7:%zu", 20000 + at);
		if (_i == 0) {
			sender_v1(&header, client, NULL);
		} else {
			header.bytes[16 + 8] = (uint8_t)((20000 + at) >> 8);
			header.bytes[16 + 9] = (uint8_t)(20000 + at);
			if (_i == 2) {
				/* The checksum covers the port: write it anew. */
				header.len -= 7;
				sender_crc(&header);
			}
		}
		connection.client = peer_connect("127.0.0.1:0", LISTEN_V4);
		peer_send(connection.client, header.bytes, at);
		peer_await_read(connection.client);
		peer_assert_no_connection(backend);
		peer_send(connection.client, header.bytes + at, header.len - at);
		connection.backend = peer_accept_from(backend, client);
		connection_check(&connection);
		connection_finish(&connection);
	}
}
END_TEST

START_TEST(a_byte_at_a_time_is_as_good_as_whole)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	make_split(_i);
	connection.client = peer_connect("127.0.0.1:0", LISTEN_V4);
	for (size_t i = 0; i < header.len; i++) {
		peer_assert_no_connection(backend);
		peer_send(connection.client, header.bytes + i, 1);
		peer_await_read(connection.client);
	}
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	connection_check(&connection);
}
END_TEST

/* Reading stops short before an urgent byte, which is neither the end nor an empty socket. */
START_TEST(an_urgent_byte_of_the_header_stalls_nothing)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	size_t at = _i == 0 ? 0 : 20;

	daemon_start("");
	sender_v1(&header, CONNECTION_CLIENT, NULL);
	connection.client = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send(connection.client, header.bytes, at);
	ck_assert_int_eq(send(connection.client, header.bytes + at, 1, MSG_OOB), 1);
	peer_send(connection.client, header.bytes + at + 1, header.len - at - 1);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	connection_check(&connection);
	connection_finish(&connection);
}
END_TEST

START_TEST(an_urgent_byte_too_many_makes_the_header_invalid)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	daemon_start("");
	sender_v1(&header, CONNECTION_CLIENT, NULL);
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send(client, header.bytes, 20);
	ck_assert_int_eq(send(client, "!", 1, MSG_OOB), 1);
	peer_expect_closed(client);
	daemon_log_await("warn listener=t", "reason=header_invalid", NULL);
	peer_assert_no_connection(backend);
}
END_TEST

/* ---- what follows ---- */

START_TEST(a_header_alone_connects_and_the_server_speaks_first)
{
	int backend = peer_listen(BACKEND_V4);
	int client;
	int server;

	daemon_start("");
	client = _i == 0 ? sender_open_v1(CONNECTION_CLIENT) : sender_open_v2(CONNECTION_CLIENT);
	server = peer_accept_from(backend, CONNECTION_CLIENT);
	peer_send_text(server, "SSH-2.0-test\r\n");
	peer_expect_text(client, "SSH-2.0-test\r\n");
	peer_expect_silence(server, 50);
}
END_TEST

START_TEST(payload_behind_the_header_comes_first)
{
	int backend = peer_listen(BACKEND_V4);
	int client;
	int server;

	daemon_start("");
	make_split(_i);
	memcpy(header.bytes + header.len, "first ", 6);
	header.len += 6;
	client = sender_open(&header);
	/* The backend has not accepted yet. */
	peer_send_text(client, "second ");
	server = peer_accept_from(backend, CONNECTION_CLIENT);
	peer_send_text(client, "third");
	peer_expect_text(server, "first second third");
}
END_TEST

START_TEST(much_payload_behind_the_header_arrives_whole)
{
	int backend = peer_listen(BACKEND_V4);
	size_t half = STREAM_RUN / 2;
	int client;
	int server;

	daemon_start("");
	client = sender_open_v2(CONNECTION_CLIENT);
	for (size_t i = 0; i < 8; i++)
		peer_send(client, stream_at(1, i * half), half);
	server = peer_accept_from(backend, CONNECTION_CLIENT);
	for (size_t i = 0; i < 8; i++)
		peer_expect(server, stream_at(1, i * half), half);
}
END_TEST

START_TEST(payload_may_look_like_a_header)
{
	int backend = peer_listen(BACKEND_V4);
	int server;

	daemon_start("");
	sender_text(&header, "PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n"
			     "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
	sender_open(&header);
	server = peer_accept_from(backend, CONNECTION_CLIENT);
	peer_expect_text(server, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
}
END_TEST

/* ---- limits of what is accepted ---- */

START_TEST(the_longest_v1_line_is_accepted)
{
	static char line[256] = "PROXY UNKNOWN ";
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	/* 107 bytes, CRLF included (section 2.1). */
	memset(line + 14, 'x', 107 - 14 - 2);
	strcpy(line + 105, "\r\n");
	daemon_start("");
	sender_text(&header, line);
	connection.client = sender_open(&header);
	connection.backend = peer_accept(backend, NULL);
	connection_check(&connection);
}
END_TEST

START_TEST(a_v2_header_of_header_max_is_accepted)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	daemon_start(_i == 0 ? "header_max = 100;" : "header_max = 65551;");
	sender_v2(&header, CONNECTION_CLIENT, NULL);
	sender_pad(&header, _i == 0 ? 100 : 65551);
	connection.client = sender_open(&header);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	connection_check(&connection);
}
END_TEST

START_TEST(tlvs_of_every_kind_do_not_disturb)
{
	static const uint8_t ssl[] = {0x07, 0,	 0,   0,   0,	0x21, 0,  7,
				      'T',  'L', 'S', 'v', '1', '.',  '3'};
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	sender_v2(&header, CONNECTION_CLIENT, NULL);
	sender_tlv(&header, 0x01, "h2", 2);
	sender_tlv(&header, 0x02, "example.net", 11);
	sender_tlv(&header, 0x20, ssl, sizeof(ssl));
	sender_tlv(&header, 0x30, "blue", 4);
	sender_tlv(&header, 0xEA, "\x01vpce-08d2bf15fac5001c9", 23);
	sender_tlv(&header, 0x99, "", 0);
	sender_crc(&header);
	connection.client = sender_open(&header);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	connection_check(&connection);
}
END_TEST

static Suite *header_suite(void)
{
	Suite *suite = suite_create("net_header");
	TCase *identity = harness_case(suite, "identity", 60);
	TCase *splits = harness_case(suite, "splits", 60);
	TCase *payload = harness_case(suite, "payload", 60);
	TCase *limits = harness_case(suite, "limits", 60);

	tcase_add_loop_test(identity, backend_sees_the_client, 0,
			    (int)(sizeof(identities) / sizeof(identities[0])));
	tcase_add_test(identity, a_mapped_client_is_ipv4);
	tcase_add_loop_test(identity, without_a_client_mmproxy_is_the_source, 0, OWN_KINDS);
	tcase_add_loop_test(splits, split_at_every_byte_is_as_good_as_whole, 0, SPLIT_KINDS);
	tcase_add_loop_test(splits, a_byte_at_a_time_is_as_good_as_whole, 0, SPLIT_KINDS);
	tcase_add_loop_test(splits, an_urgent_byte_of_the_header_stalls_nothing, 0, 2);
	tcase_add_test(splits, an_urgent_byte_too_many_makes_the_header_invalid);
	tcase_add_loop_test(payload, a_header_alone_connects_and_the_server_speaks_first, 0, 2);
	tcase_add_loop_test(payload, payload_behind_the_header_comes_first, 0, SPLIT_KINDS);
	tcase_add_test(payload, much_payload_behind_the_header_arrives_whole);
	tcase_add_test(payload, payload_may_look_like_a_header);
	tcase_add_test(limits, the_longest_v1_line_is_accepted);
	tcase_add_loop_test(limits, a_v2_header_of_header_max_is_accepted, 0, 2);
	tcase_add_test(limits, tlvs_of_every_kind_do_not_disturb);
	return suite;
}

int main(void)
{
	return harness_run(header_suite());
}
