/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passing flows on to another process, socket and all, so that neither client nor backend notices:
 * one side gives them and then lets them go, the other takes them.
 *
 * The worker's thread only. The group is paused.
 */
#ifndef MMPROXY_FLOW_TRANSFER_H
#define MMPROXY_FLOW_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/flow_batch.h"
#include "udp/flow_group.h"

/*
 * Add flows to the batch that answer from one of its addresses, the idlest first, each once since
 * the group was paused. Returns whether there are more. The flows stay.
 */
bool flow_transfer_give(struct flow_group *group, struct flow_batch *batch);

/*
 * Close some of those that were given, without a line or a count, because they go on elsewhere.
 * Returns whether there are more.
 */
bool flow_transfer_let_go(struct flow_group *group);

/* It stays here: nothing that was given has been taken. */
void flow_transfer_undo(struct flow_group *group);

/*
 * Go on with a flow that was given: its record, and its socket, which becomes the flow's. A flow
 * that cannot go on is closed and logged, as internal.
 */
void flow_transfer_take(struct flow_group *group, const uint8_t *bytes, size_t len, int fd);

#endif
