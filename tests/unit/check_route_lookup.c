/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of net/route_lookup, each in a network namespace with the routes that it needs. */
#include "net/route_lookup.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include <check.h>

#include "../net/harness.h"
#include "../net/netns.h"

#define THREADS		   4
#define QUESTIONS_A_THREAD 20000

static struct route_lookup *lookup;
static atomic_uint questions;
static bool fail;

/* The linker puts these around the library's own calls. */
ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	atomic_fetch_add(&questions, 1);
	if (fail) {
		errno = ENOBUFS;
		return -1;
	}
	return __real_send(fd, bytes, len, flags);
}

/* This host is 10.9.0.1 and 2001:db8:9::1, and everything else is behind a router. */
static void set_up(void)
{
	harness_shell("ip link add near type veth peer name far && ip addr add 10.9.0.1/24 dev near"
		      " && ip link set near up && ip link set far up"
		      " && ip route add default via 10.9.0.2");
	if (netns_has_ipv6())
		harness_shell("ip -6 addr add 2001:db8:9::1/64 dev near nodad"
			      " && ip -6 route add default via 2001:db8:9::2");
	lookup = route_lookup_new();
	ck_assert_ptr_nonnull(lookup);
	atomic_store(&questions, 0);
	fail = false;
}

static void tear_down(void)
{
	route_lookup_free(lookup);
}

static enum route_answer ask(const char *source, const char *destination, uint32_t mark)
{
	struct route_question question = {.mark = mark};

	ck_assert_int_eq(addr_parse(&question.destination, destination), 0);
	if (source != NULL)
		ck_assert_int_eq(addr_parse(&question.source, source), 0);
	return route_lookup_ask(lookup, &question);
}

START_TEST(test_loopback_is_here)
{
	ck_assert_int_eq(ask(NULL, "127.0.0.1:1", 0), ROUTE_HERE);
	ck_assert_int_eq(ask(NULL, "127.9.9.9:1", 7), ROUTE_HERE);
	ck_assert_int_eq(ask("127.0.0.2:1", "127.0.0.1:1", 0), ROUTE_HERE);
	/* A client's address is no source that the kernel would take. */
	ck_assert_int_eq(ask("203.0.113.7:1", "127.0.0.1:1", 0), ROUTE_HERE);
	if (netns_has_ipv6())
		ck_assert_int_eq(ask("[2001:db8::7]:1", "[::1]:1", 0), ROUTE_HERE);
}
END_TEST

START_TEST(test_own_addresses_are_here)
{
	ck_assert_int_eq(ask(NULL, "10.9.0.1:1", 0), ROUTE_HERE);
	ck_assert_int_eq(ask("203.0.113.7:1", "10.9.0.1:1", 0), ROUTE_HERE);
	ck_assert_int_eq(ask(NULL, "10.9.0.255:1", 0), ROUTE_HERE);
	ck_assert_int_eq(ask(NULL, "224.0.0.1:1", 0), ROUTE_HERE);
	if (netns_has_ipv6()) {
		ck_assert_int_eq(ask("[2001:db8::7]:1", "[2001:db8:9::1]:1", 0), ROUTE_HERE);
		ck_assert_int_eq(ask(NULL, "[ff02::1]:1", 0), ROUTE_HERE);
	}
	/* A network that is this host as a whole. */
	harness_shell("ip route add local 198.18.0.0/24 dev lo");
	ck_assert_int_eq(ask(NULL, "198.18.0.99:1", 0), ROUTE_HERE);
}
END_TEST

START_TEST(test_others_are_elsewhere)
{
	/* What bind(2) would take. */
	harness_sysctl("net/ipv4/ip_nonlocal_bind", "1");
	harness_sysctl("net/ipv6/ip_nonlocal_bind", "1");
	ck_assert_int_eq(ask(NULL, "10.9.0.7:1", 0), ROUTE_ELSEWHERE);
	ck_assert_int_eq(ask(NULL, "198.51.100.1:1", 0), ROUTE_ELSEWHERE);
	ck_assert_int_eq(ask("203.0.113.7:1", "198.51.100.2:1", 0), ROUTE_ELSEWHERE);
	if (netns_has_ipv6())
		ck_assert_int_eq(ask("[2001:db8::7]:1", "[2001:db8:8::1]:1", 0), ROUTE_ELSEWHERE);
}
END_TEST

START_TEST(test_no_route_is_elsewhere)
{
	static const char *const types[] = {"unreachable", "prohibit", "blackhole", "throw"};
	char destination[ADDR_STRLEN];

	harness_shell("ip route del default");
	ck_assert_int_eq(ask(NULL, "198.51.100.1:1", 0), ROUTE_ELSEWHERE);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		harness_shell("ip route add %s 198.18.%u.0/24", types[i], i);
		snprintf(destination, sizeof(destination), "198.18.%u.1:1", i);
		ck_assert_int_eq(ask(NULL, destination, 0), ROUTE_ELSEWHERE);
	}
}
END_TEST

