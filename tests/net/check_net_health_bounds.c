/* SPDX-License-Identifier: BSD-2-Clause */
/* Health ports: how often targets are probed and how, and what peers cannot use up. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "health.h"
#include "peer.h"
#include "tcp_table.h"

/* Descriptors that health ports have beside connections: one each, and a probe's two. */
#define FDS_BESIDE	3
#define CONNECTIONS_MAX 128

/* ---- probes ---- */

START_TEST(a_target_is_probed_once_a_second_at_most)
{
	unsigned long opens;
	unsigned long asked = 0;
	int64_t started;
	int64_t elapsed;

	peer_listen(BACKEND_V4);
	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	opens = health_active_opens();
	started = harness_now_ms();
	do {
		health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\n");
		asked++;
		elapsed = harness_now_ms() - started;
	} while (elapsed < 2500 || asked < 20);
	opens = health_active_opens() - opens - asked;
	ck_assert_uint_ge(opens, 1);
	ck_assert_uint_le(opens, 1 + (unsigned long)(harness_now_ms() - started) / 990);
	/* Nobody asks: nobody is probed. */
	opens = health_active_opens();
	harness_sleep_ms(2500);
	ck_assert_uint_eq(health_active_opens(), opens);
}
END_TEST

/* Probes that came through to the server, each from mmproxy's own address and over at once. */
static unsigned count_seen(int backend)
{
	unsigned seen = 0;

	for (; peer_is_readable(backend); seen++) {
		struct addr from;
		socklen_t len = sizeof(from);
		int fd = peer_adopt(accept(backend, &from.sa, &len));

		ck_assert_int_ge(fd, 0);
		ck_assert(addr_is_loopback(&from));
		peer_expect_closed(fd);
		peer_close(fd);
	}
	return seen;
}

/*
 * The server mostly does not see a probe, which would be a lost connection in its log. One comes
 * through when the machine stands still for 40 ms between two system calls: then there is another
 * one, and not all of them do.
 */
START_TEST(the_server_does_not_see_probes)
{
	int backend = peer_listen(BACKEND_V4);
	int64_t deadline = harness_now_ms() + harness_patience_ms();
	unsigned long probes;

	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	do {
		ck_assert_int_lt(harness_now_ms(), deadline);
		health_let_result_expire();
		(void)count_seen(backend);
		probes = health_active_opens();
		health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\n");
		/* Who asks has a connection too. */
		probes = health_active_opens() - probes - 1;
		ck_assert_uint_ge(probes, 1);
	} while (count_seen(backend) >= probes);
	HARNESS_AWAIT(tcp_table_connections(8000) == 0);
}
END_TEST

/* As connections do: a mark may lead elsewhere, or to nobody. */
START_TEST(probes_have_the_mark)
{
	peer_listen(BACKEND_V4);
	health_start(HEALTH_ONLY_IPV4, "mark = 7;");
	HARNESS_AWAIT(health_is_open());
	harness_shell("ip rule add pref 1 table local && ip rule del pref 0 && "
		      "ip rule add pref 0 fwmark 7 prohibit");
	health_let_result_expire();
	health_assert_answer(health_ask(HEALTH_GET), 503,
			     "backend_unreachable\nipv4: backend_unreachable\n");
	harness_shell("ip rule del pref 0");
	HARNESS_AWAIT(health_is_open());
}
END_TEST

/* ---- bounds ---- */

/* As many connections as the limit on descriptors allows; a thousand if it does. */
static unsigned raise_descriptors(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur < 1100 ? (unsigned)limit.rlim_cur - 100 : 1000;
}

