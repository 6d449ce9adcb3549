/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP on a listening socket, with bounds. */
#include "daemon/admin_door.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/log.h"

/* How often connections are looked at while there are some. */
#define SWEEP_MS 100

/*
 * Bytes that a connection may have sent and nobody has read: evhttp goes on reading while it sends
 * an answer, so that it learns of a close, and keeps what comes.
 */
#define UNREAD_MAX (ADMIN_DOOR_HEAD_MAX + ADMIN_DOOR_BODY_MAX + 1024)

/*
 * evhttp says neither how many connections it has nor when one ends. So each has a reference here,
 * beside evhttp's: once that one has let go of it, which takes the callbacks away, it is over. The
 * descriptor is closed with the last reference.
 */
struct visitor {
	struct bufferevent *connection; /* NULL: a free place */
	int64_t since_ms;
	bool hurried; /* its time was over, and it has been shut down */
};

struct admin_door {
	struct event_base *base;
	struct evhttp *http;
	struct evconnlistener *listener; /* evhttp's */
	struct event *sweep;
	void (*handler)(struct evhttp_request *request, void *arg);
	void *arg;
	bool full; /* the listener is disabled for it */
	struct visitor visitors[ADMIN_DOOR_CONNECTIONS];
};

/* ---- connections ---- */

static bool is_over(const struct visitor *visitor)
{
	bufferevent_event_cb on_event = NULL;

	bufferevent_getcb(visitor->connection, NULL, NULL, &on_event, NULL);
	return on_event == NULL;
}

static void forget(struct visitor *visitor)
{
	(void)bufferevent_decref(visitor->connection);
	*visitor = (struct visitor){0};
}

/* A stopped reader does not notice, but evhttp does: as soon as it reads or writes. */
static void hurry(struct visitor *visitor)
{
	visitor->hurried = true;
	(void)shutdown(bufferevent_getfd(visitor->connection), SHUT_RDWR);
}

/* Forget those that are over, and end those that take too long. Returns how many there are. */
static size_t look_at_visitors(struct admin_door *door)
{
	int64_t now_ms = clock_now_ms();
	size_t count = 0;

	for (size_t i = 0; i < ADMIN_DOOR_CONNECTIONS; i++) {
		struct visitor *visitor = &door->visitors[i];

		if (visitor->connection == NULL)
			continue;
		if (is_over(visitor)) {
			forget(visitor);
			continue;
		}
		count++;
		if (!visitor->hurried && now_ms - visitor->since_ms > ADMIN_DOOR_PATIENCE_MS)
			hurry(visitor);
	}
	return count;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct admin_door *door = arg;
	size_t count = look_at_visitors(door);

	(void)fd;
	(void)what;
	if (door->full && count < ADMIN_DOOR_CONNECTIONS) {
		door->full = false;
		(void)evconnlistener_enable(door->listener);
	}
	if (count == 0)
		event_del(door->sweep);
}

/* Returns 0, or -1 when memory is out. */
static int start_sweeping(struct admin_door *door)
{
	const struct timeval interval = clock_timeval(SWEEP_MS);

	return event_pending(door->sweep, EV_TIMEOUT, NULL) ? 0 : event_add(door->sweep, &interval);
}

static struct visitor *find_place(struct admin_door *door)
{
	for (size_t i = 0; i < ADMIN_DOOR_CONNECTIONS; i++)
		if (door->visitors[i].connection == NULL)
			return &door->visitors[i];
	return NULL;
}

/*
 * A connection has been accepted, and this is to make what evhttp drives it by. Without memory it
 * makes one of its own, which has evhttp's bounds alone.
 */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct admin_door *door = arg;
	struct visitor *visitor;
	struct bufferevent *connection;

	/* Places of those that are over are free at once. */
	(void)look_at_visitors(door);
	visitor = find_place(door);
	if (visitor == NULL || start_sweeping(door) < 0)
		return NULL;
	connection = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (connection == NULL)
		return NULL;
	bufferevent_setwatermark(connection, EV_READ, 0, UNREAD_MAX);
	bufferevent_incref(connection);
	*visitor = (struct visitor){.connection = connection, .since_ms = clock_now_ms()};
	if (find_place(door) == NULL) {
		door->full = true;
		(void)evconnlistener_disable(door->listener);
	}
	return connection;
}

