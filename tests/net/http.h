/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests over HTTP as another program sends them. Every function either does what it says within
 * harness_patience_ms() or fails the test.
 */
#ifndef MMPROXY_TEST_HTTP_H
#define MMPROXY_TEST_HTTP_H

#include <stddef.h>

struct http_answer {
	int code; /* 0: the connection ended without an answer */
	char head[4096];
	char *body; /* with a NUL behind it; valid until the next answer is read */
	size_t len;
};

/* Connect to the path of a UNIX socket, or to an address. */
int http_connect(const char *place);

/* Read until the connection ends: one answer, or none. Closes the descriptor. */
void http_read(int fd, struct http_answer *answer);

/* Send a request, with a body unless it is NULL, and read the answer. */
void http_ask(const char *place, const char *method, const char *target, const char *body,
	      struct http_answer *answer);

/* The same with GET, which must succeed. Returns the body. */
const char *http_get(const char *place, const char *target);

#endif
