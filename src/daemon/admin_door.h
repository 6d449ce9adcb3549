/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP on a listening socket by libevent's evhttp, with bounds that it has not: how many
 * connections there are at a time, and how long one may take. A connection has one request. Main
 * thread.
 */
#ifndef MMPROXY_ADMIN_DOOR_H
#define MMPROXY_ADMIN_DOOR_H

#include <event2/event.h>
#include <event2/http.h>

/* Connections at a time; the next ones wait in the listening socket's queue. */
#define ADMIN_DOOR_CONNECTIONS 16

/* From the connection to the last byte of the answer. */
#define ADMIN_DOOR_PATIENCE_MS 10000

/* Bytes of a request: of its first line and headers, and of its body. */
#define ADMIN_DOOR_HEAD_MAX 4096
#define ADMIN_DOOR_BODY_MAX 4096

struct admin_door;

/*
 * Serve a listening, non-blocking socket, which stays the caller's and open until
 * admin_door_free(). handler answers each request, at once or later, by admin_door_answer(). NULL
 * when memory is out.
 */
struct admin_door *admin_door_new(struct event_base *base, int fd,
				  void (*handler)(struct evhttp_request *request, void *arg),
				  void *arg) __attribute__((warn_unused_result));

/* Drops all connections: requests that have no answer yet are gone then. NULL is fine. */
void admin_door_free(struct admin_door *door);

/* Once a second: accepts again after descriptors were out. */
void admin_door_tick(struct admin_door *door);

/* Answer; takes what is in body (NULL: nothing). The request is gone then. */
void admin_door_answer(struct evhttp_request *request, int code, const char *content_type,
		       struct evbuffer *body);

/* Answer with one sentence, as printf(3) has it. The request is gone then. */
#define ADMIN_DOOR_TEXT "text/plain; charset=utf-8"
void admin_door_say(struct evhttp_request *request, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
