/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP targets that answer no client are warned of, once. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"
#include "udp.h"

/* Longer than the daemon waits for an answer, and than its next look takes. */
#define LONG_MS 8000

/* Less than it waits. */
#define IN_TIME_MS 4000

#define NOBODY_ANSWERS "has answered none of "
#define REFUSES	       "refuses datagrams: nothing listens there"

static unsigned warnings(void)
{
	return daemon_log_count("warn ", NOBODY_ANSWERS) + daemon_log_count("warn ", REFUSES);
}

/* Datagrams of a client, each of which must reach the backend. */
static void ask(int balancer, int backend, const char *client, int times)
{
	for (int i = 0; i < times; i++) {
		balancer_send_text(balancer, client, "question");
		udp_expect_text(backend, client, "question");
	}
}

static void reload_with(const char *target)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 DAEMON_AS_ROOT "log = { level = \"debug\"; };\ndrain_timeout = \"100ms\";\n"
				"workers = 1;\nlisteners = ( { name = \"t\"; protocol = \"udp\"; "
				"listen = \"" LISTEN_V4 "\"; targets = { ipv4 = \"%s\"; "
				"ipv6 = \"[::1]:8000\"; }; } );\n",
		 target);
	(void)harness_write(DAEMON_CONFIG_NAME, config);
	daemon_signal(SIGHUP);
}

static bool has_looked_behind(const char *text)
{
	char *log = harness_read(harness_path(DAEMON_LOG_NAME));
	const char *at = strstr(log, text);
	bool looked = at != NULL && strstr(at, "looked at the way ") != NULL;

	free(log);
	return looked;
}

/*
 * The daemon counts what a target is asked from a moment behind this line on, and looks at the way
 * to it from then on as well.
 */
static void await_counting(const char *reloaded)
{
	(void)daemon_log_await("reloaded: ", reloaded, NULL);
	HARNESS_AWAIT(has_looked_behind(reloaded));
}

START_TEST(a_target_that_never_answers_is_warned_of_once)
{
	int balancer = balancer_open();
	int backend = udp_open(BACKEND_V4);

	daemon_start_udp("");
	ask(balancer, backend, "203.0.113.7:40000", 2);
	ask(balancer, backend, "203.0.113.8:40000", 1);
	(void)daemon_log_await("warn ", "listener t: 127.0.0.1:8000 (IPv4) has answered none of ",
			       "mmproxy --check-routing");
	ask(balancer, backend, "203.0.113.9:40000", 3);
	harness_sleep_ms(LONG_MS);
	ck_assert_uint_eq(warnings(), 1);
	/* The same target again, and then another one. */
	reload_with(BACKEND_V4);
	await_counting("close_after)");
	ask(balancer, backend, "203.0.113.10:40000", 1);
	harness_sleep_ms(LONG_MS);
	ck_assert_uint_eq(warnings(), 1);
	backend = udp_open("127.0.0.1:8001");
	reload_with("127.0.0.1:8001");
	await_counting("targets.ipv4)");
	ask(balancer, backend, "203.0.113.11:40000", 1);
	(void)daemon_log_await("warn ", "127.0.0.1:8001 (IPv4) has answered none of ", NULL);
}
END_TEST

START_TEST(a_target_that_answers_is_not_warned_of)
{
	int balancer = balancer_open();
	int backend = udp_open(BACKEND_V4);

	daemon_start_udp("");
	balancer_check(balancer, backend, "203.0.113.7:40000");
	/* One that answers some answers. */
	ask(balancer, backend, "203.0.113.8:40000", 5);
	harness_sleep_ms(LONG_MS);
	ck_assert_uint_eq(warnings(), 0);
}
END_TEST

START_TEST(a_target_that_refuses_is_named_as_such)
{
	int balancer = balancer_open();

	daemon_start_udp("");
	for (int i = 0; i < 3; i++)
		balancer_send_text(balancer, BALANCER_CLIENT, "lost");
	(void)daemon_log_await("warn ", "listener t: 127.0.0.1:8000 (IPv4) " REFUSES, NULL);
	harness_sleep_ms(LONG_MS);
	ck_assert_uint_eq(warnings(), 1);
}
END_TEST

