/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of udp/flow_carry and udp/carry_round: a UDP listener and a kernel whose part is
 * played by the test, at a time of the test's own.
 */
#include "udp/flow_carry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "base/clock.h"
#include "fastpath/fastpath.h"
#include "net/udp_sock.h"
#include "udp/carry_round.h"
#include "udp/flow_record.h"
#include "udp/udp_listener.h"

#define INSTALLED_MAX 64
#define BALANCERS     2

#define SECOND_MS 1000

/* ---- the kernel's part ---- */

static struct {
	bool used;
	struct fastpath_flow flow;
	struct fastpath_counts counts;
} installed[INSTALLED_MAX];

static unsigned installs;
static unsigned removals;
static enum fastpath_verdict verdict;
static int install_error; /* 0: none */

/* What is said of the names is fastpath.h's; this is never looked into. */
struct fastpath {
	int unused;
};

static struct fastpath fastpath;

bool fastpath_is_built(void)
{
	return true;
}

enum fastpath_verdict fastpath_try(struct fastpath *unused, uint32_t interface,
				   const struct addr *listening, const struct addr *target,
				   char why[static FASTPATH_WHY_MAX])
{
	ck_assert_ptr_eq(unused, &fastpath);
	/* All of it is loopback. */
	ck_assert_uint_eq(interface, 1);
	ck_assert(addr_is_set(listening) && addr_is_set(target));
	snprintf(why, FASTPATH_WHY_MAX, "no moon");
	return verdict;
}

int fastpath_install(struct fastpath *unused, const struct fastpath_flow *flow,
		     struct fastpath_place *place)
{
	(void)unused;
	installs++;
	if (install_error != 0) {
		errno = install_error;
		return -1;
	}
	for (size_t i = 0; i < INSTALLED_MAX; i++) {
		if (installed[i].used)
			continue;
		installed[i].used = true;
		installed[i].flow = *flow;
		memset(&installed[i].counts, 0, sizeof(installed[i].counts));
		place->number = i + 1;
		return 0;
	}
	errno = ENOSPC;
	return -1;
}

void fastpath_read(struct fastpath *unused, const struct fastpath_place *place,
		   struct fastpath_counts *counts)
{
	(void)unused;
	ck_assert(place->number > 0 && installed[place->number - 1].used);
	*counts = installed[place->number - 1].counts;
}

void fastpath_remove(struct fastpath *unused, struct fastpath_place *place,
		     struct fastpath_counts *counts)
{
	fastpath_read(unused, place, counts);
	installed[place->number - 1].used = false;
	place->number = 0;
	removals++;
}

/* ---- time, privileges and memory, by the linker's --wrap ---- */

static int64_t later_ms; /* than at the beginning; time stands still but for that */
static bool no_memory;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_udp_sock_new(int family, bool transparent, bool share, uint32_t mark);
int __wrap_udp_sock_new(int family, bool transparent, bool share, uint32_t mark);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)
		return __real_clock_gettime(clock, now);
	*now = (struct timespec){.tv_sec = 1000 + (time_t)(later_ms / 1000)};
	return 0;
}

/* Clients of loopback need no privilege. */
int __wrap_udp_sock_new(int family, bool transparent, bool share, uint32_t mark)
{
	(void)transparent;
	return __real_udp_sock_new(family, false, share, mark);
}

void *__wrap_calloc(size_t count, size_t size)
{
	if (no_memory && size == sizeof(struct flow_carry))
		return NULL;
	return __real_calloc(count, size);
}

/* ---- the listener, a backend and load balancers, all on loopback ---- */

static struct conf conf;
static struct conf_listener block;
static struct addr own;
static int own_fd;
static int backend;
static int balancers[BALANCERS];
static struct addr balancer_addrs[BALANCERS];
static struct event_base *base;
static struct ledger *ledger;
static struct service *service;
static struct udp_context *context;
static struct flow_registry *registry;
static struct udp_listener *listener;
static struct stats *stats;

static void on_wake(void *arg)
{
	(void)arg;
}

static int open_socket(const char *text, struct addr *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*addr);

	ck_assert_int_eq(addr_parse(addr, text), 0);
	ck_assert_int_eq(bind(fd, &addr->sa, addr_len(addr)), 0);
	ck_assert_int_eq(getsockname(fd, &addr->sa, &len), 0);
	return fd;
}

