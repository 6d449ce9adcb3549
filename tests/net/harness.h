/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every program of tests/net shares: each test runs in a process, a network namespace and a
 * directory of its own, so fixed addresses and ports never clash.
 */
#ifndef MMPROXY_TEST_HARNESS_H
#define MMPROXY_TEST_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#include <check.h>

/* Addresses that nearly every test uses. */
#define LISTEN_V4  "127.0.0.1:7000"
#define BACKEND_V4 "127.0.0.1:8000"
#define BACKEND_V6 "[::1]:8000"

/*
 * A test case whose tests start in a fresh namespace with its loopback up and return routes in
 * place, and end with every socket of peer.h closed and the daemon stopped, which must exit with 0.
 * limit_s is generous for one test on an idle machine: a busy one has four times that, and
 * CK_TIMEOUT_MULTIPLIER stretches it.
 */
TCase *harness_case(Suite *suite, const char *name, int limit_s);

/* The same without the return routes. */
TCase *harness_case_without_routes(Suite *suite, const char *name, int limit_s);

/*
 * Run the suite and take it. Returns what main() returns: 0, 1, or 77 (automake: skipped) where
 * neither root nor user namespaces are there. Logs of daemons whose test failed go to standard
 * output.
 */
int harness_run(Suite *suite);

/* Whether a program is in PATH (or /sbin, /usr/sbin); says so on standard output when it is not. */
bool harness_has_tool(const char *name);

/* Whether the kernel is of this version or a later one. */
bool harness_has_kernel(unsigned major, unsigned minor);

/* A path in the test's own directory; valid until the eighth call from here. */
const char *harness_path(const char *name);

/* Write a file into the test's directory; returns its path as harness_path() does. */
const char *harness_write(const char *name, const char *text);

/* Read a whole file; the caller frees. A file that is not there reads as "". */
char *harness_read(const char *path);

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t harness_now_ms(void);
void harness_sleep_ms(int ms);

/* CK_TIMEOUT_MULTIPLIER: how much slower than usual everything may be; at least 1. */
double harness_slowness(void);

/* How long an event that must come may take: 15 s, stretched by harness_slowness(). */
int harness_patience_ms(void);

/* Run a shell command that must succeed. */
void harness_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Set a sysctl of this namespace ("net/ipv4/tcp_fwmark_accept"); false where that is not allowed.
 */
bool harness_sysctl(const char *name, const char *value);

/* Look again and again until condition holds; the test fails when patience ends first. */
#define HARNESS_AWAIT(condition)                                                             \
	do {                                                                                 \
		int64_t await_until = harness_now_ms() + harness_patience_ms();              \
		while (!(condition)) {                                                       \
			ck_assert_msg(harness_now_ms() < await_until, "never came true: %s", \
				      #condition);                                           \
			harness_sleep_ms(2);                                                 \
		}                                                                            \
	} while (0)

#endif
