/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of capabilities in mmproxy(8), row by row: with exactly these the daemon can do it, and
 * without it says what is lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fastpath/fastpath.h"

#include "balancer.h"
#include "connection.h"
#include "credentials.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "routes.h"
#include "sender.h"
#include "tcp_table.h"
#include "udp.h"

#define BLOCK(more) "{ name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS more " }"
#define CONFIG(more)   \
	DAEMON_AS_ROOT \
	"workers = 1;\ndrain_timeout = \"100ms\";\nlisteners = ( " BLOCK(more) " );\n"

#define LOW_CLIENT "203.0.113.7:1000"
#define RESETS	   "a backend may keep a connection that was reset"
#define BUFFERS	   "the buffers of UDP are no larger"
#define PORTS	   "clients with ports below 1024 are refused"

static void make(struct command *command, uint64_t capabilities, const char *config)
{
	daemon_command(command);
	command_add(command, "-c");
	command_add(command, daemon_write_config(config));
	credentials_grant(command, capabilities);
}

static void start_with(uint64_t capabilities, const char *config)
{
	struct command command;

	make(&command, capabilities, config);
	daemon_start_command(&command);
	credentials_expect(capabilities);
}

/* It does not start, and says why. */
static void expect_refusal(uint64_t capabilities, const char *config, const char *why)
{
	static struct command_result result;
	struct command command;

	make(&command, capabilities, config);
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_msg(strstr(result.err, why) != NULL, "%s", result.err);
}

/* ---- clients' addresses ---- */

START_TEST(either_of_two_gives_clients_addresses)
{
	int backend = peer_listen(BACKEND_V4);

	start_with(_i == 0 ? NET_RAW : NET_ADMIN, CONFIG(""));
	connection_try(backend, CONNECTION_CLIENT);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

START_TEST(either_of_two_gives_clients_addresses_with_udp)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_with(_i == 0 ? NET_RAW : NET_ADMIN,
		   CONFIG("protocol = \"udp\"; source_port = \"preserve\";"));
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(without_them_it_does_not_start)
{
	expect_refusal(NET_BIND_SERVICE, CONFIG(""),
		       "not permitted to use clients' addresses (IP_TRANSPARENT): grant "
		       "CAP_NET_RAW or CAP_NET_ADMIN");
	expect_refusal(NET_BIND_SERVICE, CONFIG("mark = 5;"), "IP_TRANSPARENT and SO_MARK");
}
END_TEST

/* ---- marks ---- */

static bool marks_need_admin(void)
{
	struct utsname name;
	int major = 0;
	int minor = 0;

	ck_assert_int_eq(uname(&name), 0);
	ck_assert_int_eq(sscanf(name.release, "%d.%d", &major, &minor), 2);
	return major < 5 || (major == 5 && minor < 17);
}

START_TEST(a_mark_needs_one)
{
	int backend = peer_listen(BACKEND_V4);

	if (_i == 0 && marks_need_admin()) {
		expect_refusal(NET_RAW, CONFIG("mark = 5;"),
			       "before Linux 5.17 a mark needs "
			       "CAP_NET_ADMIN");
		return;
	}
	/* What has no mark finds no way to the backend. */
	harness_shell("ip rule add pref 1 fwmark 5 lookup local && ip rule add pref 2 from all to "
		      "127.0.0.1 ipproto tcp dport 8000 prohibit && ip rule del pref 0 && "
		      "ip rule add pref 3 lookup local");
	start_with(_i == 0 ? NET_RAW : NET_ADMIN, CONFIG("mark = 5;"));
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* ---- exact resets ---- */

START_TEST(exact_resets_need_two)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	peer_set_buffers(backend, 4096, 65536);
	start_with(NET_ADMIN | NET_RAW, CONFIG("source_port = \"ephemeral\";"));
	client = sender_open_v1(CONNECTION_CLIENT);
	(void)peer_accept(backend, NULL);
	(void)peer_fill(client, 200);
	peer_reset(client);
	HARNESS_AWAIT(tcp_table_connections(8000) == 0);
	ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), 0);
}
END_TEST

