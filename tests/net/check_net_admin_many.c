/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The admin endpoint beside 9,000 connections: its answers are whole, neither it nor they wait for
 * long, and a worker that hangs is seen. Times are printed; they are bounds only where a thousand
 * times as much would still be wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "http.h"
#include "peer.h"
#include "sender.h"

/* Each has two descriptors here and two in the daemon. */
/* Each takes ten times as long under a sanitizer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONNECTIONS 900u
#else
#define CONNECTIONS 9000
#endif

/* What both processes need beside connections. */
#define DESCRIPTORS_SPARE 500

#define WORKERS 2

#define CONFIG                                                                      \
	"workers = 2; drain_timeout = \"100ms\"; log = { connections = false; };\n" \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n"

/* How many there can be with the descriptors that a process may have. */
static unsigned count_possible(void)
{
	struct rlimit limit;
	unsigned possible;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < 2 * CONNECTIONS + DESCRIPTORS_SPARE) {
		possible = limit.rlim_cur > DESCRIPTORS_SPARE
			       ? (unsigned)(limit.rlim_cur - DESCRIPTORS_SPARE) / 2
			       : 0;
		printf("skipped: %u connections rather than %u, for want of descriptors\n",
		       possible, CONNECTIONS);
		return possible;
	}
	return CONNECTIONS;
}

static void open_many(struct connection *connections, unsigned count, int backend)
{
	for (unsigned i = 0; i < count; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.%u.%u:40000", i / 250, 1 + i % 250);
		connection_open(&connections[i], backend, who);
	}
}

/* ---- a ping-pong beside it ---- */

struct ping_pong {
	const struct connection *connection;
	atomic_bool stop;
	unsigned rounds;
	int64_t longest_ms;
};

/* This thread may wait, which the functions of peer.h, that fail the test, do in the other one. */
static void make_blocking(int fd)
{
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static void *play(void *arg)
{
	struct ping_pong *game = arg;

	make_blocking(game->connection->client);
	make_blocking(game->connection->backend);

	while (!atomic_load(&game->stop)) {
		int64_t begin = harness_now_ms();
		char byte = 'x';

		if (send(game->connection->client, &byte, 1, MSG_NOSIGNAL) != 1 ||
		    recv(game->connection->backend, &byte, 1, MSG_WAITALL) != 1 ||
		    send(game->connection->backend, &byte, 1, MSG_NOSIGNAL) != 1 ||
		    recv(game->connection->client, &byte, 1, MSG_WAITALL) != 1)
			return NULL;
		if (harness_now_ms() - begin > game->longest_ms)
			game->longest_ms = harness_now_ms() - begin;
		game->rounds++;
	}
	return NULL;
}

static int64_t time_get(const char *target, const char **body)
{
	int64_t begin = harness_now_ms();

	*body = http_get(admin_path(), target);
	return harness_now_ms() - begin;
}

static unsigned count_lines_with(const char *text, const char *part)
{
	unsigned count = 0;

	while ((text = strstr(text, part)) != NULL) {
		count++;
		text += strlen(part);
	}
	return count;
}

START_TEST(answers_beside_9000_connections)
{
	unsigned count = count_possible();
	struct connection *connections = calloc(count + 1, sizeof(*connections));
	int backend = peer_listen(BACKEND_V4);
	struct ping_pong game = {.connection = &connections[0]};
	int64_t longest[4] = {0};
	const char *body;
	pthread_t thread;

	ck_assert_ptr_nonnull(connections);
	admin_start_config(CONFIG);
	open_many(connections, count, backend);
	ck_assert_int_eq(pthread_create(&thread, NULL, play, &game), 0);
	for (int i = 0; i < 20; i++) {
		static const char *const targets[] = {"/metrics", "/sessions?limit=100", "/status",
						      "/sessions?limit=10000&by=idle"};

		for (size_t j = 0; j < 4; j++) {
			int64_t took = time_get(targets[j], &body);

			longest[j] = took > longest[j] ? took : longest[j];
			if (j == 1)
				ck_assert_uint_eq(count_lines_with(body, "\"client\":"), 100);
			if (j == 3)
				ck_assert_uint_eq(count_lines_with(body, "\"client\":"), count);
		}
	}
	atomic_store(&game.stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	printf(
	    "%u connections: /metrics took %lld ms at the most, 100 sessions %lld, /status %lld, "
	    "all sessions %lld; of %u round trips beside them one took %lld ms\n",
	    count, (long long)longest[0], (long long)longest[1], (long long)longest[2],
	    (long long)longest[3], game.rounds, (long long)game.longest_ms);
	ck_assert_uint_gt(game.rounds, 0);
	admin_await_metric("mmproxy_connections_active{listener=\"t\"}", count);
	free(connections);
}
END_TEST

START_TEST(many_are_kicked_and_others_stay)
{
	unsigned count = count_possible() / 3;
	struct connection *connections = calloc(count + 1, sizeof(*connections));
	int backend = peer_listen(BACKEND_V4);
	static struct command_result result;
	char answer[128];
	unsigned stay = count < 250 ? count : 250;

	ck_assert_ptr_nonnull(connections);
	admin_start_config(CONFIG);
	open_many(connections, count, backend);
	/* All but those of 203.0.0.0/24. */
	for (unsigned bit = 0; bit < 8; bit++) {
		char network[64];

		snprintf(network, sizeof(network), "203.0.%u.0/%u", 1u << bit, 24 - bit);
		admin_run(&result, "--kick", network, NULL);
		ck_assert_int_eq(result.exit_code, 0);
	}
	admin_await_metric("mmproxy_connections_active{listener=\"t\"}", stay);
	snprintf(answer, sizeof(answer),
		 "mmproxy_connections_closed_total{listener=\"t\",reason=\"kicked\"}");
	ck_assert_uint_eq(admin_metric(answer), count - stay);
	for (unsigned i = 0; i < stay; i++)
		connection_check(&connections[i]);
	free(connections);
}
END_TEST

/* ---- a worker that hangs ---- */

/* One thread alone stands still. */
static bool stop_thread(pid_t thread)
{
	int status;

	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0) {
		printf("skipped: ptrace(2) is not allowed here: %s\n", strerror(errno));
		return false;
	}
	ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(thread, &status, __WALL), thread);
	return true;
}

