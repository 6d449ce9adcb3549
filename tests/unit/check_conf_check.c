/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of what a configuration is checked for as a whole. */
#include "conf/conf.h"

#include "config.h"
#include "fastpath/fastpath.h"

#include "check_conf.h"

/* A listener's keys that every small file here has. */
#define LISTEN	"listen = \"127.0.0.1:7000\"; "
#define TARGETS "targets = { ipv4 = \"127.0.0.1:9000\"; }; "
#define BASICS	LISTEN TARGETS

static void assert_set(const struct netset *set, const char *expected)
{
	ck_assert_ptr_nonnull(set);
	ck_assert_uint_eq(netset_count(set), 1);
	ck_assert_str_eq(netset_text(set, 0), expected);
}

START_TEST(test_listening_addresses_do_not_overlap)
{
	struct conf *conf;

	conf_text_bad("listeners = ( { " TARGETS "listen = [ \"127.0.0.1:7000\",\n"
		      "\"127.0.0.1:7000\" ]; } );",
		      "t.conf:2: listeners[0].listen[1]: 127.0.0.1:7000 is listened on already "
		      "(t.conf:1)\n");
	conf_text_bad(
	    "listeners = ( { " BASICS "},\n"
	    "{ " TARGETS "listen = \"0.0.0.0:6000-8000\"; },\n"
	    "{ " TARGETS "listen = \"[2001:db8::1]:53\"; },\n"
	    "{ " TARGETS "listen = \"[::]:53\"; } );",
	    "t.conf:2: listeners[1].listen: 0.0.0.0:7000 overlaps 127.0.0.1:7000, which is "
	    "listened on already (t.conf:1)\n"
	    "t.conf:4: listeners[3].listen: [::]:53 overlaps [2001:db8::1]:53, which is "
	    "listened on already (t.conf:3)\n");
	/* Both families on one port, and one port on two addresses, are fine. */
	conf = conf_text_good("listeners = ( { " TARGETS "listen = [ \"0.0.0.0:7000\", "
			      "\"[::]:7000\", \"127.0.0.1:7001\", \"127.0.0.2:7001\" ]; } );");
	conf_unref(conf);
}
END_TEST

START_TEST(test_loops)
{
	struct conf *conf;

	conf_text_bad(
	    "listeners = ( { listen = \"192.0.2.1:7000\";\n"
	    "targets = { ipv4 = \"192.0.2.1:7000\"; }; } );",
	    "t.conf:2: listeners[0].targets.ipv4: 192.0.2.1:7000 is mmproxy itself, which "
	    "listens on 192.0.2.1:7000: a loop\n");
	conf_text_bad("listeners = ( { listen = \"[::]:7000\";\n"
		      "targets = { ipv6 = \"[::1]:7000\"; }; } );",
		      "t.conf:2: listeners[0].targets.ipv6: [::1]:7000 is mmproxy itself, which "
		      "listens on [::]:7000: a loop\n");
	/* Of another host, another port, or where [::] leaves IPv4 to another listener. */
	conf = conf_text_good(
	    "listeners = ( { listen = \"0.0.0.0:7000\"; "
	    "targets = { ipv4 = \"198.51.100.77:7000\"; ipv6 = \"[::1]:7000\"; }; },\n"
	    "{ listen = [ \"[::]:7001\", \"192.0.2.9:7001\" ]; "
	    "targets = { ipv4 = \"127.0.0.1:7001\"; }; } );");
	conf_unref(conf);
}
END_TEST

START_TEST(test_protocols_share_addresses)
{
	conf_unref(conf_text_good("listeners = ( { " BASICS "},\n"
				  "{ " LISTEN "protocol = \"udp\"; " TARGETS "} );"));
	/* A target that only the other protocol listens on is no loop. */
	conf_unref(conf_text_good("listeners = ( { " BASICS "},\n"
				  "{ listen = \"127.0.0.1:9001\"; protocol = \"udp\";\n"
				  "targets = { ipv4 = \"127.0.0.1:7000\"; }; } );"));
}
END_TEST

