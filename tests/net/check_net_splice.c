/* SPDX-License-Identifier: BSD-2-Clause */
/* Bulk through the kernel: what it holds while it moves, and systems that do not allow it. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tcp/relay_context.h"

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "stream.h"
#include "tcp_table.h"

#define STREAM 1
#define PIECE  (STREAM_RUN / 2)

/* From now on this process's children get an error from splice(2). */
static void refuse_splice(int error)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_splice, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* Pieces that wait in the receiver's kernel together, so that they are read in large pieces. */
static void move_bulk(int from, int to, uint64_t at)
{
	for (uint64_t i = 0; i < 32; i++)
		peer_send(from, stream_at(STREAM, at + i * PIECE), PIECE);
	for (uint64_t i = 0; i < 32; i++)
		peer_expect(to, stream_at(STREAM, at + i * PIECE), PIECE);
}

/* More than one read takes waits for the daemon, so that it turns to splice(2). */
static void move_at_once(const struct connection *connection)
{
	struct addr client = peer_addr("127.0.0.1:0");
	struct addr listener = peer_addr(LISTEN_V4);
	struct tcp_table_row row;

	addr_set_port(&client, (uint16_t)peer_local_port(connection->client));
	daemon_pause();
	for (uint64_t i = 0; i < 8; i++)
		peer_send(connection->client, stream_at(STREAM, i * PIECE), PIECE);
	HARNESS_AWAIT(tcp_table_find(&listener, &client, &row) && row.rx_queue > RELAY_READ_MAX);
	daemon_resume();
	for (uint64_t i = 0; i < 8; i++)
		peer_expect(connection->backend, stream_at(STREAM, i * PIECE), PIECE);
}

START_TEST(bulk_arrives_where_splice_is_refused)
{
	static const int errors[] = {EINVAL, ENOSYS, EPERM};
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;

	/* A window that holds more than one read takes; where it cannot be set it mostly does. */
	(void)harness_sysctl("net/ipv4/tcp_rmem", "4096 1048576 6291456");
	refuse_splice(errors[_i]);
	daemon_start("");
	for (int round = 0; round < 2; round++) {
		connection_open(&connection, backend, CONNECTION_CLIENT);
		move_at_once(&connection);
		move_bulk(connection.client, connection.backend, 0);
		move_bulk(connection.backend, connection.client, 0);
		connection_finish(&connection);
	}
	daemon_stop();
	/* One line for all of them. */
	ck_assert_uint_eq(daemon_log_count("splice(2) is refused", NULL), 1);
}
END_TEST

START_TEST(an_idle_connection_holds_two_descriptors)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;
	unsigned fds;

	daemon_start("");
	fds = daemon_fd_count();
	connection_open(&connection, backend, CONNECTION_CLIENT);
	move_bulk(connection.client, connection.backend, 0);
	move_bulk(connection.backend, connection.client, 0);
	/* The pipes go a moment after the bulk. */
	daemon_await_fd_count(fds + 2);
	connection_check(&connection);
	ck_assert_uint_eq(daemon_fd_count(), fds + 2);
	connection_finish(&connection);
	daemon_await_fd_count(fds);
}
END_TEST

/* Splicing takes pipes; where congestion control paces, bulk is copied instead. */
START_TEST(paced_bulk_takes_no_pipe)
{
	enum { ROUNDS = 20 };
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;
	unsigned most = 0;
	unsigned fds;

	if (_i == 1 && !harness_sysctl("net/ipv4/tcp_congestion_control", "bbr")) {
		printf("skipped: there is no BBR here, so bulk that it paces is not tested\n");
		return;
	}
	(void)harness_sysctl("net/ipv4/tcp_rmem", "4096 1048576 6291456");
	daemon_start("");
	fds = daemon_fd_count();
	connection_open(&connection, backend, CONNECTION_CLIENT);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned now;

		daemon_pause();
		for (uint64_t i = 0; i < 8; i++) {
			peer_send(connection.client, stream_at(STREAM, i * PIECE), PIECE);
			peer_send(connection.backend, stream_at(STREAM, i * PIECE), PIECE);
		}
		daemon_resume();
		for (uint64_t i = 0; i < 8; i++) {
			peer_expect(connection.backend, stream_at(STREAM, i * PIECE), PIECE);
			peer_expect(connection.client, stream_at(STREAM, i * PIECE), PIECE);
		}
		/* Pipes stay for a second. */
		now = daemon_fd_count();
		most = now > most ? now : most;
	}
	if (_i == 1)
		ck_assert_uint_eq(most, fds + 2);
	else
		ck_assert_uint_gt(most, fds + 2);
	connection_finish(&connection);
}
END_TEST

static Suite *splice_suite(void)
{
	Suite *suite = suite_create("net_splice");
	TCase *splice = harness_case(suite, "splice", 30);

	tcase_add_loop_test(splice, bulk_arrives_where_splice_is_refused, 0, 3);
	tcase_add_test(splice, an_idle_connection_holds_two_descriptors);
	tcase_add_loop_test(splice, paced_bulk_takes_no_pipe, 0, 2);
	return suite;
}

int main(void)
{
	return harness_run(splice_suite());
}
