/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of tcp/tcp_listener: its turns, its pauses, and what the errors of accept(2) do. */
#include "tcp/tcp_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "net/accept.h"
#include "net/sock.h"
#include "tcp/relay_context.h"
#include "tcp/reset.h"

/* More than a pass accepts, and less than the kernel's queue holds. */
#define CROWD 200

/* How long what is on its way over loopback may wait for the processor. */
#define PATIENCE_MS 20000

/* What a pause for want of something lasts at least: 100 ms, less what a coarse clock is late. */
#define PAUSE_MIN_MS 50

static struct conf conf;
static struct conf_listener block;
static struct service *service;
static struct relay_context relays;
static struct reset_list resets;
static struct ledger *ledger;
static struct listener_socket sockets[2];
static struct tcp_listener *listener;
static struct event_base *base;
static struct addr own[2];
static int crowd[CROWD];
static int log_fd;
static int saved_stderr;

/* ---- accept4(2), by the linker's --wrap ---- */

static int failure;	   /* errno of the calls that fail */
static int failures;	   /* how many do; -1: all */
static unsigned accepting; /* calls */

int __real_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	accepting++;
	if (failures == 0)
		return __real_accept4(fd, addr, len, flags);
	if (failures > 0)
		failures--;
	errno = failure;
	return -1;
}

/* ---- a listener with two addresses, and those who connect to it ---- */

static int listening_socket(struct addr *addr)
{
	const struct sock_listen_options options = {.transparent = false};
	socklen_t len = sizeof(*addr);
	int fd;

	ck_assert_int_eq(addr_parse(addr, "127.0.0.1:0"), 0);
	fd = sock_bind_tcp(addr, &options);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen(fd, CROWD), 0);
	ck_assert_int_eq(getsockname(fd, &addr->sa, &len), 0);
	return fd;
}

/* The log is standard error, which goes to a file for the test. */
static void catch_log(void)
{
	char name[] = "/tmp/check_tcp_listener.XXXXXX";

	log_fd = mkstemp(name);
	ck_assert_int_ge(log_fd, 0);
	unlink(name);
	saved_stderr = dup(STDERR_FILENO);
	dup2(log_fd, STDERR_FILENO);
}

/* Lines of the log that hold both texts. */
static unsigned log_count(const char *a, const char *b)
{
	static char text[65536];
	ssize_t len = pread(log_fd, text, sizeof(text) - 1, 0);
	unsigned found = 0;
	char *rest = NULL;

	ck_assert_int_ge(len, 0);
	text[len] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		found += strstr(line, a) != NULL && strstr(line, b) != NULL;
	return found;
}

/* Serve on the first ones. */
static int serve(size_t count)
{
	const struct listener_setup setup = {
	    .service = service, .sockets = sockets, .sockets_count = count};

	return listener->common.kind->configure(&listener->common, &setup);
}

static void set_up(void)
{
	catch_log();
	failures = 0;
	accepting = 0;
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(relay_context_init(&relays, base), 0);
	reset_list_init(&resets, base, RESET_HELD_MAX, NULL, NULL);
	for (int i = 0; i < 2; i++)
		sockets[i] = (struct listener_socket){
		    .fd = listening_socket(&own[i]), .number = (uint32_t)i, .addr = own[i]};
	block.name = (char *)(uintptr_t) "t";
	block.listen = own;
	block.listen_count = 2;
	block.header_max = 4096;
	block.header_timeout_ms = 60000;
	conf.refs = 1;
	conf.log_connections = true;
	conf.listeners = &block;
	conf.listeners_count = 1;
	ledger = ledger_new(&block, 1);
	ck_assert_ptr_nonnull(ledger);
	service = service_new(&conf, &block, ledger);
	ck_assert_ptr_nonnull(service);
	listener = tcp_listener_new(base, service, ledger_stats(ledger, 0), &resets, &relays);
	ck_assert_ptr_nonnull(listener);
	ck_assert_int_eq(serve(2), 0);
}

static void tear_down(void)
{
	listener->common.kind->free(&listener->common);
	service_unref(service);
	ledger_unref(ledger);
	close(sockets[0].fd);
	close(sockets[1].fd);
	reset_list_fini(&resets);
	relay_context_fini(&relays);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(log_fd);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns when the listener can read the text. */
static int connect_to(const struct addr *addr, const char *text)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int64_t deadline = now_ms() + PATIENCE_MS;
	int unacknowledged = 1;

	ck_assert_int_eq(connect(fd, &addr->sa, addr_len(addr)), 0);
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	while (unacknowledged > 0) {
		ck_assert_int_lt(now_ms(), deadline);
		ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &unacknowledged), 0);
	}
	return fd;
}

