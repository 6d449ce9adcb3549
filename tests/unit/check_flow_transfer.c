/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of udp/flow_transfer: flows of one listener go on in another, or stay. */
#include "udp/flow_transfer.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "net/sock.h"
#include "net/udp_sock.h"
#include "udp/flow_record.h"
#include "udp/udp_listener.h"

#define BALANCERS 3

/* A version 2 header of the command LOCAL, whose flow is the load balancer's own: no privilege. */
static const uint8_t header[16] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51,
				   0x55, 0x49, 0x54, 0x0A, 0x20, 0x00, 0x00, 0x00};

/* What a process has. */
struct side {
	struct ledger *ledger;
	struct service *service;
	struct flow_registry *registry;
	struct udp_context *context;
	struct udp_listener *listener;
};

static struct conf conf;
static struct conf_listener block;
static struct addr own;
static int own_fd;
static struct side sides[2]; /* that gives, and that takes */
static struct event_base *base;
static int backend;
static int balancers[BALANCERS];
static struct flow_batch batch;

/* ---- allocations of the library, by the linker's --wrap ---- */

static int failing; /* the number of the one that fails, from now on; 0: none */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails(void)
{
	return failing > 0 && --failing == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

/* ---- two listeners on one socket, a backend and load balancers, all on loopback ---- */

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

static struct listener *common_of(int side)
{
	return &sides[side].listener->common;
}

static void set_up_side(struct side *side, uint32_t number)
{
	const struct listener_socket socket = {.fd = own_fd, .number = number, .addr = own};
	struct listener_setup setup = {.sockets = &socket, .sockets_count = 1};

	side->ledger = ledger_new(&block, 1);
	ck_assert_ptr_nonnull(side->ledger);
	side->service = service_new(&conf, &block, side->ledger);
	side->context = udp_context_new();
	side->registry = flow_registry_new();
	ck_assert(side->service != NULL && side->context != NULL && side->registry != NULL);
	side->listener = udp_listener_new(base, side->service, ledger_stats(side->ledger, 0),
					  side->registry, side->context, on_wake, NULL);
	ck_assert_ptr_nonnull(side->listener);
	setup.service = side->service;
	ck_assert_int_eq(side->listener->common.kind->configure(&side->listener->common, &setup),
			 0);
}

static void tear_down_side(struct side *side)
{
	side->listener->common.kind->free(&side->listener->common);
	udp_context_free(side->context);
	service_unref(side->service);
	ledger_unref(side->ledger);
	flow_registry_free(side->registry);
}

static void set_up(void)
{
	const struct sock_listen_options options = {.transparent = false};
	socklen_t len = sizeof(own);
	struct addr unused;

	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(addr_parse(&own, "127.0.0.1:0"), 0);
	own_fd = udp_sock_bind(&own, &options);
	ck_assert_int_ge(own_fd, 0);
	ck_assert_int_eq(getsockname(own_fd, &own.sa, &len), 0);
	backend = bound_socket(&block.target_ipv4);
	for (int i = 0; i < BALANCERS; i++) {
		balancers[i] = bound_socket(&unused);
		ck_assert_int_eq(connect(balancers[i], &own.sa, addr_len(&own)), 0);
	}
	block.name = (char *)(uintptr_t) "t";
	block.protocol = CONF_PROTOCOL_UDP;
	block.udp_header = CONF_UDP_FIRST;
	block.listen = &own;
	block.listen_count = 1;
	block.header_max = 4096;
	block.close_after_ms = 60000;
	block.max_flows = 16;
	conf.refs = 1;
	conf.listeners = &block;
	conf.listeners_count = 1;
	set_up_side(&sides[0], 3);
	set_up_side(&sides[1], 0);
	common_of(1)->kind->pause(common_of(1));
}

static void tear_down(void)
{
	tear_down_side(&sides[0]);
	tear_down_side(&sides[1]);
	close(own_fd);
	event_base_free(base);
	for (int i = 0; i < BALANCERS; i++)
		close(balancers[i]);
	close(backend);
}

/* Each load balancer sends one, with the header or without, and gets it back; returns the backend's
 * view of one. */
static void exchange(bool with_header, struct addr from[BALANCERS])
{
	uint8_t datagram[sizeof(header) + 1];
	size_t header_len = with_header ? sizeof(header) : 0;
	uint8_t byte;

	memcpy(datagram, header, header_len);
	for (int i = 0; i < BALANCERS; i++) {
		socklen_t len = sizeof(from[i]);

		datagram[header_len] = (uint8_t)('a' + i);
		ck_assert_int_gt(send(balancers[i], datagram, header_len + 1, 0), 0);
		while (recvfrom(backend, &byte, 1, MSG_DONTWAIT, &from[i].sa, &len) < 0)
			ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
		ck_assert_int_eq(byte, 'a' + i);
		ck_assert_int_eq(sendto(backend, &byte, 1, 0, &from[i].sa, len), 1);
		while (recv(balancers[i], &byte, 1, MSG_DONTWAIT) < 0)
			ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
		ck_assert_int_eq(byte, 'a' + i);
	}
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* As if through a UNIX socket. */
static void give_all(void)
{
	memset(&batch, 0, sizeof(batch));
	batch.addresses = &own;
	batch.addresses_count = 1;
	common_of(0)->kind->pause(common_of(0));
	ck_assert(!common_of(0)->kind->give(common_of(0), &batch));
	ck_assert_uint_eq(batch.count, BALANCERS);
	for (size_t i = 0; i < batch.count; i++)
		batch.fds[i] = dup(batch.fds[i]);
}

static void take_all(void)
{
	size_t at = 0;

	for (size_t i = 0; i < batch.count; i++) {
		const struct flow_record *record = (const void *)(batch.bytes + at);

		common_of(1)->kind->take(common_of(1), batch.bytes + at, batch.len - at,
					 batch.fds[i]);
		at += record->len;
	}
	/* Check allocates as well. */
	failing = 0;
	ck_assert_uint_eq(at, batch.len);
}

START_TEST(test_flows_go_on_in_another_listener)
{
	struct addr before[BALANCERS];
	struct addr after[BALANCERS];
	unsigned fds;

	exchange(true, before);
	fds = count_fds();
	give_all();
	take_all();
	ck_assert(!common_of(0)->kind->let_go(common_of(0)));
	ck_assert_uint_eq(count_fds(), fds);
	ck_assert_uint_eq(sides[0].listener->group.table.count, 0);
	ck_assert_uint_eq(ledger_active(sides[0].ledger), 0);
	ck_assert_uint_eq(ledger_active(sides[1].ledger), BALANCERS);
	common_of(1)->kind->resume(common_of(1));
	/* Without a header: the load balancers' ports are known. */
	exchange(false, after);
	for (int i = 0; i < BALANCERS; i++)
		ck_assert(addr_equal(&before[i], &after[i]));
	ck_assert_uint_eq(stats_get(&common_of(0)->stats->closed[REASON_SHUTDOWN]), 0);
	ck_assert_uint_eq(stats_get(&common_of(1)->stats->datagrams[STATS_UP]), BALANCERS);
}
END_TEST

START_TEST(test_flows_that_were_not_taken_stay)
{
	struct addr before[BALANCERS];
	struct addr after[BALANCERS];

	exchange(true, before);
	give_all();
	for (size_t i = 0; i < batch.count; i++)
		close(batch.fds[i]);
	common_of(0)->kind->resume(common_of(0));
	exchange(false, after);
	for (int i = 0; i < BALANCERS; i++)
		ck_assert(addr_equal(&before[i], &after[i]));
	/* And again they can be given. */
	give_all();
	take_all();
	(void)common_of(0)->kind->let_go(common_of(0));
	common_of(1)->kind->resume(common_of(1));
	exchange(false, after);
}
END_TEST

START_TEST(test_flows_of_other_addresses_stay)
{
	struct addr from[BALANCERS];
	struct addr other;

	exchange(true, from);
	ck_assert_int_eq(addr_parse(&other, "127.0.0.1:9"), 0);
	memset(&batch, 0, sizeof(batch));
	batch.addresses = &other;
	batch.addresses_count = 1;
	common_of(0)->kind->pause(common_of(0));
	ck_assert(!common_of(0)->kind->give(common_of(0), &batch));
	ck_assert_uint_eq(batch.count, 0);
	ck_assert(!common_of(0)->kind->let_go(common_of(0)));
	common_of(0)->kind->resume(common_of(0));
	exchange(false, from);
}
END_TEST

/* A flow for which memory is out is closed and counted; the others go on. */
START_TEST(test_each_allocation_may_fail)
{
	struct addr from[BALANCERS];
	unsigned fds;
	uint64_t lost;

	exchange(true, from);
	fds = count_fds();
	give_all();
	failing = _i + 1;
	take_all();
	(void)common_of(0)->kind->let_go(common_of(0));
	lost = stats_get(&common_of(1)->stats->closed[REASON_INTERNAL]);
	ck_assert_uint_le(lost, 1);
	ck_assert_uint_eq(ledger_active(sides[1].ledger), BALANCERS - lost);
	ck_assert_uint_eq(sides[1].listener->group.table.count, BALANCERS - lost);
	ck_assert_uint_eq(count_fds(), fds - lost);
	common_of(1)->kind->resume(common_of(1));
	exchange(true, from);
}
END_TEST

/* What is no record is no flow, and closes the socket that came with it. */
START_TEST(test_broken_records_are_refused)
{
	struct addr from[BALANCERS];
	struct flow_record *record = (struct flow_record *)(void *)batch.bytes;
	size_t len = sizeof(*record);
	unsigned fds;

	exchange(true, from);
	fds = count_fds();
	give_all();
	switch (_i) {
	case 0:
		len = sizeof(*record) - 1;
		break;
	case 1:
		record->len = 8;
		break;
	case 2:
		record->len = sizeof(*record) + 8;
		break;
	case 3:
		record->tlvs_len = 1;
		break;
	case 4:
		record->header_len = PROXY_SPP_LEN + 1;
		break;
	case 5:
		record->origins_count = FLOW_ORIGINS_MAX + 1;
		break;
	default:
		/* Nobody listens there. */
		addr_set_port(&record->listening, 9);
		break;
	}
	common_of(1)->kind->take(common_of(1), batch.bytes, len, batch.fds[0]);
	for (size_t i = 1; i < batch.count; i++)
		close(batch.fds[i]);
	ck_assert_uint_eq(count_fds(), fds);
	ck_assert_uint_eq(sides[1].listener->group.table.count, 0);
	ck_assert_uint_eq(stats_get(&common_of(1)->stats->closed[REASON_INTERNAL]), 1);
}
END_TEST

static Suite *flow_transfer_suite(void)
{
	Suite *suite = suite_create("flow_transfer");
	TCase *transfer = tcase_create("transfer");

	tcase_add_checked_fixture(transfer, set_up, tear_down);
	tcase_add_test(transfer, test_flows_go_on_in_another_listener);
	tcase_add_test(transfer, test_flows_that_were_not_taken_stay);
	tcase_add_test(transfer, test_flows_of_other_addresses_stay);
	tcase_add_loop_test(transfer, test_each_allocation_may_fail, 0, 12);
	tcase_add_loop_test(transfer, test_broken_records_are_refused, 0, 7);
	suite_add_tcase(suite, transfer);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(flow_transfer_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