START_TEST(a_target_that_comes_up_in_time_is_not_warned_of)
{
	int balancer = balancer_open();

	const struct udp_datagram *datagram;
	int64_t started;
	int backend;

	daemon_start_udp("");
	started = harness_now_ms();
	balancer_send_text(balancer, BALANCER_CLIENT, "too early");
	backend = udp_open(BACKEND_V4);
	balancer_send_text(balancer, BALANCER_CLIENT, "a mark");
	/* Whether the first one found it up depends on the daemon. */
	do
		datagram = udp_receive(backend);
	while (datagram->len != strlen("a mark"));
	udp_answer(backend, datagram, "yes", 3);
	(void)udp_receive(balancer);
	/* On a machine that is too slow for that, the warning would be right. */
	if (harness_now_ms() - started > IN_TIME_MS)
		return;
	harness_sleep_ms(LONG_MS);
	ck_assert_uint_eq(warnings(), 0);
}
END_TEST

START_TEST(answers_from_another_address_are_none)
{
	int balancer = balancer_open();
	int backend = udp_open("0.0.0.0:8000");

	harness_shell("ip address add 192.0.2.1/32 dev lo"
		      " && ip route add local 203.0.113.0/24 dev lo src 192.0.2.1");
	daemon_start_udp("");
	ask(balancer, backend, BALANCER_CLIENT, 1);
	udp_send_text(backend, BALANCER_CLIENT, "from elsewhere");
	(void)daemon_log_await("warn ", "127.0.0.1:8000 (IPv4) has answered none of ", NULL);
	/* The look behind it tells why. */
	(void)daemon_log_await("warn ", "listener t: the server at 127.0.0.1:8000 is bound to all",
			       "(answers_elsewhere)");
}
END_TEST

/* A load balancer's own check needs no way back to a client, and proves none. */
START_TEST(local_headers_neither_ask_nor_answer)
{
	int balancer = balancer_open();
	int backend = udp_open(BACKEND_V4);
	struct sender_header header;

	daemon_start_udp("");
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	balancer_send_header(balancer, LISTEN_V4, &header, "alive?", 6);
	(void)udp_receive(backend);
	harness_sleep_ms(LONG_MS);
	ck_assert_uint_eq(warnings(), 0);
	balancer_send_header(balancer, LISTEN_V4, &header, "alive?", 6);
	udp_answer(backend, udp_receive(backend), "yes", 3);
	(void)udp_receive(balancer);
	ask(balancer, backend, BALANCER_CLIENT, 1);
	(void)daemon_log_await("warn ", "127.0.0.1:8000 (IPv4) has answered none of ", NULL);
}
END_TEST

START_TEST(each_family_has_its_warning)
{
	int balancer = balancer_open();
	int backend = udp_open(BACKEND_V4);
	int other;

	if (!netns_has_ipv6())
		return;
	other = udp_open(BACKEND_V6);
	daemon_start_udp("");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	ask(balancer, other, "[2001:db8::7]:40000", 2);
	(void)daemon_log_await("warn ", "[::1]:8000 (IPv6) has answered none of ", NULL);
	ck_assert_uint_eq(warnings(), 1);
}
END_TEST

static Suite *silence_suite(void)
{
	Suite *suite = suite_create("net_silence");
	TCase *tcase = harness_case(suite, "silence", 120);

	tcase_add_test(tcase, a_target_that_never_answers_is_warned_of_once);
	tcase_add_test(tcase, a_target_that_answers_is_not_warned_of);
	tcase_add_test(tcase, a_target_that_refuses_is_named_as_such);
	tcase_add_test(tcase, a_target_that_comes_up_in_time_is_not_warned_of);
	tcase_add_test(tcase, answers_from_another_address_are_none);
	tcase_add_test(tcase, local_headers_neither_ask_nor_answer);
	tcase_add_test(tcase, each_family_has_its_warning);
	return suite;
}

int main(void)
{
	return harness_run(silence_suite());
}
