/* SPDX-License-Identifier: BSD-2-Clause */
/* What resets cost while the other side still has to hear of them: memory, places, packets, time.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "tcp_table.h"

#define LISTENER \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n"

/* At one time. */
#define CLIENTS 100

/* What all their resets together may cost, in KiB: reading one client out would be as much. */
#define MEMORY_MAX_KB 4096

/* RSTs for a backend that never answers: 2, 4 ... 512 ms apart in 3 s, and some. */
#define RSTS_MAX 20

/*
 * A worker that stops waits a second for the answers to its resets, all of them at one time. One
 * after the other would take half a minute, on a fast machine as well.
 */
#define WORKERS	    32
#define STOP_MAX_MS 20000

static char zeros[65536];
static int clients[CLIENTS];

static void open_clients(int listener, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char client[64];

		snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + i);
		clients[i] = sender_open_v2(client);
		(void)peer_accept_from(listener, client);
	}
}

/*
 * Send to all of them until nobody takes any more while the only worker serves another connection,
 * so it has come to each of them.
 */
static void fill_clients(unsigned count, const struct connection *other)
{
	unsigned quiet = 0;

	while (quiet < 20) {
		quiet++;
		for (unsigned i = 0; i < count; i++)
			if (send(clients[i], zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
				quiet = 0;
		connection_check(other);
	}
}

static void reset_clients(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		peer_reset(clients[i]);
}

/* The bytes stay with the kernel, where the clients' resets found them. */
START_TEST(many_resets_with_unread_bytes_cost_no_memory)
{
	int listener = peer_listen(BACKEND_V4);
	struct connection other;
	unsigned long before_kb;
	unsigned long peak_kb;
	unsigned count;

	peer_set_buffers(listener, 4096, 4096);
	daemon_start("");
	count = daemon_is_instrumented() ? 10 : CLIENTS;
	open_clients(listener, count);
	connection_open(&other, listener, "203.0.113.8:40000");
	fill_clients(count, &other);
	before_kb = daemon_rss_peak_kb();
	reset_clients(count);
	HARNESS_AWAIT(daemon_log_count("reason=client_reset", NULL) == count);
	peak_kb = daemon_rss_peak_kb();
	if (!daemon_is_instrumented())
		ck_assert_msg(peak_kb < before_kb + MEMORY_MAX_KB,
			      "memory grew from %lu to %lu KiB", before_kb, peak_kb);
	connection_finish(&other);
	HARNESS_AWAIT(tcp_table_connections(8000) == 0);
}
END_TEST

/* Whether a client is served; the other way is to be refused. */
static bool is_open(int listener, const char *who, struct connection *connection)
{
	static struct sender_header header;

	connection->client = peer_connect("127.0.0.1:0", LISTEN_V4);
	sender_v2(&header, who, NULL);
	/* Fails where it has been refused already. */
	(void)!send(connection->client, header.bytes, header.len, MSG_NOSIGNAL);
	HARNESS_AWAIT(peer_is_readable(connection->client) || peer_is_readable(listener));
	if (!peer_is_readable(listener)) {
		peer_close(connection->client);
		return false;
	}
	connection->backend = peer_accept_from(listener, who);
	return true;
}

/* Whether a second client is refused while the first one's reset waits for a backend that is stuck.
 */
static bool is_place_kept(int listener, unsigned round)
{
	struct connection connection;
	unsigned refused;
	char client[64];
	int other;
	bool kept = false;

	snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + round);
	/* The place of the round before is free a moment after the kernel's socket has gone. */
	HARNESS_AWAIT(is_open(listener, client, &connection));
	refused = daemon_log_count("reason=connection_limit", NULL);
	(void)peer_fill(connection.client, 200);
	/* The daemon finds both at one time. */
	daemon_pause();
	peer_reset(connection.client);
	other = sender_open_v2("203.0.113.8:40000");
	daemon_resume();
	/* It is refused, or reaches the backend. */
	HARNESS_AWAIT((kept = daemon_log_count("reason=connection_limit", NULL) > refused) ||
		      peer_is_readable(listener));
	peer_close(other);
	if (!kept)
		peer_close(peer_accept(listener, NULL));
	peer_close(connection.backend);
	HARNESS_AWAIT(tcp_table_connections(8000) == 0);
	return kept;
}

START_TEST(a_reset_that_waits_keeps_its_place)
{
	int listener = peer_listen(BACKEND_V4);
	struct connection next;
	bool kept = false;

	peer_set_buffers(listener, 4096, 4096);
	daemon_start("max_connections = 1;");
	/* It waits for a second and a half, which on a busy machine may be over too early. */
	for (unsigned round = 0; round < 5 && !kept; round++)
		kept = is_place_kept(listener, round);
	ck_assert(kept);
	/* And gives it back, a moment after the kernel's socket has gone. */
	HARNESS_AWAIT(is_open(listener, "203.0.113.9:40000", &next));
}
END_TEST

/* From now on nothing comes through to the backend; count the RSTs that try. */
static void cut_backend_off(void)
{
	harness_shell("nft add table inet cut"
		      " && nft add chain inet cut out '{ type filter hook output priority 0; }'"
		      " && nft add rule inet cut out tcp dport 8000 tcp flags rst counter"
		      " && nft add chain inet cut in '{ type filter hook input priority 0; }'"
		      " && nft add rule inet cut in tcp dport 8000 drop");
}

static unsigned count_rsts(void)
{
	char *text;
	const char *at;
	unsigned packets = 0;

	harness_shell("nft list chain inet cut out >%s", harness_path("counted"));
	text = harness_read(harness_path("counted"));
	at = strstr(text, "counter packets ");
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, "counter packets %u", &packets), 1);
	free(text);
	return packets;
}

