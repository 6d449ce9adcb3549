/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load generator's connections and threads, and the modes that use them.
 *
 * A thread opens its connections, sends the header and the backend's role, and waits for the byte
 * that the backend answers with: the connection is open then, and the mode goes on. Everything of a
 * thread is its own; threads share the phase, which only the main thread changes.
 */
#ifndef MMPROXY_TEST_LOAD_H
#define MMPROXY_TEST_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "latency.h"
#include "load_options.h"
#include "tuple.h"

#define LOAD_BUFFER_LEN (128 * 1024) /* of a read, and of a write unless told otherwise */
#define LOAD_WRITE_MAX	(256 * 1024)

enum load_phase { LOAD_WARM_UP, LOAD_MEASURE, LOAD_STOP };

enum load_state {
	LOAD_CLOSED,
	LOAD_CONNECTING, /* the greeting could not be sent yet */
	LOAD_GREETING,	 /* waiting for the backend's byte */
	LOAD_OPEN
};

struct load_conn {
	int fd;
	enum load_state state;
	struct sockaddr_in client; /* whom the header names */
	uint64_t started_ns;	   /* the connection, or the message under way */
	uint64_t number;	   /* of the message */
	uint64_t under_way;	   /* bytes sent and not echoed yet */
	uint64_t sent, received;   /* bytes, of flood and slow */
	unsigned got;		   /* bytes of the answer under way */

	/* Of slow: */
	uint64_t paced_ns; /* until when its bytes have been read */
	uint8_t stamp[8];  /* of the block under way */

	/* UDP: */
	uint8_t header[TUPLE_HEADER_MAX];
	size_t header_len;
	uint64_t finished;	   /* number of the last run or datagram that is over */
	uint64_t arrived, counted; /* of an upload: what came, of how many */
	unsigned runs[4];	   /* of a download: datagrams to come of each run under way */
};

struct load_counts {
	uint64_t bytes_up, bytes_down, requests, lost;
};

/* What the threads share. */
struct load_shared {
	const struct load_options *options;
	_Atomic enum load_phase phase;
	atomic_uint open; /* connections that have been opened, or checked */
	atomic_uint errors;
};

struct load_thread {
	pthread_t id;
	struct load_shared *shared;
	const struct load_options *options;
	int epoll_fd;
	int wake_fd; /* an eventfd: the phase is LOAD_STOP */
	struct load_conn *conns;
	unsigned count, started, opening;
	struct tuples tuples;
	struct load_counts counts; /* of what happened in LOAD_MEASURE */
	struct latency latency;	   /* likewise */
	unsigned errors;
	char first_error[160];
	uint8_t buffer[LOAD_BUFFER_LEN];
};

struct load_mode {
	const char *name;
	char role;	/* backend_role.h */
	bool by_itself; /* ends when every connection was opened, not by the clock */
	bool held;	/* ends when standard input does */
	bool datagrams; /* over UDP; the backend's byte is left in the socket for on_open */
	int tick_ms;	/* how often on_tick is called; 0: never, but for datagrams */

	/* The backend's byte is there. Returns -1 when the mode has called load_failed(). */
	int (*on_open)(struct load_thread *thread, struct load_conn *conn);
	/* The socket of an open connection is ready (EPOLL...). Returns as on_open does. */
	int (*on_ready)(struct load_thread *thread, struct load_conn *conn, uint32_t events);
	/* Every now and then, for each open connection; or NULL. Returns as on_open does. */
	int (*on_tick)(struct load_thread *thread, struct load_conn *conn, uint64_t now_ns);
};

extern const struct load_mode load_mode_stream, load_mode_upload, load_mode_download;
extern const struct load_mode load_mode_flood, load_mode_slow;
extern const struct load_mode load_mode_pingpong;
extern const struct load_mode load_mode_connect, load_mode_idle, load_mode_check;
extern const struct load_mode load_mode_udp_echo, load_mode_udp_download, load_mode_udp_upload;
extern const struct load_mode load_mode_udp_check;

/* The mode of a name, or NULL. */
const struct load_mode *load_mode_find(const char *name);

/* A thread with its share of the connections, not started yet; or NULL with errno. */
struct load_thread *load_thread_new(struct load_shared *shared, unsigned index)
    __attribute__((warn_unused_result));

/* Open the connections and serve them until the phase is LOAD_STOP; for pthread_create(3). */
void *load_thread_main(void *thread);

/* Tell the thread to look at the phase. Any thread. */
void load_thread_wake(struct load_thread *thread);

void load_thread_free(struct load_thread *thread);

/* --- For modes, in the connection's thread ------------------------------------------------------
 */

/*
 * Count an error, keep the first with what was being done and errno (0: the other side ended the
 * connection), and close. Errors after the end are none. Returns -1.
 */
int load_failed(struct load_thread *thread, struct load_conn *conn, const char *what, int error);

/* Change what an open connection waits for. Returns -1 after load_failed(). */
int load_watch(struct load_thread *thread, struct load_conn *conn, uint32_t events);

/* The backend says that it sees this, "ADDRESS:PORT\n". Returns 0, or -1 after load_failed(). */
int load_check_who(struct load_thread *thread, struct load_conn *conn, char *seen);

/* Close, and open again from another client. */
void load_reopen(struct load_thread *thread, struct load_conn *conn);

static inline bool load_measuring(const struct load_thread *thread)
{
	return atomic_load_explicit(&thread->shared->phase, memory_order_relaxed) == LOAD_MEASURE;
}

#endif
