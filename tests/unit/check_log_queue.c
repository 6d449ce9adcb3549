/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/log_queue. */
#include "base/log_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

static struct log_queue queue;
static struct log_batch batch;

static bool put(const char *text)
{
	return log_queue_put(&queue, LOG_LEVEL_INFO, text, strlen(text));
}

static const char *take(size_t max_lines)
{
	ck_assert(log_queue_take(&queue, &batch, max_lines, 0));
	batch.text[batch.len] = '\0';
	return batch.text;
}

START_TEST(lines_come_out_in_order_and_together)
{
	ck_assert_int_eq(log_queue_init(&queue, 4096), 0);
	ck_assert(put("one\n"));
	ck_assert(put("two\n"));
	ck_assert(put("three\n"));
	ck_assert_str_eq(take(2), "one\ntwo\n");
	ck_assert_uint_eq(batch.lines, 2);
	ck_assert(!batch.is_last);
	ck_assert_str_eq(take(SIZE_MAX), "three\n");
	ck_assert(batch.is_last);
	/* Nothing came in time. */
	ck_assert_str_eq(take(SIZE_MAX), "");
	log_queue_close(&queue);
	ck_assert(!log_queue_take(&queue, &batch, 1, -1));
	log_queue_fini(&queue);
}
END_TEST

START_TEST(every_place_in_the_ring_holds_a_line)
{
	/* Records of all lengths pass the end of the ring at every byte. */
	ck_assert_int_eq(log_queue_init(&queue, 301), 0);
	ck_assert(put("-\n"));
	for (unsigned i = 0; i < 3000; i++) {
		char text[128];
		char next[128];

		snprintf(text, sizeof(text), "%0*u\n", (int)(i % 97), i);
		snprintf(next, sizeof(next), "%0*u\n", (int)((i + 1) % 97), i + 1);
		if (i == 0)
			ck_assert(put(text));
		ck_assert(put(next));
		if (i == 0)
			ck_assert_str_eq(take(1), "-\n");
		ck_assert_str_eq(take(1), text);
		ck_assert_uint_eq(batch.left_out, 0);
	}
	log_queue_fini(&queue);
}
END_TEST

START_TEST(what_does_not_fit_is_counted_where_it_is_missing)
{
	unsigned fitting = 0;
	unsigned taken = 0;

	ck_assert_int_eq(log_queue_init(&queue, 1000), 0);
	while (put("a line\n"))
		fitting++;
	ck_assert_uint_gt(fitting, 20);
	for (int i = 0; i < 9; i++)
		ck_assert(!put("lost\n"));
	/* Not before the queue is half empty. */
	take(1);
	ck_assert(!put("lost\n"));
	for (taken = 1; taken <= fitting / 2; taken++)
		take(1);
	ck_assert(put("new\n"));
	for (; taken < fitting; taken++) {
		ck_assert_str_eq(take(1), "a line\n");
		ck_assert_uint_eq(batch.left_out, 0);
	}
	ck_assert_str_eq(take(SIZE_MAX), "new\n");
	ck_assert_uint_eq(batch.left_out, 11);
	log_queue_fini(&queue);
}
END_TEST

START_TEST(lines_missing_at_the_end_are_told_as_well)
{
	ck_assert_int_eq(log_queue_init(&queue, 100), 0);
	ck_assert(put("a line\n"));
	while (put("a line\n"))
		;
	log_queue_close(&queue);
	ck_assert_str_eq(take(SIZE_MAX), "a line\na line\na line\na line\n");
	ck_assert_str_eq(take(SIZE_MAX), "");
	ck_assert_uint_eq(batch.left_out, 1);
	ck_assert(!log_queue_take(&queue, &batch, 1, -1));
	log_queue_fini(&queue);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_queue");
	TCase *tcase = tcase_create("log_queue");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, lines_come_out_in_order_and_together);
	tcase_add_test(tcase, every_place_in_the_ring_holds_a_line);
	tcase_add_test(tcase, what_does_not_fit_is_counted_where_it_is_missing);
	tcase_add_test(tcase, lines_missing_at_the_end_are_told_as_well);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
