/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/log_file: whom root lets lead it, and whom not. */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

/* The user "nobody" of every distribution. */
#define OTHER 65534

static char top[] = "/tmp/check_log_file.XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void make_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void make_dir(const char *name, mode_t mode)
{
	ck_assert_int_eq(mkdir(name, 0700), 0);
	ck_assert_int_eq(chmod(name, mode), 0);
}

static void make_link(const char *target, const char *name, uid_t owner)
{
	ck_assert_int_eq(symlink(target, name), 0);
	ck_assert_int_eq(lchown(name, owner, (gid_t)-1), 0);
}

static void set_up(void)
{
	strcpy(strrchr(top, '.'), ".XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chdir(top), 0);
	make_dir("mine", 0755);
	make_dir("open", 0777);
	make_dir("sticky", 01777);
	make_file("mine/secret", "a secret\n");
}

static void tear_down(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *at(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void expect_size(const char *name, off_t size)
{
	struct stat st;

	ck_assert_msg(stat(name, &st) == 0, "%s: %s", name, strerror(errno));
	ck_assert_int_eq(st.st_size, size);
}

/* Open, write a line, and see it there. */
static void expect_opened(const char *name, const char *file)
{
	struct stat before = {.st_size = 0};
	int fd;

	(void)stat(file, &before);
	ck_assert_int_eq(log_file_test(at(name)), 0);
	fd = log_file_open(at(name));
	ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(write(fd, "a line\n", 7), 7);
	close(fd);
	expect_size(file, before.st_size + 7);
}

/* Whatever asks: the secret stays as it is. */
static void expect_refused(const char *name, int error)
{
	ck_assert_int_eq(log_file_test(at(name)), error);
	ck_assert_int_eq(log_file_open(at(name)), -1);
	ck_assert_msg(errno == error, "%s: %s", name, strerror(errno));
	expect_size("mine/secret", 9);
}

START_TEST(a_new_file_is_its_owners_and_its_groups_to_read)
{
	struct stat st;

	(void)umask(022);
	ck_assert_int_eq(log_file_test(at("open/new.log")), 0);
	ck_assert_int_ne(access("open/new.log", F_OK), 0);
	expect_opened("open/new.log", "open/new.log");
	ck_assert_int_eq(stat("open/new.log", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	expect_opened("open/new.log", "open/new.log");
	expect_opened("mine/../mine//./new.log", "mine/new.log");
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	char name[NAME_MAX + 2];

	expect_refused("mine", EISDIR);
	expect_refused("none/new.log", ENOENT);
	expect_refused("mine/secret/new.log", ENOTDIR);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	expect_refused(name, ENAMETOOLONG);
}
END_TEST

START_TEST(a_link_in_a_directory_of_ones_own_is_followed)
{
	make_link("../mine/target.log", "mine/relative.log", geteuid());
	make_link(at("open"), "mine/absolute", geteuid());
	make_link("relative.log", "mine/second.log", geteuid());
	make_link("loop", "mine/loop", geteuid());
	expect_opened("mine/relative.log", "mine/target.log");
	expect_opened("mine/second.log", "mine/target.log");
	expect_opened("mine/absolute/new.log", "open/new.log");
	expect_refused("mine/loop", ELOOP);
}
END_TEST

/* Descriptors are links that are no paths. */
START_TEST(standard_output_is_a_file)
{
	int fd = open("mine/out", O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	fd = log_file_open("/dev/stdout");
	ck_assert_msg(fd >= 0, "%s", strerror(errno));
	ck_assert_int_eq(write(fd, "a line\n", 7), 7);
	expect_size("mine/out", 7);
}
END_TEST

START_TEST(a_pipe_without_a_reader_is_opened)
{
	int fd;

	ck_assert_int_eq(mkfifo("open/pipe", 0600), 0);
	fd = log_file_open(at("open/pipe"));
	ck_assert_msg(fd >= 0, "%s", strerror(errno));
	close(fd);
}
END_TEST

/* ---- root ---- */

/* Where somebody else can put one. */
START_TEST(root_is_not_led_by_links)
{
	static const char *const directories[] = {"open", "sticky", "theirs"};
	char name[64];

	make_dir("theirs", 0755);
	ck_assert_int_eq(chown("theirs", OTHER, (gid_t)-1), 0);
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s/x.log", directories[i]);
		make_link("../mine/secret", name, OTHER);
		expect_refused(name, ELOOP);
		/* Nor to a file that is not there yet. */
		snprintf(name, sizeof(name), "%s/new.log", directories[i]);
		make_link("../mine/new", name, OTHER);
		expect_refused(name, ELOOP);
		ck_assert_int_eq(log_file_create(at(name), OTHER, OTHER), -1);
		ck_assert_int_eq(errno, ELOOP);
		ck_assert_int_ne(access("mine/new", F_OK), 0);
		/* Nor by a directory on the way. */
		snprintf(name, sizeof(name), "%s/dir", directories[i]);
		make_link("../mine", name, OTHER);
		snprintf(name, sizeof(name), "%s/dir/secret", directories[i]);
		expect_refused(name, ELOOP);
	}
}
END_TEST

/* Root's own link, which nobody else can take away from a sticky directory. */
START_TEST(root_follows_its_own_link_in_a_sticky_directory)
{
	make_link("../mine/target.log", "sticky/x.log", 0);
	expect_opened("sticky/x.log", "mine/target.log");
	/* In the other one it may have been moved there. */
	make_link("../mine/secret", "open/x.log", 0);
	expect_refused("open/x.log", ELOOP);
}
END_TEST

START_TEST(root_is_not_led_by_a_second_name)
{
	ck_assert_int_eq(link("mine/secret", "open/x.log"), 0);
	expect_refused("open/x.log", EMLINK);
	ck_assert_int_eq(unlink("open/x.log"), 0);
	/* Root may have given it two itself. */
	ck_assert_int_eq(link("mine/secret", "mine/x.log"), 0);
	expect_opened("mine/x.log", "mine/secret");
}
END_TEST

START_TEST(root_makes_a_file_for_somebody_else)
{
	struct stat st;

	(void)umask(0);
	ck_assert_int_eq(log_file_create(at("mine/new.log"), OTHER, OTHER), 0);
	ck_assert_int_eq(stat("mine/new.log", &st), 0);
	ck_assert_uint_eq(st.st_uid, OTHER);
	ck_assert_uint_eq(st.st_gid, OTHER);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	/* What is there stays whose it is. */
	ck_assert_int_eq(log_file_create(at("mine/secret"), OTHER, OTHER), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(stat("mine/secret", &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
}
END_TEST

static Suite *log_file_suite(void)
{
	Suite *suite = suite_create("log_file");
	TCase *files = tcase_create("files");
	TCase *root = tcase_create("root");

	tcase_add_checked_fixture(files, set_up, tear_down);
	tcase_add_test(files, a_new_file_is_its_owners_and_its_groups_to_read);
	tcase_add_test(files, what_is_no_file_is_refused);
	tcase_add_test(files, a_link_in_a_directory_of_ones_own_is_followed);
	tcase_add_test(files, standard_output_is_a_file);
	tcase_add_test(files, a_pipe_without_a_reader_is_opened);
	suite_add_tcase(suite, files);
	/* Who else is there: others than root cannot give files away. */
	if (geteuid() == 0) {
		tcase_add_checked_fixture(root, set_up, tear_down);
		tcase_add_test(root, root_is_not_led_by_links);
		tcase_add_test(root, root_follows_its_own_link_in_a_sticky_directory);
		tcase_add_test(root, root_is_not_led_by_a_second_name);
		tcase_add_test(root, root_makes_a_file_for_somebody_else);
		suite_add_tcase(suite, root);
	}
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(log_file_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
