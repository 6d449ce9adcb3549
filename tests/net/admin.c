/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin endpoint of the daemon under test. */
#include "admin.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "daemon.h"
#include "harness.h"
#include "http.h"

/* Of /proc/net/unix (__SO_ACCEPTCON of linux/net.h). */
#define ACCEPTS 0x10000

const char *admin_path(void)
{
	return harness_path("admin.sock");
}

const char *admin_line(void)
{
	static char line[512];

	snprintf(line, sizeof(line), "admin = { listen = \"unix:%s\"; };\n", admin_path());
	return line;
}

/* Between bind(2) and listen(2) the socket's file is there, and refuses who connects. */
static bool listens(void)
{
	char *sockets = harness_read("/proc/self/net/unix");
	bool found = false;

	for (const char *line = sockets; line != NULL && !found; line = strchr(line, '\n')) {
		char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
		unsigned flags;

		line += *line == '\n';
		found = sscanf(line, "%*[^:]: %*x %*x %x %*x %*x %*u %107s", &flags, path) == 2 &&
			(flags & ACCEPTS) != 0 && strcmp(path, admin_path()) == 0;
	}
	free(sockets);
	return found;
}

void admin_start_config(const char *config)
{
	static char text[16384];

	snprintf(text, sizeof(text), "%s%s", admin_line(), config);
	daemon_start_config(text);
	HARNESS_AWAIT(listens());
}

void admin_start(const char *protocol, const char *listener_keys)
{
	char config[4096];

	snprintf(config, sizeof(config),
		 "workers = 1; log = { level = \"debug\"; }; drain_timeout = \"100ms\";\n"
		 "listeners = ( { name = \"t\"; listen = \"127.0.0.1:7000\"; protocol = \"%s\"; "
		 "%s %s } );\n",
		 protocol, strstr(listener_keys, "targets") == NULL ? DAEMON_TARGETS : "",
		 listener_keys);
	admin_start_config(config);
	daemon_await_look();
}

static bool is_healthy(const char *place)
{
	struct http_answer answer;

	http_ask(place, "GET", "/healthz", NULL, &answer);
	ck_assert_msg(answer.code == 200 || answer.code == 503, "/healthz: %d", answer.code);
	return answer.code == 200;
}

void admin_await_healthy(const char *place)
{
	HARNESS_AWAIT(is_healthy(place));
}

static bool find_metric(const char *series, uint64_t *number)
{
	const char *text = http_get(admin_path(), "/metrics");
	size_t len = strlen(series);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, series, len) != 0 || line[len] != ' ')
			continue;
		*number = strtoull(line + len, NULL, 10);
		return true;
	}
	return false;
}

uint64_t admin_metric(const char *series)
{
	uint64_t number = 0;

	ck_assert_msg(find_metric(series, &number), "no series %s", series);
	return number;
}

void admin_await_metric(const char *series, uint64_t number)
{
	int64_t deadline = harness_now_ms() + harness_patience_ms();
	uint64_t now;

	while ((now = admin_metric(series)) != number) {
		ck_assert_msg(harness_now_ms() < deadline, "%s is %llu, not %llu", series,
			      (unsigned long long)now, (unsigned long long)number);
		harness_sleep_ms(20);
	}
}

void admin_run(struct command_result *result, ...)
{
	struct command command = {0};
	const char *arg;
	va_list args;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	va_start(args, result);
	while ((arg = va_arg(args, const char *)) != NULL)
		command_add(&command, arg);
	va_end(args);
	command_run(&command, result);
}

void admin_check_json(const char *json, const char *expression)
{
	struct command command = {0};
	static struct command_result result;

	if (!harness_has_tool("python3"))
		return;
	harness_write("answer.json", json);
	command_add(&command, "python3");
	command_add(&command, "-c");
	command_add(&command, "import json, sys\n"
			      "d = json.load(open(sys.argv[1]))\n"
			      "sys.exit(0 if eval(sys.argv[2]) else 1)\n");
	command_add(&command, harness_path("answer.json"));
	command_add(&command, expression);
	command_run(&command, &result);
	ck_assert_msg(result.exit_code == 0, "not true: %s\nof %s\n%s", expression, json,
		      result.err);
}
