/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of worker/lineup and worker/visits, with listeners that only count. */
#include "worker/visits.h"

#include <stdlib.h>

#include <check.h>

#include "worker/lineup.h"

#define LISTENERS 3

/* More than one turn's. */
#define SESSIONS 300

struct counting {
	struct listener common;
	size_t sessions;
	size_t next; /* to be visited */
	size_t sockets;
	bool drained;
};

static struct ledger ledgers[LISTENERS];
static struct service services[LISTENERS];
static struct event_base *base;
static struct mailbox done_box;
static struct lineup lineup;
static struct visits visits;
static unsigned freed;
static unsigned begun;
static unsigned visited;
static unsigned done;
static int no_memory;

/* ---- a listener that counts ---- */

static int configure(struct listener *common, const struct listener_setup *setup)
{
	struct counting *counting = (struct counting *)(void *)common;

	if (no_memory > 0 && --no_memory == 0)
		return -1;
	counting->sockets = setup->sockets_count;
	common->service = setup->service;
	return 0;
}

static void drain(struct listener *common)
{
	((struct counting *)(void *)common)->drained = true;
}

static void close_all(struct listener *common, enum close_reason reason)
{
	(void)reason;
	((struct counting *)(void *)common)->sessions = 0;
}

static bool is_idle(const struct listener *common)
{
	return ((const struct counting *)(const void *)common)->sessions == 0;
}

static bool visit(struct listener *common, bool restart, size_t max, listener_visitor visitor,
		  void *arg)
{
	struct counting *counting = (struct counting *)(void *)common;
	const struct listener_view view = {.service = common->service};

	if (restart)
		counting->next = 0;
	for (size_t i = 0; i < max && counting->next < counting->sessions; i++) {
		counting->next++;
		ck_assert_int_eq(visitor(&view, arg), REASON_COUNT);
	}
	return counting->next < counting->sessions;
}

static void free_listener(struct listener *common)
{
	freed++;
	free(common);
}

static const struct listener_kind kind = {
    .configure = configure,
    .drain = drain,
    .close_all = close_all,
    .is_idle = is_idle,
    .visit = visit,
    .free = free_listener,
};

static struct listener *make(struct service *service, void *arg)
{
	struct counting *counting = calloc(1, sizeof(*counting));

	(void)arg;
	ck_assert_ptr_nonnull(counting);
	counting->common.kind = &kind;
	counting->common.service = service;
	counting->sessions = SESSIONS;
	return &counting->common;
}

/* ---- */

static void on_signal(unsigned signal, void *arg)
{
	(void)signal;
	(void)arg;
}

static void set_up(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(mailbox_init(&done_box, base, on_signal, NULL), 0);
	lineup = (struct lineup){0};
	ck_assert_int_eq(visits_init(&visits, base, &lineup, &done_box), 0);
	freed = begun = visited = done = 0;
	no_memory = 0;
	for (size_t i = 0; i < LISTENERS; i++)
		services[i].ledger = &ledgers[i];
}

static void tear_down(void)
{
	visits_fini(&visits);
	lineup_fini(&lineup);
	mailbox_fini(&done_box);
	event_base_free(base);
}

static int apply(size_t first, size_t count)
{
	struct listener_setup setups[LISTENERS] = {{0}};

	for (size_t i = 0; i < count; i++)
		setups[i] =
		    (struct listener_setup){.service = &services[first + i], .sockets_count = 1};
	return lineup_apply(&lineup, setups, count, make, NULL);
}

static struct counting *at(size_t index)
{
	return (struct counting *)(void *)lineup.listeners[index];
}

START_TEST(listeners_are_found_by_their_ledgers)
{
	struct counting *second;

	ck_assert_int_eq(apply(0, 2), 0);
	ck_assert_uint_eq(lineup.count, 2);
	second = at(1);
	ck_assert_int_eq(apply(1, 2), 0);
	ck_assert_uint_eq(lineup.planned, 2);
	ck_assert_ptr_eq(at(0), second);
	/* The first one has sessions, and stays for them without a socket. */
	ck_assert_uint_eq(lineup.count, 3);
	ck_assert(at(2)->drained);
	ck_assert_uint_eq(at(2)->sockets, 0);
	lineup_free_drained(&lineup);
	ck_assert_uint_eq(freed, 0);
	at(2)->sessions = 0;
	lineup_free_drained(&lineup);
	ck_assert_uint_eq(freed, 1);
	ck_assert_uint_eq(lineup.count, 2);
}
END_TEST

