/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of daemon/handover: messages, descriptors, and the deny list. */
#include "daemon/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

static int fds[2];
static struct handover_message message;

static void set_up(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
}

static void tear_down(void)
{
	close(fds[0]);
	close(fds[1]);
}

START_TEST(test_a_full_batch_arrives)
{
	const struct handover_head head = {.kind = HANDOVER_FLOWS, .number = 7};
	static uint8_t bytes[FLOW_BATCH_BYTES];
	int passed[FLOW_BATCH_MAX];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < FLOW_BATCH_MAX; i++)
		passed[i] = fds[i % 2];
	ck_assert_int_eq(handover_send(fds[0], &head, bytes, sizeof(bytes), passed, FLOW_BATCH_MAX),
			 0);
	ck_assert_int_eq(handover_receive(fds[1], &message), 1);
	ck_assert_uint_eq(message.head.kind, HANDOVER_FLOWS);
	ck_assert_uint_eq(message.head.number, 7);
	ck_assert_uint_eq(message.len, sizeof(bytes));
	ck_assert_mem_eq(message.bytes, bytes, sizeof(bytes));
	ck_assert_uint_eq(message.count, FLOW_BATCH_MAX);
	for (size_t i = 0; i < message.count; i++)
		ck_assert_int_eq(close(message.fds[i]), 0);
}
END_TEST

START_TEST(test_the_end_and_nothing_yet_differ)
{
	ck_assert_int_eq(handover_receive(fds[1], &message), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(handover_say(fds[0], HANDOVER_HELLO, 3), 0);
	close(fds[0]);
	fds[0] = -1;
	ck_assert_int_eq(handover_receive(fds[1], &message), 1);
	ck_assert_uint_eq(message.head.number, 3);
	ck_assert_uint_eq(message.count, 0);
	ck_assert_int_eq(handover_receive(fds[1], &message), 0);
	ck_assert_int_eq(handover_say(fds[1], HANDOVER_READY, 0), -1);
}
END_TEST

START_TEST(test_what_is_no_message_is_refused)
{
	ck_assert_int_eq(send(fds[0], "xyz", 3, 0), 3);
	ck_assert_int_eq(handover_receive(fds[1], &message), -1);
	ck_assert_int_eq(errno, EPROTO);
}
END_TEST

START_TEST(test_the_deny_list_arrives)
{
	static const char *const networks[] = {"203.0.113.7", "198.51.100.0/24", "2001:db8::/48"};
	struct deny_list *from = deny_list_new();
	struct deny_list *to = deny_list_new();
	char answer[DENY_LIST_ANSWER_LEN];
	int64_t now = deny_list_clock_ms();

	ck_assert(from != NULL && to != NULL);
	for (size_t i = 0; i < 3; i++) {
		struct network network;

		ck_assert_int_eq(network_parse(&network, networks[i]), 0);
		ck_assert_int_eq(deny_list_add(from, &network, (int64_t)i * 100, now, answer),
				 DENY_LIST_DONE);
	}
	ck_assert_int_eq(handover_send_denied(fds[0], from), 0);
	ck_assert_int_eq(handover_receive(fds[1], &message), 1);
	ck_assert_uint_eq(message.head.kind, HANDOVER_DENIED);
	ck_assert_int_eq(handover_take_denied(&message, to), 0);
	for (size_t i = 0; i < 3; i++) {
		struct network network;

		ck_assert_int_eq(network_parse(&network, networks[i]), 0);
		ck_assert_int_eq(deny_list_remove(to, &network, answer), DENY_LIST_DONE);
	}
	/* Without its file there is nothing to add. */
	message.count = 0;
	ck_assert_int_eq(handover_take_denied(&message, to), -1);
	deny_list_free(from);
	deny_list_free(to);
}
END_TEST

static Suite *handover_suite(void)
{
	Suite *suite = suite_create("handover");
	TCase *messages = tcase_create("messages");

	tcase_add_checked_fixture(messages, set_up, tear_down);
	tcase_add_test(messages, test_a_full_batch_arrives);
	tcase_add_test(messages, test_the_end_and_nothing_yet_differ);
	tcase_add_test(messages, test_what_is_no_message_is_refused);
	tcase_add_test(messages, test_the_deny_list_arrives);
	suite_add_tcase(suite, messages);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(handover_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
