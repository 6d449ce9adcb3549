/* SPDX-License-Identifier: BSD-2-Clause */
/* A daemon whose UDP flows the kernel carries. */
#include "kernel_relay.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fastpath/fastpath.h"

#include "admin.h"
#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"

#define EXIT_SKIPPED 77

/* In a child, for this process stays where it is. */
static bool is_there(void)
{
	char why[FASTPATH_WHY_MAX];
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (netns_enter() < 0 || fastpath_can_load(why))
			_exit(0);
		printf("skipped: the kernel cannot carry flows here: %s\n", why);
		fflush(stdout);
		_exit(1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int kernel_relay_run(Suite *suite)
{
	if (is_there())
		return harness_run(suite);
	srunner_free(srunner_create(suite));
	return EXIT_SKIPPED;
}

/* What the keys do not say themselves. */
static const char *unless(const char *keys, const char *name, const char *fallback)
{
	return strstr(keys, name) == NULL ? fallback : "";
}

const char *kernel_relay_config(unsigned workers, const char *keys)
{
	static char text[4096];

	snprintf(text, sizeof(text),
		 "%sworkers = %u; log = { level = \"debug\"; }; drain_timeout = \"100ms\";\n"
		 "listeners = ( { name = \"t\"; protocol = \"udp\"; %s%s%s%s%s } );\n",
		 admin_line(), workers, unless(keys, "listen =", "listen = \"" LISTEN_V4 "\"; "),
		 unless(keys, "targets =", DAEMON_TARGETS),
		 unless(keys, "close_after =", DAEMON_PATIENT_UDP),
		 unless(keys, "udp_relay =", "udp_relay = \"kernel\"; "), keys);
	return text;
}

void kernel_relay_start(const char *keys)
{
	daemon_start_config(kernel_relay_config(1, keys));
}

void kernel_relay_set_sysctls(void)
{
	ck_assert(harness_sysctl("net/ipv4/conf/lo/route_localnet", "1"));
	ck_assert(harness_sysctl("net/ipv4/conf/lo/accept_local", "1"));
}

uint64_t kernel_relay_metric(const char *name)
{
	char series[128];

	snprintf(series, sizeof(series), "mmproxy_udp_%s{listener=\"t\"}", name);
	return admin_metric(series);
}

uint64_t kernel_relay_datagrams(const char *name, const char *direction)
{
	char series[128];

	snprintf(series, sizeof(series), "mmproxy_udp_%s{listener=\"t\",direction=\"%s\"}", name,
		 direction);
	return admin_metric(series);
}

void kernel_relay_await_at(int balancer, const char *listener, int backend, const char *client,
			   uint64_t flows)
{
	HARNESS_AWAIT((balancer_check_at(balancer, listener, backend, client),
		       kernel_relay_metric("carried_flows") >= flows));
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), flows);
}

void kernel_relay_await(int balancer, int backend, const char *client, uint64_t flows)
{
	kernel_relay_await_at(balancer, LISTEN_V4, backend, client, flows);
}

void kernel_relay_check_at(int balancer, const char *listener, int backend, const char *client)
{
	uint64_t up = kernel_relay_datagrams("carried_datagrams_total", "up");
	uint64_t down = kernel_relay_datagrams("carried_datagrams_total", "down");

	HARNESS_AWAIT((balancer_check_at(balancer, listener, backend, client),
		       kernel_relay_datagrams("carried_datagrams_total", "up") > up &&
			   kernel_relay_datagrams("carried_datagrams_total", "down") > down));
}

void kernel_relay_check(int balancer, int backend, const char *client)
{
	kernel_relay_check_at(balancer, LISTEN_V4, backend, client);
}

void kernel_relay_expect_end(const char *client, const char *reason, unsigned up, unsigned down)
{
	char who[128];
	char counts[128];

	snprintf(who, sizeof(who), "client=%s ", client);
	snprintf(counts, sizeof(counts), "up_datagrams=%u down_datagrams=%u ", up, down);
	(void)daemon_log_await(who, reason, counts);
}
