/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of tcp/session: every allocation on a connection's way fails in its turn, and then the
 * session ends as internal, with a reset, and no byte is lost in silence.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "base/log.h"
#include "net/sock.h"
#include "tcp/relay_context.h"
#include "tcp/reset.h"
#include "tcp/tcp_listener.h"

/* How long what is on its way over loopback may wait for the processor. */
#define PATIENCE_MS 20000

/* More allocations than a connection makes. */
#define ALLOCATIONS 200

/* How the header comes; what it says is that mmproxy's own address is the source. */
enum way {
	WAY_WHOLE, /* at once, with payload behind it */
	WAY_SPLIT, /* in two parts */
	WAY_TLVS,  /* with one that the log shows */
	WAY_BROKEN,
	WAYS
};

static struct conf conf;
static struct conf_listener block;
static struct service *service;
static struct relay_context relays;
static struct reset_list resets;
static struct ledger *ledger;
static struct listener_socket own_socket;
static struct tcp_listener *listener;
static struct event_base *base;
static struct addr own;
static int backend_listener;
static int client;
static int backend;
static int send_error; /* the client's, which takes it from the socket */
static char at_backend[64];
static size_t at_backend_len;

/* ---- allocations of the library, by the linker's --wrap, and of libevent ---- */

static bool running;	   /* the loop is: Check's own allocations never fail */
static unsigned countdown; /* the one that fails; 0: none, or it has */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails(void)
{
	return running && countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
	if (fails()) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	if (fails()) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fails()) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_realloc(old, size);
}

/* ---- a listener, its backend and one client, all on loopback ---- */

static int listening_socket(struct addr *addr, int backlog)
{
	const struct sock_listen_options options = {.transparent = false};
	socklen_t len = sizeof(*addr);
	int fd;

	ck_assert_int_eq(addr_parse(addr, "127.0.0.1:0"), 0);
	fd = sock_bind_tcp(addr, &options);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(getsockname(fd, &addr->sa, &len), 0);
	return fd;
}

static void open_all(int backlog)
{
	struct listener_setup setup = {.sockets = &own_socket, .sockets_count = 1};

	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(relay_context_init(&relays, base), 0);
	reset_list_init(&resets, base, RESET_HELD_MAX, NULL, NULL);
	own_socket.fd = listening_socket(&own, 16);
	backend_listener = listening_socket(&block.target_ipv4, backlog);
	block.name = (char *)(uintptr_t) "t";
	block.listen = &own;
	block.listen_count = 1;
	block.header_max = 4096;
	block.header_timeout_ms = 60000;
	block.connect_timeout_ms = 60000;
	block.half_close_timeout_ms = 60000;
	block.tcp_keepalive_ms = 60000;
	conf.refs = 1;
	conf.listeners = &block;
	conf.listeners_count = 1;
	ledger = ledger_new(&block, 1);
	ck_assert_ptr_nonnull(ledger);
	service = service_new(&conf, &block, ledger);
	ck_assert_ptr_nonnull(service);
	listener = tcp_listener_new(base, service, ledger_stats(ledger, 0), &resets, &relays);
	ck_assert_ptr_nonnull(listener);
	setup.service = service;
	ck_assert_int_eq(listener->common.kind->configure(&listener->common, &setup), 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(client, &own.sa, addr_len(&own)), 0);
	ck_assert_int_eq(fcntl(client, F_SETFL, O_NONBLOCK), 0);
	backend = -1;
	send_error = 0;
	at_backend_len = 0;
}

static void close_all(void)
{
	listener->common.kind->free(&listener->common);
	service_unref(service);
	ledger_unref(ledger);
	close(own_socket.fd);
	reset_list_fini(&resets);
	relay_context_fini(&relays);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	close(client);
	if (backend >= 0)
		close(backend);
	close(backend_listener);
}

