/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP keepalive for very many connections.
 *
 * The kernel keeps the timers of a minute in slots of two seconds (HZ 250; include/linux/timer.h),
 * and sends the probes of a slot in one go. To an address of this host, or through a veth(4), they
 * go by a queue of 1,000 packets a processor (net.core.netdev_max_backlog); further ones are lost.
 * Those that are lost together are sent again together, so that of 9,000 connections opened at once
 * the kernel ends a tenth, with ETIMEDOUT, though nobody has left. So each socket has times of its
 * own, which depend on its descriptor: those of connections opened one after the other are spread
 * as evenly as can be.
 */
#ifndef MMPROXY_KEEPALIVE_H
#define MMPROXY_KEEPALIVE_H

#include <stdint.h>

/* How long this socket is silent before it is probed: idle_ms at the most, and half of it at least,
 * in whole seconds, at least one. */
uint32_t keepalive_idle_ms(int fd, uint32_t idle_ms);

/*
 * SO_KEEPALIVE after keepalive_idle_ms(), which counts from the last byte that came. A side that
 * does not answer probes for about idle_ms more is gone; there are at least four of them.
 * 0, or -1 with errno.
 */
int keepalive_start(int fd, uint32_t idle_ms) __attribute__((warn_unused_result));

#endif
