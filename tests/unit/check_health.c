/* SPDX-License-Identifier: BSD-2-Clause */
/* Health ports across reloads, and without memory. */
#include "daemon/health.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "../net/harness.h"
#include "../net/peer.h"
#include "../net/tcp_table.h"

#define GET "GET / HTTP/1.1\r\n\r\n"

/* Allocations, libevent's as well, that succeed until one fails; negative: all do. */
static int allocations_left = -1;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool fails(void)
{
	if (allocations_left < 0 || allocations_left-- > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

static void *event_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

static void *event_realloc(void *old, size_t size)
{
	return fails() ? NULL : realloc(old, size);
}

static struct event_base *base;
static struct health *health;

/* Look again and again, with the loop going on meanwhile. */
#define LOOP_UNTIL(condition) HARNESS_AWAIT((event_base_loop(base, EVLOOP_NONBLOCK), (condition)))

/* A configuration with a listener for each pair of health port and target port on 127.0.0.1. */
struct pair {
	unsigned health;
	unsigned target;
};

static struct conf *make_conf(const struct pair *pairs, size_t count)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf;
	char text[2048];
	size_t len = (size_t)snprintf(text, sizeof(text), "listeners = (");

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len,
		    "%s{ name = \"t%zu\"; listen = \"127.0.0.1:%zu\"; health = { listen = "
		    "\"127.0.0.1:%u\"; }; targets = { ipv4 = \"127.0.0.1:%u\"; }; }",
		    i == 0 ? "" : ",", i, 7000 + i, pairs[i].health, pairs[i].target);
	snprintf(text + len, sizeof(text) - len, ");\n");
	conf = conf_load(harness_write("t.conf", text), errors);
	ck_assert_ptr_nonnull(conf);
	conf_errors_free(errors);
	return conf;
}

static void apply(const struct pair *pairs, size_t count)
{
	struct conf *conf = make_conf(pairs, count);

	ck_assert_int_eq(health_prepare(health, conf), 0);
	health_commit(health, conf);
	conf_unref(conf);
}

static bool is_open(unsigned port)
{
	return tcp_table_count((uint16_t)port, TCP_TABLE_LISTEN) > 0;
}

static int connect_to(unsigned port)
{
	char text[32];

	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	return peer_connect(NULL, text);
}

/* Finish the request and see what status it gets. */
static void expect_status(int fd, const char *request, const char *status)
{
	char answer[13] = "";

	peer_send_text(fd, request);
	LOOP_UNTIL(peer_is_readable(fd));
	ck_assert_int_eq(peer_receive(fd, answer, 12), 12);
	ck_assert_str_eq(answer + 9, status);
	peer_close(fd);
}

static void set_up(void)
{
	base = event_base_new();
	health = health_new(base);
	ck_assert_ptr_nonnull(health);
}

static void tear_down(void)
{
	health_free(health);
	event_base_free(base);
}

/* ---- reloads ---- */

START_TEST(a_reload_adds_and_removes_ports)
{
	set_up();
	peer_listen(BACKEND_V4);
	apply((struct pair[]){{8081, 8000}}, 1);
	LOOP_UNTIL(is_open(8081));
	apply((struct pair[]){{8081, 8000}, {8082, 8000}}, 2);
	LOOP_UNTIL(is_open(8081) && is_open(8082));
	expect_status(connect_to(8082), GET, "200");
	apply((struct pair[]){{8082, 8000}}, 1);
	LOOP_UNTIL(!is_open(8081));
	expect_status(connect_to(8082), GET, "200");
	/* None is a configuration as well, and its address can be had at once. */
	apply((struct pair[]){{8083, 8000}}, 1);
	peer_close(peer_listen("127.0.0.1:8082"));
	tear_down();
	ck_assert(!is_open(8083));
}
END_TEST

START_TEST(a_port_that_stays_keeps_its_connections)
{
	int kept;
	int gone;

	set_up();
	peer_listen(BACKEND_V4);
	apply((struct pair[]){{8081, 8000}, {8082, 8000}}, 2);
	LOOP_UNTIL(is_open(8081) && is_open(8082));
	kept = connect_to(8081);
	gone = connect_to(8082);
	peer_send_text(kept, "GET / HTTP/1.1\r\n");
	peer_send_text(gone, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 20; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		harness_sleep_ms(5);
	}
	/* With another listener, which makes no difference. */
	apply((struct pair[]){{8083, 8000}, {8081, 8000}}, 2);
	peer_expect_closed(gone);
	expect_status(kept, "\r\n", "200");
	tear_down();
}
END_TEST

/* Nobody asks, and yet the port follows its new target. */
START_TEST(another_target_is_asked_anew)
{
	set_up();
	peer_listen(BACKEND_V4);
	apply((struct pair[]){{8081, 8000}}, 1);
	LOOP_UNTIL(is_open(8081));
	apply((struct pair[]){{8081, 8001}}, 1);
	LOOP_UNTIL(!is_open(8081));
	apply((struct pair[]){{8081, 8000}}, 1);
	LOOP_UNTIL(is_open(8081));
	tear_down();
}
END_TEST