START_TEST(test_keys_are_for_their_protocol)
{
	conf_text_bad("listeners = ( { " BASICS "close_after = 5;\nmax_flows = 5;\n"
		      "udp_header = \"spp\"; header_max = 100; } );",
		      "t.conf:1: listeners[0].close_after: it is for UDP listeners, and this is a "
		      "TCP listener\n"
		      "t.conf:2: listeners[0].max_flows: it is for UDP listeners, and this is a "
		      "TCP listener\n"
		      "t.conf:3: listeners[0].udp_header: it is for UDP listeners, and this is a "
		      "TCP listener\n");
	conf_text_bad("listeners = ( { protocol = \"udp\"; " BASICS "header_timeout = 5;\n"
		      "idle_timeout = 5;\nconnect_timeout = 5;\nhalf_close_timeout = 5;\n"
		      "tcp_keepalive = 5;\nrelay = \"auto\";\nmax_connections = 5;\n"
		      "backend_buffer = 0; } );",
		      "t.conf:1: listeners[0].header_timeout: it is for TCP listeners, and this is "
		      "a UDP listener\n"
		      "t.conf:2: listeners[0].idle_timeout: it is for TCP listeners, and this is a "
		      "UDP listener\n"
		      "t.conf:3: listeners[0].connect_timeout: it is for TCP listeners, and this "
		      "is a UDP listener\n"
		      "t.conf:4: listeners[0].half_close_timeout: it is for TCP listeners, and "
		      "this is a UDP listener\n"
		      "t.conf:5: listeners[0].tcp_keepalive: it is for TCP listeners, and this is "
		      "a UDP listener\n"
		      "t.conf:6: listeners[0].relay: it is for TCP listeners, and this is a UDP "
		      "listener\n"
		      "t.conf:7: listeners[0].max_connections: it is for TCP listeners, and this "
		      "is a UDP listener\n"
		      "t.conf:8: listeners[0].backend_buffer: it is for TCP listeners, and this "
		      "is a UDP listener\n");
}
END_TEST

START_TEST(test_inherited_keys_suit_some_listener)
{
	struct conf *conf =
	    conf_text_good("defaults = { close_after = 5; idle_timeout = 7; };\n"
			   "listeners = ( { " BASICS "}, { protocol = \"udp\"; " BASICS "} );");

	ck_assert_uint_eq(conf->listeners[0].idle_timeout_ms, 7000);
	ck_assert_uint_eq(conf->listeners[1].close_after_ms, 5000);
	conf_unref(conf);
	conf_text_bad(
	    "defaults = { close_after = 5;\nidle_timeout = 7; };\n"
	    "listeners = ( { " BASICS "}, { listen = \"127.0.0.1:7001\"; " TARGETS "} );",
	    "t.conf:1: defaults.close_after: it is for UDP listeners, and there is none\n");
	conf_text_bad("defaults = { close_after = 5;\nidle_timeout = 7; protocol = \"udp\"; };\n"
		      "listeners = ( { " BASICS "} );",
		      "t.conf:2: defaults.idle_timeout: it is for TCP listeners, and there is "
		      "none\n");
	/* What the protocol is meant to be is not known. */
	conf_text_bad(
	    "listeners = ( { protocol = \"quic\"; close_after = 5; relay = \"auto\"; " BASICS
	    "} );",
	    "t.conf:1: listeners[0].protocol: \"quic\" is not one of \"tcp\", \"udp\"\n");
	/* One mistake is one line. */
	conf_text_bad("listeners = ( { max_flows = 0; " BASICS "} );",
		      "t.conf:1: listeners[0].max_flows: 0 is not an integer from 1 to "
		      "4294967295\n");
}
END_TEST

START_TEST(test_udp_first_needs_peers)
{
	conf_text_bad("defaults = { protocol = \"udp\"; };\n"
		      "listeners = ( { " BASICS "\n"
		      "udp_header = \"first\"; } );",
		      "t.conf:3: listeners[0].udp_header: \"first\" needs allowed_subnets: one "
		      "datagram with a header is enough to speak for a client, so the load "
		      "balancers must be named\n");
	conf_unref(
	    conf_text_good("listeners = ( { " BASICS "protocol = \"udp\"; "
			   "udp_header = \"first\"; allowed_subnets = \"10.0.0.0/8\"; } );"));
	/* Inherited by a TCP listener, it asks nothing of that one. */
	conf_unref(conf_text_good("defaults = { udp_header = \"first\"; };\n"
				  "listeners = ( { " BASICS "},\n"
				  "{ protocol = \"udp\"; allowed_subnets = \"10.0.0.0/8\"; " BASICS
				  "} );"));
}
END_TEST

