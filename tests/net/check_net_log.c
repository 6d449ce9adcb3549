/* SPDX-License-Identifier: BSD-2-Clause */
/* What operators read: lines and their fields, JSON, levels, limits. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "udp.h"

static struct sender_header header;

/* A configuration with these members of the group log. */
static void start(const char *log)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 "workers = 1;\nlog = { %s };\nlisteners = ( { name = \"t\"; listen = \"" LISTEN_V4
		 "\"; " DAEMON_TARGETS " } );\n",
		 log);
	daemon_start_config(config);
}

static void fail_once(void)
{
	int client = peer_connect("127.0.0.1:0", LISTEN_V4);

	peer_send_text(client, "GET / HTTP/1.1\r\n\r\n");
	peer_expect_closed(client);
	peer_close(client);
}

/* ---- text ---- */

START_TEST(an_end_has_all_its_fields)
{
	static const char *const fields[] = {
	    "info ",
	    " listener=t ",
	    " client=203.0.113.7:40000 ",
	    " backend=127.0.0.1:8000 ",
	    " reason=done ",
	    " header=v2 ",
	    " up=2 ",
	    " down=4 ",
	    " connect_ms=",
	    " duration_ms=",
	};
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;
	const char *line;
	char peer[64];

	daemon_start("");
	connection.client = sender_open_v2(CONNECTION_CLIENT);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	snprintf(peer, sizeof(peer), " peer=127.0.0.1:%u ", peer_local_port(connection.client));
	connection_check(&connection);
	connection_finish(&connection);
	line = daemon_log_await("reason=done", peer, NULL);
	ck_assert_int_eq(strncmp(line, "info ", 5), 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		ck_assert_msg(strstr(line, fields[i]) != NULL, "no \"%s\" in: %s", fields[i], line);
}
END_TEST

START_TEST(a_failure_is_a_warning_with_its_error)
{
	const char *line;

	daemon_start("");
	fail_once();
	line = daemon_log_await("reason=header_invalid", NULL, NULL);
	ck_assert_int_eq(strncmp(line, "warn listener=t peer=127.0.0.1:", 31), 0);
	ck_assert_ptr_nonnull(strstr(line, " error=signature"));
	ck_assert_ptr_nonnull(strstr(line, " header=none "));
}
END_TEST

/* What comes in the place of a header, and how the log shows it. */
struct stranger {
	const char *bytes;
	size_t len;
	const char *fields;
};

#define STRANGER(bytes, fields)                  \
	{                                        \
		bytes, sizeof(bytes) - 1, fields \
	}

static const struct stranger strangers[] = {
    STRANGER("SSH-2.0-OpenSSH_9.2p1\r\n",
	     " error=signature got=\"SSH-2.0-OpenSSH_9.2p1\\x0d\\x0a\" looks_like=ssh"),
    STRANGER("\x16\x03\x01\x02\x00\x01\x00",
	     " error=signature got=\"\\x16\\x03\\x01\\x02\\x00\\x01\\x00\" looks_like=tls"),
    STRANGER("POST /0123456789012345678901234567890123456789 HTTP/1.1\r\n",
	     " error=signature got=\"POST /01234567890123456789012345\" looks_like=http"),
    STRANGER("\x7f\n\x1b[2J", " error=signature got=\"\\x7f\\x0a\\x1b[2J\""),
    /* The first byte is a header's. */
    STRANGER("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	     " error=signature got=\"PRI * HTTP/2.0\\x0d\\x0a\\x0d\\x0aSM\\x0d\\x0a\\x0d\\x0a\" "
	     "looks_like=http"),
};

#define STRANGERS (int)(sizeof(strangers) / sizeof(strangers[0]))

static void expect_stranger(const struct stranger *stranger)
{
	const char *line = daemon_log_await("warn ", "reason=header_invalid", stranger->fields);

	ck_assert_str_eq(line + strlen(line) - strlen(stranger->fields), stranger->fields);
	ck_assert_uint_eq(daemon_log_count("reason=header_invalid", "peer="), 1);
}

START_TEST(what_came_for_a_header_is_shown)
{
	int client;

	daemon_start("");
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send(client, strangers[_i].bytes, strangers[_i].len);
	peer_expect_closed(client);
	expect_stranger(&strangers[_i]);
}
END_TEST

START_TEST(what_came_in_a_datagram_is_shown)
{
	int client = udp_open("127.0.0.1:0");

	daemon_start_udp("");
	udp_send(client, LISTEN_V4, strangers[_i].bytes, strangers[_i].len);
	expect_stranger(&strangers[_i]);
}
END_TEST

/* Of the bytes that have come until one was wrong, all are there. */
START_TEST(what_came_in_pieces_is_shown)
{
	int client;

	daemon_start("");
	client = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send_text(client, "PRO");
	peer_await_read(client);
	peer_send_text(client, "TOCOL");
	peer_expect_closed(client);
	daemon_log_await("reason=header_invalid", "error=signature", " got=PROTOCOL");
}
END_TEST

START_TEST(a_header_of_another_kind_is_shown)
{
	int client = udp_open("127.0.0.1:0");

	daemon_start_udp("udp_header = \"spp\";");
	sender_v2_udp(&header, CONNECTION_CLIENT, NULL);
	udp_send(client, LISTEN_V4, header.bytes, header.len);
	daemon_log_await("reason=header_invalid", "error=spp_magic",
			 " got=\"\\x0d\\x0a\\x0d\\x0a\\x00\\x0d\\x0aQUIT\\x0a!");
}
END_TEST

/* Text of a header comes from outside: it must not make lines or fields of its own. */
static void send_hostile_tlvs(int backend)
{
	struct connection connection;

	sender_v2(&header, CONNECTION_CLIENT, NULL);
	sender_tlv(&header, 0x02, "evil\ninfo listener=t reason=done", 32);
	sender_tlv(&header, 0x05, "id \"quoted\" \\ \x01\xff", 17);
	sender_tlv(&header, 0xEA, "\x01vpce-0123", 10);
	connection.client = sender_open(&header);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	connection_check(&connection);
	connection_finish(&connection);
}

START_TEST(tlvs_are_shown_and_escaped)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	send_hostile_tlvs(backend);
	daemon_log_await("reason=done", "tlv_authority=", "tlv_unique_id=");
	daemon_log_await("reason=done", "tlv_vpce=vpce-0123", CONNECTION_CLIENT);
	ck_assert_uint_eq(daemon_log_count("reason=done", NULL), 1);
	ck_assert_uint_eq(daemon_log_count("evil", NULL), 1);
}
END_TEST

