/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP: an echo with one datagram under way for each flow, and bulk one way with a window, whose
 * datagrams the receiver counts. A datagram that has not come after a while is lost, and another
 * one goes its way; a late one is none.
 *
 * A flow is a socket, as load balancers have one for each client, with a header in each datagram.
 */
#include "load.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "backend_role.h"
#include "clock_ns.h"

/* Long beside what a datagram takes on a machine that is busy, short beside a measurement. */
#define LOST_NS ((uint64_t)200 * 1000 * 1000)

/* Of bulk: what a QUIC server sends at once, and how many such runs are under way. */
#define RUN_DATAGRAMS 50
#define RUNS_MAX      4
#define BULK_LEN      1200

_Static_assert(RUN_DATAGRAMS *BULK_LEN <= BACKEND_RUN_MAX, "a run is one request");

static int failed(struct load_thread *thread, struct load_conn *conn, const char *what)
{
	/* Of a datagram before this one, which counts as lost. */
	if (errno == EAGAIN || errno == ECONNREFUSED || errno == ENOBUFS)
		return 0;
	return load_failed(thread, conn, what, errno);
}

static void count_lost(struct load_thread *thread, uint64_t count)
{
	if (load_measuring(thread))
		thread->counts.lost += count;
}

/* Header and payload; the payload is the message and as many zeros as it takes. */
static void make_datagram(struct load_conn *conn, const struct backend_message *message, size_t len,
			  struct iovec parts[3])
{
	static const uint8_t zeros[LOAD_BUFFER_LEN];

	parts[0] = (struct iovec){.iov_base = conn->header, .iov_len = conn->header_len};
	parts[1] =
	    (struct iovec){.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof(*message)};
	parts[2] =
	    (struct iovec){.iov_base = (void *)(uintptr_t)zeros, .iov_len = len - sizeof(*message)};
}

static int send_message(struct load_thread *thread, struct load_conn *conn,
			const struct backend_message *message, size_t len)
{
	struct iovec parts[3];
	const struct msghdr datagram = {.msg_iov = parts, .msg_iovlen = 3};

	make_datagram(conn, message, len, parts);
	if (sendmsg(conn->fd, &datagram, 0) < 0)
		return failed(thread, conn, "sending");
	return 0;
}

/* The greeting's answer is still in the socket. */
static void take_greeting(struct load_conn *conn)
{
	uint8_t byte;

	(void)!recv(conn->fd, &byte, 1, 0);
}

/* --- Echo ----------------------------------------------------------------------------------------
 */

static int send_echo(struct load_thread *thread, struct load_conn *conn)
{
	const struct backend_message message = {.role = BACKEND_ECHO, .number = ++conn->number};

	conn->started_ns = clock_ns();
	return send_message(thread, conn, &message, thread->options->message_len);
}

static int on_open_echo(struct load_thread *thread, struct load_conn *conn)
{
	take_greeting(conn);
	return send_echo(thread, conn);
}

static int on_ready_echo(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	struct backend_message message;
	ssize_t got = recv(conn->fd, thread->buffer, sizeof(thread->buffer), 0);

	(void)events;
	if (got < 0)
		return failed(thread, conn, "receiving");
	if ((size_t)got < sizeof(message))
		return 0; /* an answer to a greeting that was sent twice */
	memcpy(&message, thread->buffer, sizeof(message));
	if (message.number != conn->number)
		return 0;
	if ((size_t)got != thread->options->message_len)
		return load_failed(thread, conn, "a datagram of another length", EBADMSG);
	if (load_measuring(thread)) {
		latency_add(&thread->latency, clock_ns() - conn->started_ns);
		thread->counts.requests++;
		thread->counts.bytes_up += (uint64_t)got;
		thread->counts.bytes_down += (uint64_t)got;
	}
	return send_echo(thread, conn);
}

static int on_tick_echo(struct load_thread *thread, struct load_conn *conn, uint64_t now_ns)
{
	if (now_ns - conn->started_ns < LOST_NS)
		return 0;
	count_lost(thread, 1);
	return send_echo(thread, conn);
}

const struct load_mode load_mode_udp_echo = {.name = "udp-echo",
					     .role = BACKEND_ECHO,
					     .datagrams = true,
					     .on_open = on_open_echo,
					     .on_ready = on_ready_echo,
					     .on_tick = on_tick_echo};

/* --- Download: runs that are asked for ----------------------------------------------------------
 */

static int ask_for_runs(struct load_thread *thread, struct load_conn *conn)
{
	while (conn->number - conn->finished < RUNS_MAX) {
		const struct backend_message message = {.role = BACKEND_SOURCE,
							.size = BULK_LEN,
							.count = RUN_DATAGRAMS,
							.number = ++conn->number};

		conn->runs[conn->number % RUNS_MAX] = RUN_DATAGRAMS;
		if (send_message(thread, conn, &message, sizeof(message)) < 0)
			return -1;
	}
	return 0;
}

static int on_open_download(struct load_thread *thread, struct load_conn *conn)
{
	int one = 1;

	take_greeting(conn);
	(void)setsockopt(conn->fd, SOL_UDP, UDP_GRO, &one, sizeof(one));
	return ask_for_runs(thread, conn);
}

/* Runs come in order, so that those before this one are over, whatever of them did not come. */
static void finish_runs(struct load_thread *thread, struct load_conn *conn, uint64_t before)
{
	while (conn->finished + 1 < before)
		count_lost(thread, conn->runs[++conn->finished % RUNS_MAX]);
}

