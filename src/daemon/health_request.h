/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP as a health port needs it: one request is read without keeping it, and one answer written.
 *
 * This is not libevent's evhttp, which (in 2.1) can neither bound the number of connections nor the
 * time that one of them takes as a whole, and spins when descriptors are out. Pure; any thread.
 */
#ifndef MMPROXY_HEALTH_REQUEST_H
#define MMPROXY_HEALTH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/health_probe.h"

/* Bytes of a request, with all its header fields. */
#define HEALTH_REQUEST_MAX 8192

enum health_request_state {
	HEALTH_REQUEST_PARTIAL, /* more has to come */
	HEALTH_REQUEST_WHOLE,	/* a request of HTTP/1.x and its header fields */
	HEALTH_REQUEST_INVALID, /* not HTTP/1.x, or too long */
};

enum health_method {
	HEALTH_METHOD_GET, /* and OPTIONS, which HAProxy sends unless told otherwise */
	HEALTH_METHOD_HEAD,
	HEALTH_METHOD_OTHER,
};

/* All zero is one of which nothing has come. */
struct health_request {
	enum health_request_state state;
	enum health_method method; /* of a whole request */
	char word[16];		   /* the word of the first line that is being read */
	size_t word_len;	   /* that many have come; the last of a long word are not kept */
	size_t spaces;		   /* of the first line */
	size_t len;		   /* all that has come */
	bool in_fields;		   /* behind the first line */
	bool line_is_empty;	   /* so far */
};

/* Read on. Returns the request's state, which stays when it is no longer HEALTH_REQUEST_PARTIAL. */
enum health_request_state health_request_read(struct health_request *request, const char *bytes,
					      size_t len);

/* The longest answer. */
#define HEALTH_ANSWER_MAX 512

/*
 * Write the answer to a whole or invalid request: 200 or 503 by the result, 405 to another method,
 * 400 to what is not a request. Returns its length.
 */
size_t health_answer(char buf[static HEALTH_ANSWER_MAX], const struct health_request *request,
		     const struct health_result *result);

#endif
