/* SPDX-License-Identifier: BSD-2-Clause */
/* --check-routing: the doctor's report for people, or as JSON. */
#ifndef MMPROXY_CHECK_ROUTING_H
#define MMPROXY_CHECK_ROUTING_H

#include "conf/conf.h"
#include "daemon/cli.h"
#include "daemon/daemon.h"

/* A path, or a dozen flags with their values; what is longer is left to the user. */
#define CHECK_ROUTING_SET_UP_MAX 2048

/* Write the command line that sets up the routes of this configuration. Returns buf. */
const char *check_routing_set_up(const struct cli *cli, char buf[static CHECK_ROUTING_SET_UP_MAX]);

/* Examine, and write to standard output. Returns the exit code: EXIT_RUNTIME if anything fails. */
enum exit_code check_routing(const struct cli *cli, const struct conf *conf);

#endif
