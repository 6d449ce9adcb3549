/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bulk: both ways through the echo, or one way into the sink or from the source.
 *
 * Both ways, a connection has at most a window of bytes under way. Without that limit the buffers
 * of all the sockets between would take gigabytes, and a short run would measure how they fill up.
 */
#include "load.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "backend_role.h"

#define WINDOW ((uint64_t)1024 * 1024)

static const uint8_t filler[LOAD_WRITE_MAX];

/* One call a wake-up, so that all connections have their turn. */
static int send_some(struct load_thread *thread, struct load_conn *conn, const uint8_t *bytes,
		     size_t len)
{
	ssize_t sent = send(conn->fd, bytes, len, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN ? 0 : load_failed(thread, conn, "sending", errno);
	if (load_measuring(thread))
		thread->counts.bytes_up += (uint64_t)sent;
	conn->under_way += (uint64_t)sent;
	return 0;
}

static int receive_some(struct load_thread *thread, struct load_conn *conn)
{
	ssize_t got = recv(conn->fd, thread->buffer, sizeof(thread->buffer), 0);

	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0)
		return load_failed(thread, conn, "receiving", got < 0 ? errno : 0);
	if (load_measuring(thread))
		thread->counts.bytes_down += (uint64_t)got;
	conn->under_way -= (uint64_t)got;
	return 0;
}

/* Up to two buffers for each one received, so that the window fills; short writes until then. */
static int fill_window(struct load_thread *thread, struct load_conn *conn)
{
	size_t len = thread->options->write_len;
	uint64_t end = conn->under_way + 2 * (len > LOAD_BUFFER_LEN ? len : LOAD_BUFFER_LEN);

	if (end > WINDOW)
		end = WINDOW;
	while (conn->under_way < end) {
		uint64_t before = conn->under_way, rest = end - before;

		if (send_some(thread, conn, filler, rest < len ? (size_t)rest : len) < 0)
			return -1;
		if (conn->under_way == before)
			break;
	}
	return 0;
}

/* Something is under way always, so there will be bytes to read: nobody waits for EPOLLOUT. */
static int on_ready_stream(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	(void)events;
	if (receive_some(thread, conn) < 0)
		return -1;
	return fill_window(thread, conn);
}

static int on_open_upload(struct load_thread *thread, struct load_conn *conn)
{
	return load_watch(thread, conn, EPOLLIN | EPOLLOUT);
}

static int on_ready_upload(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		return receive_some(thread, conn);
	return send_some(thread, conn, filler, thread->options->write_len);
}

/* It waits for bytes already, since the backend's first one. */
static int on_open_download(struct load_thread *thread, struct load_conn *conn)
{
	(void)thread;
	(void)conn;
	return 0;
}

static int on_ready_download(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	(void)events;
	return receive_some(thread, conn);
}

const struct load_mode load_mode_stream = {
    .name = "stream", .role = BACKEND_ECHO, .on_open = fill_window, .on_ready = on_ready_stream};

const struct load_mode load_mode_upload = {
    .name = "upload", .role = BACKEND_SINK, .on_open = on_open_upload, .on_ready = on_ready_upload};

const struct load_mode load_mode_download = {.name = "download",
					     .role = BACKEND_SOURCE,
					     .on_open = on_open_download,
					     .on_ready = on_ready_download};
