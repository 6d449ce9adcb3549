/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of reading a configuration again and again in a process that goes on. */
#include "conf/conf.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

#include "check_conf.h"

/* A listener's keys that every small file here has. */
#define TARGETS "targets = { ipv4 = \"127.0.0.1:9000\"; }; "

#define LOADS	1000
#define WARM_UP 100

/* Less than 1 KiB a load: no list of a configuration is that small. */
#define GROWTH_KB_MAX 512

/* ---- what is left behind ---- */

static size_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static unsigned long resident_kb(void)
{
	unsigned long size;
	unsigned long resident;
	FILE *file = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu %lu", &size, &resident), 2);
	fclose(file);
	return resident * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static void load(const char *path, bool good)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf = conf_load(path, errors);

	ck_assert_msg((conf != NULL) == good, "%s: %s", path,
		      conf == NULL ? conf_errors_text(errors, 0) : "was accepted");
	ck_assert(good == (conf_errors_count(errors) == 0));
	conf_unref(conf);
	conf_errors_free(errors);
}

/* A good file, and one of each kind of bad ones. */
static void load_each(void)
{
	load(conf_path("t.conf"), true);
	load(conf_data("full.conf"), true);
	load(conf_data("mistakes.conf"), false);
	load(conf_path("part.conf"), false);
	load(conf_path("shown.conf"), false);
	load(conf_path("sub"), false);
	load(conf_path("nonexistent"), false);
	load(conf_path("networks"), false); /* a FIFO that nobody writes */
}

START_TEST(test_loads_leave_nothing_behind)
{
	/* Under a sanitizer or Valgrind freed memory stays for a while; they look for leaks
	 * themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	const bool knows_memory = false;
#else
	const bool knows_memory = !conf_has_valgrind();
#endif
	unsigned long resident = 0;
	size_t descriptors = 0;

	conf_write("t.conf", "admin = { listen = \"unix:/run/admin.sock\"; };\n"
			     "listeners = ( { listen = \"127.0.0.1:7000-7999\"; " TARGETS
			     "denied_clients = [ \"192.0.2.0/24\", \"2001:db8::/32\" ]; } );");
	conf_write("part.conf", "listeners = ( { @include \"nonexistent\"");
	conf_write("shown.conf", "listeners = ( { name = ");
	ck_assert_int_eq(mkdir(conf_path("sub"), 0700), 0);
	ck_assert_int_eq(mkfifo(conf_path("networks"), 0600), 0);
	for (int i = 0; i < LOADS; i++) {
		if (i == WARM_UP) {
			resident = resident_kb();
			descriptors = count_descriptors();
		}
		load_each();
	}
	ck_assert_uint_eq(count_descriptors(), descriptors);
	ck_assert_msg(!knows_memory || resident_kb() < resident + GROWTH_KB_MAX,
		      "%lu KiB after %d loads, now %lu", resident, WARM_UP, resident_kb());
}
END_TEST

/* ---- a file that is written to while it is read ---- */

/* Called by the next reads, with how many there were. */
static void (*on_read)(unsigned number);
static unsigned reads;

/* The linker puts this around the library's calls. */
ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
	ssize_t got = __real_read(fd, bytes, len);

	if (on_read != NULL)
		on_read(++reads);
	return got;
}