START_TEST(test_udp_relay)
{
	conf_unref(conf_text_good("listeners = ( { " BASICS "protocol = \"udp\"; "
				  "udp_relay = \"user\"; } );"));
	conf_text_bad("listeners = ( { " BASICS "\nudp_relay = \"user\"; } );",
		      "t.conf:2: listeners[0].udp_relay: it is for UDP listeners, and this is a "
		      "TCP listener\n");
	conf_text_bad("listeners = ( { " BASICS "protocol = \"udp\";\n"
		      "udp_relay = \"splice\"; } );",
		      "t.conf:2: listeners[0].udp_relay: \"splice\" is not one of \"user\", "
		      "\"kernel\"\n");
	if (!fastpath_is_built()) {
		conf_text_bad("listeners = ( { " BASICS "protocol = \"udp\";\n"
			      "udp_relay = \"kernel\"; } );",
			      "t.conf:2: listeners[0].udp_relay: \"kernel\" needs libbpf, which "
			      "this mmproxy was built without\n");
		return;
	}
	conf_unref(conf_text_good("listeners = ( { " BASICS "protocol = \"udp\"; "
				  "udp_header = \"spp\"; udp_relay = \"kernel\"; } );"));
	conf_text_bad("defaults = { udp_relay = \"kernel\"; };\n"
		      "listeners = ( { " BASICS "protocol = \"udp\"; udp_header = \"first\"; "
		      "allowed_subnets = \"10.0.0.0/8\"; } );",
		      "t.conf:1: defaults.udp_relay: \"kernel\" needs a header in every datagram, "
		      "so udp_header has to be \"each\" or \"spp\", not \"first\"\n");
}
END_TEST

#define LOOPBACK "listen = [ \"127.0.0.1:7000\", \"[::1]:7000\" ]; " TARGETS
#define ANYWHERE "listen = \"0.0.0.0:7000\"; " TARGETS
#define NEEDS_PEERS                                                                         \
	"it needs allowed_subnets: whoever may send a header can send one that passes, so " \
	"the load balancers must be named (\"0.0.0.0/0\" and \"::/0\" if something else "   \
	"keeps others out)\n"

START_TEST(test_allowed_clients_need_peers)
{
	conf_write("networks", "10.0.0.0/8\n");
	conf_text_bad("listeners = ( { " ANYWHERE "allowed_clients = \"10.0.0.0/8\"; } );",
		      "t.conf:1: listeners[0].allowed_clients: " NEEDS_PEERS);
	conf_text_bad("defaults = { allowed_clients_file = \"networks\"; };\n"
		      "listeners = ( { " ANYWHERE "} );",
		      "t.conf:1: defaults.allowed_clients_file: " NEEDS_PEERS);
	/* Strangers come by a TPROXY rule, and by the other family. */
	conf_text_bad("listeners = ( { " BASICS
		      "listen_transparent = true; allowed_clients = \"10.0.0.0/8\"; } );",
		      "t.conf:1: listeners[0].allowed_clients: " NEEDS_PEERS);
	conf_text_bad("listeners = ( { listen = \"[::]:7000\"; " TARGETS
		      "headerless_subnets = \"::/0\"; allowed_clients = \"10.0.0.0/8\"; } );",
		      "t.conf:1: listeners[0].allowed_clients: " NEEDS_PEERS);
	/* A list of peers that is refused itself is one mistake. */
	conf_text_bad("listeners = ( { " ANYWHERE
		      "allowed_clients = \"10.0.0.0/8\"; allowed_subnets = \"x\"; } );",
		      "t.conf:1: listeners[0].allowed_subnets: \"x\" is not a network such as "
		      "\"192.0.2.0/24\" or \"2001:db8::/32\", or an address\n");
}
END_TEST

START_TEST(test_allowed_clients_with_peers)
{
	static const char *const good[] = {
	    ANYWHERE "allowed_subnets = \"192.0.2.1\"; ",
	    ANYWHERE "allowed_subnets_file = \"networks\"; ",
	    /* Said in so many words. */
	    ANYWHERE "allowed_subnets = [ \"0.0.0.0/0\", \"::/0\" ]; ",
	    /* Nobody's header is read. */
	    ANYWHERE "headerless_subnets = [ \"0.0.0.0/0\" ]; ",
	    /* Only this host's own programs can send one. */
	    BASICS,
	    LOOPBACK,
	};
	char text[512];

	conf_write("networks", "10.0.0.0/8\n");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text),
			 "listeners = ( { %s allowed_clients = \"10.0.0.0/8\"; } );", good[i]);
		conf_unref(conf_text_good(text));
	}
	/* Those to keep out are no promise about those who may. */
	conf_unref(
	    conf_text_good("listeners = ( { " ANYWHERE "denied_clients = \"10.0.0.0/8\"; } );"));
}
END_TEST

