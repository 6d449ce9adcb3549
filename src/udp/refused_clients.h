/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that were refused a moment ago because another flow has their pair of addresses: their
 * next datagrams are dropped without asking the kernel and the other workers again.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_REFUSED_CLIENTS_H
#define MMPROXY_REFUSED_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "udp/flow_table.h"

/* How long a refusal holds; a pair that becomes free is had again no later. */
#define REFUSED_CLIENTS_MS 100

struct refused_client;

/* All zero is empty. Of fixed size: a new one may push out another, which is asked for again. */
struct refused_clients {
	struct refused_client *slots; /* NULL until the first */
};

void refused_clients_fini(struct refused_clients *clients);

/* Memory that is out only means that it is not remembered. */
void refused_clients_add(struct refused_clients *clients, const struct flow_key *key,
			 int64_t now_ms);

/* Whether this one was added within REFUSED_CLIENTS_MS. */
bool refused_clients_has(const struct refused_clients *clients, const struct flow_key *key,
			 int64_t now_ms);

#endif
