/* SPDX-License-Identifier: BSD-2-Clause */
/* How flows end: idle for close_after, or because the daemon stops; and what the log says then. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

/*
 * How early a timer may come: the daemon takes the kernel's coarse clock, which is five ticks of 10
 * ms late when the processor that counts them stands still.
 */
#define TICKS_MS 100

/* What a busy machine may be too slow for is doubled up to here. */
#define CLOSE_AFTER_MAX_MS 60000

static struct sender_header header;

/* A flow begins; its answer could come too late for a short close_after. */
static void begin_flow(int balancer, int backend, const char *client)
{
	balancer_send_text(balancer, client, "begin");
	udp_expect_text(backend, client, "begin");
}

/* ---- idle ---- */

START_TEST(an_idle_flow_ends)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int64_t started;

	daemon_start_udp("close_after = \"300ms\";");
	for (int i = 0; i < 3; i++) {
		started = harness_now_ms();
		begin_flow(balancer, backend, BALANCER_CLIENT);
		HARNESS_AWAIT(udp_table_connected_to(8000) == 0);
		ck_assert_int_ge(harness_now_ms() - started, 300 - TICKS_MS);
	}
	HARNESS_AWAIT(daemon_log_count("info listener=t", "reason=idle_timeout") == 3);
}
END_TEST

START_TEST(many_idle_flows_end_and_leave_nothing_behind)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	unsigned fds;
	char client[64];

	daemon_start_udp_workers(2, "close_after = \"500ms\";");
	fds = daemon_fd_count();
	for (int turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < 600; i++) {
			snprintf(client, sizeof(client), "203.0.113.%u:%u", 1 + i % 7, 20000 + i);
			begin_flow(balancer, backend, client);
		}
		HARNESS_AWAIT(udp_table_connected_to(8000) == 0);
		daemon_await_fd_count(fds);
	}
}
END_TEST

#define MOVES_UP     "203.0.113.1:40000"
#define MOVES_DOWN   "203.0.113.2:40000"
#define STANDS_STILL "203.0.113.3:40000"

/*
 * Whichever way datagrams go, they keep their flow; the one that stands still tells that time has
 * passed. False: a flow's datagrams were further apart than close_after, since the machine was busy
 * elsewhere, and nothing is known.
 */
static bool moving_flows_go_on(int balancer, int backend, int close_after_ms)
{
	int64_t moved = harness_now_ms();
	bool in_time = true;
	unsigned ended;

	begin_flow(balancer, backend, MOVES_UP);
	begin_flow(balancer, backend, MOVES_DOWN);
	begin_flow(balancer, backend, STANDS_STILL);
	while (daemon_log_count("client=" STANDS_STILL, "reason=idle_timeout") == 0 && in_time) {
		int64_t last = moved;
		bool passed;

		moved = harness_now_ms();
		balancer_send_text(balancer, MOVES_UP, "up");
		udp_send_text(backend, MOVES_DOWN, "down");
		passed = udp_receive_within(backend, harness_patience_ms()) != NULL &&
			 udp_receive_within(balancer, close_after_ms) != NULL;
		in_time = harness_now_ms() - last < close_after_ms - TICKS_MS;
		ck_assert_msg(passed || !in_time, "a flow has ended that moved");
		harness_sleep_ms(20);
	}
	ended = daemon_log_count("client=" MOVES_UP, "reason=idle_timeout") +
		daemon_log_count("client=" MOVES_DOWN, "reason=idle_timeout");
	in_time = in_time && harness_now_ms() - moved < close_after_ms - TICKS_MS;
	ck_assert_msg(ended == 0 || !in_time, "a flow has ended that moved");
	return in_time;
}

START_TEST(a_flow_that_moves_does_not_end)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int close_after_ms = 2000;
	char keys[64];

	for (;;) {
		snprintf(keys, sizeof(keys), "close_after = \"%dms\";", close_after_ms);
		daemon_start_udp(keys);
		if (moving_flows_go_on(balancer, backend, close_after_ms))
			break;
		daemon_stop();
		harness_shell("rm %s", harness_path(DAEMON_LOG_NAME));
		udp_drain(balancer, 0);
		udp_drain(backend, 0);
		close_after_ms *= 2;
		ck_assert_int_lt(close_after_ms, CLOSE_AFTER_MAX_MS);
	}
}
END_TEST

/* ---- the daemon stops ---- */

static void start_draining(unsigned workers, const char *timeout, const char *keys)
{
	char config[512];

	snprintf(config, sizeof(config),
		 "workers = %u;\ndrain_timeout = \"%s\";\nlisteners = ( { name = \"t\"; protocol = "
		 "\"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " %s } );\n",
		 workers, timeout, keys);
	daemon_start_config(config);
}

START_TEST(flows_go_on_while_the_daemon_drains)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_draining(2, "1000s", "");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_signal(SIGTERM);
	daemon_log_await("stopping", NULL, NULL);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check_answer(balancer, backend, BALANCER_CLIENT);
	daemon_assert_alive();
	/* A second signal does not wait. */
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
	daemon_log_await("client=" BALANCER_CLIENT, "reason=shutdown", NULL);
}
END_TEST

static bool is_new_client_ignored(int balancer, int backend)
{
	static unsigned number;
	char client[64];
	unsigned got = 0;
	bool is_old;

	snprintf(client, sizeof(client), "203.0.113.9:%u", 40000 + number++);
	balancer_send_text(balancer, client, "new");
	HARNESS_AWAIT(udp_table_queued(7000) == 0);
	balancer_send_text(balancer, BALANCER_CLIENT, "old");
	do {
		is_old = memcmp(udp_receive(backend)->bytes, "old", 3) == 0;
		got++;
	} while (!is_old);
	return got == 1;
}

