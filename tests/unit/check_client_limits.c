/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/client_limits. */
#include "service/client_limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

/* Any time will do, but not 0. */
#define START ((int64_t)123456789)

#define CLIENT "203.0.113.7:40000"

static struct client_limits *table;
static int64_t now_ms;

/* ---- allocations, by the linker's --wrap ---- */

static bool no_memory;
static _Thread_local unsigned allocations;
static _Thread_local size_t allocated_last; /* bytes asked for */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	allocations++;
	allocated_last = count * size;
	return no_memory ? NULL : __real_calloc(count, size);
}

/* ---- shorthands ---- */

static void set_up(void)
{
	now_ms = START;
	table = client_limits_new();
	ck_assert_ptr_nonnull(table);
}

static void tear_down(void)
{
	client_limits_free(table);
	client_limits_free(NULL);
}

/* Enter; NULL when refused for the limits. */
static struct client_place *enter(const char *client, uint32_t connections, uint32_t rate)
{
	const struct client_rule rule = {.connections = connections, .rate = rate};
	struct client_place *place;
	enum close_reason reason;
	struct addr addr;

	ck_assert_msg(addr_parse(&addr, client) == 0, "%s", client);
	reason = client_limits_enter(table, &addr, &rule, now_ms, &place);
	ck_assert(reason == REASON_DONE || reason == REASON_CLIENT_LIMIT);
	ck_assert((reason == REASON_DONE) == (place != NULL));
	return place;
}

static void leave(struct client_place *place)
{
	ck_assert_ptr_nonnull(place);
	client_limits_leave(place, now_ms);
}

/* Begin and end at once, so often; how often that was allowed. Check's assertions are system calls,
 * which would be too many here. */
static unsigned visits(const char *client, uint32_t rate, unsigned attempts)
{
	const struct client_rule rule = {.rate = rate};
	unsigned allowed = 0;
	struct addr addr;

	ck_assert_msg(addr_parse(&addr, client) == 0, "%s", client);
	for (unsigned i = 0; i < attempts; i++) {
		struct client_place *place;

		if (client_limits_enter(table, &addr, &rule, now_ms, &place) == REASON_DONE)
			allowed++;
		client_limits_leave(place, now_ms);
	}
	return allowed;
}

static bool visit(const char *client, uint32_t rate)
{
	return visits(client, rate, 1) == 1;
}

/* ---- open at one time ---- */

