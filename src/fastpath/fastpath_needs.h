/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this host must be set to before the kernel can carry datagrams that come by a device: they
 * go from the device's input to that of lo, which takes them only where sysctls allow it.
 *
 * Any thread. Built with and without libbpf.
 */
#ifndef MMPROXY_FASTPATH_NEEDS_H
#define MMPROXY_FASTPATH_NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "fastpath/fastpath_flow.h"

/* Sysctls that can be missing at a time. */
#define FASTPATH_NEEDS_MAX 2

/*
 * Write the names of the sysctls that are to be set to 1, such as
 * "net.ipv4.conf.lo.accept_local", for datagrams that come by this device to a target like this
 * one; returns how many there are. Those of this host's own (interface is that of lo), and IPv6,
 * need none.
 */
size_t fastpath_needs_find(uint32_t interface, const struct addr *target,
			   const char *missing[static FASTPATH_NEEDS_MAX]);

/* Whether none is missing. If one is, why says so and names the first. */
bool fastpath_needs_met(uint32_t interface, const struct addr *target,
			char why[static FASTPATH_WHY_MAX]);

#endif
