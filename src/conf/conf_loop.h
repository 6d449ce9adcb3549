/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a connection of mmproxy's would come back to mmproxy: a loop without an end. */
#ifndef MMPROXY_CONF_LOOP_H
#define MMPROXY_CONF_LOOP_H

#include "conf/conf.h"
#include "net/route_lookup.h"

/*
 * The listening address of the protocol at which the packets of a route question would arrive, sent
 * to the destination's port; NULL: none. With TCP those of health and of the admin endpoint count,
 * which are not for clients either. A wildcard takes what is sent to any address of this
 * host's, which is for the routing tables to say: lookup (NULL: they cannot be asked) is asked for
 * that at most, and when_unknown is what holds when there is no answer.
 */
const struct addr *conf_loop_find(const struct conf *conf, enum conf_protocol protocol,
				  const struct route_question *question, bool when_unknown,
				  struct route_lookup *lookup);

#endif
