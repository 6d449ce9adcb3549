/* SPDX-License-Identifier: BSD-2-Clause */
/* The listeners that there are and that there were. */
#include "daemon/roster.h"

#include <stdlib.h>

void roster_init(struct roster *roster, size_t workers, struct deny_list *denied)
{
	TAILQ_INIT(&roster->entries);
	roster->denied = denied;
	roster->workers = workers;
}

static void drop(struct roster *roster, struct roster_entry *entry)
{
	TAILQ_REMOVE(&roster->entries, entry, entry);
	service_unref(entry->next_service);
	service_unref(entry->service);
	ledger_unref(entry->ledger);
	free(entry);
}

void roster_fini(struct roster *roster)
{
	while (!TAILQ_EMPTY(&roster->entries))
		drop(roster, TAILQ_FIRST(&roster->entries));
}

struct roster_entry *roster_find(const struct roster *roster, const struct conf_listener *conf)
{
	struct roster_entry *entry;

	TAILQ_FOREACH(entry, &roster->entries, entry)
	if (ledger_is_of(entry->ledger, conf))
		return entry;
	return NULL;
}

static struct roster_entry *add(struct roster *roster, const struct conf_listener *conf)
{
	struct roster_entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		return NULL;
	entry->ledger = ledger_new(conf, roster->workers);
	if (entry->ledger == NULL) {
		free(entry);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&roster->entries, entry, entry);
	return entry;
}

int roster_prepare(struct roster *roster, struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];
		struct roster_entry *entry = roster_find(roster, listener);

		if (entry == NULL)
			entry = add(roster, listener);
		if (entry != NULL)
			entry->next_service = service_new(conf, listener, entry->ledger);
		if (entry == NULL || entry->next_service == NULL) {
			roster_undo(roster);
			return -1;
		}
		entry->next_service->denied = roster->denied;
	}
	return 0;
}

void roster_undo(struct roster *roster)
{
	struct roster_entry *entry = TAILQ_FIRST(&roster->entries);

	while (entry != NULL) {
		struct roster_entry *next = TAILQ_NEXT(entry, entry);

		service_unref(entry->next_service);
		entry->next_service = NULL;
		if (entry->service == NULL)
			drop(roster, entry);
		entry = next;
	}
}

void roster_commit(struct roster *roster, const struct conf *conf)
{
	struct roster_entry *entry;

	TAILQ_FOREACH(entry, &roster->entries, entry)
	{
		entry->configured = false;
		/* What is open follows as well, with or without a listener. */
		atomic_store(&entry->ledger->logs_ends, conf->log_connections);
	}
	/* From the last to the first, each to the front. */
	for (size_t i = conf->listeners_count; i > 0; i--) {
		entry = roster_find(roster, &conf->listeners[i - 1]);
		service_unref(entry->service);
		entry->service = entry->next_service;
		entry->next_service = NULL;
		entry->configured = true;
		TAILQ_REMOVE(&roster->entries, entry, entry);
		TAILQ_INSERT_HEAD(&roster->entries, entry, entry);
	}
}

void roster_forget_ended(struct roster *roster, void (*on_end)(const struct ledger *ledger))
{
	struct roster_entry *entry = TAILQ_FIRST(&roster->entries);

	while (entry != NULL) {
		struct roster_entry *next = TAILQ_NEXT(entry, entry);

		if (!entry->configured && ledger_active(entry->ledger) == 0) {
			on_end(entry->ledger);
			drop(roster, entry);
		}
		entry = next;
	}
}

void roster_log_suppressed(const struct roster *roster, int64_t now_ms)
{
	struct roster_entry *entry;

	TAILQ_FOREACH(entry, &roster->entries, entry)
	ledger_log_suppressed(entry->ledger, now_ms);
}
