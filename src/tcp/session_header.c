/* SPDX-License-Identifier: BSD-2-Clause */
/* The first part of a session's life: reading the PROXY header. */
#include "tcp/session_header.h"

#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "service/tlv_copy.h"
#include "tcp/session_dial.h"
#include "tcp/tcp_listener.h"

/* Read at once from a new connection, at most: as much as libevent reads later. */
#define FIRST_READ_MAX 4096

static void on_header_read(struct bufferevent *bev, void *arg)
{
	struct session *session = arg;
	const struct proxy_header *header;

	switch (header_filter_status(session->filter)) {
	case PROXY_NEED_MORE:
		return;
	case PROXY_ERROR:
		session->header_error = header_filter_error(session->filter);
		session_close(session, REASON_HEADER_INVALID);
		return;
	case PROXY_OK:
		break;
	}
	/* What is not read stays with the kernel, and so with the sender, until there is a backend.
	 */
	bufferevent_disable(bev, EV_READ);
	evtimer_del(&session->timer);
	header = header_filter_header(session->filter);
	session->header_version = header->version;
	session->tlvs = tlv_copy_new(header);
	session_dial_start(session, header);
}

static void on_header_event(struct bufferevent *bev, short what, void *arg)
{
	struct session *session = arg;

	(void)bev;
	(void)what;
	/* FIN or reset: either way there is nobody left to serve. */
	if (session->state == SESSION_HEADER)
		session_close(session, REASON_CLIENT_CLOSED_EARLY);
}

/* Mostly the header is there already, and need not be waited for. May close the session. */
static void read_at_once(struct session *session)
{
	unsigned char *buffer = session->listener->relays->read_buffer;
	struct evbuffer *input = bufferevent_get_input(session->client);
	ssize_t got =
	    recv(bufferevent_getfd(session->client), buffer, FIRST_READ_MAX, MSG_DONTWAIT);
	int added;

	/* An end or an error is there for the loop to find. */
	if (got <= 0)
		return;
	/* A bufferevent lets nobody else add to its input. */
	evbuffer_unfreeze(input, 0);
	added = evbuffer_add(input, buffer, (size_t)got);
	evbuffer_freeze(input, 0);
	if (added < 0)
		session_close(session, REASON_INTERNAL);
	else
		bufferevent_trigger(session->client, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
}

void session_header_read(struct session *session)
{
	session->filtered =
	    header_filter_new(session->client, session_conf(session)->header_max, &session->filter);
	if (session->filtered == NULL) {
		session_close(session, REASON_INTERNAL);
		return;
	}
	session->state = SESSION_HEADER;
	session_arm(session, session_conf(session)->header_timeout_ms);
	bufferevent_setcb(session->filtered, on_header_read, NULL, on_header_event, session);
	bufferevent_enable(session->filtered, EV_READ);
	read_at_once(session);
}