/* All connect to one address; what they send is no header, or the beginning of one. */
static void gather(const struct addr *addr, const char *text)
{
	for (size_t i = 0; i < CROWD; i++)
		crowd[i] = connect_to(addr, text);
}

static void disperse(void)
{
	for (size_t i = 0; i < CROWD; i++)
		close(crowd[i]);
}

static uint64_t opened(void)
{
	return stats_get(&listener->common.stats->opened);
}

/* One pass of the loop; returns how many connections it accepted. */
static unsigned pass(void)
{
	uint64_t before = opened();

	ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
	return (unsigned)(opened() - before);
}

/* ---- turns ---- */

START_TEST(a_pass_accepts_a_bounded_number)
{
	gather(&own[0], _i == 0 ? "no header" : "PROXY ");
	for (unsigned passes = 0; opened() < CROWD; passes++) {
		ck_assert_uint_le(pass(), TCP_LISTENER_TURN);
		ck_assert_uint_lt(passes, CROWD);
	}
	disperse();
}
END_TEST

/* What ends is freed in the same pass: the memory of a flood is that of one turn. */
START_TEST(what_is_refused_is_gone_after_the_pass)
{
	gather(&own[0], "no header");
	while (opened() < CROWD) {
		pass();
		ck_assert(LIST_EMPTY(&listener->sessions));
		ck_assert_uint_eq(stats_get(&listener->common.stats->closed[REASON_HEADER_INVALID]),
				  opened());
	}
	disperse();
}
END_TEST

/* A flooded address does not shut out another one of its listener. */
START_TEST(every_address_has_its_place_in_a_pass)
{
	int fd;

	gather(&own[_i], "PROXY ");
	fd = connect_to(&own[1 - _i], "no header");
	pass();
	ck_assert_uint_eq(stats_get(&listener->common.stats->closed[REASON_HEADER_INVALID]), 1);
	ck_assert_uint_le(opened(), TCP_LISTENER_TURN + 1);
	close(fd);
	disperse();
}
END_TEST

/* ---- floods ---- */

/* Another event of the loop that is ready in every pass. */
static void on_other(evutil_socket_t fd, short what, void *arg)
{
	unsigned *served = arg;

	(void)fd;
	(void)what;
	(*served)++;
}

/* Passes until the crowd is in, at most that many; returns whether all are. */
static bool let_in(unsigned passes)
{
	while (passes-- > 0 && opened() < CROWD)
		pass();
	return opened() == CROWD;
}

/* 0: refused at once, while others wait. 1: nobody waits. 2: connections that go on. */
START_TEST(a_flooded_listener_pauses_for_others)
{
	struct event *other;
	unsigned served = 0;
	int pipes[2];

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	other = event_new(base, pipes[0], EV_READ | EV_PERSIST, on_other, &served);
	gather(&own[0], _i == 2 ? "PROXY " : "no header");
	if (_i != 1)
		ck_assert_int_eq(write(pipes[1], "x", 1), 1);
	ck_assert_int_eq(event_add(other, NULL), 0);
	let_in(CROWD / TCP_LISTENER_TURN + 1);
	if (_i == 0) {
		ck_assert_uint_eq(stats_get(&listener->common.stats->accept_pauses), 1);
		/* A pause ends. */
		while (opened() < CROWD)
			pass();
		ck_assert_uint_ge(served, CROWD / TCP_LISTENER_TURN);
	} else {
		ck_assert_uint_eq(stats_get(&listener->common.stats->accept_pauses), 0);
		ck_assert_uint_eq(opened(), CROWD);
	}
	event_free(other);
	close(pipes[0]);
	close(pipes[1]);
	disperse();
}
END_TEST

/* ---- errors ---- */

struct error_row {
	int error;
	enum accept_result result;
	const char *told[2]; /* what the log line holds; NULL: there is none */
};

