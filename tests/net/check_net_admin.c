/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin endpoint: every path, what it refuses, and its bounds. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin.h"
#include "daemon.h"
#include "harness.h"
#include "http.h"
#include "peer.h"

#define ADMIN_TCP "127.0.0.1:9145"
#define LISTENER \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n"

static struct http_answer answer;

/* ---- paths ---- */

struct path_row {
	const char *method;
	const char *target;
	int unix_code;
	int tcp_code;
	const char *head; /* in the answer's, or NULL */
	const char *body; /* likewise */
};

static const struct path_row paths[] = {
    {"GET", "/metrics", 200, 200, "Content-Type: text/plain; version=0.0.4", "mmproxy_build_info{"},
    {"GET", "/status", 200, 200, "Content-Type: application/json", "\"listeners\":["},
    {"GET", "/status?format=json", 200, 200, "application/json", "\"version\":"},
    {"GET", "/status?format=table", 200, 200, "text/plain", "LISTENER  PROTOCOL"},
    {"GET", "/sessions", 200, 200, "application/json", "{\"sessions\":["},
    {"GET", "/sessions?limit=1&by=age", 200, 200, NULL, "{\"sessions\":["},
    {"GET", "/sessions?by=bytes", 200, 200, NULL, NULL},
    {"GET", "/sessions?by=idle&format=table&limit=10000", 200, 200, "text/plain", "CLIENT"},
    {"GET", "/healthz", 200, 200, "text/plain", "All workers answer.\n"},
    {"POST", "/deny?network=192.0.2.1", 200, 403, NULL, NULL},
    {"POST", "/deny?network=192.0.2.1&for=10m", 200, 403, NULL, NULL},
    {"POST", "/allow?network=192.0.2.1", 200, 403, NULL, NULL},
    {"POST", "/allow?network=192.0.2.1", 404, 403, NULL, NULL},
    {"POST", "/kick?network=192.0.2.1", 200, 403, NULL, NULL},
    {"GET", "/", 404, 404, NULL, "/metrics"},
    {"GET", "/metric", 404, 404, NULL, NULL},
    {"GET", "/metrics/", 404, 404, NULL, NULL},
    {"GET", "//metrics", 404, 404, NULL, NULL},
    {"GET", "/metrics?x=1", 400, 400, NULL, "This path has no such parameter.\n"},
    {"GET", "/status?format=xml", 400, 400, NULL, "format has to be json or table.\n"},
    {"GET", "/status?format=json&format=json", 400, 400, NULL, "format is there twice.\n"},
    {"GET", "/status?limit=1", 400, 400, NULL, NULL},
    {"GET", "/sessions?limit=0", 400, 400, NULL, "limit has to be a number from 1 to 10000.\n"},
    {"GET", "/sessions?limit=10001", 400, 400, NULL, NULL},
    {"GET", "/sessions?limit=99999999999999999999999", 400, 400, NULL, NULL},
    {"GET", "/sessions?limit=-1", 400, 400, NULL, NULL},
    {"GET", "/sessions?limit=", 400, 400, NULL, NULL},
    {"GET", "/sessions?by=name", 400, 400, NULL, "by has to be bytes, age or idle.\n"},
    {"POST", "/deny", 400, 403, NULL, "network"},
    {"POST", "/deny?network=example.org", 400, 403, NULL, NULL},
    {"POST", "/deny?network=192.0.2.1&for=0", 400, 403, NULL, NULL},
    {"POST", "/deny?network=192.0.2.1&for=1w", 400, 403, NULL, NULL},
    {"POST", "/deny?network=192.0.2.1&for=999999999999d", 400, 403, NULL, NULL},
    {"POST", "/kick?network=192.0.2.1&for=1", 400, 403, NULL, NULL},
    {"POST", "/metrics", 405, 405, "Allow: GET", "/metrics takes GET only.\n"},
    {"PUT", "/status", 405, 405, "Allow: GET", NULL},
    {"DELETE", "/sessions", 405, 405, "Allow: GET", NULL},
    {"GET", "/deny?network=192.0.2.1", 405, 405, "Allow: POST", "/deny takes POST only.\n"},
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

/* A refusal is one plain sentence. */
static void check_paths(const char *place, bool is_unix)
{
	for (size_t i = 0; i < PATHS; i++) {
		const struct path_row *row = &paths[i];
		int code = is_unix ? row->unix_code : row->tcp_code;

		/* That a worker does not answer now is no answer to look at. */
		HARNESS_AWAIT(
		    (http_ask(place, row->method, row->target, NULL, &answer), answer.code != 503));
		ck_assert_msg(answer.code == code, "%s %s: %d, not %d", row->method, row->target,
			      answer.code, code);
		if (row->head != NULL && code != 403)
			ck_assert_msg(strstr(answer.head, row->head) != NULL, "%s: %s", row->target,
				      answer.head);
		if (row->body != NULL && code != 403)
			ck_assert_msg(strstr(answer.body, row->body) != NULL, "%s: %s", row->target,
				      answer.body);
		if (code >= 400) {
			ck_assert_ptr_nonnull(strstr(answer.head, "Content-Type: text/plain"));
			ck_assert_ptr_eq(strchr(answer.body, '\n'), answer.body + answer.len - 1);
		}
	}
}

START_TEST(every_path_on_a_unix_socket)
{
	admin_start_config(LISTENER);
	check_paths(admin_path(), true);
}
END_TEST

START_TEST(every_path_on_an_address)
{
	daemon_start_config("admin = { listen = \"" ADMIN_TCP "\"; };\n" LISTENER);
	check_paths(ADMIN_TCP, false);
}
END_TEST

START_TEST(a_body_has_parameters_too)
{
	admin_start_config(LISTENER);
	http_ask(admin_path(), "POST", "/deny", "network=192.0.2.0%2F24&for=90s", &answer);
	ck_assert_int_eq(answer.code, 200);
	ck_assert_str_eq(answer.body,
			 "192.0.2.0/24 is denied for 90 s; connections and flows ended: 0\n");
	http_ask(admin_path(), "POST", "/allow", "network=192.0.2.7", &answer);
	ck_assert_int_eq(answer.code, 409);
	http_ask(admin_path(), "POST", "/allow?network=192.0.2.0/24", "network=192.0.2.0/24\n",
		 &answer);
	ck_assert_int_eq(answer.code, 400);
	http_ask(admin_path(), "POST", "/allow", "network=192.0.2.0/24\n", &answer);
	ck_assert_int_eq(answer.code, 200);
}
END_TEST

/* ---- what is no request ---- */

/* evhttp says 413 or 400; or its words are lost because it did not read all of it. */
static void expect_refused(const char *bytes, size_t len)
{
	int fd = http_connect(admin_path());

	(void)!send(fd, bytes, len, MSG_NOSIGNAL);
	http_read(fd, &answer);
	ck_assert_msg(answer.code == 413 || answer.code == 400 || answer.code == 0, "%d for %.60s",
		      answer.code, bytes);
}

START_TEST(requests_that_are_too_long_are_refused)
{
	size_t len = 64 * 1024;
	char *bytes = malloc(len + 1);

	ck_assert_ptr_nonnull(bytes);
	admin_start_config(LISTENER);
	/* A first line, headers, and a body without an end. */
	memset(bytes, 'a', len);
	bytes[len] = '\0';
	memcpy(bytes, "GET /", 5);
	expect_refused(bytes, len);
	memset(bytes, 'a', len);
	memcpy(bytes, "GET /status HTTP/1.1\r\nX: ", 25);
	expect_refused(bytes, len);
	memset(bytes, 'a', len);
	memcpy(bytes, "POST /deny HTTP/1.1\r\nContent-Length: 65000\r\n\r\n", 47);
	expect_refused(bytes, len);
	memcpy(bytes, "POST /deny HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", 57);
	expect_refused(bytes, len);
	free(bytes);
	admin_await_healthy(admin_path());
}
END_TEST

static const char *const no_requests[] = {
    "\r\n\r\n",
    "hello\r\n\r\n",
    "GET\r\n\r\n",
    "GET /status\r\n\r\n",
    "GET /status HTTP/9.9.9\r\n\r\n",
    "GET http://[::1 HTTP/1.1\r\n\r\n",
    "GET /status HTTP/1.1\r\nno colon\r\n\r\n",
    "POST /deny HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    "POST /deny HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    "POST /deny HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "BREW /pot HTTP/1.1\r\n\r\n",
    "GET /deny%00 HTTP/1.1\r\n\r\n",
    "POST /deny?network=%zz HTTP/1.1\r\n\r\n",
    "POST /deny?network HTTP/1.1\r\n\r\n",
    "POST /deny?=&=&& HTTP/1.1\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
};

#define NO_REQUESTS (sizeof(no_requests) / sizeof(no_requests[0]))

START_TEST(what_is_no_request_hurts_nobody)
{
	admin_start_config(LISTENER);
	for (size_t i = 0; i < NO_REQUESTS; i++) {
		int fd = http_connect(admin_path());

		peer_send_text(fd, no_requests[i]);
		/* Some wait for more. */
		(void)shutdown(fd, SHUT_WR);
		http_read(fd, &answer);
		ck_assert_msg(answer.code == 0 || answer.code >= 400, "%d for %s", answer.code,
			      no_requests[i]);
	}
	admin_await_healthy(admin_path());
}
END_TEST

START_TEST(a_connection_has_one_request)
{
	int fd;

	admin_start_config(LISTENER);
	fd = http_connect(admin_path());
	peer_send_text(fd, "GET /sessions HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"
			   "GET /metrics HTTP/1.1\r\n\r\n");
	http_read(fd, &answer);
	ck_assert_int_eq(answer.code, 200);
	ck_assert_str_eq(answer.body, "{\"sessions\":[]}\n");
}
END_TEST

START_TEST(who_goes_before_the_answer_leaves_nothing_behind)
{
	unsigned fds;

	admin_start_config(LISTENER);
	admin_await_healthy(admin_path());
	harness_sleep_ms(300);
	fds = daemon_fd_count();
	for (int i = 0; i < 300; i++) {
		int fd = http_connect(admin_path());

		peer_send_text(fd, i % 3 == 0	? "GET /sessions HTTP/1.1\r\n\r\n"
				   : i % 3 == 1 ? "POST /kick?network=::/0 HTTP/1.1\r\n\r\n"
						: "GET /healthz HTTP/1.1\r\n\r\n");
		if (i % 2 == 0)
			(void)shutdown(fd, SHUT_RDWR);
		peer_close(fd);
	}
	admin_await_healthy(admin_path());
	daemon_await_fd_count(fds);
}
END_TEST

/* ---- bounds ---- */

#define MANY 32

START_TEST(there_are_16_connections_at_a_time)
{
	int idle[MANY];
	unsigned fds;

	admin_start_config(LISTENER);
	admin_await_healthy(admin_path());
	harness_sleep_ms(300);
	fds = daemon_fd_count();
	/* The socket's queue holds 17 of them; more would wait in connect(2). */
	for (size_t i = 0; i < MANY; i++)
		idle[i] = http_connect(admin_path());
	harness_sleep_ms(500);
	if (!daemon_is_wrapped())
		ck_assert_uint_le(daemon_fd_count(), fds + 16);
	for (size_t i = 0; i < MANY; i++)
		peer_close(idle[i]);
	admin_await_healthy(admin_path());
	daemon_await_fd_count(fds);
}
END_TEST

START_TEST(who_sends_slowly_is_cut)
{
	int64_t begin = harness_now_ms();
	int fd;

	admin_start_config(LISTENER);
	fd = http_connect(admin_path());
	/* Never a second without a byte. */
	while (!peer_is_readable(fd)) {
		(void)!send(fd, "G", 1, MSG_NOSIGNAL);
		harness_sleep_ms(300);
		ck_assert_int_lt(harness_now_ms() - begin, harness_patience_ms() + 60000);
	}
	/* And not at once. */
	ck_assert_int_gt(harness_now_ms() - begin, 5000);
}
END_TEST

/* What is sent behind a request is not kept, whoever sends it while the answer waits to be read. */
START_TEST(who_sends_without_end_fills_no_memory)
{
	static char bytes[65536];
	size_t sent = 0;
	int fds[4];
	unsigned long peak;

	admin_start_config(LISTENER);
	http_get(admin_path(), "/metrics");
	peak = daemon_rss_peak_kb();
	for (size_t i = 0; i < 4; i++) {
		fds[i] = http_connect(admin_path());
		peer_send_text(fds[i], "GET /metrics HTTP/1.1\r\n\r\n");
	}
	for (int round = 0; round < 200; round++)
		for (size_t i = 0; i < 4; i++) {
			ssize_t now =
			    send(fds[i], bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);

			sent += now > 0 ? (size_t)now : 0;
		}
	admin_await_healthy(admin_path());
	if (!daemon_is_instrumented())
		ck_assert_uint_lt(daemon_rss_peak_kb(), peak + 8192);
	ck_assert_uint_gt(sent, 0);
}
END_TEST

static Suite *admin_suite(void)
{
	Suite *suite = suite_create("net_admin");
	TCase *requests = harness_case(suite, "requests", 60);
	TCase *bounds = harness_case(suite, "bounds", 90);

	tcase_add_test(requests, every_path_on_a_unix_socket);
	tcase_add_test(requests, every_path_on_an_address);
	tcase_add_test(requests, a_body_has_parameters_too);
	tcase_add_test(requests, requests_that_are_too_long_are_refused);
	tcase_add_test(requests, what_is_no_request_hurts_nobody);
	tcase_add_test(requests, a_connection_has_one_request);
	tcase_add_test(requests, who_goes_before_the_answer_leaves_nothing_behind);
	tcase_add_test(bounds, there_are_16_connections_at_a_time);
	tcase_add_test(bounds, who_sends_slowly_is_cut);
	tcase_add_test(bounds, who_sends_without_end_fills_no_memory);
	return suite;
}

int main(void)
{
	return harness_run(admin_suite());
}
