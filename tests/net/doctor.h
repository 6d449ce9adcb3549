/* SPDX-License-Identifier: BSD-2-Clause */
/* --check-routing run in a test's namespace, and what it says. */
#ifndef MMPROXY_TEST_DOCTOR_H
#define MMPROXY_TEST_DOCTOR_H

#include <stdint.h>

#include "daemon.h"

/* A configuration with these listeners, for a daemon that stays root. */
#define DOCTOR_LISTENERS(...) DAEMON_AS_ROOT "listeners = ( " __VA_ARGS__ " );\n"

/* One on loopback, with further keys. */
#define DOCTOR_TCP(targets)                                                                        \
	DOCTOR_LISTENERS("{ name = \"t\"; listen = \"" LISTEN_V4 "\"; targets = { " targets " }; " \
			 "}")
#define DOCTOR_UDP(targets)                                                          \
	DOCTOR_LISTENERS("{ name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4 \
			 "\"; targets = { " targets " }; }")
#define DOCTOR_IPV4 "ipv4 = \"127.0.0.1:8000\"; "
#define DOCTOR_IPV6 "ipv6 = \"[::1]:8000\"; "

/* Run it, with a further flag (NULL: none) and without these capabilities. Returns its output. */
const char *doctor_run(const char *config, const char *flag, uint64_t dropped_caps);

/* How long the last run took. */
int64_t doctor_took_ms(void);

/* Run it, and expect this exit code. */
void doctor_expect_exit(const char *config, int code);

/* A line of the last run is of this level, names the cause, and holds the text (NULL: any). */
void doctor_expect(const char *level, const char *cause, const char *text);

/* No line of the last run names the cause. */
void doctor_expect_none(const char *cause);

/* Lines of this level. */
unsigned doctor_count(const char *level);

/* Run the command below the line that names the cause. */
void doctor_mend(const char *cause);

/*
 * Run it with a configuration that has one thing wrong, which must be this cause and all that
 * fails; then do what it says, after which nothing fails.
 */
void doctor_expect_mended(const char *config, const char *cause, const char *text);

#endif
