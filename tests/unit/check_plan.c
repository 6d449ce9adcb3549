/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of daemon/plan: the numbers of a listener's sockets, whatever is reloaded. */
#include "daemon/plan.h"

#include <stdlib.h>

#include <check.h>

#include "check_conf.h"

/* More than there are generations. */
#define RELOADS (LISTENER_GENERATIONS + 100)

static const char *const texts[] = {
    "listeners = ({ name = \"t\"; listen = [ \"127.0.0.1:1001\", \"127.0.0.1:1002\" ];"
    "  targets = { ipv4 = \"127.0.0.1:9\"; }; });",
    "listeners = ({ name = \"t\"; listen = [ \"127.0.0.1:1002\", \"127.0.0.1:1003\" ];"
    "  targets = { ipv4 = \"127.0.0.1:9\"; }; });",
    "listeners = ({ name = \"t\"; listen = [ \"127.0.0.1:1002\" ];"
    "  targets = { ipv4 = \"127.0.0.1:9\"; }; });",
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static struct conf *confs[TEXTS];
static struct listen_room room;
static struct roster roster;
static struct deny_list *denied;

/* As listen_open() does it, without sockets. */
static void open_address(const struct addr *addr)
{
	struct listen_address *address;

	if (listen_find(&room, CONF_PROTOCOL_TCP, addr) != NULL)
		return;
	address = calloc(1, sizeof(*address) + sizeof(address->fds[0]));
	ck_assert_ptr_nonnull(address);
	address->key.addr = *addr;
	address->key.protocol = CONF_PROTOCOL_TCP;
	address->fds[0] = -1;
	HASH_ADD(hh, room.addresses, key, sizeof(address->key), address);
}

/* What a reload does, but for the workers; the plan is the caller's. */
static struct plan *reload_with(struct conf *conf)
{
	struct plan *plan;

	for (size_t i = 0; i < conf->listeners[0].listen_count; i++)
		open_address(&conf->listeners[0].listen[i]);
	ck_assert_int_eq(roster_prepare(&roster, conf), 0);
	roster_commit(&roster, conf);
	listen_commit(&room, conf, 1);
	plan = plan_new(&room, &roster);
	ck_assert_ptr_nonnull(plan);
	return plan;
}

static void set_up(void)
{
	conf_dir_setup();
	for (size_t i = 0; i < TEXTS; i++)
		confs[i] = conf_text_good(texts[i]);
	listen_init(&room, 1);
	denied = deny_list_new();
	ck_assert_ptr_nonnull(denied);
	roster_init(&roster, 1, denied);
}

static void tear_down(void)
{
	listen_fini(&room);
	roster_fini(&roster);
	deny_list_free(denied);
	for (size_t i = 0; i < TEXTS; i++)
		conf_unref(confs[i]);
	conf_dir_teardown();
}

/* The socket of a port in a plan, or NULL. */
static const struct listener_socket *socket_of(const struct plan *plan, uint16_t port)
{
	const struct listener_setup *setup = &plan->parts[0].plan.setups[0];

	ck_assert_uint_eq(plan->parts[0].plan.setups_count, 1);
	for (size_t i = 0; i < setup->sockets_count; i++)
		if (addr_port(&setup->sockets[i].addr) == port)
			return &setup->sockets[i];
	return NULL;
}

/* A worker has a table of places: it must not grow for as long as there are reloads. */
START_TEST(places_of_addresses_that_went_are_given_again)
{
	for (unsigned i = 0; i < RELOADS; i++) {
		struct plan *plan = reload_with(confs[i % TEXTS]);
		const struct listener_setup *setup = &plan->parts[0].plan.setups[0];

		ck_assert_uint_ge(setup->sockets_count, 1);
		for (size_t j = 0; j < setup->sockets_count; j++) {
			ck_assert_uint_lt(listener_place(setup->sockets[j].number), 2);
			if (j > 0)
				ck_assert_uint_gt(listener_place(setup->sockets[j].number),
						  listener_place(setup->sockets[j - 1].number));
		}
		plan_free(plan);
		listen_close_unwanted(&room);
	}
}
END_TEST

/* An address that stays keeps its number, and one that comes has none that another had before. */
START_TEST(a_place_that_is_given_again_has_another_number)
{
	uint32_t former = UINT32_MAX;
	uint32_t staying = 0;

	for (unsigned i = 0; i < 30; i++) {
		struct plan *plan = reload_with(confs[i % TEXTS]);
		const struct listener_socket *stays = socket_of(plan, 1002);
		const struct listener_socket *comes = socket_of(plan, 1001);

		if (comes == NULL)
			comes = socket_of(plan, 1003);
		ck_assert_ptr_nonnull(stays);
		if (i > 0)
			ck_assert_uint_eq(stays->number, staying);
		staying = stays->number;
		if (comes != NULL) {
			ck_assert_uint_ne(comes->number, former);
			former = comes->number;
		}
		plan_free(plan);
		listen_close_unwanted(&room);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *numbers = tcase_create("numbers");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(numbers, set_up, tear_down);
	tcase_set_timeout(numbers, 60);
	tcase_add_test(numbers, places_of_addresses_that_went_are_given_again);
	tcase_add_test(numbers, a_place_that_is_given_again_has_another_number);
	suite_add_tcase(suite, numbers);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
