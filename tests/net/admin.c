/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin endpoint of the daemon under test. */
#include "admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "harness.h"
#include "http.h"

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

void admin_start_config(const char *config)
{
	static char text[16384];

	snprintf(text, sizeof(text), "%s%s", admin_line(), config);
	daemon_start_config(text);
	HARNESS_AWAIT(access(admin_path(), F_OK) == 0);
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
