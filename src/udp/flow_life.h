/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning and the end of a flow: from when its listener's table and limit know of it, until
 * it is freed.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_FLOW_LIFE_H
#define MMPROXY_FLOW_LIFE_H

#include <stdint.h>

#include "base/reason.h"
#include "proxyproto/proxy_header.h"
#include "udp/flow.h"

/*
 * Put a flow into its group's table, once the service has counted it. header: of its first
 * datagram, or NULL. Returns 0, or -1 when memory is out and the flow must be abandoned.
 */
int flow_life_begin(struct flow *flow, const struct proxy_header *header, int64_t now_ms)
    __attribute__((warn_unused_result));

/* End a flow: log it, count it, leave the table and the service, and free it. */
void flow_life_end(struct flow *flow, enum close_reason reason);

/*
 * The same as flow_life_begin() for a flow that another process began, and as old as it was there.
 */
int flow_life_take(struct flow *flow, int64_t active_ms) __attribute__((warn_unused_result));

/* End a flow here that goes on in another process: neither logged nor counted as closed. */
void flow_life_pass_on(struct flow *flow);

/* The same as flow_life_end(), to make room for another. */
void flow_life_displace(struct flow *flow, enum close_reason reason);

#endif