static void configure(void)
{
	const struct listener_socket socket = {.fd = own_fd, .number = 0, .addr = own};
	const struct listener_setup setup = {
	    .service = service, .sockets = &socket, .sockets_count = 1};

	ck_assert_int_eq(listener->common.kind->configure(&listener->common, &setup), 0);
}

static void set_up(void)
{
	const struct sock_listen_options options = {.transparent = false};
	socklen_t len = sizeof(own);

	/* Without a process of its own a test finds what the last one left. */
	memset(installed, 0, sizeof(installed));
	memset(&block, 0, sizeof(block));
	memset(&conf, 0, sizeof(conf));
	installs = 0;
	removals = 0;
	install_error = 0;
	later_ms = 0;
	no_memory = false;
	verdict = FASTPATH_WORKS;
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(addr_parse(&own, "127.0.0.1:0"), 0);
	own_fd = udp_sock_bind(&own, &options);
	ck_assert_int_eq(getsockname(own_fd, &own.sa, &len), 0);
	backend = open_socket("127.0.0.1:0", &block.target_ipv4);
	for (int i = 0; i < BALANCERS; i++) {
		balancers[i] = open_socket("127.0.0.1:0", &balancer_addrs[i]);
		ck_assert_int_eq(connect(balancers[i], &own.sa, addr_len(&own)), 0);
	}
	block.name = (char *)(uintptr_t) "t";
	block.protocol = CONF_PROTOCOL_UDP;
	block.udp_header = CONF_UDP_EACH;
	block.udp_relay = CONF_UDP_RELAY_KERNEL;
	block.listen = &own;
	block.listen_count = 1;
	block.header_max = 4096;
	block.close_after_ms = 600 * SECOND_MS;
	block.max_flows = INSTALLED_MAX;
	conf.refs = 1;
	conf.listeners = &block;
	conf.listeners_count = 1;
	ledger = ledger_new(&block, 1);
	service = service_new(&conf, &block, ledger);
	context = udp_context_new();
	registry = flow_registry_new();
	registry->fastpath = &fastpath;
	stats = &ledger_stats(ledger, 0)->stats;
	listener = udp_listener_new(base, service, ledger_stats(ledger, 0), registry, context,
				    on_wake, NULL);
	ck_assert_ptr_nonnull(listener);
	configure();
}

static void tear_down(void)
{
	if (listener != NULL)
		listener->common.kind->free(&listener->common);
	/* Nothing is left in the kernel. */
	for (size_t i = 0; i < INSTALLED_MAX; i++)
		ck_assert(!installed[i].used);
	ck_assert_uint_eq(stats_get(&stats->carried_flows), 0);
	udp_context_free(context);
	service_unref(service);
	ledger_unref(ledger);
	flow_registry_free(registry);
	close(own_fd);
	event_base_free(base);
	for (int i = 0; i < BALANCERS; i++)
		close(balancers[i]);
	close(backend);
}

/* ---- datagrams ---- */

/* A version 2 header of this client, with as many bytes of a TLV behind its addresses. */
static size_t put_header(uint8_t *bytes, unsigned client, size_t tlv_len)
{
	static const uint8_t begin[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A,
					0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x12};
	const uint8_t rest[] = {0,    (uint8_t)(12 + tlv_len), 127,  0,	  0, 9, 127, 0, 0, 8,
				0x9C, (uint8_t)client,	       0x1B, 0x58};

	memcpy(bytes, begin, sizeof(begin));
	memcpy(bytes + sizeof(begin), rest, sizeof(rest));
	memset(bytes + 28, 0, tlv_len);
	/* PP2_TYPE_NOOP */
	if (tlv_len > 0) {
		bytes[28] = 0x04;
		bytes[30] = (uint8_t)(tlv_len - 3);
	}
	return 28 + tlv_len;
}

static void client_addr(unsigned client, struct addr *addr)
{
	char text[ADDR_STRLEN];

	snprintf(text, sizeof(text), "127.0.0.9:%u", 0x9C00 + client);
	ck_assert_int_eq(addr_parse(addr, text), 0);
}

