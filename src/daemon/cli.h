/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: what was asked for, and with which flags. */
#ifndef MMPROXY_CLI_H
#define MMPROXY_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/network.h"
#include "conf/conf.h"

enum cli_mode {
	CLI_RUN,
	CLI_TEST,
	CLI_SHOW_CONFIG,
	CLI_DECODE,
	CLI_CHECK_ROUTING,
	CLI_SETUP_ROUTING,
	CLI_CLEAR_ROUTING,
	CLI_STATUS,
	CLI_DENY,
	CLI_ALLOW,
	CLI_KICK,
	CLI_VERSION,
	CLI_HELP
};

struct cli {
	enum cli_mode mode;
	bool dry_run;		 /* of CLI_SETUP_ROUTING */
	const char *config;	 /* -c, or NULL */
	const char *decode_file; /* of --decode, or NULL */
	struct network network;	 /* of --deny, --allow and --kick */
	int64_t seconds;	 /* of --deny, from --for; 0: for ever */
	bool sessions;		 /* of --status */
	bool watch;		 /* likewise */
	bool json;		 /* likewise, and of CLI_CHECK_ROUTING */
	struct conf_flag *flags; /* the drop-in form's, in order; their text is argv's */
	size_t flags_count;
};

/*
 * Read the command line; flags take one dash or two, and their value as the next argument or behind
 * "=". Behind one dash there may also be Cloudflare's short flags as getopt(3) takes them: "-qv",
 * "-t100". Returns 0, or -1 having written one line to standard error; nothing is to be freed then.
 */
int cli_parse(struct cli *cli, int argc, char **argv) __attribute__((warn_unused_result));
void cli_fini(struct cli *cli);

/* Write what -h prints. */
void cli_print_help(FILE *out);

#endif