START_TEST(a_draining_daemon_takes_no_new_clients)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	/* One worker, for the order of datagrams is its alone. */
	start_draining(1, "1000s", "");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert(!is_new_client_ignored(balancer, backend));
	daemon_signal(SIGTERM);
	daemon_log_await("stopping", NULL, NULL);
	HARNESS_AWAIT(is_new_client_ignored(balancer, backend));
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

START_TEST(a_daemon_whose_flows_have_ended_stops)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_draining(2, "1000s", "close_after = \"300ms\";");
	begin_flow(balancer, backend, BALANCER_CLIENT);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
	daemon_log_await("client=" BALANCER_CLIENT, "reason=idle_timeout", NULL);
}
END_TEST

START_TEST(a_daemon_without_flows_stops_at_once)
{
	start_draining(2, "1000s", "");
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

START_TEST(flows_that_are_left_end_after_drain_timeout)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_draining(2, "200ms", "");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
	daemon_log_await("client=" BALANCER_CLIENT, "reason=shutdown", NULL);
}
END_TEST

/* ---- the log ---- */

static void end_one_flow(const char *log)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char config[512];

	snprintf(config, sizeof(config),
		 "workers = 1;\ndrain_timeout = \"100ms\";\nlog = { %s };\nlisteners = ( { name = "
		 "\"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n",
		 log);
	daemon_start_config(config);
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_tlv(&header, 0x02, "example.org", 11);
	sender_tlv(&header, 0x05, "id-7", 4);
	balancer_send_header(balancer, LISTEN_V4, &header, "four", 4);
	udp_expect_text(backend, BALANCER_CLIENT, "four");
	balancer_send_text(balancer, BALANCER_CLIENT, "three");
	udp_expect_text(backend, BALANCER_CLIENT, "three");
	udp_send_text(backend, BALANCER_CLIENT, "sixsix");
	udp_expect_text(balancer, LISTEN_V4, "sixsix");
	daemon_stop();
}

START_TEST(the_end_of_a_flow_has_all_its_fields)
{
	static const char *const fields[] = {
	    "info ",
	    " listener=t ",
	    " peer=127.0.0.1:",
	    " client=203.0.113.7:40000 ",
	    " backend=127.0.0.1:8000 ",
	    " reason=shutdown ",
	    " header=v2 ",
	    " up=9 ",
	    " down=6 ",
	    " duration_ms=",
	    " tlv_authority=example.org",
	    " tlv_unique_id=id-7",
	};
	const char *line;

	end_one_flow("level = \"info\";");
	line = daemon_log_await("client=" BALANCER_CLIENT, NULL, NULL);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		ck_assert_msg(strstr(line, fields[i]) != NULL, "no \"%s\" in: %s", fields[i], line);
	ck_assert_uint_eq(daemon_log_count("client=", NULL), 1);
}
END_TEST

START_TEST(the_end_of_a_flow_is_an_object_of_json)
{
	static const char *const fields[] = {
	    "\"listener\":\"t\"",
	    "\"client\":\"203.0.113.7:40000\"",
	    "\"backend\":\"127.0.0.1:8000\"",
	    "\"reason\":\"shutdown\"",
	    "\"header\":\"v2\"",
	    "\"up\":9",
	    "\"down\":6",
	    "\"duration_ms\":",
	    "\"tlv_authority\":\"example.org\"",
	};
	const char *line;

	end_one_flow("level = \"info\"; format = \"json\";");
	line = daemon_log_await(BALANCER_CLIENT, NULL, NULL);
	ck_assert_int_eq(line[0], '{');
	ck_assert_int_eq(line[strlen(line) - 1], '}');
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		ck_assert_msg(strstr(line, fields[i]) != NULL, "no %s in: %s", fields[i], line);
}
END_TEST

START_TEST(without_connections_the_log_has_no_flows)
{
	end_one_flow("level = \"info\"; connections = false;");
	ck_assert_uint_eq(daemon_log_count("client=", NULL), 0);
}
END_TEST

static Suite *udp_end_suite(void)
{
	Suite *suite = suite_create("net_udp_end");
	TCase *idle = harness_case(suite, "idle", 60);
	TCase *drain = harness_case(suite, "drain", 60);
	TCase *log = harness_case(suite, "log", 60);

	tcase_add_test(idle, an_idle_flow_ends);
	tcase_add_test(idle, many_idle_flows_end_and_leave_nothing_behind);
	tcase_add_test(idle, a_flow_that_moves_does_not_end);
	tcase_add_test(drain, flows_go_on_while_the_daemon_drains);
	tcase_add_test(drain, a_draining_daemon_takes_no_new_clients);
	tcase_add_test(drain, a_daemon_whose_flows_have_ended_stops);
	tcase_add_test(drain, a_daemon_without_flows_stops_at_once);
	tcase_add_test(drain, flows_that_are_left_end_after_drain_timeout);
	tcase_add_test(log, the_end_of_a_flow_has_all_its_fields);
	tcase_add_test(log, the_end_of_a_flow_is_an_object_of_json);
	tcase_add_test(log, without_connections_the_log_has_no_flows);
	return suite;
}

int main(void)
{
	return harness_run(udp_end_suite());
}
