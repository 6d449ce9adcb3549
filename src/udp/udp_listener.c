/* SPDX-License-Identifier: BSD-2-Clause */
/* One UDP listener block in one worker. */
#include "udp/udp_listener.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/sock.h"
#include "udp/flow.h"
#include "udp/intake.h"

/* Flows that end in one pass of the loop, so that many that end at once hold up nobody. */
#define EXPIRE_MAX 256

/*
 * Buffers of a listening socket, which serves all flows: a burst of a thousand datagrams of each
 * 1200 bytes has room while the worker does something else.
 */
#define SOCKET_BUFFER (4 * 1024 * 1024)

void udp_listener_publish(struct udp_listener *listener)
{
	const struct flow_links *oldest = flow_table_oldest(&listener->table);

	flow_quota_publish(&listener->service->quota, listener->quota_number,
			   oldest != NULL ? oldest->active_ms : INT64_MAX);
}

/* ---- in ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp_socket *socket = arg;
	struct udp_context *context = socket->listener->context;
	struct intake intake;
	int got;

	(void)what;
	/* One batch, then the others have their turn: the loop comes back while there is more. */
	got = udp_context_receive(context, fd, 0, UDP_CONTEXT_MESSAGES, true);
	if (got <= 0)
		return;
	intake_begin(&intake, socket, clock_now_ms());
	for (int i = 0; i < got; i++) {
		struct msghdr *message = &context->in[i].msg_hdr;

		intake_message(&intake, message, context->in[i].msg_len);
	}
	flow_send_gathered(socket->listener);
	udp_listener_publish(socket->listener);
}

/* Datagrams that waited for room: now there is some, or they make it here. */
static void take_deferred(struct udp_listener *listener)
{
	struct deferred_list list = listener->deferred;
	struct deferred *deferred;

	if (STAILQ_EMPTY(&list.datagrams))
		return;
	deferred_init(&listener->deferred);
	while ((deferred = deferred_take(&list)) != NULL) {
		intake_deferred(deferred, clock_now_ms());
		flow_send_gathered(listener);
		free(deferred);
	}
}

void udp_listener_handle_room(struct udp_listener *listener)
{
	struct service *service = listener->service;
	unsigned asked = flow_quota_take_asked(&service->quota, listener->quota_number);

	for (unsigned i = 0; i < asked && service_is_full(service); i++) {
		struct flow_links *oldest = flow_table_oldest(&listener->table);

		if (oldest == NULL)
			break;
		flow_close(flow_of(oldest), REASON_CONNECTION_LIMIT);
	}
	/* Even if nothing has ended: they must not wait for what will not come. */
	udp_listener_publish(listener);
	if (asked > 0)
		flow_quota_tell(&service->quota, listener->quota_number);
	take_deferred(listener);
	udp_listener_publish(listener);
}

/* ---- out ---- */

void udp_listener_send_replies(struct udp_listener *listener)
{
	struct udp_context *context = listener->context;
	struct udp_socket *socket = context->replying;

	context->replying = NULL;
	if (socket == NULL || outbox_flush(&context->down, context->replying_fd, &socket->join_max,
					   flow_sent_down) == 0)
		return;
	/* Its buffer is full: what is not read waits in the flows' own, where it is not lost. */
	if (event_add(socket->writable, NULL) == 0)
		event_del(listener->flows);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct udp_socket *socket = arg;

	(void)fd;
	(void)what;
	(void)event_add(socket->listener->flows, NULL);
}

static void on_flows(evutil_socket_t fd, short what, void *arg)
{
	struct udp_listener *listener = arg;
	struct udp_context *context = listener->context;
	int64_t now = clock_now_ms();
	size_t used = 0;
	int count;

	(void)what;
	/* No flow ends in here, so the events' pointers hold. */
	count = epoll_wait(fd, context->events, UDP_CONTEXT_MESSAGES, 0);
	for (int i = 0; i < count; i++)
		flow_read(context->events[i].data.ptr, context->events[i].events, &used, now);
	udp_listener_send_replies(listener);
	udp_listener_note_joining(listener);
	udp_listener_publish(listener);
}

void udp_listener_cannot_join(struct udp_listener *listener)
{
	listener->joins_replies = false;
	log_msg(LOG_LEVEL_INFO,
		"listener %s: this kernel has no UDP_GRO; datagrams are read one by one",
		listener->service->conf->name);
}

void udp_listener_note_joining(struct udp_listener *listener)
{
	size_t least = listener->join_max;

	if (listener->noted_joining)
		return;
	for (size_t i = 0; i < listener->sockets_count; i++)
		if (listener->sockets[i].join_max < least)
			least = listener->sockets[i].join_max;
	if (least == OUTBOX_JOIN_ALL)
		return;
	listener->noted_joining = true;
	log_msg(LOG_LEVEL_INFO,
		"listener %s: the kernel refuses UDP_SEGMENT for datagrams of more than %zu bytes; "
		"those are sent one by one",
		listener->service->conf->name, least);
}

/* ---- idle ---- */

