/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin endpoint of the daemon under test, on a UNIX socket in the test's directory. */
#ifndef MMPROXY_TEST_ADMIN_H
#define MMPROXY_TEST_ADMIN_H

#include <stdint.h>

#include "command.h"

/* The line of a configuration that turns it on. Valid until the next call. */
const char *admin_line(void);

/* Its path; valid as harness_path() says. */
const char *admin_path(void);

/*
 * Start the daemon with it, and else with daemon_start()'s configuration and this listener's keys;
 * NAME "t", TCP or UDP, on 127.0.0.1:7000.
 */
void admin_start(const char *protocol, const char *listener_keys);

/* The same with a whole configuration. */
void admin_start_config(const char *config);

/*
 * Wait until /healthz at this place says that all workers answer: it says 503 where one of them did
 * not within a second, as when the machine stands still.
 */
void admin_await_healthy(const char *place);

/* The number of a series, such as "mmproxy_bytes_total{listener=\"t\",direction=\"up\"}". */
uint64_t admin_metric(const char *series);

/* Wait until it has this number. */
void admin_await_metric(const char *series, uint64_t number);

/* Run the program under test against this daemon, with arguments that end with NULL. */
void admin_run(struct command_result *result, ...);

/*
 * Have python3 read JSON as "d" and evaluate an expression, which must be true. Does nothing, and
 * says so, where there is no python3.
 */
void admin_check_json(const char *json, const char *expression);

#endif
