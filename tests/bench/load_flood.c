/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flood: short messages that fill each write, through the echo and back, without a window: what
 * tcpkali does at full speed. What is sent is ahead of what comes back by all that stands in the
 * buffers between, so the directions are counted apart.
 */
#include "load.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "backend_role.h"

#define MESSAGE	    "PING\r\n"
#define MESSAGE_LEN (sizeof(MESSAGE) - 1)

/* A write has as many messages as fit into 64 KiB. */
#define WRITE_LEN (65535 / MESSAGE_LEN * MESSAGE_LEN)

/* What is sent next, when so many bytes were sent before. */
static const uint8_t *messages_after(uint64_t sent)
{
	static _Thread_local uint8_t messages[MESSAGE_LEN + WRITE_LEN];

	if (messages[0] == 0) {
		for (size_t at = 0; at < sizeof(messages); at += MESSAGE_LEN)
			memcpy(messages + at, MESSAGE, MESSAGE_LEN);
	}
	return messages + sent % MESSAGE_LEN;
}

static int send_messages(struct load_thread *thread, struct load_conn *conn)
{
	ssize_t sent = send(conn->fd, messages_after(conn->sent), WRITE_LEN, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN ? 0 : load_failed(thread, conn, "sending", errno);
	conn->sent += (uint64_t)sent;
	if (load_measuring(thread))
		thread->counts.bytes_up += (uint64_t)sent;
	return 0;
}

static int receive_messages(struct load_thread *thread, struct load_conn *conn)
{
	ssize_t got = recv(conn->fd, thread->buffer, sizeof(thread->buffer), 0);

	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0)
		return load_failed(thread, conn, "receiving", got < 0 ? errno : 0);
	/* A proxy that lost or repeated bytes is off by some. */
	if (thread->buffer[0] != MESSAGE[conn->received % MESSAGE_LEN])
		return load_failed(thread, conn, "another byte than was sent", EBADMSG);
	conn->received += (uint64_t)got;
	if (load_measuring(thread))
		thread->counts.bytes_down += (uint64_t)got;
	return 0;
}

static int on_open_flood(struct load_thread *thread, struct load_conn *conn)
{
	return load_watch(thread, conn, EPOLLIN | EPOLLOUT);
}

/* One call each way, so that all connections have their turn. */
static int on_ready_flood(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) && receive_messages(thread, conn) < 0)
		return -1;
	return (events & EPOLLOUT) ? send_messages(thread, conn) : 0;
}

const struct load_mode load_mode_flood = {
    .name = "flood", .role = BACKEND_ECHO, .on_open = on_open_flood, .on_ready = on_ready_flood};
