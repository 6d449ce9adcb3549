/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of reading configurations: which files, includes, networks, and how much of each. */
#include "conf/conf.h"

#include "check_conf.h"

/* A listener's keys that every small file here has. */
#define LISTEN	"listen = \"127.0.0.1:7000\"; "
#define TARGETS "targets = { ipv4 = \"127.0.0.1:9000\"; }; "
#define BASICS	LISTEN TARGETS

START_TEST(test_subnet_files)
{
	conf_write("networks", "\xef\xbb\xbf# comment\n\n 10.0.0.0/8 \n10.1.2.3 # office\nx\n");
	conf_text_bad(
	    "listeners = ( { " BASICS "\n"
	    "allowed_subnets_file = \"networks\";\n"
	    "allowed_clients_file = \"nonexistent\"; } );",
	    "networks:5: \"x\" is not a network such as \"192.0.2.0/24\" or "
	    "\"2001:db8::/32\", or an address\n"
	    "t.conf:3: listeners[0].allowed_clients_file: \"nonexistent\" cannot be read: "
	    "No such file or directory\n");
	conf_write("networks", "# nothing yet\n\n");
	conf_text_bad("listeners = ( { " BASICS "\n"
		      "allowed_subnets_file = \"networks\";\n"
		      "denied_clients_file = \".\"; } );",
		      "t.conf:2: listeners[0].allowed_subnets_file: \"networks\" names no network: "
		      "one or more are needed, one a line\n"
		      "t.conf:3: listeners[0].denied_clients_file: \".\" cannot be read: "
		      "Is a directory\n");
}
END_TEST

START_TEST(test_unreadable_files)
{
	struct conf_errors *errors = conf_errors_new();
	char *lines;
	FILE *file;

	ck_assert_ptr_null(conf_load(conf_path("t.conf"), errors));
	ck_assert_ptr_null(conf_load(conf_dir, errors));
	file = fopen(conf_path("t.conf"), "w");
	fwrite("workers = 1;\n\0", 1, 14, file);
	fclose(file);
	ck_assert_ptr_null(conf_load(conf_path("t.conf"), errors));
	ck_assert_uint_eq(conf_errors_count(errors), 3);
	ck_assert_ptr_nonnull(strstr(conf_errors_text(errors, 1), ": cannot read: Is a directory"));
	lines = conf_lines(errors, conf_dir);
	ck_assert_ptr_nonnull(strstr(lines, "t.conf: cannot read: No such file or directory\n"));
	ck_assert_ptr_nonnull(strstr(lines, "t.conf:2: a NUL byte: this is not a text file\n"));
	free(lines);
}
END_TEST

static void file_of_blanks(const char *name, size_t len)
{
	FILE *file = fopen(conf_path(name), "w");

	ck_assert_ptr_nonnull(file);
	fprintf(file, "%*s\n", (int)len, "");
	fclose(file);
}

START_TEST(test_only_regular_files_are_read)
{
	static const struct {
		const char *path, *why;
	} cases[] = {
	    {"/dev/zero", "it is not a regular file"},
	    {"/dev/null", "it is not a regular file"},
	    {"networks", "it is not a regular file"}, /* a FIFO that nobody writes */
	    {"sub", "Is a directory"},
	};
	char text[512];
	char expected[512];

	ck_assert_int_eq(mkfifo(conf_path("networks"), 0600), 0);
	ck_assert_int_eq(mkdir(conf_path("sub"), 0700), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_errors *errors = conf_errors_new();
		const char *path = cases[i].path;

		ck_assert_ptr_null(conf_load(path[0] == '/' ? path : conf_path(path), errors));
		ck_assert_uint_eq(conf_errors_count(errors), 1);
		snprintf(expected, sizeof(expected), ": cannot read: %s", cases[i].why);
		ck_assert_msg(strstr(conf_errors_text(errors, 0), expected) != NULL, "%s",
			      conf_errors_text(errors, 0));
		conf_errors_free(errors);

		snprintf(text, sizeof(text), "@include \"%s\"\n", path);
		snprintf(expected, sizeof(expected),
			 "t.conf:1: @include: \"%s\" cannot be read: %s\n", path, cases[i].why);
		conf_text_bad(text, expected);
		snprintf(text, sizeof(text),
			 "listeners = ( { " BASICS "allowed_subnets_file = \"%s\"; } );\n", path);
		snprintf(expected, sizeof(expected),
			 "t.conf:1: listeners[0].allowed_subnets_file: \"%s\" cannot be read: %s\n",
			 path, cases[i].why);
		conf_text_bad(text, expected);
	}
}
END_TEST

/* Files with holes, which take no room on the disk; the second is as long as it may be. */
START_TEST(test_long_files_are_not_read)
{
	static const off_t longest = 16 * 1024 * 1024;

	conf_write("part.conf", "");
	ck_assert_int_eq(truncate(conf_path("part.conf"), longest + 1), 0);
	conf_text_bad("@include \"part.conf\"\n",
		      "t.conf:1: @include: \"part.conf\" cannot be read: it is longer than 16 "
		      "MiB\n");
	conf_text_bad("listeners = ( { " BASICS "\nallowed_subnets_file = \"part.conf\"; } );",
		      "t.conf:2: listeners[0].allowed_subnets_file: \"part.conf\" cannot be read: "
		      "it is longer than 16 MiB\n");
	ck_assert_int_eq(truncate(conf_path("part.conf"), longest), 0);
	conf_text_bad("@include \"part.conf\"\n",
		      "t.conf:1: @include: \"part.conf\" cannot be read: with it the configuration "
		      "is longer than 16 MiB\n");
}
END_TEST

