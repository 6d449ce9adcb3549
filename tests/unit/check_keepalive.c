/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of net/keepalive: when silent sockets are probed, and that few are so together. */
#include "net/keepalive.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

/* Descriptors in a row, as those of connections that are opened together. */
#define SOCKETS 600

#define IDLE_S	   60
#define INTERVAL_S (IDLE_S / 4)

static int fds[SOCKETS];

static void open_sockets(void)
{
	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_ge(fds[i], 0);
	}
}

static void close_sockets(void)
{
	for (int i = 0; i < SOCKETS; i++)
		close(fds[i]);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

START_TEST(a_silent_socket_is_probed_in_time)
{
	for (int i = 0; i < SOCKETS; i++) {
		int idle_s;
		int interval_s;
		int probes;

		ck_assert_int_eq(keepalive_start(fds[i], IDLE_S * 1000), 0);
		idle_s = option(fds[i], SOL_TCP, TCP_KEEPIDLE);
		interval_s = option(fds[i], SOL_TCP, TCP_KEEPINTVL);
		probes = option(fds[i], SOL_TCP, TCP_KEEPCNT);
		ck_assert_int_ne(option(fds[i], SOL_SOCKET, SO_KEEPALIVE), 0);
		ck_assert_int_ge(idle_s, IDLE_S / 2);
		ck_assert_int_le(idle_s, IDLE_S);
		ck_assert_uint_eq(keepalive_idle_ms(fds[i], IDLE_S * 1000),
				  1000u * (unsigned)idle_s);
		/* An outage of three quarters of the time ends nothing, and the end comes soon. */
		ck_assert_int_ge(probes, 4);
		ck_assert_int_ge(interval_s * probes, IDLE_S * 3 / 4);
		ck_assert_int_le(interval_s * probes, IDLE_S);
	}
}
END_TEST

/* The most sockets that have one value of an option. */
static int most_alike(int name)
{
	int counts[IDLE_S + 1] = {0};
	int most = 0;

	for (int i = 0; i < SOCKETS; i++) {
		int value = option(fds[i], SOL_TCP, name);

		ck_assert_int_ge(value, 0);
		ck_assert_int_le(value, IDLE_S);
		if (++counts[value] > most)
			most = counts[value];
	}
	return most;
}

START_TEST(few_sockets_are_probed_together)
{
	for (int i = 0; i < SOCKETS; i++)
		ck_assert_int_eq(keepalive_start(fds[i], IDLE_S * 1000), 0);
	/* An even share would be a 31st and a ninth. */
	ck_assert_int_le(most_alike(TCP_KEEPIDLE), SOCKETS / 20);
	ck_assert_int_le(most_alike(TCP_KEEPINTVL), SOCKETS / 6);
}
END_TEST

START_TEST(any_time_is_taken)
{
	static const struct {
		uint32_t idle_ms;
		int least_s;
		int most_s;
	} rows[] = {{1, 1, 1},
		    {1000, 1, 1},
		    {1001, 1, 2},
		    {2000, 1, 2},
		    {3000, 2, 3},
		    {7200000, 3600, 7200},
		    {32767000, 16384, 32767}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int j = 0; j < SOCKETS; j++) {
			ck_assert_int_eq(keepalive_start(fds[j], rows[i].idle_ms), 0);
			ck_assert_int_ge(option(fds[j], SOL_TCP, TCP_KEEPIDLE), rows[i].least_s);
			ck_assert_int_le(option(fds[j], SOL_TCP, TCP_KEEPIDLE), rows[i].most_s);
			ck_assert_int_ge(option(fds[j], SOL_TCP, TCP_KEEPCNT), 4);
		}
}
END_TEST

START_TEST(a_descriptor_that_is_none_is_an_error)
{
	ck_assert_int_lt(keepalive_start(-1, 1000), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keepalive");
	TCase *tcase = tcase_create("keepalive");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, open_sockets, close_sockets);
	tcase_add_test(tcase, a_silent_socket_is_probed_in_time);
	tcase_add_test(tcase, few_sockets_are_probed_together);
	tcase_add_test(tcase, any_time_is_taken);
	tcase_add_test(tcase, a_descriptor_that_is_none_is_an_error);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
