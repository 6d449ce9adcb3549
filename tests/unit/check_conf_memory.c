/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of reading a configuration when memory is out. */
#include "conf/conf.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <libconfig.h>

#include "conf/conf_change.h"

#include "check_conf.h"

/* A listener's keys that every small file here has. */
#define TARGETS "targets = { ipv4 = \"127.0.0.1:9000\"; }; "
#define BASICS	"listen = \"127.0.0.1:7000\"; " TARGETS

static long until_failure = -1; /* calls of an allocator; negative: none fails */

static bool must_fail(void)
{
	return until_failure >= 0 && until_failure-- == 0;
}

/*
 * The linker puts these around calls of our library and, where libconfig is linked statically, of
 * that as well, which does not bear it.
 */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
char *__wrap_strdup(const char *text);
void __real_config_init(config_t *config);
void __wrap_config_init(config_t *config);
int __real_config_read_string(config_t *config, const char *text);
int __wrap_config_read_string(config_t *config, const char *text);

static void *fail_allocation(void)
{
	errno = ENOMEM;
	return NULL;
}

void *__wrap_malloc(size_t size)
{
	return must_fail() ? fail_allocation() : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return must_fail() ? fail_allocation() : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return must_fail() ? fail_allocation() : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	return must_fail() ? fail_allocation() : __real_reallocarray(memory, count, size);
}

char *__wrap_strdup(const char *text)
{
	return must_fail() ? fail_allocation() : __real_strdup(text);
}

void __wrap_config_init(config_t *config)
{
	long left = until_failure;

	until_failure = -1;
	__real_config_init(config);
	until_failure = left;
}

int __wrap_config_read_string(config_t *config, const char *text)
{
	long left = until_failure;
	int result;

	until_failure = -1;
	result = __real_config_read_string(config, text);
	until_failure = left;
	return result;
}

/* Whichever allocation of ours fails, the file is refused: it never means something else. */
START_TEST(test_each_failed_allocation_is_a_mistake)
{
	struct conf *whole;
	char *expected;
	char *shown;
	long failures = -1;

	conf_write("networks", "10.0.0.0/8\n::1\n");
	conf_write("part.conf", "denied_clients = [ \"192.0.2.1\" ];\n");
	conf_write("t.conf",
		   "defaults = { allowed_subnets_file = \"networks\"; close_after = 5; };\n"
		   "listeners = ( { " BASICS "\n@include \"part.conf\"\n"
		   "dynamic_destination = true; allowed_destinations = \"10.0.0.0/8\"; },\n"
		   "{ listen = [ \"0.0.0.0:7000-7009\", \"[::]:7000\" ]; protocol = "
		   "\"udp\"; allowed_clients = \"10.0.0.0/8\"; " TARGETS "} );");
	whole = conf_load_good(conf_path("t.conf"));
	expected = conf_shown(whole);
	conf_unref(whole);
	for (struct conf *conf = NULL; conf == NULL; failures++) {
		struct conf_errors *errors = conf_errors_new();

		until_failure = failures + 1;
		conf = conf_load(conf_path("t.conf"), errors);
		until_failure = -1;
		ck_assert_msg((conf == NULL) == (conf_errors_count(errors) > 0),
			      "allocation %ld: %zu errors", failures + 1,
			      conf_errors_count(errors));
		conf_errors_free(errors);
		if (conf == NULL)
			continue;
		shown = conf_shown(conf);
		ck_assert_str_eq(shown, expected);
		free(shown);
		conf_unref(conf);
	}
	ck_assert_int_gt(failures, 30);
	free(expected);
}
END_TEST

START_TEST(test_each_failed_allocation_of_a_comparison)
{
	struct conf *conf = conf_text_good("listeners = ( { " BASICS "} );");
	struct conf_change change;
	int result;

	for (int i = 0; i < 3; i++) {
		until_failure = i;
		result = conf_change_init(&change, conf, conf);
		until_failure = -1;
		ck_assert_int_eq(result, -1);
	}
	until_failure = 3;
	result = conf_change_init(&change, conf, conf);
	until_failure = -1;
	ck_assert_int_eq(result, 0);
	conf_change_fini(&change);
	conf_unref(conf);
}
END_TEST

/* Sanitizers need more address space than there is. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/* The size of this process's address space. */
static rlim_t address_space(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Load a file in a child that gets so much memory and no more; returns whether it could. */
static bool loads_within(const char *path, rlim_t more)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct conf_errors *errors = conf_errors_new();
		rlim_t size = address_space() + more;
		const struct rlimit limit = {.rlim_cur = size, .rlim_max = size};
		struct conf *conf;

		if (setrlimit(RLIMIT_AS, &limit) < 0)
			_exit(99);
		conf = conf_load(path, errors);
		_exit((conf == NULL) != (conf_errors_count(errors) != 0) ? 98 : conf == NULL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= 1,
		      "with %lu more bytes the status is %d", (unsigned long)more, status);
	return WEXITSTATUS(status) == 0;
}

/* libconfig itself would crash, or end the process, without a word. */
START_TEST(test_memory_that_is_out_is_a_mistake)
{
	const char *path = conf_path("t.conf");
	FILE *file = fopen(path, "w");
	const rlim_t step = (rlim_t)64 * 1024;
	unsigned failures = 0;
	rlim_t more = 0;

	fputs("listeners = (", file);
	for (int i = 0; i < 1000; i++)
		fprintf(file, "%s{ listen = \"127.0.0.1:%d\"; name = \"n%d\"; " TARGETS "}\n",
			i > 0 ? ", " : "", 10000 + i, i);
	fputs(");", file);
	fclose(file);
	for (; !loads_within(path, more); more += step)
		failures++;
	ck_assert_uint_gt(failures, 2);
}
END_TEST

#endif

int main(void)
{
	Suite *suite = suite_create("conf_memory");
	TCase *tcase = tcase_create("conf_memory");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, test_each_failed_allocation_is_a_mistake);
	tcase_add_test(tcase, test_each_failed_allocation_of_a_comparison);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	if (!conf_has_valgrind())
		tcase_add_test(tcase, test_memory_that_is_out_is_a_mistake);
#endif
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
