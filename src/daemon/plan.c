/* SPDX-License-Identifier: BSD-2-Clause */
/* What all workers are to serve. */
#include "daemon/plan.h"

#include <stdlib.h>
#include <string.h>

/* An address and whose it is; sorted by that and by its place. */
struct item {
	struct listen_address *address;
	const struct roster_entry *entry;
};

static int compare(const void *a, const void *b)
{
	const struct item *first = a;
	const struct item *second = b;

	if (first->entry != second->entry)
		return (uintptr_t)first->entry < (uintptr_t)second->entry ? -1 : 1;
	/* Each is below 2^20. */
	return (int)listener_place(first->address->number) -
	       (int)listener_place(second->address->number);
}

/* Which places the addresses of a listener have, among the first so many. */
static void find_used(const struct listen_room *room, const struct ledger *ledger, bool *used,
		      size_t count)
{
	const struct listen_address *address;

	memset(used, 0, count * sizeof(*used));
	for (address = room->addresses; address != NULL; address = address->hh.next)
		if (address->ledger == ledger && listener_place(address->number) < count)
			used[listener_place(address->number)] = true;
}

/*
 * From now on the addresses of its configuration are this listener's. Those that it gets have the
 * lowest places that none of its others has; count is more than there are addresses.
 */
static void give_to(struct roster_entry *entry, const struct listen_room *room, bool *used,
		    size_t count)
{
	const struct conf_listener *conf = entry->service->conf;
	uint32_t generation = entry->generation << LISTENER_PLACE_BITS;
	uint32_t place = 0;
	bool any = false;

	find_used(room, entry->ledger, used, count);
	for (size_t i = 0; i < conf->listen_count; i++) {
		struct listen_address *address =
		    listen_find(room, conf->protocol, &conf->listen[i]);

		if (address->ledger == entry->ledger)
			continue;
		ledger_unref(address->ledger);
		address->ledger = ledger_ref(entry->ledger);
		while (used[place])
			place++;
		address->number = generation | place++;
		any = true;
	}
	if (any)
		entry->generation = (entry->generation + 1) % LISTENER_GENERATIONS;
}

static const struct roster_entry *owner_of(const struct roster *roster,
					   const struct listen_address *address)
{
	const struct roster_entry *entry;

	TAILQ_FOREACH(entry, &roster->entries, entry)
	if (entry->ledger == address->ledger)
		return entry;
	return NULL;
}

/* Returns how many there are that somebody has. */
static size_t sort(const struct listen_room *room, const struct roster *roster, struct item *items)
{
	struct listen_address *address;
	size_t count = 0;

	for (address = room->addresses; address != NULL; address = address->hh.next) {
		items[count].address = address;
		items[count].entry = owner_of(roster, address);
		if (items[count].entry != NULL)
			count++;
	}
	qsort(items, count, sizeof(*items), compare);
	return count;
}

static void fill_in(struct plan_part *part, size_t worker, const struct item *items, size_t count)
{
	struct listener_setup *setup = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct listen_address *address = items[i].address;

		if (i == 0 || items[i].entry != items[i - 1].entry) {
			setup = &part->setups[part->plan.setups_count++];
			setup->service = service_ref(items[i].entry->service);
			setup->sockets = &part->sockets[i];
		}
		part->sockets[i] = (struct listener_socket){
		    .fd = address->fds[worker],
		    .number = address->number,
		    .addr = address->key.addr,
		    .draining = !address->wanted,
		    .passed_on = address->passed_on,
		};
		setup->sockets_count++;
	}
	part->plan.setups = part->setups;
}

static int make_parts(struct plan *plan, size_t sockets)
{
	for (size_t i = 0; i < plan->workers; i++) {
		struct plan_part *part = &plan->parts[i];

		part->whole = plan;
		/* Never more listeners than addresses. */
		part->setups = calloc(sockets, sizeof(*part->setups));
		part->sockets = calloc(sockets, sizeof(*part->sockets));
		if (part->setups == NULL || part->sockets == NULL)
			return -1;
	}
	return 0;
}

struct plan *plan_new(const struct listen_room *room, const struct roster *roster)
{
	/* One more, since nothing may be had of no memory. */
	size_t sockets = HASH_COUNT(room->addresses) + 1;
	struct item *items = calloc(sockets, sizeof(*items));
	bool *used = calloc(sockets, sizeof(*used));
	struct plan *plan = calloc(1, sizeof(*plan) + room->workers * sizeof(plan->parts[0]));
	struct roster_entry *entry;
	size_t count;

	if (plan != NULL)
		plan->workers = room->workers;
	if (items == NULL || used == NULL || plan == NULL || make_parts(plan, sockets) < 0) {
		free(items);
		free(used);
		plan_free(plan);
		return NULL;
	}
	TAILQ_FOREACH(entry, &roster->entries, entry)
	if (entry->configured)
		give_to(entry, room, used, sockets);
	count = sort(room, roster, items);
	for (size_t i = 0; i < plan->workers; i++)
		fill_in(&plan->parts[i], i, items, count);
	free(items);
	free(used);
	return plan;
}

void plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	for (size_t i = 0; i < plan->workers; i++) {
		struct plan_part *part = &plan->parts[i];

		for (size_t j = 0; j < part->plan.setups_count; j++)
			service_unref(part->setups[j].service);
		free(part->setups);
		free(part->sockets);
	}
	free(plan);
}

static void on_part_done(struct mail *mail, void *arg)
{
	struct plan_part *part = (struct plan_part *)(void *)mail;
	struct plan *plan = part->whole;

	(void)arg;
	plan->failed |= part->plan.result < 0;
	if (--plan->left == 0)
		plan->on_done(plan, plan->on_done_arg);
}

void plan_send(struct plan *plan, struct worker *const *workers,
	       void (*on_done)(struct plan *plan, void *arg), void *arg)
{
	plan->left = plan->workers;
	plan->failed = false;
	plan->on_done = on_done;
	plan->on_done_arg = arg;
	for (size_t i = 0; i < plan->workers; i++) {
		plan->parts[i].plan.done = on_part_done;
		worker_send_plan(workers[i], &plan->parts[i].plan);
	}
}
