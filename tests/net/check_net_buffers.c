/* SPDX-License-Identifier: BSD-2-Clause */
/* The key backend_buffer: how large the kernel's buffers of both sockets of a connection are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "stream.h"

#define STREAM	1
#define PIECE	(STREAM_RUN / 2)
#define PIECES	1024
#define FIXED	"131072"
#define DOUBLED 262144UL

struct buffers {
	unsigned long receive;
	unsigned long send;
};

/* What ss(8) says of the daemon's socket with this filter: one line of it has "rbN" and "tbN". */
static struct buffers look(const char *filter)
{
	char command[256];
	char text[4096];
	struct buffers buffers = {0, 0};
	const char *receive;
	const char *send;
	FILE *ss;
	size_t len;

	snprintf(command, sizeof(command), "ss -Hntm state established '%s'", filter);
	ss = popen(command, "r");
	ck_assert_ptr_nonnull(ss);
	len = fread(text, 1, sizeof(text) - 1, ss);
	text[len] = '\0';
	ck_assert_int_eq(pclose(ss), 0);
	receive = strstr(text, ",rb");
	send = strstr(text, ",tb");
	ck_assert_msg(receive != NULL && send != NULL, "%s: %s", command, text);
	ck_assert_int_eq(sscanf(receive, ",rb%lu", &buffers.receive), 1);
	ck_assert_int_eq(sscanf(send, ",tb%lu", &buffers.send), 1);
	return buffers;
}

static struct buffers of_backend(void)
{
	return look("dport = :8000");
}

static struct buffers of_client(void)
{
	return look("sport = :7000");
}

/* Both ways. */
static void move_bulk(const struct connection *connection)
{
	for (int way = 0; way < 2; way++) {
		int from = way == 0 ? connection->client : connection->backend;
		int to = way == 0 ? connection->backend : connection->client;

		for (uint64_t i = 0; i < PIECES; i++) {
			peer_send(from, stream_at(STREAM, i * PIECE), PIECE);
			peer_expect(to, stream_at(STREAM, i * PIECE), PIECE);
		}
	}
}

static void open_one(struct connection *connection, const char *keys)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start(keys);
	connection_open(connection, backend, CONNECTION_CLIENT);
}

START_TEST(a_size_holds_from_the_start)
{
	struct connection connection;
	struct buffers buffers;

	open_one(&connection, _i == 0 ? "backend_buffer = " FIXED ";"
				      : "backend_buffer = " FIXED "; relay = \"buffered\";");
	for (int round = 0; round < 2; round++) {
		buffers = of_backend();
		ck_assert_uint_eq(buffers.receive, DOUBLED);
		ck_assert_uint_eq(buffers.send, DOUBLED);
		buffers = of_client();
		ck_assert_uint_ne(buffers.receive, DOUBLED);
		ck_assert_uint_ne(buffers.send, DOUBLED);
		move_bulk(&connection);
	}
	connection_finish(&connection);
}
END_TEST

START_TEST(else_the_system_chooses)
{
	struct connection connection;
	struct buffers before;
	struct buffers after;

	open_one(&connection, _i == 0 ? "" : "backend_buffer = 0;");
	before = of_backend();
	ck_assert_uint_ne(before.receive, DOUBLED);
	ck_assert_uint_ne(before.send, DOUBLED);
	move_bulk(&connection);
	after = of_backend();
	ck_assert_uint_gt(after.receive + after.send, before.receive + before.send);
	connection_finish(&connection);
}
END_TEST

/* The system's limits can be read where the kernel shows them to a namespace. */
START_TEST(more_than_the_system_gives_is_said)
{
	char *limit = harness_read("/proc/sys/net/core/rmem_max");
	bool cut = limit[0] != '\0' && strtoul(limit, NULL, 10) < 67108864;

	free(limit);
	daemon_start(_i == 0 ? "backend_buffer = 67108864;" : "backend_buffer = 4096;");
	daemon_log_await(" is ready", NULL, NULL);
	daemon_stop();
	ck_assert_uint_eq(daemon_log_count("backend_buffer = 67108864 is cut to ",
					   "sysctl -w net.core.rmem_max=67108864"),
			  _i == 0 && cut ? 1 : 0);
}
END_TEST

static Suite *buffers_suite(void)
{
	Suite *suite = suite_create("net_buffers");
	TCase *buffers = harness_case(suite, "buffers", 60);

	tcase_add_loop_test(buffers, a_size_holds_from_the_start, 0, 2);
	tcase_add_loop_test(buffers, else_the_system_chooses, 0, 2);
	tcase_add_loop_test(buffers, more_than_the_system_gives_is_said, 0, 2);
	return suite;
}

int main(void)
{
	return harness_run(buffers_suite());
}
