/* SPDX-License-Identifier: BSD-2-Clause */
/* --setup-routing and --clear-routing: return routes set up or taken away once, for scripts. */
#ifndef MMPROXY_SETUP_ROUTING_H
#define MMPROXY_SETUP_ROUTING_H

#include "conf/conf.h"
#include "daemon/daemon.h"

enum setup_routing { SETUP_ROUTING_ADD, SETUP_ROUTING_PRINT, SETUP_ROUTING_CLEAR };

/* Do it; failures go to standard error. Returns the exit code. */
enum exit_code setup_routing(enum setup_routing what, struct conf *conf);

#endif
