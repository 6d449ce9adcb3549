/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command line asks a running daemon for. */
#include "daemon/admin_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/network.h"
#include "daemon/admin_client.h"

/* --watch shows what there is now so often. */
#define WATCH_S 2

/* A path with its parameters. */
#define TARGET_MAX 256

/* To the upper left, and clear the screen. */
#define CLEAR "\033[H\033[2J"

static int show_once(const struct cli *cli, const struct conf *conf, const char *source)
{
	char target[TARGET_MAX];

	snprintf(target, sizeof(target), "%s%s", cli->sessions ? "/sessions" : "/status",
		 cli->json ? "" : "?format=table");
	return admin_client_ask(conf, source, "GET", target, stdout);
}

static int show(const struct cli *cli, const struct conf *conf, const char *source)
{
	bool on_terminal = isatty(STDOUT_FILENO) != 0;

	if (!cli->watch)
		return show_once(cli, conf, source);
	for (;;) {
		if (on_terminal && !cli->json)
			fputs(CLEAR, stdout);
		if (show_once(cli, conf, source) < 0)
			return -1;
		if (!on_terminal && !cli->json)
			fputc('\n', stdout);
		if (fflush(stdout) != 0)
			return -1;
		sleep(WATCH_S);
	}
}

static int change(const char *path, const struct cli *cli, const struct conf *conf,
		  const char *source)
{
	char network[NETWORK_STRLEN];
	char target[TARGET_MAX];
	int len = snprintf(target, sizeof(target), "%s?network=%s", path,
			   network_format(&cli->network, network));

	if (cli->seconds != 0)
		snprintf(target + len, sizeof(target) - (size_t)len, "&for=%" PRId64, cli->seconds);
	return admin_client_ask(conf, source, "POST", target, stdout);
}

int admin_command_run(const struct cli *cli, const struct conf *conf, const char *source)
{
	switch (cli->mode) {
	case CLI_DENY:
		return change("/deny", cli, conf, source);
	case CLI_ALLOW:
		return change("/allow", cli, conf, source);
	case CLI_KICK:
		return change("/kick", cli, conf, source);
	default:
		return show(cli, conf, source);
	}
}