START_TEST(test_link_local_addresses)
{
	conf_text_bad("listeners = ( { listen = \"[fe80::1]:7000\";\n"
		      "targets = { ipv6 = \"[febf::2]:7000\"; }; } );",
		      "t.conf:1: listeners[0].listen: \"[fe80::1]:7000\" is a link-local address, "
		      "which means nothing without an interface, and none can be named here: use "
		      "another address\n"
		      "t.conf:2: listeners[0].targets.ipv6: \"[febf::2]:7000\" is a link-local "
		      "address, which means nothing without an interface, and none can be named "
		      "here: use another address\n");
	conf_unref(conf_text_good("listeners = ( { listen = \"[fec0::1]:7000\"; "
				  "targets = { ipv6 = \"[fdff::1]:7000\"; }; } );"));
}
END_TEST

START_TEST(test_destinations_in_defaults_serve_who_wants_them)
{
	struct conf *conf =
	    conf_text_good("defaults = { allowed_destinations = \"192.0.2.0/24\"; };\n"
			   "listeners = ( { " BASICS "},\n"
			   "{ listen = \"127.0.0.1:7001\"; dynamic_destination = true; } );");

	ck_assert(netset_is_empty(conf->listeners[0].allowed_destinations));
	assert_set(conf->listeners[1].allowed_destinations, "192.0.2.0/24");
	conf_unref(conf);
	conf_text_bad("defaults = { allowed_destinations = \"192.0.2.0/24\"; };\n"
		      "listeners = ( { " BASICS "} );",
		      "t.conf:1: defaults.allowed_destinations: it has no effect without "
		      "dynamic_destination = true\n");
}
END_TEST

#define HEALTH(address) "health = { listen = \"" address "\"; }; "

START_TEST(test_health_and_admin_have_addresses_of_their_own)
{
	conf_text_bad(
	    "listeners = ( { " BASICS "\n" HEALTH(
		"127.0.0.1:7000") "},\n"
				  "{ listen = \"0.0.0.0:8081\"; " TARGETS "},\n"
				  "{ listen = \"127.0.0.1:7002\"; " TARGETS HEALTH(
				      "127.0.0.1:8081") "},\n"
							"{ listen = \"127.0.0.1:7003\"; " TARGETS
							    HEALTH(
								"[::1]:8083") "},\n"
									      "{ listen = "
									      "\"127.0.0.1:7004\";"
									      " " TARGETS HEALTH(
										  "[::]:8083") "} "
											       ");"
											       "\n"
											       "adm"
											       "in "
											       "= "
											       "{ "
											       "lis"
											       "ten"
											       " = "
											       "\"1"
											       "27."
											       "0."
											       "0."
											       "1:"
											       "808"
											       "1\""
											       "; "
											       "};",
	    "t.conf:2: listeners[0].health.listen: 127.0.0.1:7000 is listened on already "
	    "(t.conf:1)\n"
	    "t.conf:4: listeners[2].health.listen: 127.0.0.1:8081 overlaps 0.0.0.0:8081, "
	    "which is listened on already (t.conf:3)\n"
	    "t.conf:6: listeners[4].health.listen: [::]:8083 overlaps [::1]:8083, which "
	    "is listened on already (t.conf:5)\n"
	    "t.conf:7: admin.listen: 127.0.0.1:8081 is listened on already "
	    "(t.conf:4)\n");
	conf_text_bad("admin = { listen = \"127.0.0.1:7000\"; };\nlisteners = ( { " BASICS "} );",
		      "t.conf:1: admin.listen: 127.0.0.1:7000 is listened on already (t.conf:2)\n");
	/* One for two listeners. */
	conf_text_bad("defaults = { " HEALTH(
			  "127.0.0.1:8081") "};\n"
					    "listeners = ( { " BASICS "},\n"
					    "{ listen = \"127.0.0.1:7001\"; " TARGETS "} );",
		      "t.conf:1: defaults.health.listen: 127.0.0.1:8081 is listened on already "
		      "(t.conf:1)\n");
	/* UDP ports are others; a listener may do without what it inherits. */
	conf_unref(conf_text_good(
	    "admin = { listen = \"127.0.0.1:7000\"; };\n"
	    "defaults = { " HEALTH(
		"127.0.0.1:8081") "};\n"
				  "listeners = ( { protocol = \"udp\"; " BASICS "},\n"
				  "{ listen = \"127.0.0.1:7001\"; " TARGETS "},\n"
				  "{ listen = \"127.0.0.1:7002\"; health = { }; " TARGETS "} );"));
}
END_TEST

