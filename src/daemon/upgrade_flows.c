/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving the flows of all workers to another process. */
#include "daemon/upgrade_flows.h"

#include <stdlib.h>

void upgrade_flows_init(struct upgrade_flows *flows, const struct serving *serving,
			void (*on_step)(void *arg), void *arg)
{
	flows->serving = serving;
	flows->on_step = on_step;
	flows->arg = arg;
}

void upgrade_flows_fini(struct upgrade_flows *flows)
{
	free(flows->errands);
	free(flows->addresses);
	flows->errands = NULL;
	flows->addresses = NULL;
	flows->away = 0;
	flows->worker = 0;
	flows->given = 0;
	flows->undoing = false;
}

static void on_back(struct mail *mail, void *arg);

static void send_off(struct upgrade_errand *errand, enum worker_flows_step step)
{
	struct upgrade_flows *whole = errand->whole;

	errand->away = true;
	whole->away++;
	errand->flows.step = step;
	errand->flows.done = on_back;
	worker_send_flows(whole->serving->workers[errand->worker], &errand->flows);
}

static void send_to_all(struct upgrade_flows *flows, enum worker_flows_step step)
{
	for (size_t i = 0; i < flows->serving->workers_count; i++)
		send_off(&flows->errands[i], step);
}

/* Whatever it was sent for, it is to be as before. */
static void undo(struct upgrade_errand *errand)
{
	if (errand->paused)
		send_off(errand, WORKER_FLOWS_RESUME);
}

static void on_back(struct mail *mail, void *arg)
{
	struct upgrade_errand *errand = (struct upgrade_errand *)(void *)mail;
	struct upgrade_flows *whole = errand->whole;

	(void)arg;
	errand->away = false;
	whole->away--;
	errand->paused = errand->flows.step != WORKER_FLOWS_RESUME;
	if (whole->undoing)
		undo(errand);
	else if (errand->flows.step == WORKER_FLOWS_LET_GO && errand->flows.more)
		send_off(errand, WORKER_FLOWS_LET_GO);
	if (whole->away == 0)
		whole->on_step(whole->arg);
}

/* Of UDP, and passed on. */
static size_t take_addresses(const struct listen_room *room, struct addr *addresses)
{
	struct listen_address *address;
	struct listen_address *next;
	size_t count = 0;

	HASH_ITER(hh, room->addresses, address, next)
	if (address->passed_on && address->key.protocol == CONF_PROTOCOL_UDP)
		addresses[count++] = address->key.addr;
	return count;
}

int upgrade_flows_pause(struct upgrade_flows *flows)
{
	const struct serving *serving = flows->serving;

	flows->errands = calloc(serving->workers_count, sizeof(*flows->errands));
	flows->addresses =
	    calloc(HASH_COUNT(serving->room.addresses) + 1, sizeof(*flows->addresses));
	if (flows->errands == NULL || flows->addresses == NULL)
		return -1;
	flows->batch.addresses = flows->addresses;
	flows->batch.addresses_count = take_addresses(&serving->room, flows->addresses);
	for (size_t i = 0; i < serving->workers_count; i++) {
		flows->errands[i].whole = flows;
		flows->errands[i].worker = i;
		flows->errands[i].flows.batch = &flows->batch;
		/* It gives when all of them have paused. */
		flows->errands[i].flows.more = true;
	}
	send_to_all(flows, WORKER_FLOWS_PAUSE);
	return 0;
}

bool upgrade_flows_give(struct upgrade_flows *flows)
{
	flows->batch.count = 0;
	flows->batch.len = 0;
	while (flows->worker < flows->serving->workers_count &&
	       !flows->errands[flows->worker].flows.more)
		flows->worker++;
	if (flows->worker == flows->serving->workers_count)
		return false;
	send_off(&flows->errands[flows->worker], WORKER_FLOWS_GIVE);
	return true;
}

void upgrade_flows_let_go(struct upgrade_flows *flows)
{
	send_to_all(flows, WORKER_FLOWS_LET_GO);
}

void upgrade_flows_resume(struct upgrade_flows *flows)
{
	flows->undoing = true;
	for (size_t i = 0; i < flows->serving->workers_count && flows->errands != NULL; i++)
		if (!flows->errands[i].away)
			undo(&flows->errands[i]);
}
