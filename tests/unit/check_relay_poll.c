/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of tcp/relay_poll: what is heard of a socket that is closed. */
#include "tcp/relay_poll.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

static struct event_base *base;
static struct relay_poll poll;
static unsigned calls;

static void on_ready(struct relay_socket *socket, uint32_t events)
{
	(void)socket;
	(void)events;
	calls++;
}

static void set_up(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(relay_poll_init(&poll, base), 0);
	calls = 0;
}

static void tear_down(void)
{
	relay_poll_fini(&poll);
	event_base_free(base);
}

/* Watch a socket, forget it and close it, while somebody else has it as well; then let a byte come.
 */
static void close_what_another_has(void)
{
	static struct relay_socket socket;
	int pair[2];
	int others;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	socket = (struct relay_socket){.fd = pair[0], .on_ready = on_ready};
	ck_assert_int_eq(relay_poll_add(&poll, &socket), 0);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert_uint_eq(calls, 1);
	others = dup(pair[0]);
	relay_poll_forget(&poll, &socket);
	close(pair[0]);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	close(others);
	close(pair[1]);
}

START_TEST(closing_a_shared_socket_ends_the_watch)
{
	poll.shared = true;
	close_what_another_has();
	ck_assert_uint_eq(calls, 1);
}
END_TEST

/* Which is why it has to be said. */
START_TEST(closing_one_that_is_not_said_to_be_shared_does_not)
{
	close_what_another_has();
	ck_assert_uint_eq(calls, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("relay_poll");
	TCase *tcase = tcase_create("relay_poll");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, closing_a_shared_socket_ends_the_watch);
	tcase_add_test(tcase, closing_one_that_is_not_said_to_be_shared_does_not);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