static void arm_expiry(struct udp_listener *listener, int64_t delay_ms)
{
	const struct timeval delay = clock_timeval(delay_ms);

	(void)evtimer_add(listener->expiry, &delay);
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct udp_listener *listener = arg;
	int64_t limit_ms = listener->service->conf->close_after_ms;
	int64_t now = clock_now_ms();
	struct flow_links *oldest;

	(void)fd;
	(void)what;
	for (int i = 0; i < EXPIRE_MAX; i++) {
		oldest = flow_table_oldest(&listener->table);
		if (oldest == NULL || now - oldest->active_ms < limit_ms)
			break;
		flow_close(flow_of(oldest), REASON_IDLE_TIMEOUT);
	}
	udp_listener_publish(listener);
	oldest = flow_table_oldest(&listener->table);
	if (oldest != NULL) {
		int64_t left_ms = limit_ms - (now - oldest->active_ms);

		arm_expiry(listener, left_ms > 0 ? left_ms : 0);
	} else if (listener->on_idle != NULL) {
		listener->on_idle(listener->on_idle_arg);
	}
}

void udp_listener_watch_idle(struct udp_listener *listener)
{
	uint32_t limit_ms = listener->service->conf->close_after_ms;

	if (limit_ms != 0 && !evtimer_pending(listener->expiry, NULL))
		arm_expiry(listener, limit_ms);
}

/* ---- opening and closing ---- */

static int add_socket(struct udp_listener *listener, int fd)
{
	struct udp_socket *socket = &listener->sockets[listener->sockets_count];

	socket->listener = listener;
	socket->fd = fd;
	socket->number = (uint32_t)listener->sockets_count++;
	socket->join_max = OUTBOX_JOIN_ALL;
	socket->port = addr_port(&listener->service->conf->listen[socket->number]);
	socket->readable = event_new(listener->base, fd, EV_READ | EV_PERSIST, on_readable, socket);
	socket->writable = event_new(listener->base, fd, EV_WRITE, on_writable, socket);
	if (socket->readable == NULL || socket->writable == NULL ||
	    event_add(socket->readable, NULL) < 0)
		return -1;
	udp_sock_set_buffers(fd, SOCKET_BUFFER, SOCKET_BUFFER);
	if (udp_sock_set_gro(fd) < 0)
		udp_listener_cannot_join(listener);
	return 0;
}

static int make_events(struct udp_listener *listener)
{
	listener->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener->expiry = evtimer_new(listener->base, on_expiry, listener);
	if (listener->epoll_fd < 0 || listener->expiry == NULL)
		return -1;
	listener->flows =
	    event_new(listener->base, listener->epoll_fd, EV_READ | EV_PERSIST, on_flows, listener);
	if (listener->flows == NULL)
		return -1;
	return event_add(listener->flows, NULL);
}

struct udp_listener *udp_listener_new(struct event_base *base, struct service *service,
				      struct udp_context *context, flow_quota_wake wake,
				      void *wake_arg, const int *fds, size_t count)
{
	struct udp_listener *listener = calloc(1, sizeof(*listener));
	size_t taken = 0;

	if (listener == NULL)
		goto fail;
	listener->base = base;
	listener->service = service;
	listener->context = context;
	listener->epoll_fd = -1;
	listener->join_max = OUTBOX_JOIN_ALL;
	listener->joins_replies = true;
	flow_table_init(&listener->table);
	deferred_init(&listener->deferred);
	listener->quota_number = flow_quota_join(&service->quota, wake, wake_arg);
	if (listener->quota_number < 0)
		goto fail;
	listener->sockets = calloc(count, sizeof(*listener->sockets));
	if (listener->sockets == NULL || make_events(listener) < 0)
		goto fail;
	while (taken < count)
		if (add_socket(listener, fds[taken++]) < 0)
			goto fail;
	return listener;

fail:
	for (size_t i = taken; i < count; i++)
		sock_close(fds[i]);
	udp_listener_free(listener);
	return NULL;
}

static void free_socket(struct udp_socket *socket)
{
	if (socket->readable != NULL)
		event_free(socket->readable);
	if (socket->writable != NULL)
		event_free(socket->writable);
	sock_close(socket->fd);
}

void udp_listener_free(struct udp_listener *listener)
{
	if (listener == NULL)
		return;
	udp_listener_close_flows(listener, REASON_SHUTDOWN);
	for (size_t i = 0; i < listener->sockets_count; i++)
		free_socket(&listener->sockets[i]);
	if (listener->flows != NULL)
		event_free(listener->flows);
	if (listener->expiry != NULL)
		event_free(listener->expiry);
	sock_close(listener->epoll_fd);
	flow_table_fini(&listener->table);
	deferred_fini(&listener->deferred);
	reply_sockets_fini(&listener->reply_sockets);
	free(listener->sockets);
	free(listener);
}

void udp_listener_drain(struct udp_listener *listener)
{
	listener->draining = true;
}

void udp_listener_close_flows(struct udp_listener *listener, enum close_reason reason)
{
	struct flow_links *oldest;

	while ((oldest = flow_table_oldest(&listener->table)) != NULL)
		flow_close(flow_of(oldest), reason);
}
