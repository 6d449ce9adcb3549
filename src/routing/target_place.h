/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a target is: on this host, in a guest of it, or on another host. */
#ifndef MMPROXY_TARGET_PLACE_H
#define MMPROXY_TARGET_PLACE_H

#include <stdint.h>

#include "base/addr.h"
#include "routing/return_plan.h"

/* What the kernel knows of routes and interfaces at one moment. */
struct target_place;

/* NULL with errno. */
struct target_place *target_place_new(void) __attribute__((warn_unused_result));

/* NULL is fine. */
void target_place_free(struct target_place *place);

/*
 * Where packets with this mark (0: none) to the target would go. A guest is behind a veth or a tap,
 * or a bridge that has no other ports: a bridge with a network card in it leads to other hosts too,
 * and its virtual machines have a router elsewhere.
 */
enum return_place target_place_find(struct target_place *place, const struct addr *target,
				    uint32_t mark);

#endif
