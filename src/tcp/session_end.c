/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a session's connections: what is delivered, and who gets a FIN and who a reset. */
#include "tcp/session_end.h"

#include <event2/buffer.h>

#include "net/sock.h"
#include "tcp/reset.h"
#include "tcp/tcp_listener.h"

/* Bytes read out of a side that was reset, at most; its kernel may hold more. */
#define SALVAGE_MAX (4u * 1024 * 1024)

/* Whether the reason leaves a side that has all its bytes in good order. */
static bool is_orderly(enum close_reason reason)
{
	return reason == REASON_DONE || reason == REASON_CLIENT_CLOSED_EARLY ||
	       reason == REASON_IDLE_TIMEOUT || reason == REASON_HALF_CLOSE_TIMEOUT ||
	       reason == REASON_SHUTDOWN;
}

/*
 * A close that loses no byte is a FIN, one that does is a RST. After REASON_DONE both FINs have
 * gone their way already, and the kernel sees to the rest.
 */
static void close_side(struct session *session, struct relay_end *side, enum close_reason reason,
		       bool foreign, uint32_t mark)
{
	if (side->fd < 0)
		return;
	if (reason == REASON_DONE ||
	    (is_orderly(reason) && side->undelivered == NULL &&
	     sock_unacknowledged(side->fd) == 0 && sock_unread(side->fd) == 0))
		sock_close(side->fd);
	else
		reset_take(session->listener->resets, side->fd, side->undelivered, foreign, mark);
}

/*
 * What a side sent before it reset still goes to the other one. Some of it may not have been read:
 * the reset may be met by writing, or while the other side takes no more, or before the connection
 * was even seen to be there.
 */
static void salvage(int from, struct relay_end *to)
{
	size_t salvaged = 0;
	int got = 1;

	if (from < 0 || to->fd < 0)
		return;
	if (to->undelivered == NULL)
		to->undelivered = evbuffer_new();
	while (to->undelivered != NULL && got > 0 && salvaged < SALVAGE_MAX) {
		got = evbuffer_read(to->undelivered, from, -1);
		if (got > 0)
			salvaged += (size_t)got;
	}
}

/* What came before a reset is passed on after the relay's end, and counts as passed on. */
static uint64_t outstanding(const struct relay_end *side)
{
	return side->undelivered != NULL ? evbuffer_get_length(side->undelivered) : 0;
}

void session_end_take(struct session *session, enum close_reason reason, struct session_end *end)
{
	*end = (struct session_end){
	    .client.fd = session->client_fd,
	    .backend.fd = session->backend_fd,
	};
	if (session->relay != NULL) {
		relay_measure(session->relay, &end->progress);
		relay_stop(session->relay, &end->client, &end->backend);
		session->relay = NULL;
	}
	if (reason == REASON_CLIENT_RESET) {
		salvage(end->client.fd, &end->backend);
		end->progress.bytes[RELAY_UP] += outstanding(&end->backend);
	} else if (reason == REASON_BACKEND_RESET) {
		salvage(end->backend.fd, &end->client);
		end->progress.bytes[RELAY_DOWN] += outstanding(&end->client);
	}
}

void session_end_close(struct session *session, enum close_reason reason, struct session_end *end)
{
	const struct conf_listener *conf = session_conf(session);
	/* Bytes were taken from the client that no backend has got. */
	bool lost = session->payload != NULL;

	close_side(session, &end->client, lost ? REASON_INTERNAL : reason, conf->listen_transparent,
		   0);
	close_side(session, &end->backend, reason, addr_is_set(&session->source), conf->mark);
}
