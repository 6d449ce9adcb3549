/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of return routes: what is wrong, and what to do about it. Main thread. */
#ifndef MMPROXY_ROUTING_SAY_H
#define MMPROXY_ROUTING_SAY_H

#include <stdint.h>

#include "routing/return_plan.h"
#include "routing/return_sync.h"

/* Memory is out. */
void routing_say_no_memory(void);

/* The process lacks CAP_NET_ADMIN. */
void routing_say_not_permitted(void);

/* The item could not be added or deleted ("add", "del"); an errno value. */
void routing_say_failed(const char *verb, const struct return_item *item, int error);

/* The kernel could not be asked; an errno value. */
void routing_say_unreadable(int error);

/* The nft table could not be set up, read or deleted, with nftables' own reason. */
void routing_say_nft(const char *what, const char *error);

/* Somebody else uses the routing table, or the nft table. */
void routing_say_foreign_route(const struct return_sync *sync);
void routing_say_foreign_nft(uint32_t table);

/* The kernel is too old for rules that name a port. */
void routing_say_wide_rules(void);

/* What the plan sets nothing up for; and, for the daemon, what it does set up. */
void routing_say_remarks(const struct return_plan *plan);
void routing_say_plan(const struct return_plan *plan, uint32_t table);

#endif