START_TEST(test_no_more_than_the_limit)
{
	struct client_place *places[3];
	struct client_place *other;

	for (size_t i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(places[i] = enter("203.0.113.7:1", 3, 0));
	ck_assert_ptr_null(enter("203.0.113.7:2", 3, 0));
	ck_assert_ptr_nonnull(other = enter("203.0.113.8:1", 3, 0));
	leave(places[1]);
	ck_assert_ptr_nonnull(places[1] = enter("203.0.113.7:3", 3, 0));
	ck_assert_ptr_null(enter("203.0.113.7:4", 3, 0));
	/* Another limit holds from the next one on. */
	ck_assert_ptr_null(enter("203.0.113.7:5", 2, 0));
	leave(places[0]);
	ck_assert_ptr_null(enter("203.0.113.7:5", 2, 0));
	ck_assert_ptr_nonnull(places[0] = enter("203.0.113.7:6", 4, 0));
	for (size_t i = 0; i < 3; i++)
		leave(places[i]);
	leave(other);
	ck_assert_uint_eq(client_limits_count(table), 0);
}
END_TEST

START_TEST(test_without_limits_nothing_is_kept)
{
	const struct client_rule none = {.connections = 0};
	struct client_place *place;
	struct addr addr;

	ck_assert_int_eq(addr_parse(&addr, CLIENT), 0);
	ck_assert_int_eq(client_limits_enter(table, &addr, &none, now_ms, &place), REASON_DONE);
	ck_assert_ptr_null(place);
	ck_assert_uint_eq(client_limits_count(table), 0);
	client_limits_enter_again(NULL);
	client_limits_leave(NULL, now_ms);
	client_limits_undo(NULL, now_ms);
}
END_TEST

START_TEST(test_one_client_is_an_address_or_a_64)
{
	struct client_place *place = enter("203.0.113.7:1", 1, 0);
	struct client_place *v6 = enter("[2001:db8:0:1::1]:1", 1, 0);

	ck_assert_ptr_null(enter("[::ffff:203.0.113.7]:1", 1, 0));
	ck_assert_ptr_null(enter("[2001:db8:0:1:ffff:ffff:ffff:ffff]:1", 1, 0));
	leave(enter("[2001:db8::1]:1", 1, 0));
	leave(enter("[2001:db8:0:2::1]:1", 1, 0));
	leave(enter("203.0.113.6:1", 1, 0));
	/* Of no use to a client, but not the same as an IPv4 address. */
	leave(enter("[::203.0.113.7]:1", 1, 0));
	leave(place);
	leave(v6);
	ck_assert_uint_eq(client_limits_count(table), 0);
}
END_TEST

START_TEST(test_what_is_held_counts)
{
	struct client_place *place = enter(CLIENT, 1, 0);

	client_limits_enter_again(place);
	leave(place);
	ck_assert_ptr_null(enter(CLIENT, 1, 0));
	leave(place);
	leave(enter(CLIENT, 1, 0));
}
END_TEST

/* ---- begun in a second ---- */

START_TEST(test_a_burst_and_then_the_rate)
{
	ck_assert_uint_eq(visits(CLIENT, 5, 20), 5);
	now_ms += 199;
	ck_assert(!visit(CLIENT, 5));
	now_ms += 1;
	ck_assert_uint_eq(visits(CLIENT, 5, 20), 1);
	now_ms += 400;
	ck_assert_uint_eq(visits(CLIENT, 5, 20), 2);
	/* A pause fills the bucket, and no more than that. */
	now_ms += 3600000;
	ck_assert_uint_eq(visits(CLIENT, 5, 20), 5);
	/* Others have their own. */
	ck_assert_uint_eq(visits("203.0.113.8:40000", 5, 20), 5);
}
END_TEST

START_TEST(test_what_is_refused_does_not_count)
{
	ck_assert_uint_eq(visits(CLIENT, 1, 1), 1);
	for (unsigned i = 0; i < 99; i++) {
		now_ms += 10;
		ck_assert(!visit(CLIENT, 1));
	}
	now_ms += 10;
	ck_assert(visit(CLIENT, 1));
	/* Nor by the other limit: the second bucket is full when the first connection has ended. */
	now_ms += 1000;
	struct client_place *place = enter("203.0.113.8:1", 1, 2);

	for (unsigned i = 0; i < 10; i++)
		ck_assert_ptr_null(enter("203.0.113.8:2", 1, 2));
	leave(place);
	leave(enter("203.0.113.8:2", 1, 2));
	ck_assert_ptr_null(enter("203.0.113.8:2", 1, 2));
}
END_TEST

/* However the attempts lie: in ten seconds what the bucket holds, and ten times the rate. */
START_TEST(test_the_rate_is_kept_over_time)
{
	static const uint32_t rates[] = {1, 3, 7, 1000, 1001, 65537, UINT32_MAX};
	const int64_t step_ms = 1 + _i * 6;

	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		uint64_t allowed = 0;
		uint64_t attempts = 0;
		uint64_t expected;
		int64_t began_ms = now_ms += 1000000;
		uint64_t each = rates[r] / 500 + 2;

		if (each > 500)
			each = 500;
		for (; now_ms <= began_ms + 10000; now_ms += step_ms) {
			allowed += visits(CLIENT, rates[r], (unsigned)each);
			attempts += each;
		}
		expected =
		    rates[r] + (uint64_t)rates[r] * (uint64_t)(now_ms - step_ms - began_ms) / 1000;
		ck_assert_uint_le(allowed, expected);
		/* All that are asked for, or all that may be. */
		if (attempts > 2 * expected)
			ck_assert_uint_ge(
			    allowed, expected - (uint64_t)rates[r] * (uint64_t)step_ms / 1000 - 1);
	}
}
END_TEST

START_TEST(test_another_rate_holds_at_once)
{
	ck_assert_uint_eq(visits(CLIENT, 100, 200), 100);
	/* Lower: an empty bucket stays one, but does not owe more than it holds. */
	ck_assert(!visit(CLIENT, 2));
	now_ms += 500;
	ck_assert_uint_eq(visits(CLIENT, 2, 10), 1);
	/* Higher: what was taken stays taken. */
	ck_assert_uint_eq(visits(CLIENT, 10, 20), 8);
	/* None, and then one again. */
	leave(enter(CLIENT, 10, 0));
	ck_assert_uint_eq(visits(CLIENT, 3, 10), 3);
}
END_TEST

