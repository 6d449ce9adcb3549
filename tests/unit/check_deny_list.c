/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/deny_list, service/deny_table and service/deny_text. */
#include "service/deny_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "service/deny_text.h"

/* Any time will do, but not 0. */
#define START ((int64_t)123456789)

static struct deny_list *list;
static char answer[DENY_LIST_ANSWER_LEN];

/* ---- allocations, by the linker's --wrap ---- */

static bool no_memory;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return no_memory ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return no_memory ? NULL : __real_reallocarray(old, count, size);
}

/* ---- shorthands ---- */

static void set_up(void)
{
	list = deny_list_new();
	ck_assert_ptr_nonnull(list);
}

static void tear_down(void)
{
	deny_list_free(list);
	deny_list_free(NULL);
}

static struct network network_of(const char *text)
{
	struct network network;

	ck_assert_msg(network_parse(&network, text) == 0, "%s", text);
	return network;
}

static enum deny_list_result add_at(const char *text, int64_t seconds, int64_t now_ms)
{
	struct network network = network_of(text);

	return deny_list_add(list, &network, seconds, now_ms, answer);
}

static enum deny_list_result add(const char *text, int64_t seconds)
{
	return add_at(text, seconds, START);
}

static enum deny_list_result remove_network(const char *text)
{
	struct network network = network_of(text);

	return deny_list_remove(list, &network, answer);
}

static bool denies(const char *text)
{
	struct addr addr;
	bool has;

	ck_assert_msg(addr_parse_ip(&addr, text) == 0, "%s", text);
	addr_set_port(&addr, 40000);
	has = deny_list_has(list, &addr);
	ck_assert(deny_list_denies(list, &addr) == has);
	return has;
}

/* The row of a network, which must be there. */
static struct deny_list_row row_of(const char *text, int64_t now_ms)
{
	struct network network = network_of(text);
	struct deny_list_row row;

	for (size_t i = 0; i < deny_list_count(list); i++) {
		deny_list_row(list, i, now_ms, &row);
		if (network_equal(&row.network, &network))
			return row;
	}
	ck_abort_msg("%s is not in the list", text);
}

/* ---- asking ---- */

START_TEST(test_an_empty_list_denies_nobody)
{
	static const struct addr none;

	ck_assert(!denies("203.0.113.7"));
	ck_assert(!denies("2001:db8::7"));
	ck_assert(!deny_list_denies(list, &none));
	ck_assert_uint_eq(deny_list_count(list), 0);
}
END_TEST

START_TEST(test_networks_of_both_families)
{
	static const struct addr none;

	ck_assert_int_eq(add("203.0.113.64/26", 0), DENY_LIST_DONE);
	ck_assert_int_eq(add("2001:db8:1::/48", 0), DENY_LIST_DONE);
	ck_assert_int_eq(add("198.51.100.7", 0), DENY_LIST_DONE);
	ck_assert_int_eq(add("2001:db8::7", 0), DENY_LIST_DONE);
	ck_assert(denies("203.0.113.64"));
	ck_assert(denies("203.0.113.127"));
	ck_assert(!denies("203.0.113.63"));
	ck_assert(!denies("203.0.113.128"));
	ck_assert(denies("198.51.100.7"));
	ck_assert(!denies("198.51.100.6"));
	ck_assert(denies("2001:db8:1::1"));
	ck_assert(denies("2001:db8:1:ffff:ffff:ffff:ffff:ffff"));
	ck_assert(!denies("2001:db8:2::"));
	ck_assert(denies("2001:db8::7"));
	ck_assert(!denies("2001:db8::8"));
	ck_assert(!deny_list_denies(list, &none));
}
END_TEST

START_TEST(test_mapped_addresses_are_ipv4)
{
	ck_assert_int_eq(add("::ffff:203.0.113.0/120", 0), DENY_LIST_DONE);
	ck_assert_int_eq(add("203.0.113.99/24", 0), DENY_LIST_REPLACED);
	ck_assert(denies("203.0.113.7"));
	ck_assert(denies("::ffff:203.0.113.7"));
	ck_assert_int_eq(remove_network("::ffff:203.0.113.0/120"), DENY_LIST_DONE);
	ck_assert(!denies("203.0.113.7"));
}
END_TEST

