/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of worker/mailbox. */
#include "worker/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

#include <check.h>

static struct event_base *base;
static struct mailbox mailbox;
static unsigned seen[8];
static unsigned seen_count;

static void on_message(unsigned message, void *arg)
{
	ck_assert_ptr_eq(arg, seen);
	if (seen_count < sizeof(seen) / sizeof(seen[0]))
		seen[seen_count] = message;
	seen_count++;
}

static void set_up(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(mailbox_init(&mailbox, base, on_message, seen), 0);
	seen_count = 0;
}

static void tear_down(void)
{
	mailbox_fini(&mailbox);
	event_base_free(base);
}

START_TEST(test_messages_come_one_by_one)
{
	mailbox_signal(&mailbox, 4 | 1);
	mailbox_signal(&mailbox, 4);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert_uint_eq(seen_count, 2);
	ck_assert_uint_eq(seen[0], 1);
	ck_assert_uint_eq(seen[1], 4);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert_uint_eq(seen_count, 2);
}
END_TEST

#define POSTS 10000

static void *post_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < POSTS; i++)
		mailbox_signal(&mailbox, 1);
	mailbox_signal(&mailbox, 2);
	return NULL;
}

START_TEST(test_nothing_is_lost_between_threads)
{
	pthread_t thread;
	unsigned last = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, post_many, NULL), 0);
	while (last != 2) {
		seen_count = 0;
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
		if (seen_count > 0)
			last = seen[seen_count - 1];
	}
	pthread_join(thread, NULL);
}
END_TEST

struct letter {
	struct mail mail;
	unsigned number;
};

static unsigned opened;

static void open_letter(struct mail *mail, void *arg)
{
	struct letter *letter = (struct letter *)(void *)mail;

	ck_assert_ptr_eq(arg, seen);
	ck_assert_uint_eq(letter->number, opened);
	opened++;
	free(letter);
}

static void send_letter(unsigned number)
{
	struct letter *letter = calloc(1, sizeof(*letter));

	ck_assert_ptr_nonnull(letter);
	letter->mail.open = open_letter;
	letter->number = number;
	mailbox_send(&mailbox, &letter->mail);
}

/* Each once, in its order, and behind signals. */
START_TEST(test_mail_is_opened_in_its_order)
{
	opened = 0;
	for (unsigned i = 0; i < 3; i++)
		send_letter(i);
	mailbox_signal(&mailbox, 1);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert_uint_eq(seen_count, 1);
	ck_assert_uint_eq(opened, 3);
}
END_TEST

static void *send_many(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < POSTS; i++)
		send_letter(i);
	return NULL;
}

START_TEST(test_no_mail_is_lost_between_threads)
{
	pthread_t thread;

	opened = 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, send_many, NULL), 0);
	while (opened < POSTS)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mailbox");
	TCase *tcase = tcase_create("mailbox");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_messages_come_one_by_one);
	tcase_add_test(tcase, test_nothing_is_lost_between_threads);
	tcase_add_test(tcase, test_mail_is_opened_in_its_order);
	tcase_add_test(tcase, test_no_mail_is_lost_between_threads);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
