/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits: max_flows, memory, and what one flow may take from the others. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

/* Take datagrams until one holds these words; others are a flood's. */
static bool is_received(int fd, const char *words, int ms)
{
	int64_t deadline = harness_now_ms() + ms;
	int64_t left = ms;

	while (left > 0) {
		const struct udp_datagram *datagram = udp_receive_within(fd, (int)left);

		if (datagram != NULL && datagram->len == strlen(words) &&
		    memcmp(datagram->bytes, words, datagram->len) == 0)
			return true;
		left = deadline - harness_now_ms();
	}
	return false;
}

/* ---- max_flows ---- */

START_TEST(the_flow_idle_longest_makes_room)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("max_flows = 3;");
	balancer_check(balancer, backend, "203.0.113.1:1001");
	balancer_check(balancer, backend, "203.0.113.2:1002");
	balancer_check(balancer, backend, "203.0.113.3:1003");
	/* Both ways count: the first has asked again, the third was answered. */
	balancer_check(balancer, backend, "203.0.113.1:1001");
	balancer_check_answer(balancer, backend, "203.0.113.2:1002");
	balancer_check(balancer, backend, "203.0.113.4:1004");
	ck_assert(!udp_table_has("203.0.113.3:1003", BACKEND_V4));
	daemon_log_await("client=203.0.113.3:1003", "reason=connection_limit", NULL);
	balancer_check_answer(balancer, backend, "203.0.113.1:1001");
	balancer_check(balancer, backend, "203.0.113.3:1003");
	ck_assert(!udp_table_has("203.0.113.2:1002", BACKEND_V4));
	balancer_check_answer(balancer, backend, "203.0.113.1:1001");
	balancer_check_answer(balancer, backend, "203.0.113.4:1004");
	ck_assert_uint_eq(udp_table_connected_to(8000), 3);
}
END_TEST

START_TEST(one_flow_is_enough_for_clients_in_turn)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char client[64];

	daemon_start_udp("max_flows = 1;");
	for (unsigned i = 0; i < 100; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i % 3);
		balancer_check(balancer, backend, client);
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/* A worker without a flow of its own has to find room as well. */
START_TEST(every_worker_makes_room)
{
	int backend = udp_open(BACKEND_V4);
	char client[64];

	daemon_start_udp_workers(4, "max_flows = 2;");
	for (unsigned i = 0; i < 60; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
		balancer_check(balancer_open(), backend, client);
		/* The worker that made room may be about to close what it ended. */
		HARNESS_AWAIT(udp_table_connected_to(8000) <= 2);
	}
}
END_TEST

/* A burst in which each datagram is a new client's, so that flows end before they were sent for. */
START_TEST(flows_that_end_at_once_lose_nothing)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char client[64];
	bool seen[200] = {false};

	daemon_start_udp("max_flows = 2;");
	for (unsigned i = 0; i < 200; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i);
		balancer_send_text(balancer, client, client);
	}
	for (unsigned i = 0; i < 200; i++) {
		const struct udp_datagram *datagram = udp_receive(backend);
		unsigned number = addr_port(&datagram->from) - 40000U;

		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + number);
		ck_assert_uint_eq(datagram->len, strlen(client));
		ck_assert_int_eq(memcmp(datagram->bytes, client, datagram->len), 0);
		ck_assert_uint_lt(number, 200);
		ck_assert(!seen[number]);
		seen[number] = true;
	}
}
END_TEST

/* ---- a flood of clients ---- */

#define FLOOD	      6000
#define FLOOD_FLOWS   200
#define FLOOD_PAYLOAD 1200

/* One flow and a table row are less than 1 KiB, and what the kernel has is not the daemon's. */
#define FLOOD_GROWTH_KB 4096

static void flood(int balancer, unsigned first, unsigned count)
{
	static const uint8_t payload[FLOOD_PAYLOAD];
	char client[64];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(client, sizeof(client), "198.51.%u.%u:40000", 100 + i / 250, 1 + i % 250);
		balancer_send(balancer, client, payload, sizeof(payload));
	}
}

START_TEST(an_active_flow_survives_a_flood_of_clients)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	unsigned long memory = 0;
	unsigned fds;
	char keys[64];

	snprintf(keys, sizeof(keys), "max_flows = %d;", FLOOD_FLOWS);
	daemon_start_udp(keys);
	fds = daemon_fd_count();
	for (unsigned i = 0; i < FLOOD; i += 50) {
		balancer_send_text(balancer, BALANCER_CLIENT, "still here");
		flood(balancer, i, 50);
		/* Each round in its turn: what the kernel drops from a full queue is no proof. */
		ck_assert(is_received(backend, "still here", harness_patience_ms()));
		HARNESS_AWAIT(udp_table_queued(7000) == 0);
		udp_drain(backend, 0);
		balancer_check_answer(balancer, backend, BALANCER_CLIENT);
		if (i == FLOOD / 4)
			memory = daemon_rss_kb();
		if (i % 500 == 0)
			ck_assert_uint_le(udp_table_connected_to(8000), FLOOD_FLOWS);
	}
	ck_assert_uint_eq(daemon_log_count("client=" BALANCER_CLIENT, "reason="), 0);
	ck_assert_uint_eq(udp_table_connected_to(8000), FLOOD_FLOWS);
	if (!daemon_is_wrapped())
		ck_assert_uint_le(daemon_fd_count(), fds + FLOOD_FLOWS);
	if (!daemon_is_instrumented())
		ck_assert_uint_le(daemon_rss_kb(), memory + FLOOD_GROWTH_KB);
}
END_TEST

