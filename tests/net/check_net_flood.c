/* SPDX-License-Identifier: BSD-2-Clause */
/* Floods of connections that come to nothing: what they cost the others, and the daemon. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "flooder.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"

#define FLOODERS 4

/* How long the neighbour is watched. */
#define FLOOD_MS 3000

/* More than the flood may cost, in KiB. */
#define MEMORY_MAX_KB (16 * 1024)

/*
 * What no more than half of the neighbour's round trips may take, of which most is the scheduler's:
 * four flooders, the test and whatever else runs share the processors with the daemon. One that
 * waits for the flood waits each time.
 */
#define WAIT_MAX_MS 2000
#define ROUNDS_MIN  10

#define DRAIN_MS 1000

static pid_t flooders[FLOODERS];
static struct sender_header header;

/* ---- broken headers ---- */

static void start_flood(void)
{
	for (int i = 0; i < FLOODERS; i++) {
		char from[32];

		snprintf(from, sizeof(from), "127.0.1.%d:0", 1 + i);
		flooders[i] = flooder_start(from);
	}
	daemon_log_await("warn listener=t", "reason=header_invalid", NULL);
}

static void stop_flood(void)
{
	for (int i = 0; i < FLOODERS; i++)
		flooder_stop(flooders[i]);
}

static void start_daemon(int workers)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 "workers = %d;\ndrain_timeout = \"%dms\";\nlog = { level = \"warn\"; };\n"
		 "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " },\n"
		 "{ name = \"u\"; listen = \"127.0.0.1:7001\"; " DAEMON_TARGETS " } );\n",
		 workers, DRAIN_MS);
	daemon_start_config(config);
}

/* A connection by the listener that nobody floods. */
static void open_neighbour(struct connection *neighbour, int backend)
{
	neighbour->client = peer_connect("127.0.0.1:0", "127.0.0.1:7001");
	sender_v1(&header, CONNECTION_CLIENT, NULL);
	peer_send(neighbour->client, header.bytes, header.len);
	neighbour->backend = peer_accept_from(backend, CONNECTION_CLIENT);
}

START_TEST(a_flood_of_broken_headers_keeps_nobody_waiting)
{
	struct connection neighbour;
	int backend = peer_listen(BACKEND_V4);
	unsigned long idle_kb;
	int64_t longest = 0;
	int64_t until;
	unsigned rounds = 0;
	unsigned slow = 0;

	start_daemon(_i);
	open_neighbour(&neighbour, backend);
	connection_check(&neighbour);
	idle_kb = daemon_rss_kb();
	start_flood();
	until = harness_now_ms() + FLOOD_MS;
	for (; rounds < ROUNDS_MIN || harness_now_ms() < until; rounds++) {
		int64_t took = harness_now_ms();

		connection_check(&neighbour);
		took = harness_now_ms() - took;
		slow += took >= (int64_t)(WAIT_MAX_MS * harness_slowness());
		if (took > longest)
			longest = took;
	}
	printf("workers %d: longest of %u round trips %d ms, memory %lu KiB above idle, CPU %u "
	       "ms\n",
	       _i, rounds, (int)longest, daemon_rss_peak_kb() - idle_kb, daemon_cpu_ms());
	ck_assert_uint_le(slow, rounds / 2);
	if (!daemon_is_instrumented())
		ck_assert_uint_lt(daemon_rss_peak_kb(), idle_kb + MEMORY_MAX_KB);
	stop_flood();
	/* The listener has survived it. */
	connection_try(backend, "203.0.113.8:40000");
}
END_TEST

START_TEST(a_flood_does_not_put_the_end_off)
{
	struct connection neighbour;
	int backend = peer_listen(BACKEND_V4);
	int64_t started;

	start_daemon(2);
	open_neighbour(&neighbour, backend);
	start_flood();
	started = harness_now_ms();
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
	/* Patience has an end, and the flood has none. */
	ck_assert_int_ge(harness_now_ms() - started, DRAIN_MS - 100);
	stop_flood();
}
END_TEST

/* ---- half headers ---- */

#define HALVES 3000

/* Memory runs out while thousands wait with half a header each: some of them are refused. */
START_TEST(without_memory_some_are_refused_and_the_rest_wait)
{
	static int clients[HALVES];
	int backend = peer_listen(BACKEND_V4);
	unsigned refused = 0;

	daemon_start("header_timeout = \"1h\";");
	if (daemon_is_instrumented())
		return;
	connection_try(backend, CONNECTION_CLIENT);
	daemon_leave_memory(256);
	for (int i = 0; i < HALVES; i++) {
		static const char half[] = "PROXY TCP4 203.0.113.7 ";

		clients[i] = peer_connect("127.0.0.1:0", LISTEN_V4);
		/* It may be refused already. */
		if (send(clients[i], half, strlen(half), MSG_NOSIGNAL) < 0) {
			peer_close(clients[i]);
			clients[i] = -1;
			refused++;
		}
	}
	daemon_log_await("warn listener=t", "reason=internal", NULL);
	daemon_assert_alive();
	daemon_leave_all_memory();
	/* Those who came before this one have all been read from. */
	connection_try(backend, "203.0.113.8:40000");
	/* Each has been reset, or is still there and goes on. */
	for (unsigned i = 0; i < HALVES; i++) {
		char rest[64];

		if (clients[i] < 0)
			continue;
		if (peer_is_readable(clients[i])) {
			peer_expect_reset(clients[i]);
			refused++;
		} else if (i % 100 == 0) {
			snprintf(rest, sizeof(rest), "198.51.100.1 %u 443\r\n", 10000 + i);
			peer_send_text(clients[i], rest);
			peer_close(peer_accept(backend, NULL));
		}
		peer_close(clients[i]);
	}
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_lt(refused, HALVES);
	connection_try(backend, "203.0.113.9:40000");
}
END_TEST

/* Who waits with half a header costs a session, an event and the bytes that came. */
START_TEST(half_a_header_costs_little)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned long idle_kb;

	daemon_start("header_timeout = \"1h\"; header_max = 65551;");
	if (daemon_is_instrumented())
		return;
	/* It promises to be long. */
	sender_v2(&header, CONNECTION_CLIENT, NULL);
	sender_pad(&header, 65551);
	idle_kb = daemon_rss_kb();
	for (int i = 0; i < HALVES; i++) {
		int client = peer_connect("127.0.0.1:0", LISTEN_V4);

		peer_send(client, header.bytes, 100);
	}
	connection_try(backend, "203.0.113.8:40000");
	/* Less than 1 KiB each, and what the allocator and libevent's tables may add. */
	printf("%d half headers: %lu KiB\n", HALVES, daemon_rss_kb() - idle_kb);
	ck_assert_uint_lt(daemon_rss_kb(), idle_kb + HALVES * 3 / 2);
}
END_TEST

static Suite *flood_suite(void)
{
	Suite *suite = suite_create("net_flood");
	TCase *broken = harness_case(suite, "broken headers", 60);
	TCase *half = harness_case(suite, "half headers", 60);

	tcase_add_loop_test(broken, a_flood_of_broken_headers_keeps_nobody_waiting, 1, 3);
	tcase_add_test(broken, a_flood_does_not_put_the_end_off);
	tcase_add_test(half, without_memory_some_are_refused_and_the_rest_wait);
	tcase_add_test(half, half_a_header_costs_little);
	return suite;
}

int main(void)
{
	return harness_run(flood_suite());
}
