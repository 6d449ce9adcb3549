/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traffic that must not notice anything, each kind from a process of its own: short connections at
 * full rate, a long stream, and the datagrams of many flows. A backend echoes them all.
 */
#ifndef MMPROXY_TEST_TRAFFIC_H
#define MMPROXY_TEST_TRAFFIC_H

#include <stdbool.h>
#include <sys/types.h>

/* Echo datagrams at this address; it dies with the test. */
pid_t traffic_echo_datagrams(const char *address);

/*
 * Connect to 127.0.0.1:7000 so many times, one after the other: header, a word there and back, both
 * ends. number tells processes apart, whose clients differ.
 */
pid_t traffic_connect(unsigned number, unsigned times);

/*
 * Send a stream to 127.0.0.1:7000 until told to stop, and compare what comes back with what went
 * there.
 */
pid_t traffic_stream(unsigned number);

/*
 * Send datagrams of so many clients to 127.0.0.1:7000 in turn until told to stop, but for each of
 * them once, a few at a time, and wait for the echo of each. At most so many in all may be lost.
 */
pid_t traffic_send_datagrams(unsigned clients, unsigned lost_max);

/* Whether it runs still. */
bool traffic_runs(pid_t pid);

/* Tell it to stop, and have the test fail unless all was well. */
void traffic_stop(pid_t pid);

/* Wait for its end; the test fails unless all was well. */
void traffic_await(pid_t pid);

#endif