START_TEST(test_everybody_of_a_family)
{
	ck_assert_int_eq(add("::/0", 0), DENY_LIST_DONE);
	ck_assert(denies("::1"));
	ck_assert(denies("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	ck_assert(!denies("203.0.113.7"));
	ck_assert(!denies("::ffff:203.0.113.7"));
	ck_assert_int_eq(add("0.0.0.0/0", 0), DENY_LIST_DONE);
	ck_assert(denies("203.0.113.7"));
	ck_assert_int_eq(remove_network("::/0"), DENY_LIST_DONE);
	ck_assert(!denies("::1"));
	ck_assert(denies("0.0.0.0"));
}
END_TEST

START_TEST(test_hits_are_the_narrowest_networks)
{
	ck_assert_int_eq(add("203.0.113.0/24", 0), DENY_LIST_DONE);
	ck_assert_int_eq(add("203.0.113.7", 60), DENY_LIST_DONE);
	for (int i = 0; i < 3; i++)
		ck_assert(denies("203.0.113.7"));
	ck_assert(denies("203.0.113.8"));
	ck_assert_uint_eq(row_of("203.0.113.7", START).hits, 3);
	ck_assert_uint_eq(row_of("203.0.113.0/24", START).hits, 1);
	/* Another time is no other network. */
	ck_assert_int_eq(add("203.0.113.7", 600), DENY_LIST_REPLACED);
	ck_assert_uint_eq(row_of("203.0.113.7", START).hits, 3);
}
END_TEST

/* ---- answers ---- */

START_TEST(test_answers_to_add)
{
	ck_assert_int_eq(add("203.0.113.7", 600), DENY_LIST_DONE);
	ck_assert_str_eq(answer, "203.0.113.7 is denied for 600 s");
	ck_assert_int_eq(add("203.0.113.7", 0), DENY_LIST_REPLACED);
	ck_assert_str_eq(answer, "203.0.113.7 is denied for ever from now on");
	ck_assert_int_eq(add("2001:db8::1/32", 0), DENY_LIST_DONE);
	ck_assert_str_eq(answer, "2001:db8::/32 is denied for ever");
}
END_TEST

START_TEST(test_answers_to_remove)
{
	ck_assert_int_eq(remove_network("203.0.113.7"), DENY_LIST_ABSENT);
	ck_assert_str_eq(answer, "203.0.113.7 is not denied");
	ck_assert_int_eq(add("203.0.113.0/24", 0), DENY_LIST_DONE);
	ck_assert_int_eq(add("203.0.0.0/16", 0), DENY_LIST_DONE);
	ck_assert_int_eq(add("203.0.113.9", 0), DENY_LIST_DONE);
	ck_assert_int_eq(remove_network("203.0.113.7"), DENY_LIST_COVERED);
	ck_assert_str_eq(answer, "203.0.113.7 is denied by 203.0.113.0/24: allow that");
	ck_assert_int_eq(remove_network("203.0.113.9"), DENY_LIST_DONE);
	ck_assert_str_eq(answer, "203.0.113.9 is denied by 203.0.113.0/24 still: allow that too");
	ck_assert(denies("203.0.113.7"));
	ck_assert_int_eq(remove_network("203.0.0.0/16"), DENY_LIST_DONE);
	ck_assert_str_eq(answer, "203.0.0.0/16 is denied no more");
	ck_assert_int_eq(remove_network("203.0.0.0/16"), DENY_LIST_ABSENT);
	ck_assert_str_eq(answer, "203.0.0.0/16 is not denied as a whole; of the networks in it 1 "
				 "are: allow those");
	ck_assert_int_eq(remove_network("203.0.113.0/24"), DENY_LIST_DONE);
	ck_assert(!denies("203.0.113.7"));
	/* No IPv6 network holds IPv4. */
	ck_assert_int_eq(add("::/0", 0), DENY_LIST_DONE);
	ck_assert_int_eq(remove_network("203.0.113.7"), DENY_LIST_ABSENT);
	ck_assert_int_eq(remove_network("0.0.0.0/0"), DENY_LIST_ABSENT);
	ck_assert_str_eq(answer, "0.0.0.0/0 is not denied");
}
END_TEST

/* ---- time ---- */

START_TEST(test_a_denial_ends)
{
	ck_assert_int_eq(add("203.0.113.7", 10), DENY_LIST_DONE);
	ck_assert_int_eq(add("203.0.113.8", 0), DENY_LIST_DONE);
	ck_assert_int_eq(row_of("203.0.113.7", START).seconds, 10);
	ck_assert_int_eq(row_of("203.0.113.7", START + 1).seconds, 10);
	ck_assert_int_eq(row_of("203.0.113.7", START + 9001).seconds, 1);
	ck_assert_int_eq(row_of("203.0.113.8", START).seconds, 0);
	deny_list_expire(list, START + 9999);
	ck_assert(denies("203.0.113.7"));
	/* Late, and not taken for one that never ends. */
	ck_assert_int_eq(row_of("203.0.113.7", START + 10500).seconds, 1);
	deny_list_expire(list, START + 10000);
	ck_assert(!denies("203.0.113.7"));
	deny_list_expire(list, INT64_MAX - 1);
	ck_assert(denies("203.0.113.8"));
}
END_TEST

START_TEST(test_a_new_time_counts_from_now)
{
	ck_assert_int_eq(add("203.0.113.7", 10), DENY_LIST_DONE);
	ck_assert_int_eq(add("203.0.113.8", 20), DENY_LIST_DONE);
	ck_assert_int_eq(add_at("203.0.113.7", 30, START + 5000), DENY_LIST_REPLACED);
	deny_list_expire(list, START + 34999);
	ck_assert(denies("203.0.113.7"));
	ck_assert(!denies("203.0.113.8"));
	/* Shorter than before is as good. */
	ck_assert_int_eq(add_at("203.0.113.7", 1, START), DENY_LIST_REPLACED);
	deny_list_expire(list, START + 1000);
	ck_assert_uint_eq(deny_list_count(list), 0);
}
END_TEST

START_TEST(test_the_longest_time)
{
	ck_assert_int_eq(add("203.0.113.7", DENY_LIST_SECONDS_MAX), DENY_LIST_DONE);
	ck_assert_int_eq(row_of("203.0.113.7", START).seconds, DENY_LIST_SECONDS_MAX);
}
END_TEST

START_TEST(test_the_clock_goes_on_while_suspended)
{
	struct timespec boottime;
	int64_t before = deny_list_clock_ms();
	int64_t now_ms;

	clock_gettime(CLOCK_BOOTTIME, &boottime);
	now_ms = (int64_t)boottime.tv_sec * 1000 + boottime.tv_nsec / 1000000;
	ck_assert_int_le(before, now_ms);
	ck_assert_int_ge(deny_list_clock_ms(), now_ms);
}
END_TEST

/* ---- bounds ---- */

static void nth_address(unsigned number, char text[static NETWORK_STRLEN])
{
	snprintf(text, NETWORK_STRLEN, "10.%u.%u.%u", number >> 16, number >> 8 & 255,
		 number & 255);
}

START_TEST(test_a_full_list_refuses_more)
{
	char text[NETWORK_STRLEN];

	for (unsigned i = 0; i < DENY_LIST_MAX; i++) {
		nth_address(i, text);
		ck_assert_int_eq(add(text, i % 1000), DENY_LIST_DONE);
	}
	ck_assert_int_eq(add("203.0.113.7", 60), DENY_LIST_FULL);
	ck_assert_str_eq(answer,
			 "203.0.113.7 is not denied: the list is full, with 65536 networks");
	ck_assert(!denies("203.0.113.7"));
	/* What is there can have another time. */
	ck_assert_int_eq(add("10.0.0.0", 60), DENY_LIST_REPLACED);
	/* What ends makes room: all but the 65 whose time is for ever. */
	deny_list_expire(list, START + 1000000);
	ck_assert_uint_eq(deny_list_count(list), 65);
	ck_assert_int_eq(add("203.0.113.7", 60), DENY_LIST_DONE);
	for (unsigned i = 1; i < DENY_LIST_MAX; i++) {
		nth_address(i, text);
		ck_assert(denies(text) == (i % 1000 == 0));
	}
}
END_TEST

START_TEST(test_without_memory_nothing_changes)
{
	ck_assert_int_eq(add("203.0.113.7", 60), DENY_LIST_DONE);
	no_memory = true;
	ck_assert_ptr_null(deny_list_new());
	ck_assert_int_eq(add("203.0.113.8", 60), DENY_LIST_NO_MEMORY);
	ck_assert_str_eq(answer, "203.0.113.8 is not denied: out of memory");
	ck_assert_int_eq(add("203.0.113.7", 600), DENY_LIST_REPLACED);
	no_memory = false;
	ck_assert(!denies("203.0.113.8"));
	ck_assert_uint_eq(deny_list_count(list), 1);
	/* Nor when it is the heap that does not grow. */
	for (unsigned i = 0; i < 100; i++) {
		char text[NETWORK_STRLEN];
		enum deny_list_result result;

		nth_address(i, text);
		no_memory = true;
		result = add(text, 60);
		no_memory = false;
		ck_assert_int_eq(result, DENY_LIST_NO_MEMORY);
		ck_assert(!denies(text));
		ck_assert_int_eq(add(text, 60), DENY_LIST_DONE);
		ck_assert(denies(text));
	}
}
END_TEST

/* ---- against a list that cannot be wrong ---- */

#define MODEL_MAX   300
#define MODEL_STEPS 20000

static struct {
	struct network network;
	int64_t expires_ms; /* 0: never */
} model[MODEL_MAX];
static size_t model_count;

static unsigned random_below(unsigned limit)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % limit);
}

