/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of udp/refused_clients. */
#include "udp/refused_clients.h"

#include <stdlib.h>

#include <check.h>

#define NOW 1000

static struct flow_key key_of(uint16_t port)
{
	static const struct addr none;
	struct flow_key key;
	struct addr client;

	ck_assert_int_eq(addr_parse(&client, "203.0.113.7:1"), 0);
	addr_set_port(&client, port);
	flow_key_set(&key, &client, &none, FLOW_OF_CLIENT);
	return key;
}

START_TEST(test_a_refusal_holds_for_a_while)
{
	struct refused_clients clients = {.slots = NULL};
	const struct flow_key one = key_of(1);
	const struct flow_key two = key_of(2);

	ck_assert(!refused_clients_has(&clients, &one, NOW));
	refused_clients_add(&clients, &one, NOW);
	ck_assert(refused_clients_has(&clients, &one, NOW));
	ck_assert(refused_clients_has(&clients, &one, NOW + REFUSED_CLIENTS_MS - 1));
	ck_assert(!refused_clients_has(&clients, &one, NOW + REFUSED_CLIENTS_MS));
	ck_assert(!refused_clients_has(&clients, &two, NOW));
	refused_clients_fini(&clients);
	ck_assert(!refused_clients_has(&clients, &one, NOW));
}
END_TEST

/* However many there are, the latest is known, and nobody who was not refused. */
START_TEST(test_the_latest_is_known)
{
	struct refused_clients clients = {.slots = NULL};

	for (unsigned i = 0; i < 20000; i++) {
		const struct flow_key refused = key_of((uint16_t)(2 * i));
		const struct flow_key other = key_of((uint16_t)(2 * i + 1));

		refused_clients_add(&clients, &refused, NOW);
		ck_assert(refused_clients_has(&clients, &refused, NOW));
		ck_assert(!refused_clients_has(&clients, &other, NOW));
	}
	refused_clients_fini(&clients);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("refused_clients");
	TCase *tcase = tcase_create("refused_clients");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_a_refusal_holds_for_a_while);
	tcase_add_test(tcase, test_the_latest_is_known);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
