/* SPDX-License-Identifier: BSD-2-Clause */
/* The listeners of one worker. */
#include "worker/lineup.h"

#include <stdlib.h>

#include "net/sock.h"
#include "udp/flow_record.h"

void lineup_fini(struct lineup *lineup)
{
	for (size_t i = 0; i < lineup->count; i++)
		lineup->listeners[i]->kind->free(lineup->listeners[i]);
	free(lineup->listeners);
	*lineup = (struct lineup){0};
}

/* The number of the listener with the service's ledger, which may be one that drains. */
static int find(struct lineup *lineup, struct service *service, lineup_maker make, void *arg,
		size_t *index)
{
	struct listener **grown;

	for (*index = 0; *index < lineup->count; ++*index)
		if (lineup->listeners[*index]->service->ledger == service->ledger)
			return 0;
	grown = reallocarray(lineup->listeners, lineup->count + 1, sizeof(*grown));
	if (grown == NULL)
		return -1;
	lineup->listeners = grown;
	lineup->listeners[*index] = make(service, arg);
	if (lineup->listeners[*index] == NULL)
		return -1;
	lineup->count++;
	return 0;
}

static void swap(struct lineup *lineup, size_t a, size_t b)
{
	struct listener *listener = lineup->listeners[a];

	lineup->listeners[a] = lineup->listeners[b];
	lineup->listeners[b] = listener;
}

/* It has no setup any more: what it has goes on, without sockets. */
static int retire(struct listener *listener)
{
	const struct listener_setup none = {.service = listener->service};

	listener->kind->drain(listener);
	return listener->kind->configure(listener, &none);
}

int lineup_apply(struct lineup *lineup, const struct listener_setup *setups, size_t count,
		 lineup_maker make, void *arg)
{
	int result = 0;

	lineup->version++;
	lineup->planned = 0;
	for (size_t i = 0; i < count; i++) {
		struct listener *listener;
		size_t index;

		if (find(lineup, setups[i].service, make, arg, &index) < 0)
			return -1;
		listener = lineup->listeners[index];
		if (listener->kind->configure(listener, &setups[i]) < 0)
			return -1;
		swap(lineup, index, lineup->planned++);
	}
	for (size_t i = lineup->planned; i < lineup->count; i++)
		result |= retire(lineup->listeners[i]);
	lineup_free_drained(lineup);
	return result;
}

void lineup_free_drained(struct lineup *lineup)
{
	size_t kept = lineup->planned;

	for (size_t i = kept; i < lineup->count; i++) {
		struct listener *listener = lineup->listeners[i];

		if (listener->kind->is_idle(listener)) {
			listener->kind->free(listener);
			lineup->version++;
		} else {
			lineup->listeners[kept++] = listener;
		}
	}
	lineup->count = kept;
}

bool lineup_is_idle(const struct lineup *lineup)
{
	for (size_t i = 0; i < lineup->count; i++)
		if (!lineup->listeners[i]->kind->is_idle(lineup->listeners[i]))
			return false;
	return true;
}

void lineup_drain(const struct lineup *lineup)
{
	for (size_t i = 0; i < lineup->count; i++)
		lineup->listeners[i]->kind->drain(lineup->listeners[i]);
}

void lineup_close_all(const struct lineup *lineup, enum close_reason reason)
{
	for (size_t i = 0; i < lineup->count; i++)
		lineup->listeners[i]->kind->close_all(lineup->listeners[i], reason);
}

void lineup_handle_room(const struct lineup *lineup)
{
	for (size_t i = 0; i < lineup->count; i++)
		lineup->listeners[i]->kind->handle_room(lineup->listeners[i]);
}

void lineup_pause(const struct lineup *lineup)
{
	for (size_t i = 0; i < lineup->count; i++)
		lineup->listeners[i]->kind->pause(lineup->listeners[i]);
}

static bool has_flows(const struct listener *listener)
{
	return listener->kind->give != NULL;
}

void lineup_pause_flows(const struct lineup *lineup)
{
	for (size_t i = 0; i < lineup->count; i++)
		if (has_flows(lineup->listeners[i]))
			lineup->listeners[i]->kind->pause(lineup->listeners[i]);
}

void lineup_resume(const struct lineup *lineup)
{
	for (size_t i = 0; i < lineup->count; i++)
		lineup->listeners[i]->kind->resume(lineup->listeners[i]);
}

bool lineup_give_flows(const struct lineup *lineup, struct flow_batch *batch)
{
	for (size_t i = 0; i < lineup->count; i++)
		if (has_flows(lineup->listeners[i]) &&
		    lineup->listeners[i]->kind->give(lineup->listeners[i], batch))
			return true;
	return false;
}

bool lineup_let_flows_go(const struct lineup *lineup)
{
	for (size_t i = 0; i < lineup->count; i++)
		if (has_flows(lineup->listeners[i]) &&
		    lineup->listeners[i]->kind->let_go(lineup->listeners[i]))
			return true;
	return false;
}

/* The listener of UDP that has this listening address, or NULL. */
static struct listener *find_udp(const struct lineup *lineup, const struct addr *address)
{
	for (size_t i = 0; i < lineup->count; i++)
		if (has_flows(lineup->listeners[i]) &&
		    lineup->listeners[i]->kind->has(lineup->listeners[i], address))
			return lineup->listeners[i];
	return NULL;
}

void lineup_take_flows(const struct lineup *lineup, const struct flow_batch *batch)
{
	size_t at = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct flow_record *record = (const void *)(batch->bytes + at);
		struct listener *listener = NULL;

		/* Where one is broken, none can be found behind it. */
		if (flow_record_is_whole(record, batch->len - at))
			listener = find_udp(lineup, &record->listening);
		else
			at = batch->len;
		if (listener != NULL)
			listener->kind->take(listener, batch->bytes + at, batch->len - at,
					     batch->fds[i]);
		else
			sock_close(batch->fds[i]);
		if (at < batch->len)
			at += record->len;
	}
}
