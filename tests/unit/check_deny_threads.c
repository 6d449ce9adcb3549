/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that ask service/deny_list while the main thread changes it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "service/deny_list.h"

#define THREADS	       3
#define ROUNDS	       3000
#define CHANGES	       20
#define ASKED_AT_LEAST 1000

static struct deny_list *list;
static atomic_bool over;

struct asker {
	pthread_t thread;
	uint64_t hits;
	atomic_uint_fast64_t asked;
	bool missed;
	bool invented;
};

static struct addr addr_of(const char *text)
{
	struct addr addr;

	ck_assert_msg(addr_parse_ip(&addr, text) == 0, "%s", text);
	return addr;
}

static void *ask(void *arg)
{
	struct asker *asker = arg;
	const struct addr always = addr_of("203.0.113.7");
	const struct addr never = addr_of("198.51.100.7");
	uint64_t asked = 0;

	while (!atomic_load(&over)) {
		struct addr some;
		uint32_t ip = htonl(0x0A000000u + (uint32_t)(asked % 64));

		addr_from_ipv4(&some, &ip, 0);
		(void)deny_list_denies(list, &some);
		if (deny_list_denies(list, &always))
			asker->hits++;
		else
			asker->missed = true;
		if (deny_list_denies(list, &never))
			asker->invented = true;
		atomic_store(&asker->asked, ++asked);
	}
	return NULL;
}

static void change(unsigned round)
{
	char answer[DENY_LIST_ANSWER_LEN];
	int64_t now_ms = (int64_t)round * 1000;
	struct network network;
	char text[NETWORK_STRLEN];

	/* Lengths come and go with their only network. */
	for (unsigned i = 0; i < CHANGES; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u/%u", round % 64, 9 + i);
		ck_assert_int_eq(network_parse(&network, text), 0);
		(void)!deny_list_add(list, &network, 1 + i % 3, now_ms, answer);
	}
	ck_assert_int_eq(network_parse(&network, "10.0.0.0/9"), 0);
	(void)!deny_list_remove(list, &network, answer);
	deny_list_expire(list, now_ms);
}

START_TEST(test_changes_disturb_no_answer)
{
	static struct asker askers[THREADS];
	struct deny_list_row row = {.hits = 0};
	char answer[DENY_LIST_ANSWER_LEN];
	struct network network;
	uint64_t hits = 0;
	unsigned round = 0;
	bool enough = false;

	list = deny_list_new();
	ck_assert_ptr_nonnull(list);
	ck_assert_int_eq(network_parse(&network, "203.0.113.0/24"), 0);
	ck_assert_int_eq(deny_list_add(list, &network, 0, 0, answer), DENY_LIST_DONE);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
	while (round < ROUNDS || !enough) {
		change(round++);
		enough = true;
		for (size_t i = 0; i < THREADS; i++)
			enough &= atomic_load(&askers[i].asked) >= ASKED_AT_LEAST;
		/* Hits are read while they are counted. */
		for (size_t i = 0; i < deny_list_count(list); i++)
			deny_list_row(list, i, 0, &row);
	}
	atomic_store(&over, true);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(askers[i].thread, NULL);
		ck_assert(!askers[i].missed);
		ck_assert(!askers[i].invented);
		hits += askers[i].hits;
	}
	/* All that were counted, and no more. */
	deny_list_expire(list, INT64_MAX - 1);
	ck_assert_uint_eq(deny_list_count(list), 1);
	deny_list_row(list, 0, 0, &row);
	ck_assert_uint_eq(row.hits, hits);
	deny_list_free(list);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deny_threads");
	TCase *threads = tcase_create("threads");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(threads, 240);
	tcase_add_test(threads, test_changes_disturb_no_answer);
	suite_add_tcase(suite, threads);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
