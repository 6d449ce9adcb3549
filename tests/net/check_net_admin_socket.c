/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin endpoint's socket: its file or port, and who has it after reload, restart and upgrade.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "http.h"
#include "manager.h"
#include "peer.h"
#include "upgrade.h"

#define ADMIN_TCP "127.0.0.1:9145"
#define LISTENER \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n"

/* ---- the file ---- */

static int bind_unix(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = peer_adopt(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

	strcpy(name.sun_path, path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

START_TEST(owner_and_group_may_connect)
{
	struct stat st;

	admin_start_config(LISTENER);
	ck_assert_int_eq(stat(admin_path(), &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	daemon_stop();
	ck_assert_int_lt(access(admin_path(), F_OK), 0);
}
END_TEST

START_TEST(the_socket_of_a_dead_process_is_replaced)
{
	int fd = bind_unix(admin_path());

	ck_assert_int_eq(listen(fd, 1), 0);
	peer_close(fd);
	admin_start_config(LISTENER);
	admin_await_healthy(admin_path());
}
END_TEST

/* By a cleaner of /run, say; or it was taken for a former process's. */
START_TEST(a_file_that_was_removed_comes_back)
{
	struct stat st;

	admin_start_config(LISTENER);
	for (unsigned i = 1; i <= 2; i++) {
		ck_assert_int_eq(unlink(admin_path()), 0);
		/* Said when it listens, which the file does not tell. */
		HARNESS_AWAIT(daemon_log_count("admin.listen", "was removed") == i);
		ck_assert_int_eq(stat(admin_path(), &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0660);
		admin_await_healthy(admin_path());
	}
	daemon_stop();
	ck_assert_int_lt(access(admin_path(), F_OK), 0);
}
END_TEST

START_TEST(what_another_process_has_put_there_stays)
{
	struct stat st;

	admin_start_config(LISTENER);
	ck_assert_int_eq(unlink(admin_path()), 0);
	bind_unix(admin_path());
	daemon_stop();
	ck_assert_int_eq(stat(admin_path(), &st), 0);
}
END_TEST

/* Start with this admin.listen: it ends with 1, and says why. */
static void expect_no_start(const char *listen_on, const char *why)
{
	static struct command_result result;
	struct command command = {0};
	char config[1024];

	snprintf(config, sizeof(config), DAEMON_AS_ROOT "admin = { listen = \"%s\"; };\n%s",
		 listen_on, LISTENER);
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_write("no.conf", config));
	command_run(&command, &result);
	ck_assert_msg(result.exit_code == 1, "%d: %s", result.exit_code, result.err);
	ck_assert_msg(strstr(result.err, why) != NULL, "%s", result.err);
}

START_TEST(what_cannot_be_listened_on_is_an_error)
{
	char listen_on[256];
	int fd = bind_unix(admin_path());
	char *text;

	snprintf(listen_on, sizeof(listen_on), "unix:%s", admin_path());
	ck_assert_int_eq(listen(fd, 1), 0);
	expect_no_start(listen_on, "another process listens there");
	ck_assert_int_eq(access(admin_path(), F_OK), 0);
	snprintf(listen_on, sizeof(listen_on), "unix:%s",
		 harness_write("file", "a file of somebody's"));
	expect_no_start(listen_on, "no socket");
	text = harness_read(harness_path("file"));
	ck_assert_str_eq(text, "a file of somebody's");
	free(text);
	snprintf(listen_on, sizeof(listen_on), "unix:%s/x.sock", harness_path("nowhere"));
	expect_no_start(listen_on, "nowhere does not exist; create it");
	peer_listen(ADMIN_TCP);
	expect_no_start(ADMIN_TCP, "cannot listen on " ADMIN_TCP);
}
END_TEST

START_TEST(a_test_of_the_file_looks_at_the_place)
{
	static struct command_result result;
	struct command command;
	char config[1024];

	for (int i = 0; i < 2; i++) {
		snprintf(config, sizeof(config),
			 DAEMON_AS_ROOT "admin = { listen = \"unix:%s%s\"; };\n%s",
			 i == 0 ? harness_write("file", "") : harness_path("nowhere"),
			 i == 0 ? "" : "/x.sock", LISTENER);
		daemon_command(&command);
		command_add(&command, "-t");
		command_add(&command, "-c");
		command_add(&command, harness_write("test.conf", config));
		command_run(&command, &result);
		ck_assert_int_eq(result.exit_code, i == 0 ? 2 : 0);
		ck_assert_ptr_nonnull(
		    strstr(result.err, i == 0 ? "file is there and is no socket"
					      : "warning: admin.listen: cannot make "));
	}
}
END_TEST

/* ---- reload ---- */

static void reload(const char *config, const char *log)
{
	static char text[4096];
	unsigned before = daemon_log_count(log, NULL);

	snprintf(text, sizeof(text), DAEMON_AS_ROOT "%s%s", config, LISTENER);
	daemon_write_config(text);
	daemon_signal(SIGHUP);
	HARNESS_AWAIT(daemon_log_count(log, NULL) > before);
}

START_TEST(a_reload_moves_it)
{
	daemon_start_config(LISTENER);
	reload(admin_line(), "reloaded: ");
	admin_await_healthy(admin_path());
	/* The same again: its file is not made anew. */
	reload(admin_line(), "reloaded: ");
	admin_await_healthy(admin_path());
	reload("admin = { listen = \"" ADMIN_TCP "\"; };\n", "reloaded: ");
	admin_await_healthy(ADMIN_TCP);
	ck_assert_int_lt(access(admin_path(), F_OK), 0);
	/* The port stays, the address does not. */
	reload("admin = { listen = \"0.0.0.0:9145\"; };\n", "reloaded: ");
	admin_await_healthy("127.0.0.2:9145");
	reload("", "reloaded: ");
	ck_assert_int_lt(peer_try_connect(NULL, ADMIN_TCP), 0);
}
END_TEST

START_TEST(a_reload_that_fails_moves_nothing)
{
	int busy = peer_listen("127.0.0.1:9146");

	admin_start_config(LISTENER);
	reload("admin = { listen = \"127.0.0.1:9146\"; };\n", "not reloaded");
	admin_await_healthy(admin_path());
	admin_check_json(http_get(admin_path(), "/status"),
			 "d['reloads']['failed'] == 1 and d['reloads']['last']['result'] == "
			 "'failure' and d['reloads']['last']['error'] != ''");
	ck_assert_uint_eq(admin_metric("mmproxy_reloads_total{result=\"failure\"}"), 1);
	ck_assert_uint_eq(admin_metric("mmproxy_last_reload_failed"), 1);
	/* Another mistake of the file: the socket that was opened for it is gone. */
	peer_listen("127.0.0.1:7300");
	reload("admin = { listen = \"127.0.0.1:9147\"; };\n"
	       "defaults = { listen = [ \"" LISTEN_V4 "\", \"127.0.0.1:7300\" ]; };\n",
	       "reload");
	peer_close(busy);
	reload("admin = { listen = \"127.0.0.1:9146\"; };\n", "reloaded: ");
	admin_check_json(http_get("127.0.0.1:9146", "/status"),
			 "d['reloads']['last']['result'] == 'success'");
}
END_TEST

/* ---- restart ---- */

static void start_next(void)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	manager_pass(&command);
	manager_forget();
	daemon_start_command(&command);
	manager_await("READY=1");
}

/* A child of the former process still serves its connections, but not this. */
START_TEST(the_next_process_has_it)
{
	char place[256];
	char config[1024];
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	int status;

	snprintf(place, sizeof(place), "%s", _i == 0 ? admin_path() : ADMIN_TCP);
	snprintf(config, sizeof(config),
		 DAEMON_AS_ROOT "drain_timeout = \"1h\"; admin = { listen = \"%s%s\"; };\n%s",
		 _i == 0 ? "unix:" : "", place, LISTENER);
	daemon_write_config(config);
	manager_open();
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	start_next();
	connection_open(&connection, backend, CONNECTION_CLIENT);
	admin_await_healthy(place);
	daemon_signal(SIGQUIT);
	ck_assert_int_eq(daemon_wait(), 0);
	start_next();
	admin_check_json(http_get(place, "/status"), "d['listeners'][0]['active'] == 0");
	connection_check(&connection);
	connection_finish(&connection);
	HARNESS_AWAIT(waitpid(-1, &status, WNOHANG) > 0);
	/* Its end takes nothing away that is the next one's. */
	admin_await_healthy(place);
}
END_TEST

/* The former process has connections to serve, but neither this nor the list of denials. */
START_TEST(the_successor_has_it)
{
	char place[256];
	char config[1024];
	struct command_result result;
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	pid_t former;

	snprintf(place, sizeof(place), "%s", _i == 0 ? admin_path() : ADMIN_TCP);
	snprintf(config, sizeof(config),
		 "drain_timeout = \"1h\"; admin = { listen = \"%s%s\"; };\n%s",
		 _i == 0 ? "unix:" : "", place, LISTENER);
	upgrade_prepare();
	daemon_start_config(config);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	if (_i == 0)
		admin_run(&result, "--deny", "203.0.113.8", NULL);
	former = upgrade_daemon();
	admin_check_json(http_get(place, "/status"), "d['listeners'][0]['active'] == 0");
	admin_check_json(http_get(place, "/status"),
			 _i == 0 ? "d['denied'][0]['network'] == '203.0.113.8/32'"
				 : "d['pid'] != 0");
	connection_check(&connection);
	connection_finish(&connection);
	upgrade_await_end(former);
	/* Its end takes nothing away that is the successor's. */
	admin_await_healthy(place);
}
END_TEST

/* A former process that has nothing left removes its file while the successor makes its own. */
START_TEST(successors_of_idle_processes_have_it)
{
	char config[1024];

	snprintf(config, sizeof(config), "%s%s", admin_line(), LISTENER);
	upgrade_prepare();
	daemon_start_config(config);
	for (int i = 0; i < 12; i++) {
		upgrade_daemon_idle();
		HARNESS_AWAIT(access(admin_path(), F_OK) == 0);
		admin_await_healthy(admin_path());
	}
	ck_assert_uint_eq(daemon_log_count("admin.listen", "cannot listen"), 0);
}
END_TEST

static Suite *admin_socket_suite(void)
{
	Suite *suite = suite_create("net_admin_socket");
	TCase *sockets = harness_case(suite, "sockets", 60);

	tcase_add_test(sockets, owner_and_group_may_connect);
	tcase_add_test(sockets, the_socket_of_a_dead_process_is_replaced);
	tcase_add_test(sockets, a_file_that_was_removed_comes_back);
	tcase_add_test(sockets, what_another_process_has_put_there_stays);
	tcase_add_test(sockets, what_cannot_be_listened_on_is_an_error);
	tcase_add_test(sockets, a_test_of_the_file_looks_at_the_place);
	tcase_add_test(sockets, a_reload_moves_it);
	tcase_add_test(sockets, a_reload_that_fails_moves_nothing);
	tcase_add_loop_test(sockets, the_next_process_has_it, 0, 2);
	tcase_add_loop_test(sockets, the_successor_has_it, 0, 2);
	tcase_add_test(sockets, successors_of_idle_processes_have_it);
	return suite;
}

int main(void)
{
	return harness_run(admin_socket_suite());
}
