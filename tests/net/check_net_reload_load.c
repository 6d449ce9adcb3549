/* SPDX-License-Identifier: BSD-2-Clause */
/* Reloading under load: traffic notices nothing. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "busy_backend.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "traffic.h"

/* 10,000 connections in all. */
#define PROCESSES 4
#define TIMES	  2500

#define INTERVAL_MS 100

/* Every other reload is one of these: settings change, and listeners come and go beside. */
static const char *const configs[] = {
    "workers = 2; listeners = ( { name = \"t\"; listen = \"127.0.0.1:7000\"; targets = { ipv4 = "
    "\"127.0.0.1:8000\"; }; }, { name = \"u\"; protocol = \"udp\"; listen = \"127.0.0.1:7000\"; "
    "targets = { ipv4 = \"127.0.0.1:8000\"; }; } );\n",
    "workers = 2; listeners = ( { name = \"other\"; listen = \"127.0.0.1:7001\"; targets = { ipv4 "
    "= \"127.0.0.1:8000\"; }; }, { name = \"u\"; protocol = \"udp\"; listen = [ "
    "\"127.0.0.1:7001\", \"127.0.0.1:7000\" ]; max_flows = 5000; targets = { ipv4 = "
    "\"127.0.0.1:8000\"; }; }, { name = \"t\"; listen = [ \"127.0.0.1:7000\", \"127.0.0.1:7002\" "
    "]; denied_clients = [ \"192.0.2.1\" ]; targets = { ipv4 = \"127.0.0.1:8000\"; }; } );\n",
    /* The same sockets under another name. */
    "workers = 2; listeners = ( { name = \"renamed\"; listen = \"127.0.0.1:7000\"; targets = { "
    "ipv4 = \"127.0.0.1:8000\"; }; }, { name = \"u\"; protocol = \"udp\"; listen = "
    "\"127.0.0.1:7000\"; targets = { ipv4 = \"127.0.0.1:8000\"; }; } );\n",
    /* A mistake. */
    "workers = 2; listeners = ( { name = \"t\"; listen = \"127.0.0.1:7000\"; } );\n",
};

#define CONFIGS (sizeof(configs) / sizeof(configs[0]))

static void write_config(size_t number)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 DAEMON_AS_ROOT "drain_timeout = \"100ms\"; log = { connections = false; };\n%s",
		 configs[number % CONFIGS]);
	(void)daemon_write_config(text);
}

static unsigned reload_once(unsigned number)
{
	write_config(number);
	daemon_signal(SIGHUP);
	harness_sleep_ms(INTERVAL_MS);
	return number + 1;
}

static void start(void)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "drain_timeout = \"100ms\"; log = { connections = false; };\n%s", configs[0]);
	daemon_start_config(text);
}

/* Signals that come while a reload is under way are one: count what was done. */
static bool has_reloaded_enough(void)
{
	return daemon_log_count("msg=\"reloaded: ", NULL) >= 5 &&
	       daemon_log_count("not reloaded", NULL) >= 5;
}

START_TEST(connections_notice_no_reload)
{
	pid_t stream[2];
	pid_t connecting[PROCESSES];
	unsigned reloads = 1;
	bool running = true;

	(void)busy_backend_start(peer_listen_backlog(BACKEND_V4, 4096), BUSY_ECHO);
	start();
	for (unsigned i = 0; i < 2; i++)
		stream[i] = traffic_stream(i);
	for (unsigned i = 0; i < PROCESSES; i++)
		connecting[i] = traffic_connect(i, TIMES);
	while (running || !has_reloaded_enough()) {
		reloads = reload_once(reloads);
		running = false;
		for (unsigned i = 0; i < PROCESSES; i++)
			running |= traffic_runs(connecting[i]);
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		traffic_await(connecting[i]);
	for (unsigned i = 0; i < 2; i++)
		traffic_stop(stream[i]);
}
END_TEST

START_TEST(flows_notice_no_reload)
{
	unsigned reloads = 1;
	pid_t datagrams;

	(void)traffic_echo_datagrams(BACKEND_V4);
	start();
	datagrams = traffic_send_datagrams(1000, 0);
	while (reloads < 40)
		reloads = reload_once(reloads);
	traffic_stop(datagrams);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net_reload_load");
	TCase *tcase = harness_case(suite, "load", 60);

	tcase_add_test(tcase, connections_notice_no_reload);
	tcase_add_test(tcase, flows_notice_no_reload);
	return harness_run(suite);
}
