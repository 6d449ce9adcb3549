/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of routing/route_holders. */
#include "routing/route_holders.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

/* No daemon on this host has a table of this number: each run has its own. */
static uint32_t table;
static struct route_holder holder;
static struct route_holder other;

static void set_up(void)
{
	table = 0x40000000u + (uint32_t)getpid();
	route_holder_init(&holder);
	route_holder_init(&other);
}

static void tear_down(void)
{
	route_holder_fini(&holder);
	route_holder_fini(&other);
}

static int bind_abstract(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	ck_assert_int_ge(fd, 0);
	memcpy(addr.sun_path + 1, name, len);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)),
			 0);
	return fd;
}

START_TEST(test_holders_see_each_other)
{
	ck_assert_int_eq(route_holder_join(&holder, table), 0);
	ck_assert(!route_holder_has_others(&holder, table));
	ck_assert_int_eq(route_holder_join(&other, table), 0);
	ck_assert(route_holder_has_others(&holder, table));
	ck_assert(route_holder_has_others(&other, table));
	route_holder_fini(&other);
	ck_assert(!route_holder_has_others(&holder, table));
}
END_TEST

START_TEST(test_another_table_is_another_matter)
{
	ck_assert_int_eq(route_holder_join(&holder, table), 0);
	ck_assert_int_eq(route_holder_join(&other, table / 2), 0);
	ck_assert(!route_holder_has_others(&holder, table));
	/* From one to the other. */
	ck_assert_int_eq(route_holder_join(&other, table), 0);
	ck_assert(route_holder_has_others(&holder, table));
}
END_TEST

/* Any user may bind names, and process ids are no secret. */
START_TEST(test_names_cannot_be_taken_before)
{
	enum { NAMES = 64 };
	int fds[NAMES];

	for (unsigned i = 0; i < NAMES; i++) {
		char name[ROUTE_HOLDERS_NAME_MAX];

		snprintf(name, sizeof(name), "mmproxy-routes-%u-%d-%u", table, (int)getpid(), i);
		fds[i] = bind_abstract(name);
	}
	ck_assert_int_eq(route_holder_join(&holder, table), 0);
	for (unsigned i = 0; i < NAMES; i++)
		close(fds[i]);
	ck_assert_int_eq(route_holder_join(&other, table), 0);
	/* What has been seen of one does not tell the next. */
	ck_assert_int_ne(strncmp(holder.name, other.name, strlen(holder.name) - 8), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route_holders");
	TCase *tcase = tcase_create("route_holders");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_holders_see_each_other);
	tcase_add_test(tcase, test_another_table_is_another_matter);
	tcase_add_test(tcase, test_names_cannot_be_taken_before);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