/* A datagram of this client reaches the backend through user space. */
static void pass(int balancer, unsigned client, size_t tlv_len)
{
	uint8_t bytes[256];
	size_t len = put_header(bytes, client, tlv_len);
	struct addr expected;
	struct addr from;
	socklen_t from_len = sizeof(from);
	uint8_t byte = 0;

	bytes[len] = (uint8_t)client;
	ck_assert_int_gt(send(balancers[balancer], bytes, len + 1, 0), 0);
	while (recvfrom(backend, &byte, 1, MSG_DONTWAIT, &from.sa, &from_len) < 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_eq(byte, (uint8_t)client);
	client_addr(client, &expected);
	ck_assert(addr_equal(&from, &expected));
}

/* A client sends twice, behind which its flow is carried. */
static void open_flow(unsigned client)
{
	pass(0, client, 0);
	pass(0, client, 0);
}

static struct flow *flow_of_client(unsigned client)
{
	struct addr none = {0};
	struct flow_key key;
	struct addr addr;

	client_addr(client, &addr);
	flow_key_set(&key, &addr, &none, FLOW_OF_CLIENT);
	return flow_of(flow_table_find(&listener->group.table, &key));
}

static bool is_carried(unsigned client)
{
	return flow_carry_is_on(flow_of_client(client));
}

/* Where the kernel keeps a client's flow. */
static struct fastpath_counts *counts_of(unsigned client)
{
	ck_assert(is_carried(client));
	return &installed[flow_of_client(client)->carry->place.number - 1].counts;
}

/* The kernel passes on a datagram of 100 bytes now. */
static void carry(unsigned client, enum stats_direction direction)
{
	struct fastpath_counts *counts = counts_of(client);

	counts->datagrams[direction]++;
	counts->bytes[direction] += 100;
	counts->last_ms[direction] = clock_now_ms();
}

static void run(struct event *event)
{
	event_active(event, EV_TIMEOUT, 0);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

/* A second passes, and all flows are looked at. */
static void next_round(void)
{
	later_ms += SECOND_MS;
	run(listener->group.carries.round);
}

/* ---- giving and taking back ---- */

START_TEST(test_a_flow_is_given_behind_its_second_datagram)
{
	const struct fastpath_flow *flow = &installed[0].flow;
	uint8_t header[64];
	struct addr client;

	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 0);
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 1);
	ck_assert_uint_eq(stats_get(&stats->carried_flows), 1);
	client_addr(1, &client);
	ck_assert(addr_equal(&flow->balancer, &balancer_addrs[0]));
	ck_assert(addr_equal(&flow->listening, &own));
	ck_assert(addr_equal(&flow->client, &client));
	ck_assert(addr_equal(&flow->target, &block.target_ipv4));
	ck_assert_uint_eq(addr_port(&flow->destination), 7000);
	ck_assert(!flow->spp);
	ck_assert_uint_eq(flow->header_len, put_header(header, 1, 0));
	ck_assert_mem_eq(flow->header, header, 28);
	/* What waited in the socket changes nothing. */
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 1);
	ck_assert_uint_eq(removals, 0);
}
END_TEST

START_TEST(test_what_the_kernel_cannot_compare_stays)
{
	pass(0, 1, 3);
	ck_assert_uint_eq(installs, 0);
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 1);
	/* One with a TLV between the others takes nothing back. */
	pass(0, 1, 3);
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 1);
	ck_assert_uint_eq(removals, 0);
	/* But replies go to where it came from. */
	pass(1, 1, 3);
	ck_assert_uint_eq(removals, 1);
	ck_assert(!is_carried(1));
}
END_TEST

START_TEST(test_a_listener_of_user_space_gives_nothing)
{
	block.udp_relay = CONF_UDP_RELAY_USER;
	pass(0, 1, 0);
	block.udp_relay = CONF_UDP_RELAY_KERNEL;
	registry->fastpath = NULL;
	pass(0, 1, 0);
	ck_assert_ptr_null(flow_of_client(1)->carry);
	registry->fastpath = &fastpath;
	no_memory = true;
	pass(0, 1, 0);
	ck_assert_ptr_null(flow_of_client(1)->carry);
	ck_assert_uint_eq(installs, 0);
	no_memory = false;
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 1);
}
END_TEST

START_TEST(test_a_flow_moves_with_its_load_balancer)
{
	open_flow(1);
	pass(1, 1, 0);
	ck_assert_uint_eq(installs, 2);
	ck_assert_uint_eq(removals, 1);
	ck_assert(addr_equal(&installed[0].flow.balancer, &balancer_addrs[1]));
}
END_TEST

/* One that comes by two load balancers in turn stays in user space, and is tried again later. */
START_TEST(test_a_flow_that_moves_and_moves_rests)
{
	for (int i = 0; i < 40; i++)
		pass(i % 2, 1, 0);
	ck_assert_uint_le(installs, 5);
	ck_assert(!is_carried(1));
	later_ms += 11 * SECOND_MS;
	open_flow(1);
	ck_assert(is_carried(1));
}
END_TEST