/* Longer than what one read takes; begins and ends with the number. Written in place. */
static void write_version(unsigned number)
{
	int fd = open(conf_path("t.conf"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_ge(fd, 0);
	fprintf(out, "listeners = ( { mark = %u; listen = \"127.0.0.1:7000\"; " TARGETS "\n",
		number);
	for (int i = 0; i < 3000; i++)
		fprintf(out, "# a line that makes the file long, of the version %u\n", number);
	fprintf(out, "max_connections = %u; } );\n", number);
	fclose(out);
	ck_assert_int_eq(pwrite(fd, text, len, 0), (ssize_t)len);
	ck_assert_int_eq(close(fd), 0);
	free(text);
}

/* The kernel's clock of files ticks every few milliseconds. */
static void await_tick(void)
{
	const struct timespec tick = {.tv_nsec = 20 * 1000 * 1000};

	nanosleep(&tick, NULL);
}

static void change_once(unsigned number)
{
	if (number == 1)
		write_version(2);
}

static void change_always(unsigned number)
{
	if (number > 1000)
		return;
	await_tick();
	write_version(number % 9 + 1);
}

START_TEST(test_a_file_that_changes_is_read_again)
{
	struct conf *conf;

	write_version(1);
	await_tick();
	reads = 0;
	on_read = change_once;
	conf = conf_load_good(conf_path("t.conf"));
	on_read = NULL;
	ck_assert_uint_ge(reads, 2);
	ck_assert_uint_eq(conf->listeners[0].mark, 2);
	ck_assert_uint_eq(conf->listeners[0].max_connections, 2);
	conf_unref(conf);
}
END_TEST

START_TEST(test_a_file_that_keeps_changing_is_refused)
{
	struct conf_errors *errors = conf_errors_new();

	write_version(1);
	reads = 0;
	on_read = change_always;
	ck_assert_ptr_null(conf_load(conf_path("t.conf"), errors));
	on_read = NULL;
	ck_assert_uint_lt(reads, 100);
	ck_assert_uint_eq(conf_errors_count(errors), 1);
	ck_assert_ptr_nonnull(strstr(conf_errors_text(errors, 0),
				     "t.conf: cannot read: it is changed again and again while it "
				     "is read"));
	conf_errors_free(errors);
}
END_TEST

/* ---- bounds ---- */

/* Write a file whose list of listeners has these, joined by commas. */
static const char *write_many(const char *listener, int count)
{
	const char *path = conf_path("t.conf");
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs("listeners = ( ", file);
	for (int i = 0; i < count; i++)
		fprintf(file, "%s%s", i > 0 ? "," : "", listener);
	fputs(" );\n", file);
	fclose(file);
	return path;
}

static void assert_refused(const char *path, const char *expected)
{
	struct conf_errors *errors = conf_errors_new();
	char *lines;

	ck_assert_ptr_null(conf_load(path, errors));
	lines = conf_lines(errors, conf_dir);
	ck_assert_str_eq(lines, expected);
	free(lines);
}

START_TEST(test_listeners_are_bounded)
{
	assert_refused(write_many("{}", 4097),
		       "t.conf:1: listeners: the list has 4097 listeners: there may be 4096\n");
	assert_refused(write_many("{}", 100000),
		       "t.conf:1: listeners: the list has 100000 listeners: there may be 4096\n");
}
END_TEST

START_TEST(test_addresses_are_bounded)
{
	struct conf *conf;

	/* Every port of both families is possible. */
	conf = conf_load_good(
	    write_many("{ " TARGETS "listen = [ \"127.0.0.1:1-8999\", \"127.0.0.1:9001-65535\", "
		       "\"[::1]:1-65535\" ]; }",
		       1));
	ck_assert_uint_eq(conf->listeners[0].listen_count, 131069);
	conf_unref(conf);
	assert_refused(
	    conf_write("t.conf", "listeners = ( { " TARGETS "listen = [ \"127.0.0.1:10000-65535\", "
				 "\"127.0.0.2:10000-65535\",\n \"127.0.0.3:10000-30000\" ]; } );"),
	    "t.conf:2: listeners[0].listen[2]: \"127.0.0.3:10000-30000\" is too much: with it "
	    "there are more than 131072 addresses\n");
	/* A slip of a few bytes that every listener inherits. */
	conf_write("part.conf", "defaults = { protocol = \"udp\"; " TARGETS
				"listen = [ \"127.0.0.1:10000-65535\" ]; };\n");
	{
		FILE *file = fopen(conf_path("t.conf"), "w");

		fputs("@include \"part.conf\"\nlisteners = ( {}, {}", file);
		for (int i = 0; i < 4000; i++)
			fputs(",\n{}", file);
		fputs(" );\n", file);
		fclose(file);
	}
	assert_refused(conf_path("t.conf"),
		       "part.conf:1: defaults.listen[0]: 127.0.0.1:10000 is listened on already "
		       "(part.conf:1)\n"
		       "t.conf:3: listeners[2]: with this listener there are more than 131072 "
		       "listening addresses in all\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_live");
	TCase *tcase = tcase_create("conf_live");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, test_loads_leave_nothing_behind);
	tcase_add_test(tcase, test_a_file_that_changes_is_read_again);
	tcase_add_test(tcase, test_a_file_that_keeps_changing_is_refused);
	tcase_add_test(tcase, test_listeners_are_bounded);
	tcase_add_test(tcase, test_addresses_are_bounded);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
