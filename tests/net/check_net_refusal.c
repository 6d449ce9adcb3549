/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not a PROXY header: closed with its reason in the log, and no backend ever hears of it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"

/* A header that takes minutes to come in by drips. */
#define DRIPPED_LEN 4000

static struct sender_header header;

static void make_v1(const char *text)
{
	sender_text(&header, text);
}

static void make_long_v1(const char *text)
{
	/* 107 bytes and no line end among them; section 2.1 allows no 108th. */
	(void)text;
	sender_text(&header, "PROXY UNKNOWN ");
	memset(header.bytes + header.len, 'x', 120);
	header.len += 120;
}

static void make_spoiled_v2(const char *how)
{
	static const uint8_t udp_block[12] = {203, 0, 113, 7, 198, 51, 100, 1, 0x9C, 0x40, 1, 0xBB};

	sender_v2(&header, CONNECTION_CLIENT, NULL);
	if (strcmp(how, "version") == 0) {
		header.bytes[12] = 0x31;
	} else if (strcmp(how, "command") == 0) {
		header.bytes[12] = 0x22;
	} else if (strcmp(how, "family") == 0) {
		header.bytes[13] = 0x41;
	} else if (strcmp(how, "transport") == 0) {
		header.bytes[13] = 0x13;
	} else if (strcmp(how, "length") == 0) {
		header.bytes[15] = 11;
	} else if (strcmp(how, "dgram") == 0) {
		sender_v2_raw(&header, SENDER_PROXY, SENDER_UDP4, udp_block, sizeof(udp_block));
	} else if (strcmp(how, "long") == 0) {
		sender_pad(&header, 4097);
	} else if (strcmp(how, "crc") == 0) {
		sender_crc(&header);
		header.bytes[20] ^= 1;
	} else {
		/* A TLV that says it is longer than the header. */
		sender_tlv(&header, 0x02, "name", 4);
		header.bytes[16 + 12 + 2] = 5;
	}
}

struct refusal_row {
	void (*make)(const char *how);
	const char *how;
	const char *error;
};

static const struct refusal_row refusals[] = {
    {make_v1, "GET / HTTP/1.1\r\nHost: example.net\r\n\r\n", "signature"},
    {make_v1, "proxy tcp4 203.0.113.7 198.51.100.1 40000 443\r\n", "signature"},
    {make_v1, "\r\n\r\nQUIT\n", "signature"},
    {make_v1, "PROXY TCP5 203.0.113.7 198.51.100.1 40000 443\r\n", "v1_family"},
    {make_v1, "PROXY TCP4 203.0.113.07 198.51.100.1 40000 443\r\n", "v1_source"},
    {make_v1, "PROXY TCP4 2001:db8::7 198.51.100.1 40000 443\r\n", "v1_source"},
    {make_v1, "PROXY TCP6 203.0.113.7 2001:db8::1 40000 443\r\n", "v1_source"},
    {make_v1, "PROXY TCP4 203.0.113.7 198.51.100 40000 443\r\n", "v1_destination"},
    {make_v1, "PROXY TCP4 203.0.113.7 198.51.100.1 65536 443\r\n", "v1_source_port"},
    {make_v1, "PROXY TCP4 203.0.113.7 198.51.100.1 040 443\r\n", "v1_source_port"},
    {make_v1, "PROXY TCP4 203.0.113.7 198.51.100.1 40000 -1\r\n", "v1_destination_port"},
    {make_v1, "PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\n", NULL},
    {make_v1, "PROXY TCP4  203.0.113.7 198.51.100.1 40000 443\r\n", NULL},
    {make_v1, "PROXY TCP4 203.0.113.7 198.51.100.1 40000 443 \r\n", NULL},
    {make_long_v1, "", "v1_too_long"},
    {make_spoiled_v2, "version", "v2_version"},
    {make_spoiled_v2, "command", "v2_command"},
    {make_spoiled_v2, "family", "v2_family"},
    {make_spoiled_v2, "transport", "v2_transport"},
    {make_spoiled_v2, "dgram", "transport_mismatch"},
    {make_spoiled_v2, "length", "v2_length"},
    {make_spoiled_v2, "long", "v2_too_long"},
    {make_spoiled_v2, "tlv", "v2_tlv"},
    {make_spoiled_v2, "crc", "v2_crc32c"},
};

