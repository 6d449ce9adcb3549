/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/pseudo_ipv4. */
#include "service/pseudo_ipv4.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

/* So many networks have a pair with one address, but for one time in e^745: 2^21^2 / 2^29. */
#define CROWD ((size_t)1 << 21)

#define THREADS 4
#define ROUNDS	20000

static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static struct pseudo_ipv4_table *table;

static void set_up(void)
{
	table = pseudo_ipv4_table_new(key);
	ck_assert_ptr_nonnull(table);
}

static void tear_down(void)
{
	pseudo_ipv4_table_free(table);
	pseudo_ipv4_table_free(NULL);
}

static struct addr parsed(const char *text)
{
	struct addr addr;

	ck_assert_msg(addr_parse(&addr, text) == 0, "%s", text);
	return addr;
}

/* The client of a network that is counted: 2001:db8:X:X::1. */
static struct addr numbered(size_t number)
{
	uint8_t ip[ADDR_IP_LEN] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct addr addr;

	for (size_t i = 0; i < 4; i++)
		ip[7 - i] = (uint8_t)(number >> (8 * i));
	addr_from_ipv6(&addr, ip, 40000);
	return addr;
}

static uint32_t value_of(const struct addr *addr)
{
	ck_assert_int_eq(addr_family(addr), AF_INET);
	return ntohl(addr->in.sin_addr.s_addr);
}

static const char *pseudo_of(const char *client)
{
	static char text[ADDR_STRLEN];
	struct addr addr = parsed(client);

	addr = pseudo_ipv4_of(table, &addr);
	return addr_format(&addr, text);
}

static struct pseudo_ipv4 *enter(const char *address, const char *client)
{
	struct addr pseudo = parsed(address);
	struct addr addr = parsed(client);

	return pseudo_ipv4_enter(table, &pseudo, &addr);
}

/* ---- addresses ---- */

/* What servers have in their lists of bans must not change with a version of mmproxy. */
START_TEST(test_addresses_are_these)
{
	ck_assert_str_eq(pseudo_of("[2001:db8::1]:40000"), "246.158.247.139:40000");
	ck_assert_str_eq(pseudo_of("[2001:db8:0:1::1]:1"), "240.212.222.21:1");
}
END_TEST

START_TEST(test_a_network_has_one_address)
{
	char first[ADDR_STRLEN];

	strcpy(first, pseudo_of("[2001:db8:1:2::1]:40000"));
	ck_assert_str_eq(pseudo_of("[2001:db8:1:2:ffff:ffff:ffff:ffff]:40000"), first);
	ck_assert_str_ne(pseudo_of("[2001:db8:1:3::1]:40000"), first);
}
END_TEST

START_TEST(test_addresses_can_be_used_and_spread)
{
	unsigned eighths[8] = {0};

	for (size_t i = 0; i < 80000; i++) {
		struct addr client = numbered(i);
		struct addr pseudo = pseudo_ipv4_of(table, &client);
		uint32_t value = value_of(&pseudo);

		ck_assert(pseudo_ipv4_is_in_range(&pseudo));
		ck_assert_uint_gt(value, 0xf0000000U);
		ck_assert_uint_lt(value, 0xffffffffU);
		ck_assert(!addr_is_martian_source(&pseudo));
		ck_assert_uint_eq(addr_port(&pseudo), 40000);
		eighths[value >> 25 & 7]++;
	}
	/* 10,000 each, with a deviation of less than 100. */
	for (size_t i = 0; i < 8; i++)
		ck_assert_uint_lt((unsigned)abs((int)eighths[i] - 10000), 1000);
}
END_TEST

START_TEST(test_the_range)
{
	static const struct {
		const char *text;
		bool in;
	} cases[] = {{"239.255.255.255:1", false},
		     {"240.0.0.0:1", true},
		     {"255.255.255.255:1", true},
		     {"[f000::1]:1", false},
		     {"192.0.2.1:1", false}};
	struct addr none = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr addr = parsed(cases[i].text);

		ck_assert(pseudo_ipv4_is_in_range(&addr) == cases[i].in);
	}
	ck_assert(!pseudo_ipv4_is_in_range(&none));
}
END_TEST

/* ---- the key ---- */

#define ID "0123456789abcdef0123456789ABCDEF"

static char directory[] = "/tmp/check_pseudo_ipv4.XXXXXX";
static char path[64];

