/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of udp/udp_listener: what a datagram costs. Behaviour is tested in tests/net. */
#include "udp/udp_listener.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "net/sock.h"
#include "net/udp_sock.h"

#define BALANCERS 3
#define ROUNDS	  200

/* A version 2 header of the command LOCAL, whose flow is the load balancer's own: no privilege. */
static const uint8_t header[16] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51,
				   0x55, 0x49, 0x54, 0x0A, 0x20, 0x00, 0x00, 0x00};

static struct conf conf;
static struct conf_listener block;
static struct ledger *ledger;
static struct listener_socket own_socket;
static struct service *service;
static struct flow_registry *registry;
static struct udp_context *context;
static struct udp_listener *listener;
static struct event_base *base;
static int backend;
static int balancers[BALANCERS];

/* ---- allocations of the library, by the linker's --wrap, and of libevent ---- */

static bool running; /* the loop is: Check's own allocations do not count */
static unsigned allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	allocations += running;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocations += running;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	allocations += running;
	return __real_realloc(old, size);
}

/* ---- the listener, a backend and load balancers, all on loopback ---- */

static int bound_socket(struct addr *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*addr);

	ck_assert_int_eq(addr_parse(addr, "127.0.0.1:0"), 0);
	ck_assert_int_eq(bind(fd, &addr->sa, addr_len(addr)), 0);
	ck_assert_int_eq(getsockname(fd, &addr->sa, &len), 0);
	return fd;
}

static void on_wake(void *arg)
{
	(void)arg;
}

static void set_up(void)
{
	const struct sock_listen_options options = {.transparent = false};
	socklen_t len = sizeof(struct addr);
	static struct addr own;
	struct listener_setup setup = {.sockets = &own_socket, .sockets_count = 1};
	struct addr unused;

	event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(addr_parse(&own, "127.0.0.1:0"), 0);
	own_socket.fd = udp_sock_bind(&own, &options);
	ck_assert_int_ge(own_socket.fd, 0);
	ck_assert_int_eq(getsockname(own_socket.fd, &own.sa, &len), 0);
	backend = bound_socket(&block.target_ipv4);
	for (int i = 0; i < BALANCERS; i++) {
		balancers[i] = bound_socket(&unused);
		ck_assert_int_eq(connect(balancers[i], &own.sa, addr_len(&own)), 0);
	}
	block.name = (char *)(uintptr_t) "t";
	block.protocol = CONF_PROTOCOL_UDP;
	block.listen = &own;
	block.listen_count = 1;
	block.header_max = 4096;
	block.close_after_ms = 60000;
	block.max_flows = 16;
	conf.refs = 1;
	conf.listeners = &block;
	conf.listeners_count = 1;
	ledger = ledger_new(&block, 1);
	ck_assert_ptr_nonnull(ledger);
	service = service_new(&conf, &block, ledger);
	context = udp_context_new();
	registry = flow_registry_new();
	ck_assert(service != NULL && context != NULL && registry != NULL);
	listener = udp_listener_new(base, service, ledger_stats(ledger, 0), registry, context,
				    on_wake, NULL);
	ck_assert_ptr_nonnull(listener);
	setup.service = service;
	ck_assert_int_eq(listener->common.kind->configure(&listener->common, &setup), 0);
}

static void tear_down(void)
{
	listener->common.kind->free(&listener->common);
	udp_context_free(context);
	service_unref(service);
	ledger_unref(ledger);
	close(own_socket.fd);
	flow_registry_free(registry);
	event_base_free(base);
	for (int i = 0; i < BALANCERS; i++)
		close(balancers[i]);
	close(backend);
}

static void run_loop(void)
{
	int result;

	running = true;
	result = event_base_loop(base, EVLOOP_ONCE);
	running = false;
	ck_assert_int_ge(result, 0);
}

/* Each load balancer sends a burst, and what the backend has got of it goes back as it is. */
static void exchange_bursts(unsigned burst)
{
	uint8_t datagram[sizeof(header) + 100];
	uint8_t bytes[2048];
	struct addr from;

	memset(datagram, 'x', sizeof(datagram));
	memcpy(datagram, header, sizeof(header));
	for (int i = 0; i < BALANCERS; i++)
		for (unsigned j = 0; j < burst; j++)
			ck_assert_int_eq(send(balancers[i], datagram, sizeof(datagram), 0),
					 sizeof(datagram));
	for (unsigned arrived = 0; arrived < BALANCERS * burst; arrived++) {
		socklen_t len = sizeof(from);
		ssize_t got;

		while ((got = recvfrom(backend, bytes, sizeof(bytes), MSG_DONTWAIT, &from.sa,
				       &len)) < 0)
			run_loop();
		ck_assert_int_eq(got, 100);
		ck_assert_int_eq(sendto(backend, bytes, (size_t)got, 0, &from.sa, len), got);
	}
	for (int i = 0; i < BALANCERS; i++)
		for (unsigned j = 0; j < burst; j++) {
			while (recv(balancers[i], bytes, sizeof(bytes), MSG_DONTWAIT) < 0)
				run_loop();
		}
}

START_TEST(test_a_datagram_allocates_nothing)
{
	unsigned before;

	exchange_bursts(1);
	ck_assert_uint_eq(listener->group.table.count, BALANCERS);
	ck_assert_uint_gt(allocations, 0);
	before = allocations;
	for (unsigned i = 0; i < ROUNDS; i++)
		exchange_bursts(1 + i % 20);
	ck_assert_uint_eq(allocations, before);
	ck_assert_uint_eq(listener->group.table.count, BALANCERS);
}
END_TEST

static Suite *udp_listener_suite(void)
{
	Suite *suite = suite_create("udp_listener");
	TCase *cost = tcase_create("cost");

	tcase_add_checked_fixture(cost, set_up, tear_down);
	tcase_add_test(cost, test_a_datagram_allocates_nothing);
	suite_add_tcase(suite, cost);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(udp_listener_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