/* A thousand that say nothing, or never all: none is kept for long, and none keeps others out. */
START_TEST(idle_connections_keep_nobody_out)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned idle = raise_descriptors();
	unsigned fds;

	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	fds = daemon_fd_count();
	for (unsigned i = 0; i < idle; i++) {
		int fd = peer_connect(NULL, HEALTH);

		if (_i == 1)
			peer_send_text(fd, "GET / HTTP/1.1\r\nA: ");
	}
	for (int i = 0; i < 20; i++)
		health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\n");
	ck_assert_uint_le(daemon_fd_count(), fds + CONNECTIONS_MAX + FDS_BESIDE);
	connection_try(backend, CONNECTION_CLIENT);
	daemon_assert_rests(500);
	/* Their time is 5 seconds. */
	daemon_await_fd_count(fds);
	health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\n");
}
END_TEST

/* Each byte is progress, and yet there is an end. */
START_TEST(a_request_that_trickles_is_cut)
{
	int64_t started;
	int fd;

	peer_listen(BACKEND_V4);
	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	fd = peer_connect(NULL, HEALTH);
	started = harness_now_ms();
	peer_send_text(fd, "GET / HTTP/1.1\r\nA: ");
	while (!peer_is_readable(fd)) {
		ck_assert_int_lt(harness_now_ms() - started, 5000 + harness_patience_ms());
		if (send(fd, "a", 1, MSG_NOSIGNAL) < 0)
			break;
		harness_sleep_ms(100);
	}
	peer_expect_closed(fd);
	ck_assert_int_ge(harness_now_ms() - started, 4900);
}
END_TEST

/* Whoever sends for ever is cut, before and after the answer. */
START_TEST(a_request_without_end_is_cut)
{
	static char more[16384];
	int fd;

	memset(more, 'a', sizeof(more));
	peer_listen(BACKEND_V4);
	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	fd = peer_connect(NULL, HEALTH);
	peer_send_text(fd, _i == 0 ? "GET / HTTP/1.1\r\nA: " : HEALTH_GET);
	for (int64_t end = harness_now_ms() + harness_patience_ms();;) {
		ck_assert_int_lt(harness_now_ms(), end);
		if (send(fd, more, sizeof(more), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
		    errno != EAGAIN)
			break;
		harness_sleep_ms(5);
	}
	health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\n");
}
END_TEST

/* It pauses and goes on; meanwhile neither a busy loop nor a log without end. */
START_TEST(without_descriptors_it_waits)
{
	int backend = peer_listen(BACKEND_V4);
	int clients[20];

	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	if (daemon_is_wrapped())
		return;
	daemon_leave_descriptors(6);
	/* All at once: a probe without a descriptor closes the port, and would refuse the rest. */
	health_let_result_expire();
	daemon_pause();
	for (size_t i = 0; i < 20; i++)
		clients[i] = peer_connect(NULL, HEALTH);
	daemon_resume();
	daemon_log_await("warn listener=t", "health=" HEALTH, "cannot accept");
	/* Before their 5 seconds are over, which makes room. */
	daemon_assert_rests(1000);
	ck_assert_uint_eq(daemon_log_count("cannot accept", NULL), 1);
	for (size_t i = 0; i < 20; i++)
		peer_close(clients[i]);
	health_let_result_expire();
	HARNESS_AWAIT(health_is_open());
	health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\n");
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

static Suite *health_bounds_suite(void)
{
	Suite *suite = suite_create("net_health_bounds");
	TCase *probes = harness_case(suite, "probes", 60);
	TCase *bounds = harness_case(suite, "bounds", 90);

	tcase_add_test(probes, a_target_is_probed_once_a_second_at_most);
	tcase_add_test(probes, the_server_does_not_see_probes);
	tcase_add_test(probes, probes_have_the_mark);
	tcase_add_loop_test(bounds, idle_connections_keep_nobody_out, 0, 2);
	tcase_add_test(bounds, a_request_that_trickles_is_cut);
	tcase_add_loop_test(bounds, a_request_without_end_is_cut, 0, 2);
	tcase_add_test(bounds, without_descriptors_it_waits);
	return suite;
}

int main(void)
{
	return harness_run(health_bounds_suite());
}
