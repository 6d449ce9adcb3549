/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/route and service/service. */
#include "service/route.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

static struct conf conf;
static struct conf_listener listener;
static struct addr listen_addr;
static struct ledger ledger;
static struct service service;
static struct proxy_header header;
static struct route route;

static struct addr parsed(const char *text)
{
	struct addr addr;

	ck_assert_msg(addr_parse(&addr, text) == 0, "%s", text);
	return addr;
}

static struct netset *set_of(const char *cidr)
{
	struct netset *set = netset_new();

	ck_assert_ptr_nonnull(set);
	ck_assert_int_eq(netset_add(set, cidr), 0);
	netset_seal(set);
	return set;
}

static void set_up(void)
{
	memset(&conf, 0, sizeof(conf));
	memset(&listener, 0, sizeof(listener));
	memset(&service, 0, sizeof(service));
	memset(&ledger, 0, sizeof(ledger));
	service.refs = 1;
	service.ledger = &ledger;
	listen_addr = parsed("127.0.0.1:7000");
	listener.listen = &listen_addr;
	listener.listen_count = 1;
	listener.target_ipv4 = parsed("127.0.0.1:8000");
	listener.target_ipv6 = parsed("[::1]:8000");
	conf.listeners = &listener;
	conf.listeners_count = 1;
	service.snapshot = &conf;
	service.conf = &listener;
	service.routes = route_lookup_new();
	ck_assert_ptr_nonnull(service.routes);
}

static void tear_down(void)
{
	netset_free(listener.allowed_clients);
	netset_free(listener.denied_clients);
	netset_free(listener.allowed_destinations);
	route_lookup_free(service.routes);
	pseudo_ipv4_table_free(service.pseudo_ipv4);
}

static enum close_reason find(const char *peer_text, const char *src, const char *dst)
{
	struct addr peer = parsed(peer_text);

	memset(&header, 0, sizeof(header));
	header.version = 2;
	header.command = PROXY_COMMAND_PROXY;
	header.src = parsed(src);
	header.dst = parsed(dst);
	header.family =
	    addr_family(&header.src) == AF_INET ? PROXY_FAMILY_INET : PROXY_FAMILY_INET6;
	return route_find(&service, &peer, &header, &route);
}

static enum close_reason find_unnamed(const char *peer_text, enum proxy_command command)
{
	struct addr peer = parsed(peer_text);

	memset(&header, 0, sizeof(header));
	header.version = 2;
	header.command = command;
	header.family = PROXY_FAMILY_UNKNOWN;
	return route_find(&service, &peer, &header, &route);
}

static void assert_route(const char *source, const char *target)
{
	char text[ADDR_STRLEN];

	ck_assert_str_eq(addr_format(&route.source, text), source);
	ck_assert_str_eq(addr_format(&route.target, text), target);
}

START_TEST(test_family_of_the_client_picks_the_target)
{
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:40000", "10.0.0.2:443"), REASON_DONE);
	assert_route("203.0.113.7:40000", "127.0.0.1:8000");
	ck_assert_int_eq(find("10.0.0.1:5", "[2001:db8::7]:40000", "[2001:db8::2]:443"),
			 REASON_DONE);
	assert_route("[2001:db8::7]:40000", "[::1]:8000");
}
END_TEST

START_TEST(test_no_target_of_the_family)
{
	memset(&listener.target_ipv6, 0, sizeof(listener.target_ipv6));
	ck_assert_int_eq(find("10.0.0.1:5", "[2001:db8::7]:40000", "[2001:db8::2]:443"),
			 REASON_NO_TARGET);
}
END_TEST

