/* SPDX-License-Identifier: BSD-2-Clause */
/* A daemon whose UDP flows the kernel carries, with its admin endpoint, and what it says of them.
 */
#ifndef MMPROXY_TEST_KERNEL_RELAY_H
#define MMPROXY_TEST_KERNEL_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include <check.h>

/*
 * harness_run() where the daemon is built with it and programs can be loaded in a namespace of a
 * test's own. Elsewhere it says so, and returns 77 (automake: skipped).
 */
int kernel_relay_run(Suite *suite);

/*
 * A configuration with the admin endpoint and a UDP listener "t" whose flows the kernel is to
 * carry, which the keys may give another "listen = " (it must be on port 7000), "targets = ",
 * "close_after = " and "udp_relay = ". Valid until the next call.
 */
const char *kernel_relay_config(unsigned workers, const char *keys);

/* Start the daemon with it, and one worker. */
void kernel_relay_start(const char *keys);

/* A number of the listener "t": carried_flows, demoted_total ... */
uint64_t kernel_relay_metric(const char *name);

/* The same of both directions, "up" and "down", of udp_datagrams_total, carried_datagrams_total. */
uint64_t kernel_relay_datagrams(const char *name, const char *direction);

/* Have lo take IPv4 datagrams that came by a device. */
void kernel_relay_set_sysctls(void);

/* Send the client's words and have them answered until the kernel carries so many flows. */
void kernel_relay_await(int balancer, int backend, const char *client, uint64_t flows);
void kernel_relay_await_at(int balancer, const char *listener, int backend, const char *client,
			   uint64_t flows);

/*
 * Words of a client whose flow is carried pass until the kernel has carried more of them, both
 * ways.
 */
void kernel_relay_check(int balancer, int backend, const char *client);
void kernel_relay_check_at(int balancer, const char *listener, int backend, const char *client);

/* The log's line of the client's end, which must tell the number of datagrams each way. */
void kernel_relay_expect_end(const char *client, const char *reason, unsigned up, unsigned down);

#endif
