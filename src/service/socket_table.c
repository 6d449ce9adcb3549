/* SPDX-License-Identifier: BSD-2-Clause */
/* The listening sockets that a listener has been lent. */
#include "service/socket_table.h"

#include <stdlib.h>

/* Have places up to that of the setup's last socket. */
static int make_places(struct socket_table *table, const struct listener_setup *setup)
{
	struct table_socket **grown;
	size_t count;

	if (setup->sockets_count == 0)
		return 0;
	count = (size_t)listener_place(setup->sockets[setup->sockets_count - 1].number) + 1;
	if (count <= table->count)
		return 0;
	grown = reallocarray(table->places, count, sizeof(*grown));
	if (grown == NULL)
		return -1;
	for (size_t i = table->count; i < count; i++)
		grown[i] = NULL;
	table->places = grown;
	table->count = count;
	return 0;
}

/* Both are in the order of their places. Returns whether any leaves. */
static bool mark_leaving(const struct socket_table *table, const struct listener_setup *setup)
{
	const struct listener_socket *next = setup->sockets;
	const struct listener_socket *end = next + setup->sockets_count;
	struct table_socket *socket;
	bool any = false;

	for (size_t at = 0; (socket = socket_table_next(table, &at)) != NULL;) {
		while (next < end && listener_place(next->number) < at - 1)
			next++;
		socket->leaves = next == end || next->number != socket->lent.number;
		if (!socket->leaves) {
			socket->lent.draining = next->draining;
			socket->lent.passed_on = next->passed_on;
			socket->leaves = next->passed_on;
		}
		any |= socket->leaves;
	}
	return any;
}

static void drop_leaving(struct socket_table *table, const struct socket_table_kind *kind,
			 void *listener)
{
	struct table_socket *socket;

	for (size_t at = 0; (socket = socket_table_next(table, &at)) != NULL;) {
		if (!socket->leaves)
			continue;
		table->places[at - 1] = NULL;
		kind->drop(listener, socket);
	}
}

int socket_table_apply(struct socket_table *table, const struct listener_setup *setup,
		       const struct socket_table_kind *kind, void *listener)
{
	if (make_places(table, setup) < 0)
		return -1;
	if (mark_leaving(table, setup)) {
		if (kind->before_leaving != NULL)
			kind->before_leaving(listener);
		drop_leaving(table, kind, listener);
	}
	for (size_t i = 0; i < setup->sockets_count; i++) {
		const struct listener_socket *lent = &setup->sockets[i];
		struct table_socket **place = &table->places[listener_place(lent->number)];

		if (*place != NULL || lent->passed_on)
			continue;
		*place = kind->add(listener, lent);
		if (*place == NULL)
			return -1;
		(*place)->lent = *lent;
	}
	return 0;
}

void socket_table_clear(struct socket_table *table, const struct socket_table_kind *kind,
			void *listener)
{
	struct table_socket *socket;

	for (size_t at = 0; (socket = socket_table_next(table, &at)) != NULL;)
		socket->leaves = true;
	if (kind->before_leaving != NULL)
		kind->before_leaving(listener);
	drop_leaving(table, kind, listener);
}

void socket_table_fini(struct socket_table *table)
{
	free(table->places);
	*table = (struct socket_table){0};
}

struct table_socket *socket_table_find(const struct socket_table *table, uint32_t number)
{
	size_t place = listener_place(number);

	if (place >= table->count || table->places[place] == NULL ||
	    table->places[place]->lent.number != number)
		return NULL;
	return table->places[place];
}

struct table_socket *socket_table_next(const struct socket_table *table, size_t *at)
{
	while (*at < table->count)
		if (table->places[(*at)++] != NULL)
			return table->places[*at - 1];
	return NULL;
}