START_TEST(a_reload_that_fails_changes_nothing)
{
	struct conf *conf = NULL;
	int taken = peer_listen("127.0.0.1:8084");

	set_up();
	peer_listen(BACKEND_V4);
	apply((struct pair[]){{8081, 8000}, {8082, 8000}}, 2);
	LOOP_UNTIL(is_open(8081) && is_open(8082));
	conf = make_conf((struct pair[]){{8081, 8001}, {8083, 8000}, {8084, 8000}}, 3);
	ck_assert_int_lt(health_prepare(health, conf), 0);
	conf_unref(conf);
	expect_status(connect_to(8081), GET, "200");
	expect_status(connect_to(8082), GET, "200");
	/* What had been bound is free. */
	peer_close(peer_listen("127.0.0.1:8083"));
	/* And later it works. */
	peer_close(taken);
	apply((struct pair[]){{8081, 8000}, {8083, 8000}, {8084, 8000}}, 3);
	LOOP_UNTIL(is_open(8081) && is_open(8083) && is_open(8084) && !is_open(8082));
	tear_down();
}
END_TEST

START_TEST(what_was_prepared_may_be_taken_back)
{
	struct conf *conf;

	set_up();
	peer_listen(BACKEND_V4);
	apply((struct pair[]){{8081, 8000}}, 1);
	LOOP_UNTIL(is_open(8081));
	conf = make_conf((struct pair[]){{8082, 8000}}, 1);
	ck_assert_int_eq(health_prepare(health, conf), 0);
	health_undo(health);
	conf_unref(conf);
	peer_close(peer_listen("127.0.0.1:8082"));
	apply((struct pair[]){{8081, 8000}, {8083, 8000}}, 2);
	LOOP_UNTIL(is_open(8081) && is_open(8083));
	ck_assert(!is_open(8082));
	conf = make_conf((struct pair[]){{8082, 8000}}, 1);
	ck_assert_int_eq(health_prepare(health, conf), 0);
	tear_down();
	conf_unref(conf);
}
END_TEST

/* As behind a predecessor that stops. */
START_TEST(an_address_in_use_may_be_waited_for)
{
	int taken = peer_listen("127.0.0.1:8081");

	set_up();
	health_wait_for_addresses(health);
	peer_listen(BACKEND_V4);
	apply((struct pair[]){{8081, 8000}, {8082, 8000}}, 2);
	LOOP_UNTIL(is_open(8082));
	for (int i = 0; i < 100; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		harness_sleep_ms(5);
	}
	peer_assert_no_connection(taken);
	peer_close(taken);
	LOOP_UNTIL(is_open(8081));
	expect_status(connect_to(8081), GET, "200");
	/* One that never gets its address goes as well. */
	peer_listen("127.0.0.1:8083");
	apply((struct pair[]){{8083, 8000}}, 1);
	apply((struct pair[]){{8081, 8000}}, 1);
	LOOP_UNTIL(is_open(8081));
	tear_down();
}
END_TEST

/* ---- memory ---- */

/* Whichever allocation fails, what fails says so, and it works when tried again. */
START_TEST(without_memory_nothing_is_half_done)
{
	struct conf *conf = make_conf((struct pair[]){{8081, 8000}, {8082, 8000}}, 2);
	int failures = 0;

	base = event_base_new();
	peer_listen(BACKEND_V4);
	for (int fail_at = 0;; fail_at++) {
		bool failed;

		allocations_left = fail_at;
		health = health_new(base);
		failed = health == NULL || health_prepare(health, conf) < 0;
		/* It was not reached: there are no more. */
		if (allocations_left >= 0)
			break;
		ck_assert(failed);
		failures++;
		health_free(health);
	}
	allocations_left = -1;
	ck_assert_int_ge(failures, 6);
	health_commit(health, conf);
	conf_unref(conf);
	LOOP_UNTIL(is_open(8081) && is_open(8082));
	tear_down();
}
END_TEST

/* Memory of its own, or for its event. */
START_TEST(without_memory_for_a_connection_it_is_reset)
{
	int fd;

	set_up();
	peer_listen(BACKEND_V4);
	apply((struct pair[]){{8081, 8000}}, 1);
	LOOP_UNTIL(is_open(8081));
	fd = connect_to(8081);
	allocations_left = _i;
	LOOP_UNTIL(allocations_left < 0);
	peer_expect_reset(fd);
	expect_status(connect_to(8081), GET, "200");
	tear_down();
}
END_TEST

START_TEST(without_memory_for_accepting_it_is_tried_again)
{
	struct conf *conf = make_conf((struct pair[]){{8081, 8000}}, 1);

	set_up();
	peer_listen(BACKEND_V4);
	ck_assert_int_eq(health_prepare(health, conf), 0);
	allocations_left = 0;
	health_commit(health, conf);
	ck_assert_int_lt(allocations_left, 0);
	conf_unref(conf);
	LOOP_UNTIL(is_open(8081));
	expect_status(connect_to(8081), GET, "200");
	tear_down();
}
END_TEST

static Suite *health_suite(void)
{
	Suite *suite = suite_create("health");
	TCase *reloads = harness_case(suite, "reloads", 30);
	TCase *memory = harness_case(suite, "memory", 30);

	tcase_add_test(reloads, a_reload_adds_and_removes_ports);
	tcase_add_test(reloads, a_port_that_stays_keeps_its_connections);
	tcase_add_test(reloads, another_target_is_asked_anew);
	tcase_add_test(reloads, a_reload_that_fails_changes_nothing);
	tcase_add_test(reloads, what_was_prepared_may_be_taken_back);
	tcase_add_test(memory, without_memory_nothing_is_half_done);
	tcase_add_test(reloads, an_address_in_use_may_be_waited_for);
	tcase_add_loop_test(memory, without_memory_for_a_connection_it_is_reset, 0, 2);
	tcase_add_test(memory, without_memory_for_accepting_it_is_tried_again);
	return suite;
}

int main(void)
{
	event_set_mem_functions(event_malloc, event_realloc, free);
	return harness_run(health_suite());
}