#define REFUSALS ((int)(sizeof(refusals) / sizeof(refusals[0])))

START_TEST(an_invalid_header_is_refused_with_its_error)
{
	const struct refusal_row *row = &refusals[_i];
	int backend = peer_listen(BACKEND_V4);
	char peer[64];
	char error[64];
	int client;

	daemon_start("");
	row->make(row->how);
	client = sender_open(&header);
	peer_expect_closed(client);
	snprintf(peer, sizeof(peer), "peer=127.0.0.1:%u ", peer_local_port(client));
	snprintf(error, sizeof(error), "error=%s", row->error != NULL ? row->error : "");
	daemon_log_await("warn listener=t", "reason=header_invalid", peer);
	ck_assert_uint_eq(daemon_log_count(peer, error), 1);
	peer_assert_no_connection(backend);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

START_TEST(nothing_within_header_timeout_closes)
{
	int backend = peer_listen(BACKEND_V4);
	int64_t started;
	int client;

	daemon_start("header_timeout = \"300ms\";");
	started = harness_now_ms();
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	/* It fails when the deadline is over already. */
	if (_i == 1)
		(void)!send(client, "PROXY TCP4 203.0.113.7", 22, MSG_NOSIGNAL);
	peer_expect_closed(client);
	/* Less a tick of the coarse clock. */
	ck_assert_int_ge(harness_now_ms() - started, 280);
	daemon_log_await("reason=header_timeout", "listener=t", "peer=127.0.0.1:");
	peer_assert_no_connection(backend);
}
END_TEST

START_TEST(a_drip_of_bytes_does_not_move_the_deadline)
{
	int64_t started;
	int client;

	daemon_start("header_timeout = \"500ms\";");
	started = harness_now_ms();
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	sender_v2(&header, CONNECTION_CLIENT, NULL);
	sender_pad(&header, DRIPPED_LEN);
	for (size_t i = 0; !peer_is_readable(client); i++) {
		ck_assert_int_lt(harness_now_ms() - started, 500 + harness_patience_ms());
		ck_assert_uint_lt(i + 1, header.len);
		/* It fails when the end comes in between. */
		(void)!send(client, header.bytes + i, 1, MSG_NOSIGNAL);
		harness_sleep_ms(50);
	}
	ck_assert_int_ge(harness_now_ms() - started, 480);
	daemon_log_await("reason=header_timeout", NULL, NULL);
}
END_TEST

START_TEST(a_peer_that_leaves_within_the_header_is_no_failure)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	daemon_start("");
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send_text(client, "PROXY TCP4 203");
	if (_i == 0) {
		peer_finish(client);
		peer_expect_closed(client);
	} else {
		peer_reset(client);
	}
	daemon_log_await("info ", "reason=client_closed_early", NULL);
	peer_assert_no_connection(backend);
}
END_TEST

static Suite *refusal_suite(void)
{
	Suite *suite = suite_create("net_refusal");
	TCase *errors = harness_case(suite, "errors", 60);
	TCase *deadline = harness_case(suite, "deadline", 60);

	tcase_add_loop_test(errors, an_invalid_header_is_refused_with_its_error, 0, REFUSALS);
	tcase_add_loop_test(errors, a_peer_that_leaves_within_the_header_is_no_failure, 0, 2);
	tcase_add_loop_test(deadline, nothing_within_header_timeout_closes, 0, 2);
	tcase_add_test(deadline, a_drip_of_bytes_does_not_move_the_deadline);
	return suite;
}

int main(void)
{
	return harness_run(refusal_suite());
}
