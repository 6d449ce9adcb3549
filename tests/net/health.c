/* SPDX-License-Identifier: BSD-2-Clause */
/* A daemon with a health port, and what is asked there. */
#include "health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "peer.h"
#include "tcp_table.h"

static char answer[4096];

const char *health_config(const char *targets, const char *keys)
{
	static char config[2048];

	snprintf(config, sizeof(config),
		 "workers = 1;\ndrain_timeout = \"60s\";\nlog = { level = \"debug\"; };\n"
		 "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; %s %s } );\n",
		 targets, keys);
	return config;
}

void health_start(const char *targets, const char *keys)
{
	char all[1024];

	snprintf(all, sizeof(all), HEALTH_KEY "%s", keys);
	daemon_start_config(health_config(targets, all));
	daemon_await_look();
}

bool health_is_open(void)
{
	return tcp_table_count(HEALTH_PORT, TCP_TABLE_LISTEN) > 0;
}

const char *health_read_answer(int fd)
{
	size_t len = 0;
	ssize_t got;

	while ((got = peer_receive(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
		len += (size_t)got;
	ck_assert_msg(got == 0, "reset after %zu bytes", len);
	answer[len] = '\0';
	peer_close(fd);
	return answer;
}

const char *health_ask(const char *request)
{
	int fd = peer_connect(NULL, HEALTH);

	peer_send_text(fd, request);
	return health_read_answer(fd);
}

void health_assert_answer(const char *got, int status, const char *body)
{
	char line[32];
	const char *end = strstr(got, "\r\n\r\n");

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	ck_assert_msg(strncmp(got, line, strlen(line)) == 0, "expected %d, got: %s", status, got);
	ck_assert_ptr_nonnull(end);
	ck_assert_str_eq(end + 4, body);
}

void health_let_result_expire(void)
{
	harness_sleep_ms(1100);
}

unsigned long health_active_opens(void)
{
	char *text = harness_read("/proc/net/snmp");
	const char *values = strstr(strstr(text, "Tcp:") + 4, "Tcp:");
	unsigned long count;

	ck_assert_int_eq(sscanf(values, "Tcp: %*s %*s %*s %*s %lu", &count), 1);
	free(text);
	return count;
}