START_TEST(without_them_it_is_said)
{
	start_with(_i == 0 ? NET_RAW : NET_ADMIN, CONFIG("source_port = \"ephemeral\";"));
	(void)daemon_log_await("info ", _i == 0 ? "without CAP_NET_ADMIN" : "without CAP_NET_RAW",
			       RESETS);
	ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), 1);
}
END_TEST

/* ---- buffers of UDP ---- */

#define UDP CONFIG("protocol = \"udp\"; source_port = \"ephemeral\";")

/* The receive buffer of the listening socket, as the kernel counts it. */
static unsigned long receive_buffer(void)
{
	static struct command_result result;
	struct command command = {.argc = 0};
	const char *at;

	command_add(&command, "ss");
	command_add(&command, "-Hulnm");
	command_add(&command, "sport = :7000");
	command_run(&command, &result);
	at = strstr(result.out, ",rb");
	ck_assert_msg(at != NULL, "%s%s", result.out, result.err);
	return strtoul(at + 3, NULL, 10);
}

START_TEST(large_udp_buffers_need_admin)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	unsigned long small;

	start_with(NET_RAW, UDP);
	/* The worker that forwards something has set up its socket. */
	balancer_send(balancer, BALANCER_CLIENT, "a", 1);
	(void)udp_receive(backend);
	small = receive_buffer();
	if (small < 8UL * 1024 * 1024)
		(void)daemon_log_await("info ", "without CAP_NET_ADMIN", BUFFERS);
	ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), small < 8UL * 1024 * 1024);
	daemon_stop();
	start_with(NET_RAW | NET_ADMIN, UDP);
	/* The worker does it. */
	HARNESS_AWAIT(receive_buffer() >= 8UL * 1024 * 1024);
	udp_drain(backend, 0);
	balancer_send(balancer, BALANCER_CLIENT, "a", 1);
	(void)udp_receive(backend);
}
END_TEST

START_TEST(large_udp_buffers_are_not_missed_where_they_are_not_cut)
{
	/* In the first namespace only, and of the whole host: not a test's to change. */
	char *text = harness_read("/proc/sys/net/core/rmem_max");
	bool small = strtoul(text, NULL, 10) < 4UL * 1024 * 1024;

	free(text);
	start_with(NET_RAW, UDP);
	ck_assert_uint_eq(daemon_log_count(BUFFERS, NULL), small);
}
END_TEST

/* ---- flows in the kernel ---- */

#define RELAY(relay) \
	CONFIG("protocol = \"udp\"; source_port = \"ephemeral\"; udp_relay = \"" relay "\";")

START_TEST(flows_in_user_space_keep_no_cap_bpf)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	struct command command;

	make(&command, NET_RAW | NET_ADMIN | BPF, RELAY("user"));
	daemon_start_command(&command);
	credentials_expect(NET_RAW | NET_ADMIN);
	balancer_send(balancer, BALANCER_CLIENT, "a", 1);
	(void)udp_receive(backend);
}
END_TEST

START_TEST(flows_in_the_kernel_keep_it)
{
	char why[FASTPATH_WHY_MAX];

	start_with(NET_RAW | NET_ADMIN | BPF, RELAY("kernel"));
	/* And nothing else is needed. */
	if (fastpath_can_load(why))
		ck_assert_uint_eq(daemon_log_count("the kernel carries nothing", NULL), 0);
	else
		printf("skipped: no programs can be loaded here: %s\n", why);
}
END_TEST

/* It starts all the same, and carries them itself. */
START_TEST(without_it_they_stay_in_user_space)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_with(NET_RAW | NET_ADMIN, RELAY("kernel"));
	(void)daemon_log_await("warn ", "CAP_BPF", NULL);
	balancer_send(balancer, BALANCER_CLIENT, "a", 1);
	(void)udp_receive(backend);
}
END_TEST

/* ---- ports ---- */

#define LOW                                                                                   \
	DAEMON_AS_ROOT "listeners = ( { name = \"low\"; listen = [ \"" LISTEN_V4              \
		       "\", \"127.0.0.1:70\" ]; source_port = \"ephemeral\"; " DAEMON_TARGETS \
		       " } );\n"