START_TEST(test_ipv6_clients_without_a_target)
{
	static const uint64_t key[2] = {1, 2};
	struct addr client = parsed("[2001:db8::7]:40000");
	struct pseudo_ipv4 *pseudo;
	struct pseudo_ipv4 *held;
	char text[ADDR_STRLEN];
	struct addr source;

	memset(&listener.target_ipv6, 0, sizeof(listener.target_ipv6));
	listener.ipv6_clients = CONF_IPV6_PLAIN;
	ck_assert_int_eq(find("10.0.0.1:5", "[2001:db8::7]:40000", "[2001:db8::2]:443"),
			 REASON_DONE);
	assert_route("-", "127.0.0.1:8000");
	ck_assert(addr_equal(&route.client, &client));
	ck_assert_int_eq(route_enter(&service, &route, &pseudo), REASON_DONE);
	ck_assert_ptr_null(pseudo);
	source = route_source(&route.client, &route.target, pseudo);
	ck_assert(!addr_is_set(&source));

	listener.ipv6_clients = CONF_IPV6_PSEUDO_IPV4;
	service.pseudo_ipv4 = pseudo_ipv4_table_new(key);
	source = pseudo_ipv4_of(service.pseudo_ipv4, &client);
	ck_assert_int_eq(find("10.0.0.1:5", "[2001:db8::7]:40000", "[2001:db8::2]:443"),
			 REASON_DONE);
	assert_route(addr_format(&source, text), "127.0.0.1:8000");
	ck_assert(addr_equal(&route.client, &client));
	ck_assert_int_eq(route_enter(&service, &route, &held), REASON_DONE);
	ck_assert_ptr_nonnull(held);
	source = route_source(&route.client, &route.target, held);
	ck_assert(addr_equal(&source, &route.source));
	/* A client of IPv4 that has the very address. */
	ck_assert_int_eq(find("10.0.0.1:5", text, "10.0.0.2:443"), REASON_DONE);
	ck_assert_int_eq(route_enter(&service, &route, &pseudo), REASON_SOURCE_CONFLICT);
	ck_assert_ptr_null(pseudo);
	pseudo_ipv4_leave(held);
	ck_assert_int_eq(route_enter(&service, &route, &pseudo), REASON_DONE);
	pseudo_ipv4_leave(pseudo);
	/* Others need no entry; neither does who names nobody. */
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "10.0.0.2:443"), REASON_DONE);
	assert_route("203.0.113.7:1", "127.0.0.1:8000");
	ck_assert_int_eq(route_enter(&service, &route, &pseudo), REASON_DONE);
	ck_assert_ptr_null(pseudo);
	source = route_source(&route.client, &route.target, pseudo);
	ck_assert(addr_equal(&source, &route.source));
	ck_assert_int_eq(find_unnamed("[2001:db8::1]:5", PROXY_COMMAND_LOCAL), REASON_DONE);
	assert_route("-", "127.0.0.1:8000");
	/* Lists look at the client, and a loopback address is believed of nobody else. */
	listener.denied_clients = set_of("2001:db8::/64");
	ck_assert_int_eq(find("10.0.0.1:5", "[2001:db8::7]:40000", "[2001:db8::2]:443"),
			 REASON_CLIENT_DENIED);
	ck_assert_int_eq(find("10.0.0.1:5", "[::1]:1", "[::2]:443"), REASON_SOURCE_INVALID);
	/* Without a target there is no way at all. */
	memset(&listener.target_ipv4, 0, sizeof(listener.target_ipv4));
	ck_assert_int_eq(find("10.0.0.1:5", "[2001:db9::7]:1", "[2001:db8::2]:443"),
			 REASON_NO_TARGET);
}
END_TEST

START_TEST(test_own_address_takes_any_target)
{
	ck_assert_int_eq(find_unnamed("10.0.0.1:5", PROXY_COMMAND_LOCAL), REASON_DONE);
	assert_route("-", "127.0.0.1:8000");
	ck_assert_int_eq(find_unnamed("[2001:db8::1]:5", PROXY_COMMAND_PROXY), REASON_DONE);
	assert_route("-", "[::1]:8000");
	memset(&listener.target_ipv4, 0, sizeof(listener.target_ipv4));
	ck_assert_int_eq(find_unnamed("10.0.0.1:5", PROXY_COMMAND_LOCAL), REASON_DONE);
	assert_route("-", "[::1]:8000");
}
END_TEST

START_TEST(test_headerless_peer_is_the_client)
{
	struct addr peer = parsed("198.51.100.1:5");

	ck_assert_int_eq(route_find(&service, &peer, NULL, &route), REASON_DONE);
	assert_route("198.51.100.1:5", "127.0.0.1:8000");
}
END_TEST

START_TEST(test_martian_sources)
{
	static const char *const sources[] = {"0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1"};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		ck_assert_int_eq(find("127.0.0.1:5", sources[i], "10.0.0.2:443"),
				 REASON_SOURCE_INVALID);
	ck_assert_int_eq(find("[::1]:5", "[::]:1", "[::2]:443"), REASON_SOURCE_INVALID);
	ck_assert_int_eq(find("[::1]:5", "[ff02::1]:1", "[::2]:443"), REASON_SOURCE_INVALID);
}
END_TEST