START_TEST(one_that_drains_comes_back)
{
	struct counting *first;

	ck_assert_int_eq(apply(0, 1), 0);
	first = at(0);
	ck_assert_int_eq(apply(1, 1), 0);
	ck_assert_int_eq(apply(0, 2), 0);
	ck_assert_ptr_eq(at(0), first);
	ck_assert_uint_eq(first->sockets, 1);
	ck_assert_uint_eq(freed, 0);
}
END_TEST

START_TEST(without_memory_the_same_can_be_tried_again)
{
	ck_assert_int_eq(apply(0, 2), 0);
	no_memory = 2;
	ck_assert_int_eq(apply(1, 2), -1);
	ck_assert_uint_eq(freed, 0);
	ck_assert_int_eq(apply(1, 2), 0);
	ck_assert_uint_eq(lineup.count, 3);
	ck_assert_uint_eq(lineup.planned, 2);
}
END_TEST

/* ---- visits ---- */

static void on_begin(void *arg)
{
	(void)arg;
	begun++;
	visited = 0;
}

static enum close_reason on_visit(const struct listener_view *view, void *arg)
{
	(void)view;
	(void)arg;
	visited++;
	return REASON_COUNT;
}

static void on_done(struct mail *mail, void *arg)
{
	(void)mail;
	(void)arg;
	done++;
}

static void pass(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
}

static struct visit new_visit(void)
{
	return (struct visit){.done = on_done, .begin = on_begin, .visitor = on_visit};
}

START_TEST(a_round_visits_all_a_few_at_a_time)
{
	struct visit visit = new_visit();
	unsigned before = 0;

	ck_assert_int_eq(apply(0, LISTENERS), 0);
	visits_add(&visits, &visit);
	while (done == 0) {
		pass();
		ck_assert_uint_le(visited - before, 128);
		before = visited;
	}
	ck_assert_uint_eq(visited, LISTENERS * SESSIONS);
	ck_assert_uint_eq(begun, 1);
}
END_TEST

START_TEST(rounds_wait_for_each_other)
{
	struct visit first = new_visit();
	struct visit second = new_visit();
	unsigned before = 0;

	ck_assert_int_eq(apply(0, LISTENERS), 0);
	visits_add(&visits, &first);
	visits_add(&visits, &second);
	while (begun < 2) {
		before = visited;
		pass();
	}
	ck_assert_uint_ge(before, LISTENERS * SESSIONS - 128);
	while (done < 2)
		pass();
	ck_assert_uint_eq(visited, LISTENERS * SESSIONS);
}
END_TEST

/* Listeners may have changed their places, so that one would be left out. */
START_TEST(a_round_begins_anew_when_listeners_change)
{
	struct visit visit = new_visit();

	ck_assert_int_eq(apply(0, LISTENERS), 0);
	visits_add(&visits, &visit);
	while (visited < SESSIONS)
		pass();
	ck_assert_int_eq(apply(1, 1), 0);
	while (done == 0)
		pass();
	ck_assert_uint_eq(begun, 2);
	ck_assert_uint_eq(visited, LISTENERS * SESSIONS);
}
END_TEST

START_TEST(without_listeners_a_round_is_over_at_once)
{
	struct visit visit = new_visit();

	visits_add(&visits, &visit);
	while (done == 0)
		pass();
	ck_assert_uint_eq(visited, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("visits");
	TCase *tcase = tcase_create("lineup");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, listeners_are_found_by_their_ledgers);
	tcase_add_test(tcase, one_that_drains_comes_back);
	tcase_add_test(tcase, without_memory_the_same_can_be_tried_again);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("visits");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_round_visits_all_a_few_at_a_time);
	tcase_add_test(tcase, rounds_wait_for_each_other);
	tcase_add_test(tcase, a_round_begins_anew_when_listeners_change);
	tcase_add_test(tcase, without_listeners_a_round_is_over_at_once);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
