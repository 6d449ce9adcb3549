/* SPDX-License-Identifier: BSD-2-Clause */
/* --deny and --allow: clients that are refused from now on, and lose what they have open. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "http.h"
#include "peer.h"

#define LISTENERS                                                                           \
	"workers = 2; log = { level = \"debug\"; }; drain_timeout = \"100ms\";\n"           \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " },\n" \
	"{ name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS   \
	" } );\n"

#define DENIED_TCP "mmproxy_connections_closed_total{listener=\"t\",reason=\"client_denied\"}"
#define DENIED_UDP "mmproxy_udp_dropped_total{listener=\"u\",reason=\"client_denied\"}"

static struct command_result result;

static void expect_success(const char *answer)
{
	ck_assert_msg(result.exit_code == 0, "%s", result.err);
	ck_assert_str_eq(result.out, answer);
}

static void expect_failure(const char *why)
{
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_msg(strstr(result.err, why) != NULL, "%s", result.err);
	ck_assert_str_eq(result.out, "");
}

static void expect_refused(const char *client)
{
	peer_expect_closed(sender_open_v1(client));
}

START_TEST(a_denied_client_is_refused_and_cut)
{
	struct connection denied;
	struct connection other;
	int backend = peer_listen(BACKEND_V4);

	admin_start_config(LISTENERS);
	connection_open(&denied, backend, "203.0.113.7:20000");
	connection_open(&other, backend, "203.0.113.8:20000");
	admin_run(&result, "--deny", "203.0.113.7", NULL);
	expect_success("203.0.113.7 is denied for ever; connections and flows ended: 1\n");
	peer_expect_reset(denied.client);
	peer_expect_reset(denied.backend);
	connection_check(&other);
	expect_refused("203.0.113.7:20001");
	peer_assert_no_connection(backend);
	admin_await_metric(DENIED_TCP, 2);
	ck_assert_uint_eq(admin_metric("mmproxy_denied_networks"), 1);
	admin_check_json(http_get(admin_path(), "/status"),
			 "d['denied'] == [{'network': '203.0.113.7/32', 'seconds_left': None, "
			 "'hits': 1}]");
	admin_run(&result, "--allow", "203.0.113.7", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	connection_try(backend, "203.0.113.7:20002");
	ck_assert_uint_eq(admin_metric("mmproxy_denied_networks"), 0);
}
END_TEST

START_TEST(a_denied_client_has_no_flow)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	admin_start_config(LISTENERS);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
	admin_run(&result, "--deny", "203.0.113.7/32", "--for", "1h", NULL);
	expect_success("203.0.113.7 is denied for 3600 s; connections and flows ended: 1\n");
	balancer_send_text(balancer, BALANCER_CLIENT, "refused");
	balancer_send_text(balancer, BALANCER_CLIENT, "refused");
	admin_await_metric(DENIED_UDP, 2);
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
	admin_run(&result, "--allow", "203.0.113.7", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* Deny, and try; false where the denial was over when the client came. */
static bool is_refused_for(int seconds, int backend)
{
	int64_t began = harness_now_ms();
	char time[32];
	char answer[128];
	int client;

	snprintf(time, sizeof(time), "--for=%ds", seconds);
	admin_run(&result, "--deny=203.0.113.0/24", time, NULL);
	snprintf(answer, sizeof(answer),
		 "203.0.113.0/24 is denied for %d s; connections and flows ended: 0\n", seconds);
	expect_success(answer);
	client = sender_open_v1("203.0.113.7:20001");
	HARNESS_AWAIT(peer_is_readable(client) || peer_is_readable(backend));
	if (!peer_is_readable(backend)) {
		peer_expect_closed(client);
		return true;
	}
	ck_assert_int_ge(harness_now_ms() - began, seconds * 1000);
	peer_reset(client);
	peer_expect_closed(peer_accept_from(backend, "203.0.113.7:20001"));
	admin_await_metric("mmproxy_connections_active{listener=\"t\"}", 0);
	return false;
}

START_TEST(a_denial_ends_by_itself)
{
	int backend = peer_listen(BACKEND_V4);
	int64_t deadline;
	int seconds = 1;

	admin_start_config(LISTENERS);
	daemon_await_look();
	/* Longer each time that nobody came within it. */
	do {
		seconds *= 2;
		ck_assert_int_lt(seconds, 100);
	} while (!is_refused_for(seconds, backend));
	deadline = harness_now_ms() + seconds * 1000 + harness_patience_ms();
	while (admin_metric("mmproxy_denied_networks") != 0) {
		ck_assert_int_lt(harness_now_ms(), deadline);
		harness_sleep_ms(50);
	}
	connection_try(backend, "203.0.113.7:20002");
}
END_TEST

