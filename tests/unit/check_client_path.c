/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/client_path. */
#include "service/client_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

/* uthash's own hash, which the clients of a test are chosen by. */
#include <uthash.h>

#define LISTENER "192.0.2.1:7000"
#define OTHER	 "192.0.2.1:7001"
#define CLIENT	 "203.0.113.7:40000"
#define TARGET	 "127.0.0.1:8000"

/* Pairs that one of so many buckets would have if the hash had no key. */
#define CHOSEN	2000
#define BUCKETS 4096

/* Of 2000 entries in 2048 chains none has this many, but for one time in a thousand million. */
#define CHAIN_MAX 16

static struct client_path_table table;

static struct client_pair pair_of(const char *client, const char *target, const char *listener)
{
	struct client_pair pair;

	ck_assert_int_eq(addr_parse(&pair.source, client), 0);
	ck_assert_int_eq(addr_parse(&pair.target, target), 0);
	ck_assert_int_eq(addr_parse(&pair.listener, listener), 0);
	return pair;
}

static struct client_path *claim(const char *client, const char *target, const char *listener)
{
	struct client_pair pair = pair_of(client, target, listener);

	return client_path_claim(&table, &pair);
}

static struct client_path *join(const char *client, const char *target, const char *listener)
{
	struct client_pair pair = pair_of(client, target, listener);

	return client_path_join(&table, &pair);
}

static void set_up(void)
{
	ck_assert_int_eq(client_path_table_init(&table, CHOSEN), 0);
}

static void tear_down(void)
{
	ck_assert_uint_eq(client_path_longest_chain(&table), 0);
	client_path_table_fini(&table);
	client_path_table_fini(&table);
}

START_TEST(test_flows_of_one_listener_share_a_pair)
{
	struct client_path *one = claim(CLIENT, TARGET, LISTENER);
	struct client_path *again;

	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_eq(claim(CLIENT, TARGET, LISTENER), one);
	ck_assert_uint_eq(client_path_version(one), 0);
	client_path_leave(&table, one);
	/* The other flow still has it. */
	again = claim(CLIENT, TARGET, LISTENER);
	ck_assert_ptr_eq(again, one);
	client_path_leave(&table, one);
	client_path_leave(&table, one);
	client_path_leave(&table, NULL);
}
END_TEST

START_TEST(test_another_listener_finds_it_taken)
{
	struct client_path *one = claim(CLIENT, TARGET, LISTENER);
	struct client_path *other;

	ck_assert_ptr_nonnull(one);
	errno = 0;
	ck_assert_ptr_null(claim(CLIENT, TARGET, OTHER));
	ck_assert_int_eq(errno, EADDRINUSE);
	client_path_leave(&table, one);
	other = claim(CLIENT, TARGET, OTHER);
	ck_assert_ptr_nonnull(other);
	ck_assert_ptr_null(claim(CLIENT, TARGET, LISTENER));
	client_path_leave(&table, other);
}
END_TEST

START_TEST(test_pairs_differ_by_every_part)
{
	struct client_path *one = claim(CLIENT, TARGET, LISTENER);
	struct client_path *others[] = {
	    claim("203.0.113.7:40001", TARGET, OTHER),
	    claim("203.0.113.8:40000", TARGET, OTHER),
	    claim(CLIENT, "127.0.0.1:8001", OTHER),
	    claim(CLIENT, "127.0.0.2:8000", OTHER),
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_ptr_nonnull(others[i]);
		client_path_leave(&table, others[i]);
	}
	client_path_leave(&table, one);
}
END_TEST

/* Their sockets have other ports than the client's, each its own. */
START_TEST(test_ports_of_the_kernel_never_conflict)
{
	struct client_path *claimed = claim(CLIENT, TARGET, LISTENER);
	struct client_path *one = join(CLIENT, TARGET, LISTENER);
	struct client_path *other = join(CLIENT, TARGET, OTHER);

	ck_assert(one != NULL && other != NULL);
	ck_assert_ptr_ne(one, claimed);
	ck_assert_ptr_ne(one, other);
	ck_assert_ptr_eq(join(CLIENT, TARGET, LISTENER), one);
	ck_assert_ptr_eq(join(CLIENT, TARGET, OTHER), other);
	client_path_leave(&table, one);
	client_path_leave(&table, one);
	client_path_leave(&table, other);
	client_path_leave(&table, other);
	client_path_leave(&table, claimed);
}
END_TEST

START_TEST(test_the_latest_path)
{
	struct reply_path path = {.socket = 3, .header_len = 1, .header = {7}};
	struct client_path *entry = claim(CLIENT, TARGET, LISTENER);
	struct reply_path found;
	unsigned version;

	version = client_path_set(entry, &path);
	ck_assert_uint_eq(client_path_version(entry), version);
	ck_assert_uint_eq(client_path_get(entry, &found), version);
	ck_assert_mem_eq(&found, &path, sizeof(path));
	path.socket = 4;
	ck_assert_uint_ne(client_path_set(entry, &path), version);
	ck_assert_uint_ne(client_path_get(entry, &found), version);
	ck_assert_uint_eq(found.socket, 4);
	client_path_leave(&table, entry);
}
END_TEST

/* The next client whose pair with this target uthash's own hash puts into bucket 0. */
static void next_chosen(uint32_t *number, struct client_pair *pair)
{
	struct {
		uint8_t ips[2][ADDR_IP_LEN];
		uint16_t ports[2];
		uint32_t kind;
	} key = {.kind = 0};
	unsigned hash = 1;
	uint32_t ip;

	addr_write_ip(&pair->target, key.ips[1]);
	key.ports[1] = addr_port(&pair->target);
	while (hash % BUCKETS != 0) {
		ip = htonl(0x0A000000u + ++*number % 0x1000000u);
		addr_from_ipv4(&pair->source, &ip, (uint16_t)(40000 + *number / 0x1000000u));
		addr_write_ip(&pair->source, key.ips[0]);
		key.ports[0] = addr_port(&pair->source);
		HASH_JEN(&key, sizeof(key), hash);
	}
}

START_TEST(test_clients_cannot_choose_a_chain)
{
	static struct client_path *entries[CHOSEN];
	struct client_pair pair = pair_of(CLIENT, TARGET, LISTENER);
	uint32_t number = 0;

	for (size_t i = 0; i < CHOSEN; i++) {
		next_chosen(&number, &pair);
		entries[i] = client_path_claim(&table, &pair);
		ck_assert_ptr_nonnull(entries[i]);
	}
	ck_assert_uint_le(client_path_longest_chain(&table), CHAIN_MAX);
	for (size_t i = 0; i < CHOSEN; i++)
		client_path_leave(&table, entries[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_path");
	TCase *pairs = tcase_create("pairs");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(pairs, 60);
	tcase_add_checked_fixture(pairs, set_up, tear_down);
	tcase_add_test(pairs, test_flows_of_one_listener_share_a_pair);
	tcase_add_test(pairs, test_another_listener_finds_it_taken);
	tcase_add_test(pairs, test_pairs_differ_by_every_part);
	tcase_add_test(pairs, test_ports_of_the_kernel_never_conflict);
	tcase_add_test(pairs, test_the_latest_path);
	tcase_add_test(pairs, test_clients_cannot_choose_a_chain);
	suite_add_tcase(suite, pairs);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