START_TEST(test_loopback_source_needs_a_loopback_peer)
{
	ck_assert_int_eq(find("10.0.0.1:5", "127.0.0.9:1", "10.0.0.2:443"), REASON_SOURCE_INVALID);
	ck_assert_int_eq(find("10.0.0.1:5", "[::1]:1", "[::2]:443"), REASON_SOURCE_INVALID);
	ck_assert_int_eq(find("127.0.0.1:5", "127.0.0.9:1", "10.0.0.2:443"), REASON_DONE);
	ck_assert_int_eq(find("[::1]:5", "127.0.0.9:1", "10.0.0.2:443"), REASON_DONE);
}
END_TEST

START_TEST(test_source_that_is_the_target)
{
	ck_assert_int_eq(find("127.0.0.1:5", "127.0.0.1:8000", "10.0.0.2:443"),
			 REASON_SOURCE_INVALID);
}
END_TEST

START_TEST(test_client_lists)
{
	listener.allowed_clients = set_of("203.0.113.0/24");
	listener.denied_clients = set_of("203.0.113.7");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.8:1", "10.0.0.2:443"), REASON_DONE);
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "10.0.0.2:443"), REASON_CLIENT_DENIED);
	ck_assert_int_eq(find("10.0.0.1:5", "198.51.100.1:1", "10.0.0.2:443"),
			 REASON_CLIENT_DENIED);
	/* Whoever is unknown is the peer; LOCAL is the balancer itself. */
	ck_assert_int_eq(find_unnamed("10.0.0.1:5", PROXY_COMMAND_PROXY), REASON_CLIENT_DENIED);
	ck_assert_int_eq(find_unnamed("203.0.113.8:5", PROXY_COMMAND_PROXY), REASON_DONE);
	ck_assert_int_eq(find_unnamed("10.0.0.1:5", PROXY_COMMAND_LOCAL), REASON_DONE);
}
END_TEST

static void deny(const char *text)
{
	char answer[DENY_LIST_ANSWER_LEN];
	struct network network;

	ck_assert_int_eq(network_parse(&network, text), 0);
	ck_assert_int_eq(deny_list_add(service.denied, &network, 0, 0, answer), DENY_LIST_DONE);
}

START_TEST(test_live_deny_list)
{
	struct deny_list_row row;
	struct addr peer = parsed("10.0.0.1:5");
	char text[ADDR_STRLEN];

	service.denied = deny_list_new();
	ck_assert_ptr_nonnull(service.denied);
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "10.0.0.2:443"), REASON_DONE);
	deny("203.0.113.0/24");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "10.0.0.2:443"), REASON_CLIENT_DENIED);
	/* The log names whom. */
	ck_assert_str_eq(addr_format(&route.client, text), "203.0.113.7:1");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.112.7:1", "10.0.0.2:443"), REASON_DONE);
	deny_list_row(service.denied, 0, 0, &row);
	ck_assert_uint_eq(row.hits, 1);
	/* The peer is not the client: neither of those whom it speaks for, nor of nobody. */
	deny("10.0.0.0/8");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.112.7:1", "10.0.0.2:443"), REASON_DONE);
	ck_assert_int_eq(find_unnamed("10.0.0.1:5", PROXY_COMMAND_PROXY), REASON_DONE);
	ck_assert_int_eq(find_unnamed("10.0.0.1:5", PROXY_COMMAND_LOCAL), REASON_DONE);
	/* But where it sends no header it is. */
	ck_assert_int_eq(route_find(&service, &peer, NULL, &route), REASON_CLIENT_DENIED);
	peer = parsed("192.0.2.1:5");
	ck_assert_int_eq(route_find(&service, &peer, NULL, &route), REASON_DONE);
	/* A list of clients that may does not let one in that is denied. */
	listener.allowed_clients = set_of("203.0.113.0/24");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "10.0.0.2:443"), REASON_CLIENT_DENIED);
	deny_list_free(service.denied);
	service.denied = NULL;
}
END_TEST