/* Bytes on their way to a backend that is no more, and the clients' resets behind them. */
static void reset_towards_nobody(int listener, unsigned count)
{
	open_clients(listener, count);
	cut_backend_off();
	for (unsigned i = 0; i < count; i++)
		peer_send_text(clients[i], "unanswered");
	for (unsigned i = 0; i < count; i++)
		peer_await_acknowledged(clients[i]);
	reset_clients(count);
}

START_TEST(a_vanished_backend_is_asked_less_and_less)
{
	int listener = peer_listen(BACKEND_V4);
	unsigned count;
	unsigned fds;

	if (!harness_has_tool("nft"))
		return;
	daemon_start("");
	count = daemon_is_instrumented() ? 10 : CLIENTS;
	fds = daemon_fd_count();
	reset_towards_nobody(listener, count);
	HARNESS_AWAIT(daemon_log_count("reason=client_reset", NULL) == count);
	/* Nothing is held for ever, nor the socket that the RSTs leave by. */
	daemon_await_fd_count(fds);
	ck_assert_uint_ge(count_rsts(), count);
	ck_assert_uint_le(count_rsts(), RSTS_MAX * count);
}
END_TEST

START_TEST(workers_stop_side_by_side)
{
	int listener = peer_listen(BACKEND_V4);
	int64_t before;
	char config[512];

	if (!harness_has_tool("nft"))
		return;
	snprintf(config, sizeof(config), "workers = %d;\ndrain_timeout = \"10ms\";\n" LISTENER,
		 WORKERS);
	daemon_start_config(config);
	reset_towards_nobody(listener, CLIENTS);
	HARNESS_AWAIT(daemon_log_count("reason=client_reset", NULL) == CLIENTS);
	before = harness_now_ms();
	daemon_signal(SIGTERM);
	daemon_log_await("drain_timeout is over", NULL, NULL);
	daemon_stop();
	ck_assert_int_lt(harness_now_ms() - before, STOP_MAX_MS);
}
END_TEST

static Suite *reset_suite(void)
{
	Suite *suite = suite_create("net_reset");
	TCase *resets = harness_case(suite, "resets", 90);

	tcase_add_test(resets, many_resets_with_unread_bytes_cost_no_memory);
	tcase_add_test(resets, a_reset_that_waits_keeps_its_place);
	tcase_add_test(resets, a_vanished_backend_is_asked_less_and_less);
	tcase_add_test(resets, workers_stop_side_by_side);
	return suite;
}

int main(void)
{
	return harness_run(reset_suite());
}
