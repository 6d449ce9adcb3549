/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/keyed_hash, and of the tables that are keyed by it. */
#include "base/keyed_hash.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "udp/flow_table.h"

/* Keys that one bucket of an unkeyed table would get, and the buckets that they were chosen for. */
#define CHOSEN	2000
#define BUCKETS 4096

/* uthash takes more buckets when one has over ten entries, which helps against chance only. */
#define CHAIN_MAX 64

/* CPython 3.11 computed these: hash(bytes(range(n))) with PYTHONHASHSEED=0, a key of zeros. */
START_TEST(test_known_values)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
	    {1, 0x68A914128E01E473u},  {7, 0x2F098AB0C751325Au},  {8, 0xEAD411E67EBE2EEAu},
	    {9, 0x75927F9D95124362u},  {15, 0xF30EB725BB91C9EAu}, {16, 0x8972188433A5C5B7u},
	    {40, 0x95BC321AB41D8206u},
	};
	const uint64_t zeros[2] = {0, 0};
	uint8_t bytes[41];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_uint_eq(keyed_hash_by(zeros, bytes, rows[i].len), rows[i].hash);
	/* Wherever the bytes lie. */
	memmove(bytes + 1, bytes, 40);
	ck_assert_uint_eq(keyed_hash_by(zeros, bytes + 1, 40), 0x95BC321AB41D8206u);
}
END_TEST

START_TEST(test_the_key_decides)
{
	const uint64_t one[2] = {1, 0};
	const uint64_t two[2] = {0, 1};
	const uint64_t zeros[2] = {0, 0};

	ck_assert_uint_ne(keyed_hash_by(one, "x", 1), keyed_hash_by(two, "x", 1));
	ck_assert_uint_ne(keyed_hash_by(zeros, "x", 1), keyed_hash_by(one, "x", 1));
	ck_assert_uint_eq(keyed_hash("x", 1), keyed_hash("x", 1));
	ck_assert_uint_ne(keyed_hash("x", 1), keyed_hash_by(zeros, "x", 1));
}
END_TEST

/* The next client whose key uthash's own hash puts into bucket 0. */
static void next_chosen(uint32_t *number, struct flow_key *key)
{
	unsigned hash = 1;
	struct addr addr;
	uint32_t ip;

	while (hash % BUCKETS != 0) {
		ip = htonl(0x0A000000u + ++*number % 0x1000000u);
		addr_from_ipv4(&addr, &ip, (uint16_t)(40000 + *number / 0x1000000u));
		flow_key_set(key, &addr, &(struct addr){.sa.sa_family = AF_UNSPEC}, FLOW_OF_CLIENT);
		HASH_JEN(key, sizeof(*key), hash);
	}
}

static unsigned longest_chain(const UT_hash_table *table)
{
	unsigned longest = 0;

	for (unsigned i = 0; i < table->num_buckets; i++)
		if (table->buckets[i].count > longest)
			longest = table->buckets[i].count;
	return longest;
}

START_TEST(test_flows_cannot_choose_a_bucket)
{
	static struct flow_links flows[CHOSEN];
	static struct flow_table table;
	uint32_t number = 0;

	flow_table_init(&table);
	for (unsigned i = 0; i < CHOSEN; i++) {
		next_chosen(&number, &flows[i].key);
		ck_assert_int_eq(flow_table_add(&table, &flows[i], 1), 0);
	}
	ck_assert_uint_le(longest_chain(table.flows->hh.tbl), CHAIN_MAX);
	flow_table_fini(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keyed_hash");
	TCase *hash = tcase_create("hash");
	TCase *tables = tcase_create("tables");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tables, 60);
	tcase_add_test(hash, test_known_values);
	tcase_add_test(hash, test_the_key_decides);
	tcase_add_test(tables, test_flows_cannot_choose_a_bucket);
	suite_add_tcase(suite, hash);
	suite_add_tcase(suite, tables);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