/* Rules for other packets than those that mmproxy sends. */
START_TEST(test_tables_for_others_do_not_count)
{
	/* A TPROXY rule's, which marks what came in; the harness has the one for backends on lo. */
	harness_shell(
	    "ip rule add fwmark 1 lookup 100 && ip route add local default dev lo table 100");
	ck_assert_int_eq(ask(NULL, "198.51.100.1:1", 0), ROUTE_ELSEWHERE);
	ck_assert_int_eq(ask("203.0.113.7:1", "198.51.100.1:1", 0), ROUTE_ELSEWHERE);
	ck_assert_int_eq(ask("203.0.113.7:1", "198.51.100.1:1", 123), ROUTE_ELSEWHERE);
	/* And the same tables where mmproxy's own packets do get there. */
	ck_assert_int_eq(ask("203.0.113.7:1", "198.51.100.1:1", 1), ROUTE_HERE);
	ck_assert_int_eq(ask("127.0.0.9:1", "198.51.100.1:1", 0), ROUTE_HERE);
}
END_TEST

START_TEST(test_what_is_asked_again_is_remembered)
{
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(ask("203.0.113.7:1", "127.0.0.1:1", 0), ROUTE_HERE);
		/* Neither ports nor clients make a new question of it. */
		ck_assert_int_eq(ask("203.0.113.8:2", "127.0.0.1:2", 0), ROUTE_HERE);
	}
	/* Once; and once more if a second went by. */
	ck_assert_uint_ge(questions, 1);
	ck_assert_uint_lt(questions, 100);
}
END_TEST

START_TEST(test_each_mark_and_destination_is_a_question)
{
	ck_assert_int_eq(ask(NULL, "127.0.0.1:1", 0), ROUTE_HERE);
	ck_assert_int_eq(ask(NULL, "127.0.0.1:1", 1), ROUTE_HERE);
	ck_assert_int_eq(ask(NULL, "127.0.0.2:1", 0), ROUTE_HERE);
	ck_assert_int_eq(ask("127.0.0.1:1", "127.0.0.2:1", 0), ROUTE_HERE);
	ck_assert_uint_eq(questions, 4);
}
END_TEST

START_TEST(test_answers_grow_old)
{
	ck_assert_int_eq(ask(NULL, "127.0.0.1:1", 0), ROUTE_HERE);
	harness_sleep_ms(ROUTE_LOOKUP_MEMORY_MS + 100);
	ck_assert_int_eq(ask(NULL, "127.0.0.1:1", 0), ROUTE_HERE);
	ck_assert_uint_eq(questions, 2);
}
END_TEST

START_TEST(test_memory_is_bounded)
{
	char destination[ADDR_STRLEN];

	for (unsigned i = 0; i < 10 * ROUTE_LOOKUP_MEMORY; i++) {
		snprintf(destination, sizeof(destination), "127.1.%u.%u:1", i / 250, i % 250);
		ck_assert_int_eq(ask(NULL, destination, 0), ROUTE_HERE);
	}
	ck_assert_uint_eq(questions, 10 * ROUTE_LOOKUP_MEMORY);
	/* The first one has made room. */
	ck_assert_int_eq(ask(NULL, "127.1.0.0:1", 0), ROUTE_HERE);
	ck_assert_uint_eq(questions, 10 * ROUTE_LOOKUP_MEMORY + 1);
}
END_TEST

START_TEST(test_no_answer_is_not_remembered)
{
	fail = true;
	ck_assert_int_eq(ask(NULL, "127.0.0.1:1", 0), ROUTE_UNKNOWN);
	fail = false;
	ck_assert_int_eq(ask(NULL, "127.0.0.1:1", 0), ROUTE_HERE);
	ck_assert_int_eq(route_lookup_ask(NULL, &(struct route_question){.mark = 0}),
			 ROUTE_UNKNOWN);
}
END_TEST

static void *ask_often(void *seed)
{
	unsigned number = *(unsigned *)seed;

	for (int i = 0; i < QUESTIONS_A_THREAD; i++) {
		struct route_question question = {.mark = 0};
		uint8_t here[] = {127, 1, 0, 0};
		uint8_t elsewhere[] = {198, 51, 100, 0};

		number = number * 1103515245 + 12345;
		here[3] = elsewhere[3] = (uint8_t)(number >> 16);
		addr_from_ipv4(&question.destination, here, 1);
		if (route_lookup_ask(lookup, &question) != ROUTE_HERE)
			return seed;
		addr_from_ipv4(&question.destination, elsewhere, 1);
		if (route_lookup_ask(lookup, &question) != ROUTE_ELSEWHERE)
			return seed;
	}
	return NULL;
}

START_TEST(test_threads_get_their_own_answers)
{
	pthread_t threads[THREADS];
	unsigned seeds[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		seeds[i] = i + 1;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, &seeds[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *wrong = NULL;

		ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route_lookup");
	TCase *tcase = harness_case(suite, "route_lookup", 60);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_loopback_is_here);
	tcase_add_test(tcase, test_own_addresses_are_here);
	tcase_add_test(tcase, test_others_are_elsewhere);
	tcase_add_test(tcase, test_no_route_is_elsewhere);
	tcase_add_test(tcase, test_tables_for_others_do_not_count);
	tcase_add_test(tcase, test_what_is_asked_again_is_remembered);
	tcase_add_test(tcase, test_each_mark_and_destination_is_a_question);
	tcase_add_test(tcase, test_answers_grow_old);
	tcase_add_test(tcase, test_memory_is_bounded);
	tcase_add_test(tcase, test_no_answer_is_not_remembered);
	tcase_add_test(tcase, test_threads_get_their_own_answers);
	return harness_run(suite);
}
