/* SPDX-License-Identifier: BSD-2-Clause */
/* Ping-pong: a message at a time on each connection, through the echo; its time is the latency. */
#include "load.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "backend_role.h"
#include "clock_ns.h"

/* A message is its number, and zeros. */
static int send_message(struct load_thread *thread, struct load_conn *conn)
{
	unsigned len = thread->options->message_len;
	ssize_t sent;

	memset(thread->buffer, 0, len);
	conn->number++;
	conn->got = 0;
	memcpy(thread->buffer, &conn->number, sizeof(conn->number));
	conn->started_ns = clock_ns();
	sent = send(conn->fd, thread->buffer, len, MSG_NOSIGNAL);
	/* The socket is empty: a message fits. */
	if (sent != (ssize_t)len)
		return load_failed(thread, conn, "sending", sent < 0 ? errno : EMSGSIZE);
	return 0;
}

static int on_ready(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	unsigned len = thread->options->message_len;
	ssize_t got = recv(conn->fd, thread->buffer, len - conn->got, 0);

	(void)events;
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0)
		return load_failed(thread, conn, "receiving", got < 0 ? errno : 0);
	/* A number that comes in two pieces is not looked at. */
	if (conn->got == 0 && (size_t)got >= sizeof(conn->number) &&
	    memcmp(thread->buffer, &conn->number, sizeof(conn->number)) != 0)
		return load_failed(thread, conn, "another message than was sent", EBADMSG);
	conn->got += (unsigned)got;
	if (conn->got < len)
		return 0;
	if (load_measuring(thread)) {
		latency_add(&thread->latency, clock_ns() - conn->started_ns);
		thread->counts.requests++;
		thread->counts.bytes_up += len;
		thread->counts.bytes_down += len;
	}
	return send_message(thread, conn);
}

const struct load_mode load_mode_pingpong = {
    .name = "pingpong", .role = BACKEND_ECHO, .on_open = send_message, .on_ready = on_ready};