static void take_datagram(struct load_thread *thread, struct load_conn *conn, const uint8_t *bytes)
{
	struct backend_message message;
	unsigned *left;

	memcpy(&message, bytes, sizeof(message));
	if (message.number <= conn->finished || message.number > conn->number)
		return;
	finish_runs(thread, conn, message.number);
	if (load_measuring(thread)) {
		thread->counts.requests++;
		thread->counts.bytes_down += BULK_LEN;
	}
	left = &conn->runs[message.number % RUNS_MAX];
	if (*left > 0 && --*left == 0)
		finish_runs(thread, conn, message.number + 1);
}

static int on_ready_download(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	/* With UDP_GRO the kernel joins datagrams of one length. */
	ssize_t got = recv(conn->fd, thread->buffer, sizeof(thread->buffer), 0);

	(void)events;
	if (got < 0)
		return failed(thread, conn, "receiving");
	if (got % BULK_LEN != 0)
		return got == 1 ? 0
				: load_failed(thread, conn, "datagrams of another length", EBADMSG);
	conn->started_ns = clock_ns();
	for (ssize_t at = 0; at < got; at += BULK_LEN)
		take_datagram(thread, conn, thread->buffer + at);
	return ask_for_runs(thread, conn);
}

static int on_tick_download(struct load_thread *thread, struct load_conn *conn, uint64_t now_ns)
{
	if (now_ns - conn->started_ns < LOST_NS)
		return 0;
	conn->started_ns = now_ns;
	finish_runs(thread, conn, conn->number + 1);
	return ask_for_runs(thread, conn);
}

const struct load_mode load_mode_udp_download = {.name = "udp-download",
						 .role = BACKEND_SOURCE,
						 .datagrams = true,
						 .on_open = on_open_download,
						 .on_ready = on_ready_download,
						 .on_tick = on_tick_download};

/* --- Upload: runs that the backend counts -------------------------------------------------------
 */

/* One call, and single datagrams: what a load balancer does. */
static int send_run(struct load_thread *thread, struct load_conn *conn)
{
	struct backend_message messages[RUN_DATAGRAMS];
	struct iovec parts[RUN_DATAGRAMS][3];
	struct mmsghdr datagrams[RUN_DATAGRAMS];
	unsigned done = 0;

	memset(datagrams, 0, sizeof(datagrams));
	for (unsigned i = 0; i < RUN_DATAGRAMS; i++) {
		messages[i] = (struct backend_message){.role = BACKEND_SINK,
						       .wants_count = i + 1 == RUN_DATAGRAMS,
						       .number = conn->number + i + 1};
		make_datagram(conn, &messages[i], BULK_LEN, parts[i]);
		datagrams[i].msg_hdr.msg_iov = parts[i];
		datagrams[i].msg_hdr.msg_iovlen = 3;
	}
	conn->number += RUN_DATAGRAMS;
	while (done < RUN_DATAGRAMS) {
		int sent = sendmmsg(conn->fd, datagrams + done, RUN_DATAGRAMS - done, 0);

		if (sent < 0 && failed(thread, conn, "sending") < 0)
			return -1;
		done += sent > 0 ? (unsigned)sent : 1;
	}
	return 0;
}

static int send_runs(struct load_thread *thread, struct load_conn *conn)
{
	while (conn->number - conn->finished < RUNS_MAX * RUN_DATAGRAMS)
		if (send_run(thread, conn) < 0)
			return -1;
	return 0;
}

static int on_open_upload(struct load_thread *thread, struct load_conn *conn)
{
	take_greeting(conn);
	conn->started_ns = clock_ns();
	return send_runs(thread, conn);
}

static int on_ready_upload(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	struct backend_message message;
	ssize_t got = recv(conn->fd, thread->buffer, sizeof(thread->buffer), 0);
	uint64_t arrived, sent;

	(void)events;
	if (got < 0)
		return failed(thread, conn, "receiving");
	if ((size_t)got < sizeof(message))
		return 0;
	memcpy(&message, thread->buffer, sizeof(message));
	conn->started_ns = clock_ns();
	/* Both count from the beginning, and of what the backend has now nothing came twice. */
	arrived = message.count - conn->arrived;
	sent = message.number - conn->counted;
	if (message.number <= conn->counted || message.count < conn->arrived)
		return 0;
	conn->arrived = message.count;
	conn->counted = message.number;
	if (conn->finished < message.number)
		conn->finished = message.number;
	if (load_measuring(thread)) {
		thread->counts.requests += arrived;
		thread->counts.bytes_up += arrived * BULK_LEN;
	}
	if (sent > arrived)
		count_lost(thread, sent - arrived);
	return send_runs(thread, conn);
}

static int on_tick_upload(struct load_thread *thread, struct load_conn *conn, uint64_t now_ns)
{
	if (now_ns - conn->started_ns < LOST_NS)
		return 0;
	/* The next count tells how many it were. */
	conn->started_ns = now_ns;
	conn->finished = conn->number;
	return send_runs(thread, conn);
}

const struct load_mode load_mode_udp_upload = {.name = "udp-upload",
					       .role = BACKEND_SINK,
					       .datagrams = true,
					       .on_open = on_open_upload,
					       .on_ready = on_ready_upload,
					       .on_tick = on_tick_upload};

/* --- check ---------------------------------------------------------------------------------------
 */

static int on_open_check(struct load_thread *thread, struct load_conn *conn)
{
	char seen[64] = "";

	if (recv(conn->fd, seen, sizeof(seen) - 1, 0) <= 0)
		return load_failed(thread, conn, "asking whom the backend sees", errno);
	return load_check_who(thread, conn, seen + 1);
}

static int on_ready_check(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	(void)thread;
	(void)events;
	take_greeting(conn);
	return 0;
}

const struct load_mode load_mode_udp_check = {.name = "udp-check",
					      .role = BACKEND_WHO,
					      .by_itself = true,
					      .datagrams = true,
					      .on_open = on_open_check,
					      .on_ready = on_ready_check};
