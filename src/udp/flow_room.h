/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room for new flows, under max_flows and of descriptors: the flow idle longest makes way, in the
 * worker that has it, and the datagram that began the new one waits for that in another worker.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_FLOW_ROOM_H
#define MMPROXY_FLOW_ROOM_H

#include "udp/flow_group.h"

/* Make the room that other workers have asked for, and tell them. */
void flow_room_make(struct flow_group *group);

/* Datagrams that waited for room: now there is some, or they make it here, or wait again. */
void flow_room_take_waiting(struct flow_group *group);

/* The same, but none of them waits any more: what was taken must not wait for another process. */
void flow_room_settle_waiting(struct flow_group *group);

#endif