START_TEST(test_a_new_configuration_takes_flows_back)
{
	for (unsigned i = 0; i < 5; i++)
		open_flow(i);
	configure();
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert_uint_eq(removals, 5);
	open_flow(1);
	ck_assert(is_carried(1));
	next_round();
	ck_assert(is_carried(1));
	/* And nothing is given to a listener that drains. */
	listener->common.kind->drain(&listener->common);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	pass(0, 1, 0);
	ck_assert(!is_carried(1));
}
END_TEST

/* ---- what the kernel says ---- */

START_TEST(test_a_device_that_fails_is_asked_again_later)
{
	verdict = FASTPATH_FAILS;
	open_flow(1);
	verdict = FASTPATH_WORKS;
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 0);
	later_ms += 11 * SECOND_MS;
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 1);
}
END_TEST

START_TEST(test_a_device_that_is_tested_is_asked_again_at_once)
{
	verdict = FASTPATH_TESTING;
	open_flow(1);
	ck_assert_uint_eq(installs, 0);
	verdict = FASTPATH_WORKS;
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 1);
}
END_TEST

START_TEST(test_a_full_kernel_leaves_flows_to_user_space)
{
	install_error = ENOSPC;
	open_flow(1);
	ck_assert_uint_eq(installs, 1);
	ck_assert(!is_carried(1));
	pass(0, 1, 0);
	ck_assert_uint_eq(installs, 1);
	install_error = 0;
	later_ms += 2 * SECOND_MS;
	pass(0, 1, 0);
	ck_assert(is_carried(1));
}
END_TEST

/* ---- counters and idleness ---- */

START_TEST(test_what_was_carried_is_counted_once)
{
	open_flow(1);
	carry(1, STATS_UP);
	carry(1, STATS_DOWN);
	next_round();
	next_round();
	carry(1, STATS_DOWN);
	ck_assert_uint_eq(stats_get(&stats->datagrams[STATS_UP]), 3);
	ck_assert_uint_eq(stats_get(&stats->bytes[STATS_UP]), 102);
	ck_assert_uint_eq(stats_get(&stats->datagrams[STATS_DOWN]), 1);
	/* The rest comes in at the end. */
	listener->common.kind->close_all(&listener->common, REASON_SHUTDOWN);
	ck_assert_uint_eq(stats_get(&stats->datagrams[STATS_DOWN]), 2);
	ck_assert_uint_eq(stats_get(&stats->bytes[STATS_DOWN]), 200);
	ck_assert_uint_eq(stats_get(&stats->carried[STATS_UP]), 1);
	ck_assert_uint_eq(stats_get(&stats->carried[STATS_DOWN]), 2);
	ck_assert_uint_eq(stats_get(&stats->answers[STATS_IPV4].asked), 3);
	ck_assert_uint_eq(stats_get(&stats->answers[STATS_IPV4].answered), 2);
}
END_TEST

START_TEST(test_a_flow_that_is_busy_in_the_kernel_is_not_idle)
{
	block.close_after_ms = 20 * SECOND_MS;
	open_flow(1);
	open_flow(2);
	later_ms += 15 * SECOND_MS;
	carry(1, STATS_DOWN);
	later_ms += 10 * SECOND_MS;
	run(listener->expiry);
	ck_assert_ptr_nonnull(flow_of_client(1));
	ck_assert_ptr_null(flow_of_client(2));
	later_ms += 11 * SECOND_MS;
	run(listener->expiry);
	ck_assert_ptr_null(flow_of_client(1));
	ck_assert_uint_eq(stats_get(&stats->closed[REASON_IDLE_TIMEOUT]), 2);
}
END_TEST

START_TEST(test_the_flow_idle_longest_makes_room)
{
	block.max_flows = 3;
	for (unsigned i = 1; i <= 3; i++) {
		open_flow(i);
		later_ms += SECOND_MS;
	}
	/* The first one is the oldest but the busiest. */
	carry(1, STATS_UP);
	later_ms += SECOND_MS;
	open_flow(4);
	ck_assert_ptr_nonnull(flow_of_client(1));
	ck_assert_ptr_null(flow_of_client(2));
	ck_assert_ptr_nonnull(flow_of_client(3));
}
END_TEST