START_TEST(test_a_clock_that_is_behind)
{
	ck_assert_uint_eq(visits(CLIENT, 2, 5), 2);
	now_ms -= 3;
	ck_assert(!visit(CLIENT, 2));
	now_ms += 502;
	ck_assert(!visit(CLIENT, 2));
	now_ms += 1;
	ck_assert(visit(CLIENT, 2));
}
END_TEST

START_TEST(test_what_did_not_come_to_be_does_not_count)
{
	for (unsigned i = 0; i < 100; i++) {
		struct client_place *place = enter(CLIENT, 1, 1);

		ck_assert_ptr_nonnull(place);
		client_limits_undo(place, now_ms);
	}
	ck_assert_uint_eq(client_limits_count(table), 0);
	ck_assert_uint_eq(visits(CLIENT, 3, 5), 3);
	/* No more than that one is given back. */
	now_ms += 334;
	client_limits_undo(enter(CLIENT, 1, 3), now_ms);
	ck_assert_uint_eq(visits(CLIENT, 3, 5), 1);
}
END_TEST

/* ---- memory ---- */

START_TEST(test_clients_are_forgotten_when_their_bucket_is_full)
{
	char text[64];

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u:1", i >> 8, i & 255);
		ck_assert(visit(text, 4));
	}
	ck_assert_uint_eq(client_limits_count(table), 1000);
	/* One of four has come back after 250 ms. */
	now_ms += 250;
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u:1", i >> 8, i & 255);
		ck_assert(visit(text, 4));
	}
	/* Each of those has looked at two of the thousand; uneven parts leave a few. */
	ck_assert_uint_le(client_limits_count(table), 2000 + 50);
	/* A connection that was open for longer than its bucket takes leaves nothing. */
	struct client_place *place = enter(CLIENT, 1, 1);
	size_t before = client_limits_count(table);

	now_ms += 1000;
	leave(place);
	ck_assert_uint_eq(client_limits_count(table), before - 1);
}
END_TEST

#define FLOOD 1000000

/* Generous on a busy machine; about 0.4 us were measured on an idle one. */
#define FLOOD_NS_MAX 20000

/* What the header says; calloc(3) adds 8. */
#define CLIENT_BYTES_MAX 72

static void nth_64(unsigned number, struct addr *addr)
{
	uint8_t ip[ADDR_IP_LEN] = {0x20, 0x01, 0x0D, 0xB8};

	ip[4] = (uint8_t)(number >> 24);
	ip[5] = (uint8_t)(number >> 16);
	ip[6] = (uint8_t)(number >> 8);
	ip[7] = (uint8_t)number;
	ip[15] = 7;
	addr_from_ipv6(addr, ip, 40000);
}

