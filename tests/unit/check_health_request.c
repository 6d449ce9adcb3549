/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to a health port, whole and in pieces, and what is answered. */
#include "daemon/health_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

static const struct health_result both_accept = {REASON_DONE, REASON_DONE};

static enum health_request_state read_text(struct health_request *request, const char *text)
{
	memset(request, 0, sizeof(*request));
	return health_request_read(request, text, strlen(text));
}

static const char *answer_to(const char *text, const struct health_result *result)
{
	static char buf[HEALTH_ANSWER_MAX + 1];
	struct health_request request;
	size_t len;

	ck_assert_int_ne(read_text(&request, text), HEALTH_REQUEST_PARTIAL);
	len = health_answer(buf, &request, result);
	ck_assert_uint_lt(len, HEALTH_ANSWER_MAX);
	buf[len] = '\0';
	return buf;
}

/* ---- reading ---- */

static const struct {
	const char *text;
	enum health_request_state state;
	enum health_method method;
} requests[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_GET},
    {"GET /any/path?x=1 HTTP/1.0\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_GET},
    {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_GET},
    {"GET / HTTP/1.1\n\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_GET},
    {"HEAD / HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_HEAD},
    {"OPTIONS / HTTP/1.0\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_GET},
    {"OPTIONS * HTTP/1.1\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_GET},
    {"POST / HTTP/1.1\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_OTHER},
    {"get / HTTP/1.1\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_OTHER},
    {"GETGETGETGETGETGETGET / HTTP/1.1\r\n\r\n", HEALTH_REQUEST_WHOLE, HEALTH_METHOD_OTHER},
    {"", HEALTH_REQUEST_PARTIAL, 0},
    {"GET / HTTP/1.1\r\nHost: a\r\n", HEALTH_REQUEST_PARTIAL, 0},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r", HEALTH_REQUEST_PARTIAL, 0},
    {"GET /\r\n", HEALTH_REQUEST_INVALID, 0},
    {"GET / HTTP/2.0\r\n", HEALTH_REQUEST_INVALID, 0},
    {"GET / and more HTTP/1.1\r\n", HEALTH_REQUEST_INVALID, 0},
    {"GET  / HTTP/1.1\r\n", HEALTH_REQUEST_INVALID, 0},
    {" GET / HTTP/1.1\r\n", HEALTH_REQUEST_INVALID, 0},
    {"GET / \r\n", HEALTH_REQUEST_INVALID, 0},
    {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", HEALTH_REQUEST_INVALID, 0},
    {"\r\n\r\n\0", HEALTH_REQUEST_PARTIAL, 0},
    {"\x16\x03\x01", HEALTH_REQUEST_INVALID, 0},
    {"\xff\xff", HEALTH_REQUEST_INVALID, 0},
};

START_TEST(a_request_is_read_whole)
{
	struct health_request request;

	ck_assert_int_eq(read_text(&request, requests[_i].text), requests[_i].state);
	if (requests[_i].state == HEALTH_REQUEST_WHOLE)
		ck_assert_int_eq(request.method, requests[_i].method);
}
END_TEST

START_TEST(a_request_is_read_split_anywhere)
{
	const char *text = requests[_i].text;
	size_t len = strlen(text);

	for (size_t cut = 0; cut <= len; cut++) {
		struct health_request request = {0};

		(void)health_request_read(&request, text, cut);
		(void)health_request_read(&request, text + cut, len - cut);
		ck_assert_int_eq(request.state, requests[_i].state);
		if (request.state == HEALTH_REQUEST_WHOLE)
			ck_assert_int_eq(request.method, requests[_i].method);
	}
}
END_TEST

/* What begins as a request may not go on for ever, whichever part it is. */
START_TEST(a_request_that_is_too_long_is_invalid)
{
	static const char *const beginnings[] = {"", "GET /",
						 "GET / HTTP/1.1\r\nA: ", "GET / HTTP/1.1\r\n"};
	static const char *const more[] = {"A", "a", "a", "A: b\r\n"};
	struct health_request request;
	size_t len = strlen(beginnings[_i]);

	ck_assert_int_eq(read_text(&request, beginnings[_i]), HEALTH_REQUEST_PARTIAL);
	while (len + strlen(more[_i]) <= HEALTH_REQUEST_MAX) {
		ck_assert_int_eq(health_request_read(&request, more[_i], strlen(more[_i])),
				 HEALTH_REQUEST_PARTIAL);
		len += strlen(more[_i]);
	}
	ck_assert_int_eq(health_request_read(&request, more[_i], strlen(more[_i])),
			 HEALTH_REQUEST_INVALID);
	ck_assert_int_eq(health_request_read(&request, "\r\n\r\n", 4), HEALTH_REQUEST_INVALID);
}
END_TEST

/* ---- answering ---- */

/* An answer is a status, fields with the length of what follows, and that. */
static void assert_answer(const char *answer, const char *status, const char *body, size_t length)
{
	const char *end = strstr(answer, "\r\n\r\n");
	char field[64];

	ck_assert_ptr_nonnull(end);
	ck_assert_int_eq(strncmp(answer, status, strlen(status)), 0);
	ck_assert_str_eq(end + 4, body);
	snprintf(field, sizeof(field), "\r\nContent-Length: %zu\r\n", length);
	ck_assert_ptr_nonnull(strstr(answer, field));
	ck_assert_ptr_nonnull(strstr(answer, "\r\nConnection: close\r\n"));
}

static const struct {
	struct health_result result;
	const char *status;
	const char *body;
} results[] = {
    {{REASON_DONE, REASON_DONE}, "HTTP/1.1 200 ", "ok\nipv4: accepts\nipv6: accepts\n"},
    {{REASON_DONE, REASON_NO_TARGET}, "HTTP/1.1 200 ", "ok\nipv4: accepts\n"},
    {{REASON_NO_TARGET, REASON_DONE}, "HTTP/1.1 200 ", "ok\nipv6: accepts\n"},
    {{REASON_BACKEND_REFUSED, REASON_DONE},
     "HTTP/1.1 503 ",
     "backend_refused\nipv4: backend_refused\nipv6: accepts\n"},
    {{REASON_DONE, REASON_BACKEND_TIMEOUT},
     "HTTP/1.1 503 ",
     "backend_timeout\nipv4: accepts\nipv6: backend_timeout\n"},
    {{REASON_BACKEND_TIMEOUT, REASON_BACKEND_REFUSED},
     "HTTP/1.1 503 ",
     "backend_timeout\nipv4: backend_timeout\nipv6: backend_refused\n"},
    {{REASON_NO_TARGET, REASON_BACKEND_UNREACHABLE},
     "HTTP/1.1 503 ",
     "backend_unreachable\nipv6: backend_unreachable\n"},
};

START_TEST(the_answer_is_the_result)
{
	const char *body = results[_i].body;

	assert_answer(answer_to("GET / HTTP/1.1\r\n\r\n", &results[_i].result), results[_i].status,
		      body, strlen(body));
	assert_answer(answer_to("OPTIONS / HTTP/1.0\r\n\r\n", &results[_i].result),
		      results[_i].status, body, strlen(body));
	/* The same without the body. */
	assert_answer(answer_to("HEAD / HTTP/1.1\r\n\r\n", &results[_i].result), results[_i].status,
		      "", strlen(body));
}
END_TEST

START_TEST(other_requests_get_no_result)
{
	const char *answer = answer_to("DELETE / HTTP/1.1\r\n\r\n", &both_accept);

	ck_assert_int_eq(strncmp(answer, "HTTP/1.1 405 ", 13), 0);
	ck_assert_ptr_nonnull(strstr(answer, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
	ck_assert_int_eq(strncmp(answer_to("SSH-2.0-x\r\n", &both_accept), "HTTP/1.1 400 ", 13), 0);
	ck_assert_int_eq(strncmp(answer_to("HEAD /\r\n", &both_accept), "HTTP/1.1 400 ", 13), 0);
}
END_TEST

/* Every reason fits. */
START_TEST(no_answer_is_too_long)
{
	for (int reason = 0; reason < REASON_COUNT; reason++) {
		const struct health_result result = {(enum close_reason)reason,
						     (enum close_reason)reason};
		const char *answer = answer_to("GET / HTTP/1.1\r\n\r\n", &result);

		ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n"));
		ck_assert_int_eq(answer[strlen(answer) - 1], '\n');
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("health_request");
	TCase *reading = tcase_create("reading");
	TCase *answering = tcase_create("answering");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(reading, a_request_is_read_whole, 0,
			    sizeof(requests) / sizeof(requests[0]));
	tcase_add_loop_test(reading, a_request_is_read_split_anywhere, 0,
			    sizeof(requests) / sizeof(requests[0]));
	tcase_add_loop_test(reading, a_request_that_is_too_long_is_invalid, 0, 4);
	tcase_add_loop_test(answering, the_answer_is_the_result, 0,
			    sizeof(results) / sizeof(results[0]));
	tcase_add_test(answering, other_requests_get_no_result);
	tcase_add_test(answering, no_answer_is_too_long);
	suite_add_tcase(suite, reading);
	suite_add_tcase(suite, answering);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
