/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slow: reads at a pace what the backend sends as fast as it can, so that every buffer between is
 * full. Each block says when it was sent; how old it is when it is read is the latency.
 */
#include "load.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "backend_role.h"
#include "clock_ns.h"

#define TICK_MS 1

/* Who comes late, on a busy machine, makes up for so much and no more. */
#define CATCH_UP_NS ((uint64_t)20 * 1000 * 1000)

/* Take a block's stamp out of bytes that begin at a place of the stream, when they have it. */
static void look_for_stamp(struct load_thread *thread, struct load_conn *conn, size_t len)
{
	size_t at = conn->received % BACKEND_BLOCK_LEN, part = sizeof(conn->stamp);
	uint64_t sent_ns, now_ns = clock_ns();

	if (at >= part)
		return;
	part = len < part - at ? len : part - at;
	memcpy(conn->stamp + at, thread->buffer, part);
	if (at + part < sizeof(conn->stamp) || !load_measuring(thread))
		return;
	memcpy(&sent_ns, conn->stamp, sizeof(sent_ns));
	latency_add(&thread->latency, now_ns > sent_ns ? now_ns - sent_ns : 0);
	thread->counts.requests++;
}

/* Read what is allowed by now, at most to the end of a block in one call. */
static int on_tick(struct load_thread *thread, struct load_conn *conn, uint64_t now_ns)
{
	uint64_t pace = thread->options->pace;

	if (now_ns - conn->paced_ns > CATCH_UP_NS)
		conn->paced_ns = now_ns - CATCH_UP_NS;
	for (;;) {
		uint64_t allowed = (now_ns - conn->paced_ns) * pace / NS_A_SECOND;
		uint64_t block = BACKEND_BLOCK_LEN - conn->received % BACKEND_BLOCK_LEN;
		ssize_t got;

		if (allowed == 0)
			return 0;
		got =
		    recv(conn->fd, thread->buffer, (size_t)(allowed < block ? allowed : block), 0);
		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got <= 0)
			return load_failed(thread, conn, "receiving", got < 0 ? errno : 0);
		look_for_stamp(thread, conn, (size_t)got);
		conn->received += (uint64_t)got;
		conn->paced_ns += (uint64_t)got * NS_A_SECOND / pace;
		if (load_measuring(thread))
			thread->counts.bytes_down += (uint64_t)got;
	}
}

static int on_open_slow(struct load_thread *thread, struct load_conn *conn)
{
	conn->paced_ns = clock_ns();
	return load_watch(thread, conn, 0);
}

/* EPOLLERR and EPOLLHUP, which nobody can leave out. */
static int on_ready_slow(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	(void)events;
	return load_failed(thread, conn, "while reading slowly", ECONNRESET);
}

const struct load_mode load_mode_slow = {.name = "slow",
					 .role = BACKEND_STAMPED,
					 .tick_ms = TICK_MS,
					 .on_open = on_open_slow,
					 .on_ready = on_ready_slow,
					 .on_tick = on_tick};