START_TEST(test_dynamic_destination)
{
	listener.dynamic_destination = true;
	listener.allowed_destinations = set_of("10.0.0.0/8");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "10.0.0.2:443"), REASON_DONE);
	assert_route("203.0.113.7:1", "10.0.0.2:443");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "11.0.0.2:443"),
			 REASON_DESTINATION_DENIED);
	assert_route("-", "11.0.0.2:443");
	ck_assert_uint_eq(addr_port(&route.client), 1);
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "10.0.0.2:0"),
			 REASON_DESTINATION_DENIED);
	/* An address of some interface, but a header does not say which. */
	netset_free(listener.allowed_destinations);
	listener.allowed_destinations = set_of("::/0");
	ck_assert_int_eq(find("10.0.0.1:5", "[2001:db8::7]:1", "[fe80::1]:443"),
			 REASON_DESTINATION_DENIED);
	ck_assert_int_eq(find("10.0.0.1:5", "[2001:db8::7]:1", "[2001:db8::1]:443"), REASON_DONE);
	/* Without a destination the targets serve. */
	ck_assert_int_eq(find_unnamed("10.0.0.1:5", PROXY_COMMAND_LOCAL), REASON_DONE);
	assert_route("-", "127.0.0.1:8000");
}
END_TEST

START_TEST(test_own_listener_is_no_destination)
{
	listener.dynamic_destination = true;
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.1:7000"),
			 REASON_DESTINATION_DENIED);
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.1:7001"), REASON_DONE);
	listen_addr = parsed("0.0.0.0:7000");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.5:7000"),
			 REASON_DESTINATION_DENIED);
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "198.51.100.77:7000"), REASON_DONE);
	listen_addr = parsed("[::]:7000");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.5:7000"),
			 REASON_DESTINATION_DENIED);
}
END_TEST

START_TEST(test_own_listener_is_of_the_same_protocol)
{
	listener.dynamic_destination = true;
	listener.protocol = CONF_PROTOCOL_UDP;
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.1:7000"),
			 REASON_DESTINATION_DENIED);
	service.conf = &(struct conf_listener){.dynamic_destination = true};
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.1:7000"), REASON_DONE);
}
END_TEST

/* [::] leaves IPv4 alone where another listener has the port there. */
START_TEST(test_a_port_that_an_ipv4_listener_has)
{
	struct addr both[] = {parsed("[::]:7000"), parsed("127.0.0.1:7000")};

	listener.dynamic_destination = true;
	listener.listen = both;
	listener.listen_count = 2;
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.1:7000"),
			 REASON_DESTINATION_DENIED);
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.5:7000"), REASON_DONE);
	listener.listen_count = 1;
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "127.0.0.5:7000"),
			 REASON_DESTINATION_DENIED);
}
END_TEST

/* Without an answer a loop is the worse mistake. */
START_TEST(test_destinations_when_routes_cannot_be_asked_for)
{
	route_lookup_free(service.routes);
	service.routes = NULL;
	listener.dynamic_destination = true;
	listen_addr = parsed("0.0.0.0:7000");
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "198.51.100.77:7000"),
			 REASON_DESTINATION_DENIED);
	ck_assert_int_eq(find("10.0.0.1:5", "203.0.113.7:1", "198.51.100.77:7001"), REASON_DONE);
}
END_TEST

START_TEST(test_connection_limit)
{
	listener.max_connections = 2;
	ck_assert(service_admit(&service));
	ck_assert(service_admit(&service));
	ck_assert(!service_admit(&service));
	service_leave(&service);
	ck_assert(service_admit(&service));
	listener.max_connections = 0;
	ck_assert(service_admit(&service));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route");
	TCase *tcase = tcase_create("route");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_family_of_the_client_picks_the_target);
	tcase_add_test(tcase, test_no_target_of_the_family);
	tcase_add_test(tcase, test_ipv6_clients_without_a_target);
	tcase_add_test(tcase, test_own_address_takes_any_target);
	tcase_add_test(tcase, test_headerless_peer_is_the_client);
	tcase_add_test(tcase, test_martian_sources);
	tcase_add_test(tcase, test_loopback_source_needs_a_loopback_peer);
	tcase_add_test(tcase, test_source_that_is_the_target);
	tcase_add_test(tcase, test_client_lists);
	tcase_add_test(tcase, test_live_deny_list);
	tcase_add_test(tcase, test_dynamic_destination);
	tcase_add_test(tcase, test_own_listener_is_no_destination);
	tcase_add_test(tcase, test_own_listener_is_of_the_same_protocol);
	tcase_add_test(tcase, test_a_port_that_an_ipv4_listener_has);
	tcase_add_test(tcase, test_destinations_when_routes_cannot_be_asked_for);
	tcase_add_test(tcase, test_connection_limit);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