static const char *write_id(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	return path;
}

static int read_key(const char *text, uint64_t result[2])
{
	const char *const paths[] = {"/nonexistent/id", "/tmp", write_id(text), NULL};

	return pseudo_ipv4_read_key(paths, result);
}

START_TEST(test_the_key_is_made_of_the_id)
{
	static const char *const none[] = {"",
					   "uninitialized\n",
					   "00000000000000000000000000000000\n",
					   ID "0",
					   ID "\n\n",
					   "0123456789abcdef0123456789abcde\n",
					   "x123456789abcdef0123456789abcdef\n"};
	const char *const no_paths[] = {NULL};
	uint64_t first[2];
	uint64_t second[2];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/id", directory);
	ck_assert_int_eq(read_key(ID "\n", first), 0);
	ck_assert_int_eq(read_key(ID, second), 0);
	ck_assert_mem_eq(first, second, sizeof(first));
	ck_assert_uint_ne(first[0], first[1]);
	/* One digit of another machine's. */
	ck_assert_int_eq(read_key("1123456789abcdef0123456789ABCDEF\n", second), 0);
	ck_assert_uint_ne(first[0], second[0]);
	ck_assert_uint_ne(first[1], second[1]);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ck_assert_msg(read_key(none[i], first) == -1, "%s", none[i]);
	ck_assert_int_eq(pseudo_ipv4_read_key(no_paths, first), -1);
	remove(path);
	rmdir(directory);
}
END_TEST

START_TEST(test_the_process_has_one_table)
{
	struct pseudo_ipv4_table *shared = pseudo_ipv4_shared();
	struct addr client = numbered(1);
	struct addr pseudo;
	struct addr again;
	uint64_t own[2];

	ck_assert_ptr_nonnull(shared);
	ck_assert_ptr_eq(pseudo_ipv4_shared(), shared);
	if (pseudo_ipv4_read_key(pseudo_ipv4_id_paths, own) < 0)
		return;
	/* Another process has the same addresses. */
	pseudo_ipv4_table_free(table);
	table = pseudo_ipv4_table_new(own);
	pseudo = pseudo_ipv4_of(shared, &client);
	again = pseudo_ipv4_of(table, &client);
	ck_assert(addr_equal(&pseudo, &again));
}
END_TEST

/* ---- who uses which ---- */

START_TEST(test_an_address_is_its_owners_until_the_last_has_left)
{
	struct pseudo_ipv4 *one = enter("240.1.2.3:1", "[2001:db8::1]:1");
	struct pseudo_ipv4 *two = enter("240.1.2.3:2", "[2001:db8::ffff:2]:2");

	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_eq(two, one);
	ck_assert_ptr_null(enter("240.1.2.3:1", "[2001:db8:0:1::1]:1"));
	ck_assert_int_eq(errno, EADDRINUSE);
	pseudo_ipv4_leave(one);
	ck_assert_ptr_null(enter("240.1.2.3:1", "[2001:db8:0:1::1]:1"));
	pseudo_ipv4_leave(two);
	one = enter("240.1.2.3:1", "[2001:db8:0:1::1]:1");
	ck_assert_ptr_nonnull(one);
	pseudo_ipv4_leave(one);
	pseudo_ipv4_leave(NULL);
}
END_TEST

START_TEST(test_who_has_such_an_address_is_another_one)
{
	struct pseudo_ipv4 *real = enter("240.1.2.3:1", "240.1.2.3:1");

	ck_assert_ptr_nonnull(real);
	ck_assert_ptr_null(enter("240.1.2.3:2", "[2001:db8::1]:2"));
	ck_assert_ptr_eq(enter("240.1.2.3:3", "240.1.2.3:3"), real);
	pseudo_ipv4_leave(real);
	pseudo_ipv4_leave(real);
}
END_TEST

