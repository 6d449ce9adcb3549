/* SPDX-License-Identifier: BSD-2-Clause */
/* Passing the listening sockets on to a successor. */
#include "daemon/upgrade_sockets.h"

#include <stdio.h>
#include <string.h>

/* Full names fit into one string of an environment (128 KiB) as long as there are no more. */
#define FULL_NAMES_MAX 2000

/* What goes with one call of upgrade_launcher_pass(). */
struct passing {
	int fds[UPGRADE_LAUNCHER_FDS];
	size_t count;
	char names[UPGRADE_NAMES_MAX];
	size_t names_len;
};

/* A socket that the service manager opens itself has no name of this service's. */
static const char *name_of(const struct listen_address *address, size_t worker, bool full,
			   char buf[static NOTIFY_NAME_MAX + 1])
{
	enum conf_protocol protocol = (enum conf_protocol)address->key.protocol;

	if (address->from_unit)
		return "unit";
	if (full)
		return activation_name(protocol, &address->key.addr, worker, buf);
	snprintf(buf, NOTIFY_NAME_MAX + 1, "%s-%zu-", protocol == CONF_PROTOCOL_UDP ? "udp" : "tcp",
		 worker);
	return buf;
}

static int pass_some(const struct upgrade_launcher *launcher, struct passing *passing)
{
	int result = upgrade_launcher_pass(launcher, passing->fds, passing->count, passing->names);

	passing->count = 0;
	passing->names_len = 0;
	return result;
}

int upgrade_sockets_pass(const struct upgrade_launcher *launcher, const struct listen_room *room)
{
	static struct passing passing;
	bool full = HASH_COUNT(room->addresses) * room->workers <= FULL_NAMES_MAX;
	struct listen_address *address;
	struct listen_address *next;
	char name[NOTIFY_NAME_MAX + 1];

	passing.count = 0;
	passing.names_len = 0;
	HASH_ITER(hh, room->addresses, address, next)
	for (size_t i = 0; i < room->workers && address->wanted; i++) {
		passing.fds[passing.count++] = address->fds[i];
		passing.names_len += (size_t)snprintf(passing.names + passing.names_len,
						      sizeof(passing.names) - passing.names_len,
						      "%s:", name_of(address, i, full, name));
		if (passing.count == UPGRADE_LAUNCHER_FDS && pass_some(launcher, &passing) < 0)
			return -1;
	}
	return passing.count > 0 ? pass_some(launcher, &passing) : 0;
}

void upgrade_sockets_mark(const struct listen_room *room, const struct handover_message *message)
{
	for (size_t i = 0; i < message->len / sizeof(struct handover_address); i++) {
		struct handover_address taken;
		struct listen_address *address;

		memcpy(&taken, message->bytes + i * sizeof(taken), sizeof(taken));
		address = listen_find(room, (enum conf_protocol)taken.protocol, &taken.addr);
		if (address != NULL && address->wanted)
			address->passed_on = true;
	}
}
