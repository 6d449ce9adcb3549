/* SPDX-License-Identifier: BSD-2-Clause */
/* --check-routing: the doctor's report for people, or as JSON. */
#ifndef MMPROXY_CHECK_ROUTING_H
#define MMPROXY_CHECK_ROUTING_H

#include "conf/conf.h"
#include "daemon/cli.h"
#include "daemon/daemon.h"

/* Examine, and write to standard output. Returns the exit code: EXIT_RUNTIME if anything fails. */
enum exit_code check_routing(const struct cli *cli, const struct conf *conf);

#endif
