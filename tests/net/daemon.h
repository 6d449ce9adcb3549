/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon under test: the program that the environment's MMPROXY names (default ./src/mmproxy),
 * run through MMPROXY_WRAPPER, such as "valgrind -q --error-exitcode=99", when that is set, and
 * with the relay engine of MMPROXY_TEST_RELAY, such as "buffered", when that is set.
 *
 * A test has at most one.
 */
#ifndef MMPROXY_TEST_DAEMON_H
#define MMPROXY_TEST_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"

#include "command.h"

/* Its files in the test's directory. */
#define DAEMON_CONFIG_NAME "mmproxy.conf"
#define DAEMON_LOG_NAME	   "daemon.log"

/* Both targets that nearly every listener has. */
#define DAEMON_TARGETS "targets = { ipv4 = \"127.0.0.1:8000\"; ipv6 = \"[::1]:8000\"; }; "

/*
 * Stay root where the tests run as root: what they do to the daemon and its files must not depend
 * on whether the host has a user "mmproxy". Built without libcap-ng it does so anyway.
 */
#ifdef HAVE_CAP_NG
#define DAEMON_AS_ROOT "user = \"root\"; "
#else
#define DAEMON_AS_ROOT ""
#endif

/*
 * Deadlines that never come in a test that is not about them, however slow the machine: keys of a
 * TCP listener, of a UDP listener, or of "defaults" where there is such a listener.
 */
#define DAEMON_PATIENT_TCP "header_timeout = \"10m\"; connect_timeout = \"10m\"; "
#define DAEMON_PATIENT_UDP "close_after = \"10m\"; "

/* Fix the program's path before tests change directories; exits when it is not there. */
void daemon_find(void);

/* Start a copy of it from here on, in the test's directory, whose file may be replaced. */
const char *daemon_use_copy(void);

/* The wrapper and the program, to add arguments to. */
void daemon_command(struct command *command);

/*
 * Start it with a configuration of which only the interesting part is given: further keys of the
 * listener "t", on 127.0.0.1:7000 with DAEMON_TARGETS, one worker, log level debug. The deadlines
 * are DAEMON_PATIENT_TCP and DAEMON_PATIENT_UDP unless the keys say otherwise, also for the
 * functions below. Returns when it listens on port 7000.
 */
void daemon_start(const char *listener_keys);

/*
 * The same with a UDP listener, which the keys may give another "listen = ": it must be on port
 * 7000. Flows that are left when the daemon stops have 100 ms to go on.
 */
void daemon_start_udp(const char *listener_keys);
void daemon_start_udp_workers(unsigned workers, const char *listener_keys);

/*
 * Start it with a whole configuration file, and as root unless that names a user; it must listen on
 * port 7000, with TCP or UDP. A file with a group "defaults" of its own is on its own: it names the
 * deadlines itself.
 */
void daemon_start_config(const char *config);

/*
 * Wait until its first look at the targets is over, which it says at level debug, and the
 * descriptors for it are closed. daemon_start() and daemon_start_udp() do.
 */
void daemon_await_look(void);

/* Write the file as daemon_start_config() does, for a reload or a successor; returns its path. */
const char *daemon_write_config(const char *config);

/* Start it with a command line made from daemon_command(). */
void daemon_start_command(const struct command *command);

/* SIGTERM, and its exit code must be 0. Does nothing when there is none. */
void daemon_stop(void);

/* Wait for its end, which must come by itself or by a signal sent before; returns the exit code. */
int daemon_wait(void);

void daemon_signal(int signal);

/* The same to another process of the program, such as a former one. */
void daemon_signal_process(pid_t pid, int signal);

/* Stop it where it is, so that what comes meanwhile waits for it together; and let it go on. */
void daemon_pause(void);
void daemon_resume(void);

/*
 * From here on the daemon is this child of the test: its successor, or another one that is to be
 * waited for.
 */
void daemon_follow(pid_t pid);

/* Fails the test when the daemon has ended. */
void daemon_assert_alive(void);

pid_t daemon_pid(void);

/* Wait until a line of its log holds all three texts (NULL: any); the line is valid until the next
 * call. */
const char *daemon_log_await(const char *a, const char *b, const char *c);

/* Wait until all that it has logged up to now is where its log goes, or is left out. */
void daemon_await_log_written(void);

/* Lines of its log that hold both texts (NULL: any), with all that it has logged up to now. */
unsigned daemon_log_count(const char *a, const char *b);

/* The same without waiting for those that are on their way, which under load never ends. */
unsigned daemon_log_count_written(const char *a, const char *b);

/* From /proc: resident memory and the most it ever was, open descriptors, processor time. */
unsigned long daemon_rss_kb(void);
unsigned long daemon_rss_peak_kb(void);
unsigned daemon_fd_count(void);
unsigned daemon_cpu_ms(void);

/*
 * Look at its threads for so many ms: most times all of them wait, or they take less than a tenth
 * of a processor.
 */
void daemon_assert_rests(int ms);

/* The thread that writes the log, 0: there is none. */
pid_t daemon_log_thread(void);

/*
 * The workers' threads, max of them at most; returns how many. One that looks at the targets, and
 * ends by itself, counts as one in the moment before it has its name: await the number.
 */
unsigned daemon_worker_threads(pid_t *tids, unsigned max);

/* Wait until it has no more than count descriptors open. */
void daemon_await_fd_count(unsigned count);

/* Lower its limit so that it can open just this many more. */
void daemon_leave_descriptors(unsigned more);

/* Take the limit away again. */
void daemon_leave_all_descriptors(void);

/* Have it find no more memory than this beside what it has (RLIMIT_DATA), and take that away. */
void daemon_leave_memory(unsigned long kb);
void daemon_leave_all_memory(void);

/* A wrapper is at work, and has descriptors of its own in the process. */
bool daemon_is_wrapped(void);

/* A sanitizer or a wrapper is at work: memory and processor time say nothing. */
bool daemon_is_instrumented(void);

#endif