static void pass(void)
{
	int result;

	running = true;
	result = event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	running = false;
	ck_assert_int_ge(result, 0);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns when the session can read it, or the client's connection is over. */
static void send_client(const void *bytes, size_t len)
{
	struct pollfd over = {.fd = client};
	int64_t deadline = now_ms() + PATIENCE_MS;
	int unacknowledged = 1;

	if (len > 0 && send(client, bytes, len, MSG_NOSIGNAL) < 0)
		send_error = errno;
	while (unacknowledged > 0 && poll(&over, 1, 0) == 0) {
		ck_assert_int_lt(now_ms(), deadline);
		ck_assert_int_eq(ioctl(client, SIOCOUTQ, &unacknowledged), 0);
	}
}

/* The header in two parts, the second with payload behind it. */
static void make_header(enum way way, char *bytes, size_t *first, size_t *len)
{
	static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xDE"; /* UNIX, 222 bytes */
	static const char tlv[] = "\x02\0\x03sni";

	memset(bytes, 0, 512);
	if (way == WAY_TLVS) {
		memcpy(bytes, v2, 16);
		memcpy(bytes + 16 + 216, tlv, 6);
		*len = 16 + 216 + 6;
	} else {
		strcpy(bytes, way == WAY_BROKEN ? "PROXY UNKNOWN\n" : "PROXY UNKNOWN\r\n");
		*len = strlen(bytes);
	}
	memcpy(bytes + *len, "hello", 5);
	*len += 5;
	*first = way == WAY_SPLIT ? 8 : *len;
}

/* The backend's part: take what comes, and when it is all there answer and finish. */
static void serve_backend(void)
{
	ssize_t got;

	if (backend < 0)
		backend = accept4(backend_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (backend < 0)
		return;
	got = recv(backend, at_backend + at_backend_len, sizeof(at_backend) - at_backend_len, 0);
	if (got <= 0)
		return;
	at_backend_len += (size_t)got;
	if (at_backend_len == 5) {
		(void)!send(backend, "bye", 3, MSG_NOSIGNAL);
		shutdown(backend, SHUT_WR);
	}
}

/* How the client sees the end: 0 for a FIN, or errno; EAGAIN for none. *len: bytes before it. */
static int client_end(char *bytes, size_t size, size_t *len)
{
	struct pollfd readable = {.fd = client, .events = POLLIN};
	ssize_t got;

	*len = 0;
	while ((got = recv(client, bytes + *len, size - *len, 0)) > 0 ||
	       (got < 0 && errno == EAGAIN && poll(&readable, 1, PATIENCE_MS) > 0))
		*len += got > 0 ? (size_t)got : 0;
	if (send_error != 0)
		return send_error;
	return got == 0 ? 0 : errno;
}

static uint64_t closed(enum close_reason reason)
{
	return stats_get(&listener->common.stats->closed[reason]);
}

/* One connection from accept to close, on which that allocation fails. */
static void carry(enum way way, unsigned failing)
{
	char header[512];
	size_t first;
	size_t len;
	char answer[16];
	size_t answer_len;
	int64_t deadline;
	int end;

	open_all(16);
	deadline = now_ms() + PATIENCE_MS;
	make_header(way, header, &first, &len);
	countdown = failing;
	send_client(header, first);
	pass();
	send_client(header + first, len - first);
	shutdown(client, SHUT_WR);
	while (listener->ended == 0 && now_ms() < deadline) {
		pass();
		serve_backend();
	}
	ck_assert_msg(listener->ended == 1, "way %d, allocation %u: no end", way, failing);
	serve_backend();
	end = client_end(answer, sizeof(answer), &answer_len);
	if (closed(REASON_DONE) == 1) {
		ck_assert_uint_eq(at_backend_len, 5);
		ck_assert_int_eq(memcmp(at_backend, "hello", 5), 0);
		ck_assert_int_eq(end, 0);
		ck_assert_uint_eq(answer_len, 3);
	} else {
		ck_assert_uint_eq(closed(REASON_INTERNAL) + closed(REASON_HEADER_INVALID), 1);
		ck_assert_msg(end == ECONNRESET, "way %d, allocation %u: the end is %d", way,
			      failing, end);
	}
	if (countdown > 0 || failing == 0)
		ck_assert_uint_eq(closed(way == WAY_BROKEN ? REASON_HEADER_INVALID : REASON_DONE),
				  1);
	close_all();
}

START_TEST(an_allocation_that_fails_ends_one_session)
{
	unsigned failing = 1;

	carry((enum way)_i, 0);
	do
		carry((enum way)_i, failing++);
	while (countdown == 0 && failing < ALLOCATIONS);
	ck_assert_uint_lt(failing, ALLOCATIONS);
	/* The session at least is allocated. */
	ck_assert_uint_gt(failing, 2);
}
END_TEST

/* A backend that does not answer: the session waits for it, or ends. */
static void wait_for_backend(unsigned failing)
{
	struct pollfd first = {.events = POLLOUT};
	int fill[2];
	char bytes[16];
	size_t len;

	open_all(0);
	for (int i = 0; i < 2; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(fill[i], &block.target_ipv4.sa, addr_len(&block.target_ipv4));
	}
	first.fd = fill[0];
	ck_assert_int_eq(poll(&first, 1, PATIENCE_MS), 1);
	countdown = failing;
	send_client("PROXY UNKNOWN\r\nhello", 20);
	pass();
	if (LIST_EMPTY(&listener->sessions)) {
		ck_assert_uint_eq(closed(REASON_INTERNAL), 1);
		ck_assert_int_eq(client_end(bytes, sizeof(bytes), &len), ECONNRESET);
	} else {
		ck_assert_int_eq(LIST_FIRST(&listener->sessions)->state, SESSION_DIALLING);
		/* An end in good order, but for the bytes that were taken. */
		listener->common.kind->close_all(&listener->common, REASON_SHUTDOWN);
		ck_assert_int_eq(client_end(bytes, sizeof(bytes), &len), ECONNRESET);
	}
	ck_assert_uint_eq(len, 0);
	close(fill[0]);
	close(fill[1]);
	close_all();
}

START_TEST(an_allocation_that_fails_while_dialling_ends_one_session)
{
	unsigned failing = 1;

	wait_for_backend(0);
	do
		wait_for_backend(failing++);
	while (countdown == 0 && failing < ALLOCATIONS);
	ck_assert_uint_lt(failing, ALLOCATIONS);
	ck_assert_uint_gt(failing, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *memory = tcase_create("memory");
	SRunner *runner = srunner_create(suite);
	int failed;

	event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
	suite_add_tcase(suite, memory);
	tcase_set_timeout(memory, 60);
	tcase_add_loop_test(memory, an_allocation_that_fails_ends_one_session, 0, WAYS);
	tcase_add_test(memory, an_allocation_that_fails_while_dialling_ends_one_session);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