/* Many that are busy cost a bounded search. */
START_TEST(test_room_is_made_where_all_are_busy)
{
	block.max_flows = 40;
	for (unsigned i = 1; i <= 40; i++)
		open_flow(i);
	later_ms += SECOND_MS;
	for (unsigned i = 1; i <= 40; i++)
		carry(i, STATS_UP);
	open_flow(50);
	ck_assert_uint_eq(listener->group.table.count, 40);
	ck_assert_ptr_nonnull(flow_of_client(50));
}
END_TEST

static enum close_reason note_view(const struct listener_view *view, void *arg)
{
	ck_assert(view->carried);
	ck_assert_uint_eq(view->bytes[STATS_DOWN], 100);
	ck_assert_int_eq(view->active_ms, clock_now_ms());
	*(bool *)arg = true;
	return REASON_COUNT;
}

START_TEST(test_visitors_see_what_was_carried)
{
	bool seen = false;

	open_flow(1);
	later_ms += 5 * SECOND_MS;
	carry(1, STATS_DOWN);
	listener->common.kind->visit(&listener->common, true, 1, note_view, &seen);
	ck_assert(seen);
}
END_TEST

/* ---- another process ---- */

START_TEST(test_flows_are_given_on_with_final_counts)
{
	static struct flow_batch batch;
	const struct flow_record *record = (const void *)batch.bytes;
	const struct listener_kind *kind = listener->common.kind;

	for (unsigned i = 1; i <= 5; i++)
		open_flow(i);
	later_ms += SECOND_MS;
	kind->pause(&listener->common);
	/* They are carried until they are given. */
	for (unsigned i = 1; i <= 5; i++)
		carry(i, STATS_UP);
	batch.addresses = &own;
	batch.addresses_count = 1;
	ck_assert(!kind->give(&listener->common, &batch));
	ck_assert_uint_eq(batch.count, 5);
	ck_assert_uint_eq(removals, 5);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_uint_eq(record->datagrams[STATS_UP], 3);
		ck_assert_uint_eq(record->bytes[STATS_UP], 102);
		record = (const void *)((const uint8_t *)record + record->len);
	}
	/* They stay after all. */
	kind->resume(&listener->common);
	open_flow(1);
	ck_assert(is_carried(1));
}
END_TEST

/* ---- silence ---- */

static void ask_for(unsigned client, unsigned seconds)
{
	for (unsigned i = 0; i < seconds && is_carried(client); i++) {
		carry(client, STATS_UP);
		next_round();
	}
}

START_TEST(test_a_flow_without_an_answer_comes_back)
{
	open_flow(1);
	ask_for(1, 3);
	ck_assert(is_carried(1));
	ask_for(1, 3);
	ck_assert(!is_carried(1));
	ck_assert_uint_eq(stats_get(&stats->demoted), 1);
	/* It stays for a minute, others do not. */
	later_ms += 50 * SECOND_MS;
	pass(0, 1, 0);
	ck_assert(!is_carried(1));
	open_flow(2);
	ck_assert(is_carried(2));
	later_ms += 11 * SECOND_MS;
	pass(0, 1, 0);
	ck_assert(is_carried(1));
}
END_TEST

START_TEST(test_a_flow_that_asks_nothing_stays)
{
	open_flow(1);
	carry(1, STATS_UP);
	for (int i = 0; i < 20; i++)
		next_round();
	ck_assert(is_carried(1));
	ck_assert_uint_eq(stats_get(&stats->demoted), 0);
}
END_TEST

/* One that has been answered may be silent for longer, but not for ever. */
START_TEST(test_a_flow_whose_answers_end_comes_back_later)
{
	open_flow(1);
	carry(1, STATS_UP);
	carry(1, STATS_DOWN);
	next_round();
	ask_for(1, 9);
	ck_assert(is_carried(1));
	carry(1, STATS_DOWN);
	ask_for(1, 9);
	ck_assert(is_carried(1));
	ask_for(1, 4);
	ck_assert(!is_carried(1));
}
END_TEST

START_TEST(test_several_without_answers_close_the_way)
{
	for (unsigned i = 1; i <= 3; i++) {
		open_flow(i);
		ask_for(i, 10);
		ck_assert(!is_carried(i));
	}
	ck_assert_uint_eq(stats_get(&stats->demoted), 3);
	open_flow(4);
	ck_assert(!is_carried(4));
	later_ms += 50 * SECOND_MS;
	pass(0, 4, 0);
	ck_assert(!is_carried(4));
	later_ms += 11 * SECOND_MS;
	pass(0, 4, 0);
	ck_assert(is_carried(4));
}
END_TEST

