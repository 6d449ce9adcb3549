/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listeners that there are and that there were: of each its ledger, and the service that it has
 * now. Main thread.
 */
#ifndef MMPROXY_ROSTER_H
#define MMPROXY_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/silence.h"
#include "service/service.h"

struct roster_entry {
	TAILQ_ENTRY(roster_entry) entry;
	struct ledger *ledger;
	struct service *service;      /* of the configuration in use, or the last one it had */
	struct service *next_service; /* between roster_prepare() and roster_commit() */
	struct silence silence;
	bool configured;
	uint32_t generation; /* of the numbers that its next addresses get */
};

/* Those that are configured first, in the order of the configuration. */
struct roster {
	TAILQ_HEAD(, roster_entry) entries;
	size_t workers;
	struct deny_list *denied; /* for the services; not the roster's own */
};

void roster_init(struct roster *roster, size_t workers, struct deny_list *denied);
void roster_fini(struct roster *roster);

/*
 * Make what a snapshot needs, a service for each block and a ledger for each new one. Nothing is
 * used of it yet. Returns 0, or -1 when memory is out, and then nothing has changed.
 */
int roster_prepare(struct roster *roster, struct conf *conf) __attribute__((warn_unused_result));

/* Use what was prepared, or drop it. */
void roster_commit(struct roster *roster, const struct conf *conf);
void roster_undo(struct roster *roster);

/* The entry of a block, or NULL. */
struct roster_entry *roster_find(const struct roster *roster, const struct conf_listener *conf);

/* Drop those that are not configured any more and have no connection and no flow left. */
void roster_forget_ended(struct roster *roster, void (*on_end)(const struct ledger *ledger));

/* Log how many lines were left out in seconds that are over by now_ms. */
void roster_log_suppressed(const struct roster *roster, int64_t now_ms);

#endif
