/* SPDX-License-Identifier: BSD-2-Clause */
/* The first part of a session's life: reading the PROXY header. */
#include "tcp/session_header.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include "service/bad_header.h"
#include "service/tlv_copy.h"
#include "tcp/session_dial.h"
#include "tcp/tcp_listener.h"

_Static_assert(RELAY_READ_MAX >= HEADER_READER_FIRST_MAX, "headers are read into that buffer");

/* Keep what outlives the buffer that the header was read into. Returns 0, or -1 without memory. */
static int keep(struct session *session, const struct header_reading *reading)
{
	session->header_version = reading->header.version;
	session->is_check = reading->header.command == PROXY_COMMAND_LOCAL;
	if (tlv_copy_new(&reading->header, &session->tlvs) < 0)
		return -1;
	if (reading->payload_len == 0)
		return 0;
	session->payload = evbuffer_new();
	if (session->payload == NULL)
		return -1;
	return evbuffer_add(session->payload, reading->payload, reading->payload_len);
}

/* What is not read stays with the kernel, and so with the sender, until there is a backend. */
static void on_whole(struct session *session, struct header_reading *reading)
{
	session_stop_waiting(session);
	if (keep(session, reading) < 0) {
		session_close(session, REASON_INTERNAL);
		return;
	}
	/* Copied, as far as they are of use. */
	reading->header.tlvs = NULL;
	reading->header.tlvs_len = 0;
	header_reader_fini(&session->header);
	session_dial_start(session, &reading->header);
}

static void on_invalid(struct session *session, const struct header_reading *reading)
{
	const struct bad_header bad = {
	    .error = reading->error,
	    .bytes = reading->bytes,
	    .len = reading->len,
	};

	stats_add(&session->listener->common.header_errors[bad.error], 1);
	/* The session ends before this function does. */
	/* cppcheck-suppress autoVariables */
	session->bad_header = &bad;
	session_close(session, REASON_HEADER_INVALID);
}

static void on_readable(evutil_socket_t fd, short what, void *arg);

static void wait_for_more(struct session *session)
{
	if (session->waiting == NULL &&
	    session_wait(session, session->client_fd, EV_READ, on_readable,
			 session_conf(session)->header_timeout_ms) < 0)
		session_close(session, REASON_INTERNAL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;
	struct header_reading reading;

	(void)what;
	switch (header_reader_read(&session->header, fd, session_conf(session)->header_max,
				   session->listener->relays->read_buffer, &reading)) {
	case HEADER_WHOLE:
		on_whole(session, &reading);
		break;
	case HEADER_UNFINISHED:
		wait_for_more(session);
		break;
	case HEADER_INVALID:
		on_invalid(session, &reading);
		break;
	case HEADER_CLOSED:
		/* FIN or reset: either way there is nobody left to serve. */
		session_close(session, session->header.len == 0 ? REASON_HEALTH_CHECK
								: REASON_CLIENT_CLOSED_EARLY);
		break;
	case HEADER_NO_MEMORY:
		session_close(session, REASON_INTERNAL);
		break;
	}
}

void session_header_read(struct session *session)
{
	session->state = SESSION_HEADER;
	/* Mostly the header is there already, and need not be waited for. */
	on_readable(session->client_fd, EV_READ, session);
}