/* Out of few addresses, so that networks are equal, inside each other or side by side. */
static struct network random_network(void)
{
	char text[NETWORK_STRLEN];

	if (random_below(2) == 0)
		snprintf(text, sizeof(text), "10.%u.%u.%u/%u", random_below(2), random_below(2),
			 random_below(8), random_below(33));
	else
		snprintf(text, sizeof(text), "2001:db8:%u::%u:%u/%u", random_below(2),
			 random_below(2), random_below(8), random_below(129));
	return network_of(text);
}

static size_t find_in_model(const struct network *network)
{
	size_t i = 0;

	while (i < model_count && !network_equal(&model[i].network, network))
		i++;
	return i;
}

static void add_to_both(int64_t now_ms)
{
	struct network network = random_network();
	int64_t seconds = random_below(3) == 0 ? 0 : 1 + random_below(500);
	size_t at = find_in_model(&network);

	if (at == MODEL_MAX)
		return;
	ck_assert_int_eq(deny_list_add(list, &network, seconds, now_ms, answer),
			 at < model_count ? DENY_LIST_REPLACED : DENY_LIST_DONE);
	model[at].network = network;
	model[at].expires_ms = seconds == 0 ? 0 : now_ms + 1000 * seconds;
	if (at == model_count)
		model_count++;
}