/* Whether it says that one worker alone is silent; another may be for a moment as well. */
static bool one_is_silent(void)
{
	struct http_answer answer;
	int64_t begin = harness_now_ms();

	http_ask(admin_path(), "GET", "/healthz", NULL, &answer);
	ck_assert_int_eq(answer.code, 503);
	ck_assert_int_ge(harness_now_ms() - begin, 900);
	return strcmp(answer.body, "Of 2 workers 1 did not answer within a second.\n") == 0;
}

START_TEST(a_worker_that_hangs_is_seen)
{
	struct http_answer answer;
	pid_t threads[WORKERS];

	if (daemon_is_wrapped())
		return;
	admin_start_config(CONFIG);
	admin_await_healthy(admin_path());
	ck_assert_uint_eq(daemon_worker_threads(threads, WORKERS), WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		if (!stop_thread(threads[i]))
			return;
		HARNESS_AWAIT(one_is_silent());
		/* What needs no worker is there all the same, and what does is not. */
		ck_assert_uint_eq(admin_metric("mmproxy_workers"), WORKERS);
		http_ask(admin_path(), "GET", "/sessions", NULL, &answer);
		ck_assert_int_eq(answer.code, 503);
		ck_assert_str_eq(answer.body, "The workers do not answer.\n");
		ck_assert_int_eq(ptrace(PTRACE_DETACH, threads[i], NULL, NULL), 0);
		/* And it goes on. */
		admin_await_healthy(admin_path());
		http_get(admin_path(), "/sessions");
	}
}
END_TEST

/* Its silence is nobody's. */
START_TEST(a_log_that_hangs_is_no_worker)
{
	pid_t thread;

	if (daemon_is_wrapped())
		return;
	admin_start_config(CONFIG);
	thread = daemon_log_thread();
	ck_assert_int_gt(thread, 0);
	if (!stop_thread(thread))
		return;
	admin_await_healthy(admin_path());
	http_get(admin_path(), "/sessions");
	ck_assert_int_eq(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
}
END_TEST

static Suite *admin_many_suite(void)
{
	Suite *suite = suite_create("net_admin_many");
	TCase *many = harness_case(suite, "many", 240);
	TCase *hangs = harness_case(suite, "hangs", 60);

	tcase_add_test(many, answers_beside_9000_connections);
	tcase_add_test(many, many_are_kicked_and_others_stay);
	tcase_add_test(hangs, a_worker_that_hangs_is_seen);
	tcase_add_test(hangs, a_log_that_hangs_is_no_worker);
	return suite;
}

int main(void)
{
	return harness_run(admin_many_suite());
}