/* All within one millisecond: nobody's bucket is full again. */
START_TEST(test_a_flood_of_clients_is_bounded)
{
	const struct client_rule rule = {.connections = 10, .rate = 5};
	struct client_place *kept = enter("[2001:db8:ffff:ffff::1]:1", 10, 5);
	struct timespec began;
	struct timespec ended;
	unsigned served = 0;
	double ns;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
	for (unsigned i = 0; i < FLOOD; i++) {
		struct client_place *place;
		struct addr addr;

		nth_64(i, &addr);
		if (client_limits_enter(table, &addr, &rule, now_ms, &place) == REASON_DONE)
			served++;
		client_limits_leave(place, now_ms);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
	ck_assert_uint_eq(served, FLOOD);
	ck_assert_uint_le(client_limits_count(table), CLIENT_LIMITS_IDLE_MAX + 1);
	ns = (double)(ended.tv_sec - began.tv_sec) * 1e9 + (double)(ended.tv_nsec - began.tv_nsec);
	printf("%.0f ns a client that comes and goes\n", ns / FLOOD);
	ck_assert_double_lt(ns / FLOOD, FLOOD_NS_MAX);
	ck_assert_uint_gt(allocations, CLIENT_LIMITS_IDLE_MAX);
	ck_assert_uint_le(allocated_last, CLIENT_BYTES_MAX);
	/* Those who have something open are not forgotten. */
	for (unsigned i = 1; i < 5; i++)
		client_limits_enter_again(kept);
	ck_assert_ptr_null(enter("[2001:db8:ffff:ffff::2]:1", 5, 0));
	for (unsigned i = 0; i < 5; i++)
		leave(kept);
}
END_TEST

START_TEST(test_without_memory_one_is_refused)
{
	const struct client_rule rule = {.connections = 2, .rate = 3};
	struct client_place *place;
	struct client_place *first = enter(CLIENT, 2, 3);
	struct addr addr;
	unsigned before;

	ck_assert_int_eq(addr_parse(&addr, "203.0.113.8:1"), 0);
	no_memory = true;
	ck_assert_ptr_null(client_limits_new());
	ck_assert_int_eq(client_limits_enter(table, &addr, &rule, now_ms, &place), REASON_INTERNAL);
	ck_assert_ptr_null(place);
	/* A client that is there needs none. */
	leave(enter(CLIENT, 2, 3));
	no_memory = false;
	ck_assert_uint_eq(client_limits_count(table), 1);
	leave(first);
	/* Nor does one who comes back when he would be forgotten: his memory is used again. */
	now_ms += 1000;
	before = allocations;
	leave(enter(CLIENT, 2, 3));
	ck_assert_uint_eq(allocations, before);
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS	20000
#define LIMIT	1

static atomic_uint inside;
static atomic_bool too_many;

static void *come_and_go(void *arg)
{
	const struct client_rule rule = {.connections = LIMIT, .rate = 1000000};
	struct client_place *shared;
	struct client_place *place;
	struct addr addr;

	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		nth_64(7, &addr);
		if (client_limits_enter(table, &addr, &rule, START + i / 100, &shared) ==
			REASON_DONE &&
		    atomic_fetch_add(&inside, 1) >= LIMIT)
			atomic_store(&too_many, true);
		/* Others around it, which are new, idle, forgotten and new again. */
		nth_64(i % 500, &addr);
		if (client_limits_enter(table, &addr, &rule, START + i / 100, &place) ==
		    REASON_DONE) {
			client_limits_enter_again(place);
			client_limits_leave(place, START + i / 100);
			client_limits_undo(place, START + i / 100);
		}
		if (shared != NULL) {
			atomic_fetch_sub(&inside, 1);
			client_limits_leave(shared, START + i / 100);
		}
	}
	return NULL;
}

START_TEST(test_threads_keep_the_limit)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert(!too_many);
	ck_assert_uint_eq(inside, 0);
	/* Each place was left, and can be had again. */
	now_ms = START + ROUNDS;
	for (unsigned i = 0; i < LIMIT; i++)
		ck_assert_ptr_nonnull(enter("[2001:db8:0:7::9]:1", LIMIT, 0));
	ck_assert_ptr_null(enter("[2001:db8:0:7::9]:1", LIMIT, 0));
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
}

#define ADD_CASE(suite, name, ...)                                 \
	add_case(suite, name, (const TTest *const[]){__VA_ARGS__}, \
		 sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

int main(void)
{
	Suite *suite = suite_create("client_limits");
	TCase *rates = tcase_create("rates");
	SRunner *runner = srunner_create(suite);
	int failed;

	ADD_CASE(suite, "open", test_no_more_than_the_limit, test_without_limits_nothing_is_kept,
		 test_one_client_is_an_address_or_a_64, test_what_is_held_counts);
	ADD_CASE(suite, "rate", test_a_burst_and_then_the_rate, test_what_is_refused_does_not_count,
		 test_another_rate_holds_at_once, test_a_clock_that_is_behind,
		 test_what_did_not_come_to_be_does_not_count);
	ADD_CASE(suite, "memory", test_clients_are_forgotten_when_their_bucket_is_full,
		 test_a_flood_of_clients_is_bounded, test_without_memory_one_is_refused);
	ADD_CASE(suite, "threads", test_threads_keep_the_limit);
	tcase_set_timeout(rates, 120);
	tcase_add_checked_fixture(rates, set_up, tear_down);
	tcase_add_loop_test(rates, test_the_rate_is_kept_over_time, 0, 4);
	suite_add_tcase(suite, rates);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
