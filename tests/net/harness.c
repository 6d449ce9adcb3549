/* SPDX-License-Identifier: BSD-2-Clause */
/* What every program of tests/net shares. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "daemon.h"
#include "netns.h"
#include "peer.h"

#define EXIT_SKIPPED 77
#define PATIENCE_MS  15000

/* How much longer a test may take beside other work; the limit is there to end one that hangs. */
#define BUSY_FACTOR 4

/* Of a failed test's daemon log, as much as a person reads. */
#define LOG_SHOWN 12000

static char suite_dir[64] = "/tmp/mmproxy-net.XXXXXX";
static char test_dir[128];

int64_t harness_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void harness_sleep_ms(int ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

double harness_slowness(void)
{
	const char *text = getenv("CK_TIMEOUT_MULTIPLIER");
	double factor = text != NULL ? strtod(text, NULL) : 1;

	return factor > 1 ? factor : 1;
}

int harness_patience_ms(void)
{
	return (int)(PATIENCE_MS * harness_slowness());
}

const char *harness_path(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", test_dir, name);
	return path;
}

const char *harness_write(const char *name, const char *text)
{
	const char *path = harness_path(name);
	FILE *file = fopen(path, "w");

	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

char *harness_read(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t size = 0;
	size_t len = 0;
	char *text = NULL;

	do {
		if (len + 1 >= size) {
			size = size * 2 + 65536;
			text = realloc(text, size);
			if (text == NULL)
				abort();
		}
		len += file != NULL ? fread(text + len, 1, size - len - 1, file) : 0;
	} while (len + 1 == size);
	text[len] = '\0';
	if (file != NULL)
		fclose(file);
	return text;
}

void harness_shell(const char *format, ...)
{
	static struct command_result result;
	struct command command = {.argc = 0};
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	command_add(&command, "/bin/sh");
	command_add(&command, "-c");
	command_add(&command, text);
	command_run(&command, &result);
	ck_assert_msg(result.exit_code == 0, "%s: exit %d: %s", text, result.exit_code, result.err);
	if (strstr(text, " nodad") != NULL)
		netns_settle_ipv6();
}

bool harness_sysctl(const char *name, const char *value)
{
	char path[256];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, value, strlen(value)) > 0;
	close(fd);
	return done;
}

bool harness_has_tool(const char *name)
{
	static const char *const dirs[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
	char path[256];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	printf("skipped: %s is missing, so the tests that need it do not run\n", name);
	return false;
}

bool harness_has_kernel(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned own_major;
	unsigned own_minor;

	ck_assert_int_eq(uname(&name), 0);
	ck_assert_int_eq(sscanf(name.release, "%u.%u", &own_major, &own_minor), 2);
	return own_major > major || (own_major == major && own_minor >= minor);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* The directory of a test that failed is still there: its teardown never came. */
static void enter(void)
{
	/* Named by the time, so that those left over sort in the order of the tests. */
	snprintf(test_dir, sizeof(test_dir), "%s/%012lld", suite_dir, (long long)harness_now_ms());
	ck_assert_int_eq(mkdir(test_dir, 0755), 0);
	ck_assert_msg(netns_enter() == 0, "namespace: %s", strerror(errno));
}

static void set_up(void)
{
	enter();
	netns_set_up_loopback();
}

static void set_up_without_routes(void)
{
	enter();
	netns_bring_loopback_up();
}

static void tear_down(void)
{
	peer_close_all();
	daemon_stop();
	remove_tree(test_dir);
}

static TCase *make_case(Suite *suite, const char *name, int limit_s, void (*begin)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, BUSY_FACTOR * limit_s);
	tcase_add_checked_fixture(tcase, begin, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

TCase *harness_case(Suite *suite, const char *name, int limit_s)
{
	return make_case(suite, name, limit_s, set_up);
}

TCase *harness_case_without_routes(Suite *suite, const char *name, int limit_s)
{
	return make_case(suite, name, limit_s, set_up_without_routes);
}

static int is_test_dir(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void show_file(const char *dir, const char *name)
{
	char path[512];
	size_t len;
	char *text;

	snprintf(path, sizeof(path), "%s/%s/%s", suite_dir, dir, name);
	text = harness_read(path);
	len = strlen(text);
	if (len > 0)
		printf("---- %s of a failed test, in the order above%s:\n%s\n", name,
		       len > LOG_SHOWN ? ", its end" : "",
		       len > LOG_SHOWN ? text + len - LOG_SHOWN : text);
	free(text);
}

static void show_failures(void)
{
	struct dirent **entries;
	int count = scandir(suite_dir, &entries, is_test_dir, alphasort);

	for (int i = 0; i < count; i++) {
		show_file(entries[i]->d_name, DAEMON_CONFIG_NAME);
		show_file(entries[i]->d_name, DAEMON_LOG_NAME);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int harness_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	/* iproute2 and nftables live where an ordinary user's PATH may not look. */
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (!netns_is_available() || !harness_has_tool("ip")) {
		printf("skipped: needs iproute2, and root or user namespaces\n");
		srunner_free(runner);
		return EXIT_SKIPPED;
	}
	daemon_find();
	if (mkdtemp(suite_dir) == NULL || chmod(suite_dir, 0755) < 0)
		return EXIT_FAILURE;
	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (failed > 0)
		show_failures();
	remove_tree(suite_dir);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