/* Two networks that have one address, found by trying: as many as the range has are not needed. */
static void find_collision(struct addr *first, struct addr *second)
{
	/* By the address, the number of the network that has it, and 0 for none. */
	uint32_t *slots = calloc((size_t)1 << 22, sizeof(*slots));

	ck_assert_ptr_nonnull(slots);
	for (size_t i = 1; i <= CROWD; i++) {
		struct addr client = numbered(i);
		struct addr pseudo = pseudo_ipv4_of(table, &client);
		uint32_t *slot = &slots[value_of(&pseudo) & 0x3fffff];
		struct addr other;
		struct addr other_pseudo;

		if (*slot != 0) {
			other = numbered(*slot);
			other_pseudo = pseudo_ipv4_of(table, &other);
			if (addr_equal(&pseudo, &other_pseudo)) {
				*first = other;
				*second = client;
				free(slots);
				return;
			}
		}
		*slot = (uint32_t)i;
	}
	ck_abort_msg("no two networks have one address");
}

START_TEST(test_colliding_networks_are_not_mixed)
{
	struct pseudo_ipv4 *entry;
	struct addr first;
	struct addr second;
	struct addr address;

	find_collision(&first, &second);
	address = pseudo_ipv4_of(table, &first);
	entry = pseudo_ipv4_enter(table, &address, &first);
	ck_assert_ptr_nonnull(entry);
	ck_assert_ptr_null(pseudo_ipv4_enter(table, &address, &second));
	ck_assert_int_eq(errno, EADDRINUSE);
	pseudo_ipv4_leave(entry);
	entry = pseudo_ipv4_enter(table, &address, &second);
	ck_assert_ptr_nonnull(entry);
	pseudo_ipv4_leave(entry);
}
END_TEST

static long until_failure = -1; /* calls of calloc(3); negative: none fails */

/* The linker puts this around the library's calls. */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	if (until_failure >= 0 && until_failure-- == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_calloc(count, size);
}

START_TEST(test_memory_that_is_out_mixes_nobody)
{
	struct pseudo_ipv4 *entry;
	struct pseudo_ipv4_table *none;

	until_failure = 0;
	none = pseudo_ipv4_table_new(key);
	ck_assert_ptr_null(none);
	until_failure = 0;
	entry = enter("240.1.2.3:1", "[2001:db8::1]:1");
	ck_assert_ptr_null(entry);
	ck_assert_int_eq(errno, ENOMEM);
	/* It is still anybody's. */
	entry = enter("240.1.2.3:1", "[2001:db8:0:1::1]:1");
	ck_assert_ptr_nonnull(entry);
	pseudo_ipv4_leave(entry);
}
END_TEST

/* Who is in, by the address; entering must keep the other owner out. */
static unsigned inside[2];
static pthread_mutex_t inside_lock = PTHREAD_MUTEX_INITIALIZER;

static void *enter_often(void *arg)
{
	const unsigned owner = *(const unsigned *)arg;
	struct addr client = numbered(owner);
	struct addr address = parsed("240.9.9.9:9");

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct pseudo_ipv4 *entry = pseudo_ipv4_enter(table, &address, &client);

		if (entry == NULL) {
			ck_assert_int_eq(errno, EADDRINUSE);
			continue;
		}
		pthread_mutex_lock(&inside_lock);
		inside[owner]++;
		ck_assert_uint_eq(inside[1 - owner], 0);
		pthread_mutex_unlock(&inside_lock);
		pthread_mutex_lock(&inside_lock);
		inside[owner]--;
		pthread_mutex_unlock(&inside_lock);
		pseudo_ipv4_leave(entry);
	}
	return NULL;
}

START_TEST(test_threads_share_the_table)
{
	static const unsigned owners[THREADS] = {0, 1, 0, 1};
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, enter_often, (void *)&owners[i]),
				 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* Nothing is left behind. */
	pseudo_ipv4_leave(enter("240.9.9.9:9", "240.9.9.9:9"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pseudo_ipv4");
	TCase *tcase = tcase_create("pseudo_ipv4");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_addresses_are_these);
	tcase_add_test(tcase, test_a_network_has_one_address);
	tcase_add_test(tcase, test_addresses_can_be_used_and_spread);
	tcase_add_test(tcase, test_the_range);
	tcase_add_test(tcase, test_the_key_is_made_of_the_id);
	tcase_add_test(tcase, test_the_process_has_one_table);
	tcase_add_test(tcase, test_an_address_is_its_owners_until_the_last_has_left);
	tcase_add_test(tcase, test_who_has_such_an_address_is_another_one);
	tcase_add_test(tcase, test_colliding_networks_are_not_mixed);
	tcase_add_test(tcase, test_memory_that_is_out_mixes_nobody);
	tcase_add_test(tcase, test_threads_share_the_table);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
