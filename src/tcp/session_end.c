/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a session's connections: who gets a FIN and who a reset. */
#include "tcp/session_end.h"

#include <event2/buffer.h>

#include "net/sock.h"
#include "tcp/reset.h"
#include "tcp/tcp_listener.h"

/* Whether the reason leaves a side that has all its bytes in good order. */
static bool is_orderly(enum close_reason reason)
{
	return reason == REASON_DONE || reason == REASON_CLIENT_CLOSED_EARLY ||
	       reason == REASON_IDLE_TIMEOUT || reason == REASON_HALF_CLOSE_TIMEOUT ||
	       reason == REASON_HEALTH_CHECK || reason == REASON_SHUTDOWN;
}

/* Whether a side has been sent and has acknowledged all it was to get, and all from it was read. */
static bool is_complete(const struct relay_end *end)
{
	return end->undelivered == NULL && !end->lost && sock_unacknowledged(end->fd) == 0 &&
	       sock_unread(end->fd) == 0;
}

/*
 * A close that loses no byte is a FIN, one that does is a RST. After REASON_DONE both FINs have
 * gone their way already, and the kernel sees to the rest.
 */
static void close_side(struct session *session, struct relay_end *end, enum close_reason reason,
		       bool orderly, bool foreign, uint32_t mark)
{
	struct tcp_listener *listener = session->listener;

	if (end->fd < 0)
		return;
	if (reason == REASON_DONE || (orderly && is_complete(end))) {
		sock_close(end->fd);
		return;
	}
	if (end->undelivered != NULL)
		evbuffer_free(end->undelivered);
	end->undelivered = NULL;
	if (end->reset) {
		sock_abort(end->fd);
		return;
	}
	reset_take(listener->resets, end->fd, foreign, mark, session->service,
		   session->client_place);
}

void session_end_take(struct session *session, struct session_end *end)
{
	*end = (struct session_end){
	    .client.fd = session->client_fd,
	    .backend.fd = session->backend_fd,
	    /* What was read of it that no backend has got. */
	    .client.lost = session->payload != NULL,
	};
	if (session->relay != NULL) {
		relay_measure(session->relay, &end->progress);
		relay_stop(session->relay, &end->client, &end->backend);
		session->relay = NULL;
	}
}

void session_end_close(struct session *session, enum close_reason reason, struct session_end *end)
{
	const struct conf_listener *conf = session_conf(session);
	const struct addr source = session_source(session);
	bool orderly = is_orderly(reason) && !end->client.reset && !end->backend.reset;

	close_side(session, &end->client, reason, orderly, conf->listen_transparent, 0);
	close_side(session, &end->backend, reason, orderly, addr_is_set(&source), conf->mark);
}