/* Ten levels of ten includes each would be read ten thousand million times. */
START_TEST(test_includes_that_multiply_are_bounded)
{
	char name[24];
	char next[24];

	for (int i = 0; i < 8; i++) {
		FILE *file;

		snprintf(name, sizeof(name), "%d.conf", i);
		snprintf(next, sizeof(next), "%d.conf", i + 1);
		file = fopen(conf_path(name), "w");
		ck_assert_ptr_nonnull(file);
		for (int j = 0; j < 100; j++)
			fprintf(file, "@include \"%s\"\n", next);
		fclose(file);
	}
	file_of_blanks("8.conf", 1000);
	{
		struct conf_errors *errors = conf_errors_new();

		ck_assert_ptr_null(conf_load(conf_path("0.conf"), errors));
		ck_assert_ptr_nonnull(
		    strstr(conf_errors_text(errors, 0), "the configuration is longer than 16 MiB"));
		conf_errors_free(errors);
	}
	for (int i = 0; i <= 8; i++) {
		snprintf(name, sizeof(name), "%d.conf", i);
		remove(conf_path(name));
	}
}
END_TEST

START_TEST(test_lines_of_networks)
{
	struct conf *conf;
	FILE *file = fopen(conf_path("networks"), "w");

	/* The last line without a newline; a carriage return; a comment behind a network. */
	fputs("10.0.0.0/8\r\n\t192.0.2.0/24 # office\n#\n\n2001:db8::/32", file);
	fclose(file);
	conf =
	    conf_text_good("listeners = ( { " BASICS "allowed_subnets_file = \"networks\"; } );");
	ck_assert_uint_eq(netset_count(conf->listeners[0].allowed_subnets), 3);
	conf_unref(conf);
	file = fopen(conf_path("networks"), "w");
	fwrite("10.0.0.0/8\n1\0\n", 1, 14, file);
	fclose(file);
	conf_text_bad("listeners = ( { " BASICS "allowed_subnets_file = \"networks\"; } );",
		      "networks:2: a NUL byte\n");
}
END_TEST

START_TEST(test_includes)
{
	struct conf *conf;

	ck_assert_int_eq(mkdir(conf_path("sub"), 0700), 0);
	conf_write("sub/networks", "192.0.2.0/24\n");
	conf_write("sub/part.conf", "allowed_subnets_file = \"networks\";\n"
				    "mark = 5000000000;");
	/* Relative to the including file, and so are the files that an included file names. */
	conf_text_bad("workers = -1;\n"
		      "listeners = ( { " BASICS "\n"
		      "  @include \"sub/part.conf\" header_max = 1;\n"
		      "  relay = 5; } );",
		      "t.conf:1: workers: -1 is not an integer from 0 to 1024\n"
		      "sub/part.conf:2: listeners[0].mark: 5000000000 is not an integer from 0 to "
		      "4294967295\n"
		      "t.conf:3: listeners[0].header_max: 1 is not an integer from 16 to 65551\n"
		      "t.conf:4: listeners[0].relay: 5 is not one of \"auto\", \"splice\", "
		      "\"buffered\"\n");
	conf_write("sub/part.conf", "\n= ;\n");
	conf_text_bad("@include \"sub/part.conf\"\n",
		      "sub/part.conf:2: syntax error, here or shortly before\n");
	conf_write("sub/part.conf", "mark = 7; # last line");
	conf = conf_text_good("listeners = ( { " BASICS "\n@include \"sub/part.conf\"\n} );\n"
			      "# @include \"nowhere\"\nuser = \"\n@include \\\"x\\\"\";\n");
	ck_assert_uint_eq(conf->listeners[0].mark, 7);
	ck_assert_str_eq(conf->user, "\n@include \"x\"");
	conf_unref(conf);
}
END_TEST

START_TEST(test_includes_that_fail)
{
	conf_text_bad("workers = 1;\n@include \"nonexistent\"\n@include \".\"\n@include x\n",
		      "t.conf:2: @include: \"nonexistent\" cannot be read: No such file or "
		      "directory\n"
		      "t.conf:3: @include: \".\" cannot be read: Is a directory\n"
		      "t.conf:4: @include needs a path in double quotes\n");
	conf_write("part.conf", "\n@include \"part.conf\"");
	conf_text_bad("@include \"part.conf\"\n",
		      "part.conf:2: @include is nested too deeply, or in a circle\n");
}
END_TEST

START_TEST(test_many_mistakes_are_bounded)
{
	struct conf_errors *errors = conf_errors_new();
	FILE *file = fopen(conf_path("networks"), "w");
	size_t count;

	for (int i = 0; i < 5000; i++)
		fprintf(file, "bad%d\n", i);
	fclose(file);
	ck_assert_ptr_null(
	    conf_load(conf_write("t.conf", "listeners = ( { " BASICS
					   "allowed_subnets_file = \"networks\"; } );"),
		      errors));
	count = conf_errors_count(errors);
	ck_assert_uint_eq(count, 1001);
	ck_assert_str_eq(conf_errors_text(errors, count - 1),
			 "mmproxy: more mistakes are not shown");
	conf_errors_free(errors);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_read");
	TCase *tcase = tcase_create("conf_read");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, test_subnet_files);
	tcase_add_test(tcase, test_unreadable_files);
	tcase_add_test(tcase, test_only_regular_files_are_read);
	tcase_add_test(tcase, test_long_files_are_not_read);
	tcase_add_test(tcase, test_includes_that_multiply_are_bounded);
	tcase_add_test(tcase, test_lines_of_networks);
	tcase_add_test(tcase, test_includes);
	tcase_add_test(tcase, test_includes_that_fail);
	tcase_add_test(tcase, test_many_mistakes_are_bounded);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