START_TEST(low_ports_need_bind_service)
{
	int backend = peer_listen(BACKEND_V4);
	int client;

	expect_refusal(
	    NET_RAW | NET_ADMIN, LOW,
	    "listener low: cannot listen on 127.0.0.1:70: Permission denied; ports below "
	    "1024 need CAP_NET_BIND_SERVICE");
	start_with(NET_RAW | NET_BIND_SERVICE, LOW);
	client = peer_connect(NULL, "127.0.0.1:70");
	peer_send_text(client, "PROXY TCP4 203.0.113.9 198.51.100.1 40000 443\r\n");
	(void)peer_accept(backend, NULL);
}
END_TEST

START_TEST(low_ports_of_clients_need_bind_service)
{
	int backend = peer_listen(BACKEND_V4);

	if (_i == 0) {
		start_with(NET_RAW | NET_ADMIN, CONFIG(""));
		(void)daemon_log_await("info ", "without CAP_NET_BIND_SERVICE", PORTS);
		ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), 1);
		peer_expect_closed(sender_open_v1(LOW_CLIENT));
		(void)daemon_log_await("reason=source_invalid", "client=" LOW_CLIENT, NULL);
		connection_try(backend, CONNECTION_CLIENT);
		return;
	}
	start_with(NET_RAW | NET_ADMIN | NET_BIND_SERVICE, CONFIG(""));
	ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), 0);
	connection_try(backend, LOW_CLIENT);
}
END_TEST

/* As in containers of Docker. */
START_TEST(where_no_port_is_privileged_it_is_not_needed)
{
	struct command command;
	int backend = peer_listen(BACKEND_V4);

	if (!harness_sysctl("net/ipv4/ip_unprivileged_port_start", "0"))
		return;
	make(&command, NET_RAW | NET_ADMIN | NET_BIND_SERVICE, CONFIG(""));
	daemon_start_command(&command);
	/* And not kept. */
	credentials_expect(NET_RAW | NET_ADMIN);
	ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), 0);
	connection_try(backend, LOW_CLIENT);
}
END_TEST

/* ---- return routes ---- */

#define MANAGED                                                                              \
	DAEMON_AS_ROOT                                                                       \
	"routing = { manage = true; };\nlisteners = ( { name = \"t\"; listen = \"" LISTEN_V4 \
	"\"; source_port = \"ephemeral\"; "                                                  \
	"targets = { ipv4 = \"" BACKEND_V4 "\"; }; } );\n"

START_TEST(return_routes_need_admin)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned port;
	int client;
	int server;

	if (!routes_are_built())
		return;
	expect_refusal(NET_RAW, MANAGED,
		       "not permitted to set up return routes: grant "
		       "CAP_NET_ADMIN");
	start_with(NET_ADMIN, MANAGED);
	client = sender_open_v1(CONNECTION_CLIENT);
	server = peer_accept_from_ip(backend, "203.0.113.7", &port);
	peer_send_text(server, "an answer");
	peer_expect_text(client, "an answer");
}
END_TEST

/* ---- the unit ---- */

/* The line of the unit that systemd grants capabilities by; "" where there is no build. */
static char granted[256];

static void read_unit(void)
{
	static const char key[] = "\nAmbientCapabilities=";
	char *text = harness_read("contrib/mmproxy.service");
	const char *at = strstr(text, key);

	if (at != NULL)
		snprintf(granted, sizeof(granted), "%.*s", (int)strcspn(at + strlen(key), "\n"),
			 at + strlen(key));
	else
		printf("skipped: there is no contrib/mmproxy.service here, so it is not tested\n");
	free(text);
}

/* "CAP_NET_RAW CAP_NET_ADMIN" as setpriv(1) takes them: "-all,+net_raw,+net_admin". */
static const char *setpriv_list(const char *option, char *buf, size_t size)
{
	char names[sizeof(granted)];
	char *rest = NULL;
	size_t len;

	snprintf(names, sizeof(names), "%s", granted);
	len = (size_t)snprintf(buf, size, "%s=-all", option);
	for (char *name = strtok_r(names, " ", &rest); name != NULL;
	     name = strtok_r(NULL, " ", &rest)) {
		ck_assert_int_eq(strncmp(name, "CAP_", 4), 0);
		len += (size_t)snprintf(buf + len, size - len, ",+%s", name + 4);
	}
	ck_assert_uint_lt(len, size);
	return buf;
}