START_TEST(a_plain_tlv_is_shown_plainly)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	sender_v2(&header, CONNECTION_CLIENT, NULL);
	sender_tlv(&header, 0x02, "www.example.net", 15);
	sender_tlv(&header, 0x05, "unique-1", 8);
	connection.client = sender_open(&header);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	connection_finish(&connection);
	daemon_log_await("reason=done", " tlv_authority=www.example.net",
			 " tlv_unique_id=unique-1");
}
END_TEST

/* ---- json ---- */

/* Every line must be one object; a parser that is at hand says whether it is. */
static void check_json(const char *path)
{
	static const char *const parsers[][2] = {
	    {"python3", "python3 -c 'import json,sys\n"
			"for l in open(sys.argv[1], encoding=\"utf-8\"): assert "
			"isinstance(json.loads(l), dict)' %s"},
	    {"jq", "jq -e 'type == \"object\"' %s"},
	};
	char *text = harness_read(path);
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		ck_assert_msg(line[0] == '{' && line[strlen(line) - 1] == '}', "not an object: %s",
			      line);
	free(text);
	for (size_t i = 0; i < 2; i++) {
		char command[512];

		if (!harness_has_tool(parsers[i][0]))
			continue;
		snprintf(command, sizeof(command), parsers[i][1], path);
		harness_shell("%s", command);
		break;
	}
}

START_TEST(json_lines_are_objects)
{
	int backend = peer_listen(BACKEND_V4);

	start("level = \"debug\"; format = \"json\";");
	connection_try(backend, "203.0.113.8:40000");
	fail_once();
	send_hostile_tlvs(backend);
	daemon_log_await("\"listener\":\"t\"", "\"reason\":\"header_invalid\"",
			 "\"got\":\"GET / HTTP/1.1\\\\x0d\\\\x0a\\\\x0d\\\\x0a\"");
	daemon_log_await("\"client\":\"203.0.113.8:40000\"", "\"reason\":\"done\"", "\"up\":2");
	daemon_log_await("\"client\":\"203.0.113.7:40000\"", "\"reason\":\"done\"", "\"tlv_vpce\"");
	daemon_stop();
	check_json(harness_path(DAEMON_LOG_NAME));
}
END_TEST