static const struct error_row errors[] = {
    {ECONNABORTED, ACCEPT_LOST, {NULL, NULL}},
    {EPROTO, ACCEPT_LOST, {NULL, NULL}},
    {ENETDOWN, ACCEPT_LOST, {NULL, NULL}},
    {ENOPROTOOPT, ACCEPT_LOST, {NULL, NULL}},
    {EHOSTDOWN, ACCEPT_LOST, {NULL, NULL}},
    {ENONET, ACCEPT_LOST, {NULL, NULL}},
    {EHOSTUNREACH, ACCEPT_LOST, {NULL, NULL}},
    {ENETUNREACH, ACCEPT_LOST, {NULL, NULL}},
    {ETIMEDOUT, ACCEPT_LOST, {NULL, NULL}},
    {EPERM, ACCEPT_LOST, {NULL, NULL}},
    {EINTR, ACCEPT_LOST, {NULL, NULL}},
    {EMFILE, ACCEPT_NO_DESCRIPTOR, {"reason=out_of_descriptors", "Too many open files"}},
    {ENFILE, ACCEPT_NO_DESCRIPTOR, {"reason=out_of_descriptors", "in system"}},
    {ENOMEM, ACCEPT_NO_MEMORY, {"reason=internal", "memory is out"}},
    {ENOBUFS, ACCEPT_NO_MEMORY, {"reason=internal", "memory is out"}},
    {EINVAL, ACCEPT_FAILED, {"reason=internal", "Invalid argument"}},
    {EOPNOTSUPP, ACCEPT_FAILED, {"reason=internal", "not supported"}},
};

#define ERRORS ((int)(sizeof(errors) / sizeof(errors[0])))

START_TEST(every_error_has_its_meaning)
{
	struct addr peer;
	int fd;

	failure = errors[_i].error;
	failures = 1;
	ck_assert_int_eq(accept_connection(-1, &fd, &peer), errors[_i].result);
	ck_assert_int_lt(fd, 0);
}
END_TEST

START_TEST(an_error_is_told_as_what_it_is)
{
	const struct error_row *row = &errors[_i];
	int fd = connect_to(&own[0], "no header");
	int64_t started = now_ms();

	failure = row->error;
	failures = 1;
	pass();
	if (row->told[0] == NULL) {
		/* The next one is accepted in the same pass, and nobody is told. */
		ck_assert_uint_eq(opened(), 1);
		ck_assert_uint_eq(log_count("cannot accept", ""), 0);
	} else {
		ck_assert_uint_eq(opened(), 0);
		ck_assert_uint_eq(log_count(row->told[0], row->told[1]), 1);
		/* It pauses, and goes on when that is over. */
		accepting = 0;
		for (int i = 0; i < 10; i++)
			pass();
		ck_assert(accepting == 0 || now_ms() - started >= PAUSE_MIN_MS);
		while (opened() == 0)
			(void)event_base_loop(base, EVLOOP_ONCE);
	}
	close(fd);
}
END_TEST

/* A security module that forbids accepting leaves the connection where it is. */
START_TEST(an_error_that_stays_is_no_busy_loop)
{
	int fd = connect_to(&own[0], "no header");
	int64_t started = now_ms();
	unsigned pauses;

	failure = EPERM;
	failures = -1;
	for (int i = 0; i < 100; i++)
		pass();
	pauses = (unsigned)((now_ms() - started) / PAUSE_MIN_MS);
	ck_assert_uint_le(accepting, TCP_LISTENER_TURN * (1 + pauses));
	ck_assert_uint_eq(log_count("cannot accept", "Operation not permitted"), 1);
	failures = 0;
	while (opened() == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp_listener");
	TCase *turns = tcase_create("turns");
	TCase *errors_case = tcase_create("errors");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, turns);
	suite_add_tcase(suite, errors_case);
	tcase_add_checked_fixture(turns, set_up, tear_down);
	tcase_add_checked_fixture(errors_case, set_up, tear_down);
	tcase_set_timeout(turns, 30);
	tcase_set_timeout(errors_case, 30);
	tcase_add_loop_test(turns, a_pass_accepts_a_bounded_number, 0, 2);
	tcase_add_test(turns, what_is_refused_is_gone_after_the_pass);
	tcase_add_loop_test(turns, every_address_has_its_place_in_a_pass, 0, 2);
	tcase_add_loop_test(turns, a_flooded_listener_pauses_for_others, 0, 3);
	tcase_add_loop_test(errors_case, every_error_has_its_meaning, 0, ERRORS);
	tcase_add_loop_test(errors_case, an_error_is_told_as_what_it_is, 0, ERRORS);
	tcase_add_test(errors_case, an_error_that_stays_is_no_busy_loop);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
