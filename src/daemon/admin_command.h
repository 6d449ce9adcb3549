/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command line asks a running daemon for: --status, --deny, --allow and --kick. */
#ifndef MMPROXY_ADMIN_COMMAND_H
#define MMPROXY_ADMIN_COMMAND_H

#include "daemon/cli.h"

/*
 * Ask the daemon of a configuration, which was read from source, and print its answer. Returns 0,
 * or -1 having written to standard error what failed. --watch goes on until a failure or a signal.
 */
int admin_command_run(const struct cli *cli, const struct conf *conf, const char *source)
    __attribute__((warn_unused_result));

#endif
