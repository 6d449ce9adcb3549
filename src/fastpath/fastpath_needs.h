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
#include <stdint.h>

#include "base/addr.h"
#include "fastpath/fastpath.h"

/*
 * Whether the sysctls allow it for datagrams that come by this device to a target like this one.
 * If not, why names the sysctl that is to be set. Those of this host's own (interface is that of
 * lo), and IPv6, need nothing.
 */
bool fastpath_needs_met(uint32_t interface, const struct addr *target,
			char why[static FASTPATH_WHY_MAX]);

#endif