/* ---- one flow against the others ---- */

/*
 * A child that sends without end, until it is killed or this process ends. Its first datagram may
 * take a while, so callers wait until they see one have its effect. A daemon that a wrapper
 * slows down thirtyfold gets a smaller flood: else the kernel's queue, which all share before the
 * daemon can tell them apart, has hardly ever room for anybody.
 */
static pid_t start_flood(int fd, const char *to, const void *bytes, size_t len)
{
	useconds_t pause_us = daemon_is_wrapped() ? 1000 : 0;
	struct addr addr = peer_addr(to);
	pid_t parent = getpid();
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent) {
		(void)sendto(fd, bytes, len, 0, &addr.sa, addr_len(&addr));
		if (pause_us != 0)
			usleep(pause_us);
	}
	_exit(0);
}

static void stop_flood(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

/* The others' datagrams may be lost in queues that a flood keeps full, so they are sent again. */
static void exchange(int balancer, int backend, const char *client)
{
	static unsigned number;
	int64_t deadline = harness_now_ms() + harness_patience_ms();
	char question[64];
	char answer[64];

	snprintf(question, sizeof(question), "question %u", number);
	snprintf(answer, sizeof(answer), "answer %u", number++);
	do {
		ck_assert_msg(harness_now_ms() < deadline, "%s is starved", client);
		balancer_send_text(balancer, client, question);
		if (!is_received(backend, question, 200))
			continue;
		udp_send_text(backend, client, answer);
	} while (!is_received(balancer, answer, 200));
}

START_TEST(a_flood_of_answers_starves_nobody)
{
	static const uint8_t bytes[1200];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int flooded = balancer_open();
	pid_t pid;

	daemon_start_udp("");
	balancer_check(flooded, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
	pid = start_flood(backend, BALANCER_CLIENT, bytes, sizeof(bytes));
	(void)udp_receive(flooded);
	for (int i = 0; i < 30; i++)
		exchange(balancer, backend, BALANCER_OTHER_CLIENT);
	stop_flood(pid);
	ck_assert_uint_eq(daemon_log_count("client=", "reason="), 0);
}
END_TEST

START_TEST(a_flood_of_questions_starves_nobody)
{
	static uint8_t bytes[1200];
	static struct sender_header header;
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int flooding = balancer_open();
	pid_t pid;

	daemon_start_udp("");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	memcpy(bytes, header.bytes, header.len);
	pid = start_flood(flooding, LISTEN_V4, bytes, sizeof(bytes));
	(void)udp_receive(backend);
	for (int i = 0; i < 30; i++)
		exchange(balancer, backend, BALANCER_OTHER_CLIENT);
	stop_flood(pid);
	ck_assert_uint_eq(daemon_log_count("client=", "reason="), 0);
}
END_TEST

/* Rubbish that no flow comes of is read and dropped; it fills the log only so far. */
START_TEST(a_flood_of_rubbish_starves_nobody)
{
	static const uint8_t bytes[100];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int flooding = balancer_open();
	int64_t started = harness_now_ms();
	unsigned seconds;
	unsigned lines;
	pid_t pid;

	daemon_start_udp("");
	pid = start_flood(flooding, LISTEN_V4, bytes, sizeof(bytes));
	daemon_log_await("warn ", "reason=header_invalid", NULL);
	for (int i = 0; i < 30; i++)
		exchange(balancer, backend, BALANCER_CLIENT);
	/* On a busy machine the flood may begin after all of that. */
	daemon_log_await("warn ", "reason=header_invalid", NULL);
	stop_flood(pid);
	/* What waits in the daemon's queue is told of meanwhile. */
	lines = daemon_log_count("warn ", "reason=header_invalid");
	seconds = (unsigned)((harness_now_ms() - started) / 1000) + 2;
	ck_assert_uint_le(lines, 12 * seconds);
}
END_TEST

static Suite *udp_limits_suite(void)
{
	Suite *suite = suite_create("net_udp_limits");
	TCase *flows = harness_case(suite, "flows", 60);
	TCase *fairness = harness_case(suite, "fairness", 120);

	tcase_add_test(flows, the_flow_idle_longest_makes_room);
	tcase_add_test(flows, one_flow_is_enough_for_clients_in_turn);
	tcase_add_test(flows, every_worker_makes_room);
	tcase_add_test(flows, flows_that_end_at_once_lose_nothing);
	tcase_add_test(flows, an_active_flow_survives_a_flood_of_clients);
	tcase_add_test(fairness, a_flood_of_answers_starves_nobody);
	tcase_add_test(fairness, a_flood_of_questions_starves_nobody);
	tcase_add_test(fairness, a_flood_of_rubbish_starves_nobody);
	return suite;
}

int main(void)
{
	return harness_run(udp_limits_suite());
}