#define EVERYTHING                                                                          \
	"routing = { manage = true; };\nlisteners = ( "                                     \
	"{ name = \"t\"; listen = [ \"" LISTEN_V4 "\", \"127.0.0.1:70\" ]; mark = 5; "      \
	"targets = { ipv4 = \"" BACKEND_V4 "\"; }; }, { name = \"u\"; protocol = \"udp\"; " \
	"listen = \"127.0.0.1:71\"; targets = { ipv4 = \"" BACKEND_V4 "\"; }; } );\n"

/* All of it at once, as an ordinary user with what the unit grants, and nothing is missing. */
START_TEST(what_the_unit_grants_is_enough)
{
	static const char *const options[] = {"--inh-caps", "--ambient-caps", "--bounding-set"};
	static char lists[3][512];
	static const char *const words[] = {"setpriv", "--reuid=65534", "--regid=65534",
					    "--clear-groups", "--no-new-privs"};
	int backend = peer_listen(BACKEND_V4);
	struct command command = {.argc = 0};
	struct command daemon;
	int client;

	if (daemon_is_wrapped() || !routes_are_built())
		return;
	daemon_command(&daemon);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		command_add(&command, words[i]);
	for (size_t i = 0; i < 3; i++)
		command_add(&command, setpriv_list(options[i], lists[i], sizeof(lists[i])));
	command_add(&command, daemon.argv[0]);
	command_add(&command, "-c");
	command_add(&command, daemon_write_config("user = \"ignored\";\n" EVERYTHING));
	daemon_start_command(&command);
	/* And none of them is in vain. */
	credentials_expect(NET_RAW | NET_ADMIN | NET_BIND_SERVICE);
	ck_assert_uint_eq(credentials_number("\nUid:", 10), NOBODY);
	ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), 0);
	client = peer_connect(NULL, "127.0.0.1:70");
	peer_send_text(client, "PROXY TCP4 203.0.113.9 198.51.100.1 1000 443\r\n");
	peer_accept_from(backend, "203.0.113.9:1000");
	ck_assert_uint_gt(routes_count("lookup 123"), 0);
}
END_TEST

static Suite *capabilities_suite(void)
{
	Suite *suite = suite_create("net_capabilities");
	TCase *rows = harness_case(suite, "rows", 60);
	TCase *routes = harness_case_without_routes(suite, "routes", 60);

	tcase_add_loop_test(rows, either_of_two_gives_clients_addresses, 0, 2);
	tcase_add_loop_test(rows, either_of_two_gives_clients_addresses_with_udp, 0, 2);
	tcase_add_test(rows, without_them_it_does_not_start);
	tcase_add_loop_test(rows, a_mark_needs_one, 0, 2);
	tcase_add_test(rows, exact_resets_need_two);
	tcase_add_loop_test(rows, without_them_it_is_said, 0, 2);
	if (harness_has_tool("ss"))
		tcase_add_test(rows, large_udp_buffers_need_admin);
	tcase_add_test(rows, large_udp_buffers_are_not_missed_where_they_are_not_cut);
	tcase_add_test(rows, flows_in_user_space_keep_no_cap_bpf);
	if (fastpath_is_built()) {
		tcase_add_test(rows, flows_in_the_kernel_keep_it);
		tcase_add_test(rows, without_it_they_stay_in_user_space);
	} else {
		printf("skipped: built without libbpf\n");
	}
	tcase_add_test(rows, low_ports_need_bind_service);
	tcase_add_loop_test(rows, low_ports_of_clients_need_bind_service, 0, 2);
	tcase_add_test(rows, where_no_port_is_privileged_it_is_not_needed);
	tcase_add_test(routes, return_routes_need_admin);
	read_unit();
	/* A user namespace of an ordinary user has no second user. */
	if (geteuid() == 0 && granted[0] != '\0' && harness_has_tool("setpriv"))
		tcase_add_test(routes, what_the_unit_grants_is_enough);
	return suite;
}

int main(void)
{
	return harness_run(capabilities_suite());
}
