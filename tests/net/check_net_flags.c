/* SPDX-License-Identifier: BSD-2-Clause */
/* The form without a file: go-mmproxy's and cloudflare's flags, as their users have them in
 * scripts. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"

#define FLAGS_MAX 12

/* Start the daemon with flags, ended by NULL. */
static void start(const char *const flags[])
{
	struct command command;

	daemon_command(&command);
	for (size_t i = 0; flags[i] != NULL; i++)
		command_add(&command, flags[i]);
	daemon_start_command(&command);
}

/* Each way to write the same thing. */
static const char *const spellings[][FLAGS_MAX] = {
    {"-l", LISTEN_V4, "-4", BACKEND_V4, "-6", BACKEND_V6},
    {"--l", LISTEN_V4, "--4", BACKEND_V4, "--6", BACKEND_V6},
    {"-l=" LISTEN_V4, "-4=" BACKEND_V4, "--6=" BACKEND_V6},
    {"-p", "tcp", "-listeners", "2", "-v", "2", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"--listeners", "3", "--mark", "0", "--close-after", "60", "--v", "1", "--l", LISTEN_V4,
     "-4=" BACKEND_V4},
    {"-a", "NETWORKS", "-l", LISTEN_V4, "-4", BACKEND_V4, "-6", BACKEND_V6, "--table", "123"},
    {"--allowed-networks", "NETWORKS", "-q", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"--verbose", "--force-real-client-port", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"--quiet", "-listen-transparent", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"-v", "0", "-allowed-subnets", "NETWORKS", "-l", LISTEN_V4, "-4", BACKEND_V4},
};

#define SPELLINGS ((int)(sizeof(spellings) / sizeof(spellings[0])))

START_TEST(flags_carry_a_connection)
{
	const char *networks = harness_write("networks", "127.0.0.0/8\n::1\n");
	int backend = peer_listen(BACKEND_V4);
	const char *flags[FLAGS_MAX + 1] = {NULL};

	for (size_t i = 0; i < FLAGS_MAX && spellings[_i][i] != NULL; i++)
		flags[i] = strcmp(spellings[_i][i], "NETWORKS") == 0 ? networks : spellings[_i][i];
	start(flags);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

START_TEST(flag_6_is_the_target_of_ipv6_clients)
{
	static const char *const flags[] = {"-l", LISTEN_V4, "-6", BACKEND_V6, NULL};
	int backend = peer_listen(BACKEND_V6);

	start(flags);
	connection_try(backend, "[2001:db8::7]:40000");
}
END_TEST

START_TEST(flag_listeners_is_the_number_of_workers)
{
	static const char *const one[] = {"-l",		LISTEN_V4, "-4", BACKEND_V4,
					  "-listeners", "1",	   NULL};
	static const char *const four[] = {"-l",	 LISTEN_V4, "-4", BACKEND_V4,
					   "-listeners", "4",	    NULL};
	unsigned alone;

	start(one);
	HARNESS_AWAIT(daemon_thread_count() > 1);
	alone = daemon_thread_count();
	daemon_stop();
	start(four);
	HARNESS_AWAIT(daemon_thread_count() == alone + 3);
}
END_TEST

START_TEST(flag_allowed_subnets_keeps_others_out)
{
	const char *networks = harness_write("networks", "127.0.0.9/32\n");
	const char *const flags[] = {"-l",     LISTEN_V4, "-4", BACKEND_V4, "-allowed-subnets",
				     networks, NULL};
	int backend = peer_listen(BACKEND_V4);
	int stranger;

	start(flags);
	stranger = peer_connect("127.0.0.8:0", LISTEN_V4);
	peer_expect_closed(stranger);
	peer_assert_no_connection(backend);
	peer_connect("127.0.0.9:0", LISTEN_V4);
}
END_TEST

START_TEST(flag_mark_marks_the_backend_connection)
{
	static const char *const flags[] = {"-l",    LISTEN_V4, "-4", BACKEND_V4,
					    "-mark", "123",	NULL};
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	socklen_t len = sizeof(int);
	int mark = 0;

	/* The kernel then copies the mark of the SYN to the accepted socket. */
	if (!harness_sysctl("net/ipv4/tcp_fwmark_accept", "1")) {
		printf("skipped: net.ipv4.tcp_fwmark_accept cannot be set here\n");
		return;
	}
	start(flags);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	ck_assert_int_eq(getsockopt(connection.backend, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	ck_assert_int_eq(mark, 123);
}
END_TEST

START_TEST(flag_dynamic_destination_follows_the_header)
{
	static const char *const flags[] = {
	    "-l", LISTEN_V4, "-4", BACKEND_V4, "-dynamic-destination", NULL};
	static struct sender_header header;
	int elsewhere = peer_listen("127.0.0.5:8005");

	start(flags);
	sender_v1(&header, CONNECTION_CLIENT, "127.0.0.5:8005");
	sender_open(&header);
	peer_accept_from(elsewhere, CONNECTION_CLIENT);
}
END_TEST

/* Lines of one failed and one good connection at this -v. */
static void count_lines(const char *verbosity, unsigned *failures, unsigned *ends)
{
	const char *const flags[] = {"-l", LISTEN_V4, "-4", BACKEND_V4, "-v", verbosity, NULL};
	int backend = peer_listen(BACKEND_V4);
	int broken;

	start(flags);
	broken = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send_text(broken, "GET / HTTP/1.1\r\n\r\n");
	peer_expect_closed(broken);
	connection_try(backend, CONNECTION_CLIENT);
	daemon_stop();
	*failures = daemon_log_count("reason=header_invalid", "peer=");
	*ends = daemon_log_count("reason=done", "client=" CONNECTION_CLIENT);
}

START_TEST(verbosity_0_logs_no_connection)
{
	unsigned failures;
	unsigned ends;

	count_lines("0", &failures, &ends);
	ck_assert_uint_eq(failures, 0);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(verbosity_1_logs_failures)
{
	unsigned failures;
	unsigned ends;

	count_lines("1", &failures, &ends);
	ck_assert_uint_eq(failures, 1);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(verbosity_2_logs_everything)
{
	unsigned failures;
	unsigned ends;

	count_lines("2", &failures, &ends);
	ck_assert_uint_eq(failures, 1);
	ck_assert_uint_eq(ends, 1);
	ck_assert_uint_gt(daemon_log_count("debug ", NULL), 0);
}
END_TEST

static Suite *flags_suite(void)
{
	Suite *suite = suite_create("net_flags");
	TCase *forms = harness_case(suite, "forms", 60);
	TCase *effects = harness_case(suite, "effects", 60);

	tcase_add_loop_test(forms, flags_carry_a_connection, 0, SPELLINGS);
	if (netns_has_ipv6())
		tcase_add_test(effects, flag_6_is_the_target_of_ipv6_clients);
	tcase_add_test(effects, flag_listeners_is_the_number_of_workers);
	tcase_add_test(effects, flag_allowed_subnets_keeps_others_out);
	tcase_add_test(effects, flag_mark_marks_the_backend_connection);
	tcase_add_test(effects, flag_dynamic_destination_follows_the_header);
	tcase_add_test(effects, verbosity_0_logs_no_connection);
	tcase_add_test(effects, verbosity_1_logs_failures);
	tcase_add_test(effects, verbosity_2_logs_everything);
	return suite;
}

int main(void)
{
	return harness_run(flags_suite());
}
