/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP as a health port needs it. */
#include "daemon/health_request.h"

#include <stdio.h>
#include <string.h>

/* The reason, and a line for each of two targets. */
#define BODY_MAX 192

static enum health_method method_of(const char *word)
{
	if (strcmp(word, "GET") == 0 || strcmp(word, "OPTIONS") == 0)
		return HEALTH_METHOD_GET;
	return strcmp(word, "HEAD") == 0 ? HEALTH_METHOD_HEAD : HEALTH_METHOD_OTHER;
}

/* A word of the first line is over. Returns false where it cannot stand there. */
static bool end_word(struct health_request *request)
{
	size_t kept = request->word_len < sizeof(request->word) ? request->word_len
								: sizeof(request->word) - 1;

	request->word[kept] = '\0';
	if (request->word_len == 0)
		return false;
	if (request->spaces == 0)
		request->method = method_of(request->word);
	request->word_len = 0;
	return true;
}

static enum health_request_state read_first_line(struct health_request *request, char byte)
{
	/* Empty lines before it are to be ignored (RFC 9112, section 2.2). */
	if (request->spaces == 0 && request->word_len == 0 && (byte == '\r' || byte == '\n'))
		return HEALTH_REQUEST_PARTIAL;
	if (byte == ' ') {
		if (request->spaces == 2 || !end_word(request))
			return HEALTH_REQUEST_INVALID;
		request->spaces++;
		return HEALTH_REQUEST_PARTIAL;
	}
	if (byte == '\n') {
		if (request->spaces != 2 || !end_word(request) ||
		    strncmp(request->word, "HTTP/1.", 7) != 0)
			return HEALTH_REQUEST_INVALID;
		request->in_fields = true;
		request->line_is_empty = true;
		return HEALTH_REQUEST_PARTIAL;
	}
	if (byte == '\r')
		return HEALTH_REQUEST_PARTIAL;
	if (byte < ' ' || byte == 0x7f)
		return HEALTH_REQUEST_INVALID;
	if (request->word_len < sizeof(request->word) - 1)
		request->word[request->word_len] = byte;
	request->word_len++;
	return HEALTH_REQUEST_PARTIAL;
}

static enum health_request_state read_fields(struct health_request *request, char byte)
{
	if (byte == '\r')
		return HEALTH_REQUEST_PARTIAL;
	if (byte == '\n' && request->line_is_empty)
		return HEALTH_REQUEST_WHOLE;
	request->line_is_empty = byte == '\n';
	return HEALTH_REQUEST_PARTIAL;
}

enum health_request_state health_request_read(struct health_request *request, const char *bytes,
					      size_t len)
{
	for (size_t i = 0; i < len && request->state == HEALTH_REQUEST_PARTIAL; i++) {
		if (request->len++ == HEALTH_REQUEST_MAX)
			request->state = HEALTH_REQUEST_INVALID;
		else if (request->in_fields)
			request->state = read_fields(request, bytes[i]);
		else
			request->state = read_first_line(request, bytes[i]);
	}
	return request->state;
}

/* ---- the answer ---- */

static const char *target_text(enum close_reason reason)
{
	return reason == REASON_DONE ? "accepts" : reason_name(reason);
}

static size_t put_target(char *buf, size_t len, const char *name, enum close_reason reason)
{
	if (reason == REASON_NO_TARGET)
		return len;
	return len +
	       (size_t)snprintf(buf + len, BODY_MAX - len, "%s: %s\n", name, target_text(reason));
}

static void put_body(char buf[static BODY_MAX], const struct health_result *result)
{
	enum close_reason reason = health_result_reason(result);
	size_t len = (size_t)snprintf(buf, BODY_MAX, "%s\n",
				      reason == REASON_DONE ? "ok" : reason_name(reason));

	len = put_target(buf, len, "ipv4", result->ipv4);
	(void)put_target(buf, len, "ipv6", result->ipv6);
}

size_t health_answer(char buf[static HEALTH_ANSWER_MAX], const struct health_request *request,
		     const struct health_result *result)
{
	const char *status = "200 OK";
	const char *allow = "";
	char body[BODY_MAX];

	if (request->state == HEALTH_REQUEST_INVALID) {
		status = "400 Bad Request";
		snprintf(body, sizeof(body), "this is not a request of HTTP/1\n");
	} else if (request->method == HEALTH_METHOD_OTHER) {
		status = "405 Method Not Allowed";
		allow = "Allow: GET, HEAD, OPTIONS\r\n";
		snprintf(body, sizeof(body), "GET, HEAD or OPTIONS\n");
	} else {
		if (health_result_reason(result) != REASON_DONE)
			status = "503 Service Unavailable";
		put_body(body, result);
	}
	return (size_t)snprintf(buf, HEALTH_ANSWER_MAX,
				"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
				"Cache-Control: no-store\r\n%sConnection: close\r\n\r\n%s",
				status, strlen(body), allow,
				request->method == HEALTH_METHOD_HEAD ? "" : body);
}