START_TEST(what_is_not_denied_cannot_be_allowed)
{
	admin_start_config(LISTENERS);
	admin_run(&result, "--allow", "203.0.113.7", NULL);
	expect_failure("203.0.113.7 is not denied");
	admin_run(&result, "--deny", "203.0.113.0/24", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	admin_run(&result, "--allow", "203.0.113.7", NULL);
	expect_failure("203.0.113.7 is denied by 203.0.113.0/24: allow that");
	admin_run(&result, "--allow", "203.0.113.0/24", NULL);
	ck_assert_int_eq(result.exit_code, 0);
}
END_TEST

START_TEST(a_denial_outlives_a_reload)
{
	int backend = peer_listen(BACKEND_V4);

	admin_start_config(LISTENERS);
	admin_run(&result, "--deny", "203.0.113.7", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	daemon_signal(SIGHUP);
	daemon_log_await("reloaded: ", NULL, NULL);
	expect_refused("203.0.113.7:20001");
	peer_assert_no_connection(backend);
	/* Listeners that a reload adds have it as well. */
	harness_shell("sed -i 's/name = \"t\"; listen = \"127.0.0.1:7000\"/name = \"n\"; listen = "
		      "[ \"127.0.0.1:7000\", \"127.0.0.1:7001\" ]/' %s",
		      harness_path(DAEMON_CONFIG_NAME));
	daemon_signal(SIGHUP);
	HARNESS_AWAIT(daemon_log_count("reloaded: ", NULL) == 2);
	expect_refused("203.0.113.7:20002");
	daemon_log_await("listener=n", "reason=client_denied", NULL);
}
END_TEST

START_TEST(who_is_refused_is_a_client_not_a_balancer)
{
	int backend = peer_listen(BACKEND_V4);

	admin_start_config(LISTENERS);
	admin_run(&result, "--deny", "127.0.0.0/8", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	connection_try(backend, "203.0.113.7:20002");
	expect_refused("127.0.0.5:2000");
}
END_TEST

/* Each address that is banned is a command of its own. */
START_TEST(many_denials_in_a_row)
{
	char target[64];
	struct http_answer answer;

	admin_start_config(LISTENERS);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(target, sizeof(target), "/deny?network=198.18.%u.%u&for=1h", i / 256,
			 i % 256);
		http_ask(admin_path(), "POST", target, NULL, &answer);
		ck_assert_int_eq(answer.code, 200);
	}
	ck_assert_uint_eq(admin_metric("mmproxy_denied_networks"), 1000);
	admin_check_json(http_get(admin_path(), "/status"),
			 "len(d['denied']) == 1000 and all(0 < e['seconds_left'] <= 3600 for e in "
			 "d['denied'])");
	ck_assert_ptr_nonnull(
	    strstr(http_get(admin_path(), "/status?format=table"), "and 980 more\n"));
}
END_TEST

/* fail2ban replaces what is in angle brackets, and has a shell run the rest. */
static void run_action(const char *name, const char *network, int seconds)
{
	harness_shell(
	    "action=$(sed -n 's/^%s = //p' "
	    "\"$top_srcdir/contrib/fail2ban/action.d/mmproxy.conf\" | sed \"s|<bantime>|%d|g; "
	    "s|<mmproxy>|$MMPROXY -c %s|g; s|<network>|%s|g\") && test -n \"$action\" && "
	    "sh -c \"$action\" >%s 2>&1",
	    name, seconds, harness_path(DAEMON_CONFIG_NAME), network, harness_path("action"));
}

START_TEST(the_action_of_fail2ban_denies_and_allows)
{
	int backend = peer_listen(BACKEND_V4);

	if (getenv("top_srcdir") == NULL || getenv("MMPROXY") == NULL) {
		printf("skipped: top_srcdir and MMPROXY are set by make check\n");
		return;
	}
	admin_start_config(LISTENERS);
	run_action("actionban", "203.0.113.7", 600);
	expect_refused("203.0.113.7:20001");
	run_action("actionban", "2001:db8::7/64", -1);
	admin_check_json(
	    http_get(admin_path(), "/status"),
	    "sorted((e['network'], e['seconds_left'] is None) for e in d['denied']) == "
	    "[('2001:db8::/64', True), ('203.0.113.7/32', False)]");
	run_action("actionunban", "203.0.113.7", 600);
	run_action("actionunban", "2001:db8::7/64", -1);
	connection_try(backend, "203.0.113.7:20002");
	ck_assert_uint_eq(admin_metric("mmproxy_denied_networks"), 0);
}
END_TEST

START_TEST(flags_that_do_not_fit_are_refused)
{
	admin_start("tcp", "");
	admin_run(&result, "--deny", "192.0.2.1", "--for", "soon", NULL);
	ck_assert_int_eq(result.exit_code, 2);
	admin_run(&result, "--allow", "192.0.2.1", "--for", "1h", NULL);
	ck_assert_int_eq(result.exit_code, 2);
	ck_assert_ptr_nonnull(strstr(result.err, "--for: goes with --deny only"));
	admin_run(&result, "--deny", "192.0.2.1", "--kick", "192.0.2.1", NULL);
	ck_assert_int_eq(result.exit_code, 2);
	admin_run(&result, "--deny", "192.0.2.1", "--json", NULL);
	ck_assert_int_eq(result.exit_code, 2);
	admin_run(&result, "--deny", NULL);
	ck_assert_int_eq(result.exit_code, 2);
	ck_assert_uint_eq(admin_metric("mmproxy_denied_networks"), 0);
}
END_TEST

static Suite *deny_suite(void)
{
	Suite *suite = suite_create("net_deny");
	TCase *deny = harness_case(suite, "deny", 60);

	tcase_add_test(deny, a_denied_client_is_refused_and_cut);
	tcase_add_test(deny, a_denied_client_has_no_flow);
	tcase_add_test(deny, a_denial_ends_by_itself);
	tcase_add_test(deny, what_is_not_denied_cannot_be_allowed);
	tcase_add_test(deny, a_denial_outlives_a_reload);
	tcase_add_test(deny, who_is_refused_is_a_client_not_a_balancer);
	tcase_add_test(deny, many_denials_in_a_row);
	tcase_add_test(deny, the_action_of_fail2ban_denies_and_allows);
	tcase_add_test(deny, flags_that_do_not_fit_are_refused);
	return suite;
}

int main(void)
{
	return harness_run(deny_suite());
}