static void remove_from_both(void)
{
	struct network network = random_network();
	size_t at = find_in_model(&network);
	enum deny_list_result expected = at < model_count ? DENY_LIST_DONE : DENY_LIST_ABSENT;

	for (size_t i = 0; i < model_count && expected == DENY_LIST_ABSENT; i++)
		if (model[i].network.prefix < network.prefix &&
		    network_contains(&model[i].network, &network.addr))
			expected = DENY_LIST_COVERED;
	ck_assert_int_eq(deny_list_remove(list, &network, answer), expected);
	if (at < model_count)
		model[at] = model[--model_count];
}

static void expire_both(int64_t now_ms)
{
	deny_list_expire(list, now_ms);
	for (size_t i = 0; i < model_count;)
		if (model[i].expires_ms != 0 && model[i].expires_ms <= now_ms)
			model[i] = model[--model_count];
		else
			i++;
	ck_assert_uint_eq(deny_list_count(list), model_count);
}

static void ask_both(void)
{
	struct addr addr = random_network().addr;
	bool expected = false;

	for (size_t i = 0; i < model_count; i++)
		expected |= network_contains(&model[i].network, &addr);
	ck_assert(deny_list_denies(list, &addr) == expected);
}

START_TEST(test_random_changes)
{
	int64_t now_ms = START;

	model_count = 0;
	for (unsigned i = 0; i < MODEL_STEPS; i++) {
		now_ms += random_below(400);
		if (random_below(3) != 0)
			add_to_both(now_ms);
		else
			remove_from_both();
		expire_both(now_ms);
		for (int asked = 0; asked < 5; asked++)
			ask_both();
	}
	ck_assert_uint_gt(model_count, 0);
}
END_TEST