/*
 * Descriptors or memory are out. The socket stays readable, so asking again at once is no use:
 * admin_door_tick() enables the listener. The argument is evhttp's, not the door.
 */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	log_msg(LOG_LEVEL_WARN, "admin.listen: cannot accept: %s",
		evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	(void)evconnlistener_disable(listener);
}

static void on_request(struct evhttp_request *request, void *arg)
{
	const struct admin_door *door = arg;

	door->handler(request, door->arg);
}

/* ---- life ---- */

static int make_http(struct admin_door *door, int fd)
{
	door->http = evhttp_new(door->base);
	door->sweep = event_new(door->base, -1, EV_PERSIST, on_sweep, door);
	if (door->http == NULL || door->sweep == NULL)
		return -1;
	door->listener = evconnlistener_new(door->base, NULL, NULL,
					    LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
	if (door->listener == NULL)
		return -1;
	if (evhttp_bind_listener(door->http, door->listener) == NULL) {
		evconnlistener_free(door->listener);
		return -1;
	}
	evconnlistener_set_error_cb(door->listener, on_accept_error);
	evhttp_set_bevcb(door->http, on_connection, door);
	evhttp_set_gencb(door->http, on_request, door);
	evhttp_set_max_headers_size(door->http, ADMIN_DOOR_HEAD_MAX);
	evhttp_set_max_body_size(door->http, ADMIN_DOOR_BODY_MAX);
	evhttp_set_timeout(door->http, ADMIN_DOOR_PATIENCE_MS / 1000);
	/* All that it knows, so that the handler answers those that a path has not. */
	evhttp_set_allowed_methods(door->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
						   EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						   EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	return evconnlistener_enable(door->listener);
}

struct admin_door *admin_door_new(struct event_base *base, int fd,
				  void (*handler)(struct evhttp_request *request, void *arg),
				  void *arg)
{
	struct admin_door *door = calloc(1, sizeof(*door));

	if (door == NULL)
		return NULL;
	door->base = base;
	door->handler = handler;
	door->arg = arg;
	if (make_http(door, fd) == 0)
		return door;
	admin_door_free(door);
	return NULL;
}

void admin_door_free(struct admin_door *door)
{
	if (door == NULL)
		return;
	if (door->http != NULL)
		evhttp_free(door->http);
	for (size_t i = 0; i < ADMIN_DOOR_CONNECTIONS; i++)
		if (door->visitors[i].connection != NULL)
			forget(&door->visitors[i]);
	if (door->sweep != NULL)
		event_free(door->sweep);
	free(door);
}

void admin_door_tick(struct admin_door *door)
{
	if (!door->full)
		(void)evconnlistener_enable(door->listener);
}

void admin_door_answer(struct evhttp_request *request, int code, const char *content_type,
		       struct evbuffer *body)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	(void)evhttp_add_header(headers, "Content-Type", content_type);
	(void)evhttp_add_header(headers, "Connection", "close");
	(void)evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_send_reply(request, code, NULL, body);
}

void admin_door_say(struct evhttp_request *request, int code, const char *format, ...)
{
	struct evbuffer *body = evbuffer_new();
	va_list args;

	va_start(args, format);
	if (body != NULL && evbuffer_add_vprintf(body, format, args) >= 0)
		(void)evbuffer_add(body, "\n", 1);
	va_end(args);
	admin_door_answer(request, code, ADMIN_DOOR_TEXT, body);
	if (body != NULL)
		evbuffer_free(body);
}