START_TEST(test_health_and_admin_are_no_targets)
{
	struct conf *conf;

	conf_text_bad(
	    "admin = { listen = \"127.0.0.1:9145\"; };\n"
	    "listeners = ( { " LISTEN "targets = { ipv4 = \"127.0.0.1:9145\"; }; },\n"
	    "{ listen = \"127.0.0.1:7001\"; " HEALTH(
		"0.0.0.0:8081") "targets = { ipv4 = \"127.0.0.1:8081\"; }; } );",
	    "t.conf:2: listeners[0].targets.ipv4: 127.0.0.1:9145 is mmproxy itself, which "
	    "listens on 127.0.0.1:9145: a loop\n"
	    "t.conf:3: listeners[1].targets.ipv4: 127.0.0.1:8081 is mmproxy itself, which "
	    "listens on 0.0.0.0:8081: a loop\n");
	/* [::] leaves IPv4 to them. */
	conf = conf_text_good(
	    "admin = { listen = \"127.0.0.1:7000\"; };\n"
	    "listeners = ( { listen = [ \"[::]:7000\", \"[::]:7001\" ]; " TARGETS HEALTH(
		"127.0.0.2:7001") "} );");
	ck_assert(conf_listens_on_ipv4_port(conf, CONF_PROTOCOL_TCP, 7000));
	ck_assert(conf_listens_on_ipv4_port(conf, CONF_PROTOCOL_TCP, 7001));
	ck_assert(!conf_listens_on_ipv4_port(conf, CONF_PROTOCOL_UDP, 7000));
	conf_unref(conf);
}
END_TEST

START_TEST(test_health_is_for_tcp)
{
	struct conf *conf;

	conf_text_bad("listeners = ( { protocol = \"udp\"; " BASICS
		      "\n" HEALTH("127.0.0.1:8081") "} );",
		      "t.conf:2: listeners[0].health.listen: it is for TCP listeners, and this is "
		      "a UDP listener\n");
	conf_text_bad(
	    "listeners = ( { health = \"127.0.0.1:8081\"; " BASICS "} );",
	    "t.conf:1: listeners[0].health: \"127.0.0.1:8081\" is not a group: health = { "
	    "KEY = VALUE; ... };\n");
	conf = conf_text_good("defaults = { " HEALTH(
	    "127.0.0.1:8081") "};\n"
			      "listeners = ( { " BASICS "}, { protocol = \"udp\"; " BASICS "} );");
	ck_assert(addr_is_set(&conf->listeners[0].health_listen));
	ck_assert(!addr_is_set(&conf->listeners[1].health_listen));
	conf_unref(conf);
}
END_TEST

START_TEST(test_health_is_that_of_a_target)
{
	conf_text_bad(
	    "listeners = ( { " LISTEN "dynamic_destination = true; "
	    "allowed_destinations = \"192.0.2.0/24\";\n" HEALTH("127.0.0.1:8081") "} );",
	    "t.conf:2: listeners[0].health.listen: it needs a target, whose health it "
	    "tells: beside dynamic_destination = true the listener may have targets too\n");
	conf_unref(conf_text_good(
	    "listeners = ( { " BASICS "dynamic_destination = true; "
	    "allowed_destinations = \"192.0.2.0/24\";\n" HEALTH("127.0.0.1:8081") "} );"));
}
END_TEST