/* ---- as text ---- */

static size_t read_text(const char *text, int64_t now_ms)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	size_t left_out;

	ck_assert_ptr_nonnull(in);
	left_out = deny_text_read(list, in, now_ms);
	ck_assert_int_eq(fclose(in), 0);
	return left_out;
}

START_TEST(test_the_next_process_has_the_same_list)
{
	int fd = memfd_create("denied", MFD_CLOEXEC);
	FILE *file = fdopen(fd, "w+");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(add("203.0.113.7", 600), DENY_LIST_DONE);
	ck_assert_int_eq(add("203.0.113.0/24", 0), DENY_LIST_DONE);
	ck_assert_int_eq(add("2001:db8::/32", 1), DENY_LIST_DONE);
	ck_assert_int_eq(deny_text_write(list, file, START + 100500), 0);
	deny_list_free(list);
	set_up();
	rewind(file);
	/* Its clock may have started anew. */
	ck_assert_uint_eq(deny_text_read(list, file, 5), 0);
	ck_assert_uint_eq(deny_list_count(list), 3);
	ck_assert_int_eq(row_of("203.0.113.7", 5).seconds, 500);
	ck_assert_int_eq(row_of("203.0.113.0/24", 5).seconds, 0);
	/* Over, but not removed yet: it is not denied for ever. */
	ck_assert_int_eq(row_of("2001:db8::/32", 5).seconds, 1);
	ck_assert_int_eq(fclose(file), 0);
}
END_TEST

START_TEST(test_a_stream_that_fails)
{
	FILE *full = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(add("203.0.113.7", 600), DENY_LIST_DONE);
	ck_assert_int_lt(deny_text_write(list, full, START), 0);
	fclose(full);
}
END_TEST

START_TEST(test_lines_of_another_form_are_left_out)
{
	char text[2000] = "";

	memset(text, 'x', 1000);
	strcpy(text + 1000, " 5\n203.0.113.1 7\n203.0.113.2\n203.0.113.3 \n203.0.113.4 -1\n"
			    "203.0.113.5 +1\n203.0.113.6 1x\n203.0.113.7  1\n\n nothing\n"
			    "203.0.113.8 9999999999999999999\n203.0.113.9 316224001\n"
			    "203.0.113.256 1\n203.0.113.10 316224000\n203.0.113.11 0\n"
			    "203.0.113.12 60");
	ck_assert_uint_eq(read_text(text, START), 13);
	ck_assert_uint_eq(deny_list_count(list), 3);
	ck_assert_int_eq(row_of("203.0.113.1", START).seconds, 7);
	ck_assert_int_eq(row_of("203.0.113.10", START).seconds, DENY_LIST_SECONDS_MAX);
	ck_assert_int_eq(row_of("203.0.113.11", START).seconds, 0);
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
	Suite *suite = suite_create("deny_list");
	SRunner *runner = srunner_create(suite);
	int failed;

	ADD_CASE(suite, "asking", test_an_empty_list_denies_nobody, test_networks_of_both_families,
		 test_mapped_addresses_are_ipv4, test_everybody_of_a_family,
		 test_hits_are_the_narrowest_networks);
	ADD_CASE(suite, "answers", test_answers_to_add, test_answers_to_remove);
	ADD_CASE(suite, "time", test_a_denial_ends, test_a_new_time_counts_from_now,
		 test_the_longest_time, test_the_clock_goes_on_while_suspended);
	ADD_CASE(suite, "bounds", test_a_full_list_refuses_more,
		 test_without_memory_nothing_changes);
	ADD_CASE(suite, "model", test_random_changes);
	ADD_CASE(suite, "text", test_the_next_process_has_the_same_list, test_a_stream_that_fails,
		 test_lines_of_another_form_are_left_out);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