/* ---- levels ---- */

struct level_row {
	const char *log;
	unsigned failures;
	unsigned ends;
};

static const struct level_row levels[] = {
    {"level = \"info\";", 1, 1},
    {"level = \"warn\";", 1, 0},
    {"level = \"error\";", 0, 0},
    {"level = \"info\"; connections = false;", 0, 0},
};

START_TEST(levels_choose_what_is_logged)
{
	const struct level_row *row = &levels[_i];
	int backend = peer_listen(BACKEND_V4);

	start(row->log);
	fail_once();
	connection_try(backend, CONNECTION_CLIENT);
	daemon_stop();
	ck_assert_uint_eq(daemon_log_count("warn ", "reason=header_invalid"), row->failures);
	ck_assert_uint_eq(daemon_log_count("info ", "reason=done"), row->ends);
	ck_assert_uint_eq(daemon_log_count("debug ", NULL), 0);
}
END_TEST

/* ---- limits ---- */

#define BURST 200

/* The number behind suppressed= in all lines of a reason. */
static unsigned long suppressed(const char *reason)
{
	char *text = harness_read(harness_path(DAEMON_LOG_NAME));
	unsigned long sum = 0;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *at = strstr(line, "suppressed=");

		if (at != NULL && strstr(line, reason) != NULL)
			sum += strtoul(at + strlen("suppressed="), NULL, 10);
	}
	free(text);
	return sum;
}

START_TEST(a_burst_of_failures_is_limited_and_counted)
{
	int64_t started;
	unsigned shown;
	unsigned seconds;

	daemon_start("");
	started = harness_now_ms();
	for (int i = 0; i < BURST; i++)
		fail_once();
	seconds = (unsigned)((harness_now_ms() - started) / 1000) + 2;
	HARNESS_AWAIT(daemon_log_count("reason=header_invalid", "peer=") +
			  suppressed("reason=header_invalid") ==
		      BURST);
	shown = daemon_log_count("reason=header_invalid", "peer=");
	ck_assert_uint_ge(shown, 10);
	ck_assert_uint_le(shown, 10 * seconds);
	/* Another reason has its own allowance. */
	peer_expect_closed(sender_open_v2("0.0.0.0:1"));
	daemon_log_await("reason=source_invalid", "peer=", NULL);
}
END_TEST

START_TEST(what_was_left_out_is_counted_at_the_end_too)
{
	daemon_start("");
	for (int i = 0; i < 50; i++)
		fail_once();
	daemon_stop();
	ck_assert_uint_eq(daemon_log_count("reason=header_invalid", "peer=") +
			      suppressed("reason=header_invalid"),
			  50);
}
END_TEST

START_TEST(healthy_ends_are_not_limited)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start("");
	for (unsigned i = 0; i < 50; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		connection_try(backend, who);
	}
	HARNESS_AWAIT(daemon_log_count("reason=done", "info ") == 50);
}
END_TEST

static Suite *log_suite(void)
{
	Suite *suite = suite_create("net_log");
	TCase *text = harness_case(suite, "text", 60);
	TCase *json = harness_case(suite, "json", 60);
	TCase *levels_case = harness_case(suite, "levels", 60);
	TCase *limits = harness_case(suite, "limits", 60);

	tcase_add_test(text, an_end_has_all_its_fields);
	tcase_add_test(text, a_failure_is_a_warning_with_its_error);
	tcase_add_loop_test(text, what_came_for_a_header_is_shown, 0, STRANGERS);
	tcase_add_loop_test(text, what_came_in_a_datagram_is_shown, 0, STRANGERS);
	tcase_add_test(text, what_came_in_pieces_is_shown);
	tcase_add_test(text, a_header_of_another_kind_is_shown);
	tcase_add_test(text, tlvs_are_shown_and_escaped);
	tcase_add_test(text, a_plain_tlv_is_shown_plainly);
	tcase_add_test(json, json_lines_are_objects);
	tcase_add_loop_test(levels_case, levels_choose_what_is_logged, 0,
			    (int)(sizeof(levels) / sizeof(levels[0])));
	tcase_add_test(limits, a_burst_of_failures_is_limited_and_counted);
	tcase_add_test(limits, what_was_left_out_is_counted_at_the_end_too);
	tcase_add_test(limits, healthy_ends_are_not_limited);
	return suite;
}

int main(void)
{
	return harness_run(log_suite());
}