/* Whoever sends what the backend does not answer must not have others lose the kernel's help. */
START_TEST(test_an_answer_in_between_keeps_the_way_open)
{
	for (unsigned i = 1; i <= 10; i++) {
		open_flow(i);
		ask_for(i, 10);
		ck_assert(!is_carried(i));
		open_flow(20 + i);
		carry(20 + i, STATS_UP);
		carry(20 + i, STATS_DOWN);
		next_round();
		ck_assert(is_carried(20 + i));
	}
	ck_assert_uint_eq(stats_get(&stats->demoted), 10);
}
END_TEST

/* The backend answers this client, and user space is the one that passes it on. */
static void answer(int balancer, unsigned client)
{
	struct addr to;
	char byte = 'a';

	client_addr(client, &to);
	ck_assert_int_eq(sendto(backend, &byte, 1, 0, &to.sa, addr_len(&to)), 1);
	while (recv(balancers[balancer], &byte, 1, MSG_DONTWAIT) < 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
}

/* The kernel has seen the client elsewhere, and leaves the answers to user space. */
START_TEST(test_a_flow_whose_answers_come_to_user_space_is_given_again)
{
	open_flow(1);
	carry(1, STATS_UP);
	answer(0, 1);
	next_round();
	ck_assert(!is_carried(1));
	ck_assert_uint_eq(stats_get(&stats->demoted), 0);
	pass(0, 1, 0);
	ck_assert(is_carried(1));
	/* A long one between those that are carried is none of that. */
	for (int i = 0; i < 20; i++) {
		carry(1, STATS_UP);
		carry(1, STATS_DOWN);
		answer(0, 1);
		next_round();
	}
	ck_assert(is_carried(1));
	ck_assert_uint_eq(installs, 2);
}
END_TEST

/* A backend that sends none that the kernel carries costs little, and no answer is missed. */
START_TEST(test_a_flow_whose_answers_are_never_carried_is_tried_less_and_less)
{
	open_flow(1);
	for (int i = 0; i < 300; i++) {
		answer(0, 1);
		next_round();
		if (is_carried(1))
			carry(1, STATS_UP);
		else
			pass(0, 1, 0);
	}
	ck_assert_uint_ge(installs, 5);
	ck_assert_uint_le(installs, 11);
	ck_assert_uint_eq(stats_get(&stats->demoted), 0);
}
END_TEST

static Suite *flow_carry_suite(void)
{
	Suite *suite = suite_create("flow_carry");
	TCase *tcase = tcase_create("flow_carry");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_a_flow_is_given_behind_its_second_datagram);
	tcase_add_test(tcase, test_what_the_kernel_cannot_compare_stays);
	tcase_add_test(tcase, test_a_listener_of_user_space_gives_nothing);
	tcase_add_test(tcase, test_a_flow_moves_with_its_load_balancer);
	tcase_add_test(tcase, test_a_flow_that_moves_and_moves_rests);
	tcase_add_test(tcase, test_a_new_configuration_takes_flows_back);
	tcase_add_test(tcase, test_a_device_that_fails_is_asked_again_later);
	tcase_add_test(tcase, test_a_device_that_is_tested_is_asked_again_at_once);
	tcase_add_test(tcase, test_a_full_kernel_leaves_flows_to_user_space);
	tcase_add_test(tcase, test_what_was_carried_is_counted_once);
	tcase_add_test(tcase, test_a_flow_that_is_busy_in_the_kernel_is_not_idle);
	tcase_add_test(tcase, test_the_flow_idle_longest_makes_room);
	tcase_add_test(tcase, test_room_is_made_where_all_are_busy);
	tcase_add_test(tcase, test_visitors_see_what_was_carried);
	tcase_add_test(tcase, test_flows_are_given_on_with_final_counts);
	tcase_add_test(tcase, test_a_flow_without_an_answer_comes_back);
	tcase_add_test(tcase, test_a_flow_that_asks_nothing_stays);
	tcase_add_test(tcase, test_a_flow_whose_answers_end_comes_back_later);
	tcase_add_test(tcase, test_several_without_answers_close_the_way);
	tcase_add_test(tcase, test_a_flow_whose_answers_come_to_user_space_is_given_again);
	tcase_add_test(tcase, test_a_flow_whose_answers_are_never_carried_is_tried_less_and_less);
	tcase_add_test(tcase, test_an_answer_in_between_keeps_the_way_open);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(flow_carry_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
