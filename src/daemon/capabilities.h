/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capabilities of the process (capabilities(7)): which it has, which a configuration has a use
 * for, and giving up the rest. By the kernel's own interface, since libcap-ng may not be there.
 *
 * A set has a bit for each, CAPABILITIES_BIT(CAP_...). Capabilities are a thread's: main thread,
 * before others are started, unless stated.
 */
#ifndef MMPROXY_CAPABILITIES_H
#define MMPROXY_CAPABILITIES_H

#include <stdint.h>

#include "conf/conf.h"

#define CAPABILITIES_BIT(number) (UINT64_C(1) << (number))

/* Those that the process may use: its permitted set. */
uint64_t capabilities_own(void);

/*
 * Those that the configuration has a use for, which mmproxy(8) lists: CAP_NET_RAW and CAP_NET_ADMIN
 * always, CAP_NET_BIND_SERVICE where a port that it listens on, or may connect from, needs it, and
 * CAP_BPF where flows are to be carried in the kernel.
 */
uint64_t capabilities_used(const struct conf *conf);

/* Ports below this one need CAP_NET_BIND_SERVICE to be bound (net.ipv4.ip_unprivileged_port_start,
 * Linux 4.11; 1024 before). Any thread. */
unsigned capabilities_port_start(void);

/*
 * Have no other than these, and pass none on to another program. What the process lacks it does not
 * get. Returns 0, or -1 with errno.
 */
int capabilities_keep(uint64_t kept) __attribute__((warn_unused_result));

/* As far as it is allowed to, see to it that no program that is run from here on gets others. */
void capabilities_bound(uint64_t kept);

/* Have the next program of execve(2) get them all (ambient ones, Linux 4.3). Returns 0 or -1. */
int capabilities_pass_on(void) __attribute__((warn_unused_result));

/* Write "CAP_NET_RAW and CAP_NET_ADMIN"; returns buf. Of those that this module or its users know.
 */
#define CAPABILITIES_TEXT_MAX 128
const char *capabilities_text(uint64_t set, char buf[static CAPABILITIES_TEXT_MAX]);

#endif
