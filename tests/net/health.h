/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A daemon with a health port, and what is asked there. Functions fail the test where they cannot
 * do what they say.
 */
#ifndef MMPROXY_TEST_HEALTH_H
#define MMPROXY_TEST_HEALTH_H

#include <stdbool.h>

#include "harness.h"

#define HEALTH	    "127.0.0.1:8081"
#define HEALTH_PORT 8081
#define HEALTH_KEY  "health = { listen = \"" HEALTH "\"; }; "

#define HEALTH_ONLY_IPV4 "targets = { ipv4 = \"" BACKEND_V4 "\"; }; "
#define HEALTH_ONLY_IPV6 "targets = { ipv6 = \"" BACKEND_V6 "\"; }; "

#define HEALTH_GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/*
 * A configuration with the listener "t" on port 7000, one worker, and these targets and keys. Valid
 * until the next call.
 */
const char *health_config(const char *targets, const char *keys);

/* Start the daemon with that, and the health port HEALTH; its look at the targets is over then. */
void health_start(const char *targets, const char *keys);

/* Whether anybody listens on HEALTH. */
bool health_is_open(void);

/* All that comes until the end, which must not be a reset; valid until the next call. Closes fd. */
const char *health_read_answer(int fd);

/* Connect, send the request, and read the answer as above. */
const char *health_ask(const char *request);

/* The answer has this status and this body. */
void health_assert_answer(const char *got, int status, const char *body);

/* Let the latest result grow old, so that the next question is one for the target. */
void health_let_result_expire(void);

/* Connections that this namespace has begun: TcpActiveOpens. */
unsigned long health_active_opens(void);

#endif