START_TEST(test_ipv6_clients_need_a_way)
{
	static const char *const good[] = {
	    BASICS "ipv6_clients = \"plain\"; ",
	    BASICS "protocol = \"udp\"; ipv6_clients = \"pseudo_ipv4\"; ",
	    LISTEN "targets = { ipv6 = \"[::1]:9000\"; }; ipv6_clients = \"refuse\"; ",
	};
	char text[512];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "listeners = ( { %s } );", good[i]);
		conf_unref(conf_text_good(text));
	}
	conf_text_bad("listeners = ( { " LISTEN "targets = { ipv4 = \"127.0.0.1:9000\"; "
		      "ipv6 = \"[::1]:9000\"; };\nipv6_clients = \"plain\"; } );",
		      "t.conf:2: listeners[0].ipv6_clients: it has no effect beside targets.ipv6, "
		      "which IPv6 clients are connected to\n");
	conf_text_bad("listeners = ( { " BASICS "dynamic_destination = true;\n"
		      "allowed_destinations = \"192.0.2.0/24\"; ipv6_clients = \"pseudo_ipv4\"; "
		      "} );",
		      "t.conf:2: listeners[0].ipv6_clients: it has no effect with "
		      "dynamic_destination = true: clients are connected to where their headers "
		      "say\n");
	/* A target that is refused itself is one mistake. */
	conf_text_bad("listeners = ( { " LISTEN "targets = { ipv6 = \"nowhere\"; };\n"
		      "ipv6_clients = \"plain\"; } );",
		      "t.conf:1: listeners[0].targets.ipv6: \"nowhere\" is not an IPv6 address and "
		      "port such as \"[::1]:443\"\n");
}
END_TEST

START_TEST(test_ipv6_clients_in_defaults_serve_who_needs_them)
{
	struct conf *conf = conf_text_good(
	    "defaults = { ipv6_clients = \"plain\"; };\n"
	    "listeners = ( { " BASICS "},\n"
	    "{ listen = \"127.0.0.1:7001\"; targets = { ipv6 = \"[::1]:1\"; }; } );");

	ck_assert_int_eq(conf->listeners[0].ipv6_clients, CONF_IPV6_PLAIN);
	ck_assert_int_eq(conf->listeners[1].ipv6_clients, CONF_IPV6_REFUSE);
	conf_unref(conf);
	conf_text_bad("defaults = { ipv6_clients = \"plain\"; };\n"
		      "listeners = ( { " LISTEN "targets = { ipv6 = \"[::1]:1\"; }; } );",
		      "t.conf:1: defaults.ipv6_clients: it has no effect beside targets.ipv6, "
		      "which IPv6 clients are connected to\n");
}
END_TEST

START_TEST(test_the_sandbox_is_what_was_built)
{
	conf_unref(conf_text_good("sandbox = false; listeners = ( { " BASICS "} );"));
#ifdef HAVE_SECCOMP
	conf_unref(conf_text_good("sandbox = true; listeners = ( { " BASICS "} );"));
#else
	conf_text_bad("\nsandbox = true; listeners = ( { " BASICS "} );",
		      "t.conf:2: sandbox: true needs libseccomp, which this mmproxy was built "
		      "without\n");
#endif
	conf_text_bad("sandbox = 1; listeners = ( { " BASICS "} );",
		      "t.conf:1: sandbox: 1 is not true or false\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_check");
	TCase *tcase = tcase_create("conf_check");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, test_listening_addresses_do_not_overlap);
	tcase_add_test(tcase, test_loops);
	tcase_add_test(tcase, test_protocols_share_addresses);
	tcase_add_test(tcase, test_keys_are_for_their_protocol);
	tcase_add_test(tcase, test_inherited_keys_suit_some_listener);
	tcase_add_test(tcase, test_udp_first_needs_peers);
	tcase_add_test(tcase, test_udp_relay);
	tcase_add_test(tcase, test_allowed_clients_need_peers);
	tcase_add_test(tcase, test_allowed_clients_with_peers);
	tcase_add_test(tcase, test_link_local_addresses);
	tcase_add_test(tcase, test_destinations_in_defaults_serve_who_wants_them);
	tcase_add_test(tcase, test_health_and_admin_have_addresses_of_their_own);
	tcase_add_test(tcase, test_health_and_admin_are_no_targets);
	tcase_add_test(tcase, test_health_is_for_tcp);
	tcase_add_test(tcase, test_health_is_that_of_a_target);
	tcase_add_test(tcase, test_ipv6_clients_need_a_way);
	tcase_add_test(tcase, test_ipv6_clients_in_defaults_serve_who_needs_them);
	tcase_add_test(tcase, test_the_sandbox_is_what_was_built);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
