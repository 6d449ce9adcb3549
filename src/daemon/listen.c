/* SPDX-License-Identifier: BSD-2-Clause */
/* The listening sockets of the process. */
#include "daemon/listen.h"

#include <errno.h>
#include <string.h>

#include "daemon/privileges.h"

void listen_init(struct listen_room *room, size_t workers)
{
	*room = (struct listen_room){.workers = workers};
}

static void close_address(struct listen_room *room, struct listen_address *address)
{
	HASH_DEL(room->addresses, address);
	listen_address_free(address);
}

void listen_close_all(struct listen_room *room)
{
	while (room->addresses != NULL)
		close_address(room, room->addresses);
}

void listen_fini(struct listen_room *room)
{
	listen_close_all(room);
}

struct listen_address *listen_find(const struct listen_room *room, enum conf_protocol protocol,
				   const struct addr *addr)
{
	struct listen_key key = listen_key_of(protocol, addr);
	struct listen_address *address;

	HASH_FIND(hh, room->addresses, &key, sizeof(key), address);
	return address;
}

/* ---- opening ---- */

static int open_address(struct listen_room *room, const struct conf *conf,
			const struct conf_listener *listener, const struct addr *addr)
{
	struct listen_address *address = listen_address_new(conf, listener, addr, room->workers);

	if (address == NULL)
		return -1;
	address->fresh = true;
	HASH_ADD(hh, room->addresses, key, sizeof(address->key), address);
	if (address->hh.tbl == NULL) {
		listen_address_free(address);
		errno = ENOMEM;
		return -1;
	}
	return listen_address_open(address, room->activation);
}

/* Whether a socket that is there can do what it is to do; says so if not. */
static bool fits(const struct listen_address *address, const struct conf *conf,
		 const struct conf_listener *listener)
{
	const struct addr *addr = &address->key.addr;
	char text[ADDR_STRLEN];

	if (address->v6only == listen_address_is_v6only(conf, listener->protocol, addr))
		return true;
	log_msg(LOG_LEVEL_ERROR,
		"listener %s: %s is open for IPv6 %s, and cannot be otherwise without a restart",
		listener->name, addr_format(addr, text), address->v6only ? "alone" : "and IPv4");
	return false;
}

static int open_block(struct listen_room *room, const struct conf *conf,
		      const struct conf_listener *listener)
{
	char text[ADDR_STRLEN];

	for (size_t i = 0; i < listener->listen_count; i++) {
		const struct addr *addr = &listener->listen[i];
		const struct listen_address *address = listen_find(room, listener->protocol, addr);

		if (address != NULL && !fits(address, conf, listener))
			return -1;
		if (address == NULL && open_address(room, conf, listener, addr) < 0) {
			int error = errno;

			log_msg(LOG_LEVEL_ERROR, "listener %s: cannot listen on %s: %s%s",
				listener->name, addr_format(addr, text), strerror(error),
				privileges_bind_hint(error, addr));
			return -1;
		}
	}
	return 0;
}

int listen_open(struct listen_room *room, const struct conf *conf)
{
	struct listen_address *address;

	for (address = room->addresses; address != NULL; address = address->hh.next)
		address->fresh = false;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		if (open_block(room, conf, &conf->listeners[i]) < 0) {
			listen_undo(room);
			return -1;
		}
	}
	return 0;
}

void listen_undo(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (address->fresh)
			close_address(room, address);
	}
}

/* ---- beyond this process ---- */

void listen_keep(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	if (room->notify == NULL)
		return;
	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (address->kept || listen_address_keep(address, room->notify) == 0)
			continue;
		if (!room->keep_failed)
			log_msg(LOG_LEVEL_WARN,
				"the service manager keeps no listening sockets, so that a restart "
				"refuses connections: %s",
				strerror(errno));
		room->keep_failed = true;
		return;
	}
}

bool listen_is_kept(const struct listen_room *room)
{
	return room->notify != NULL && !room->keep_failed;
}

void listen_forget_rest(const struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	HASH_ITER(hh, room->addresses, address, next)
	if (!address->passed_on)
		listen_address_forget(address, room->notify);
}

/* ---- using ---- */

void listen_commit(struct listen_room *room, const struct conf *conf, int64_t now_ms)
{
	struct listen_address *address;
	struct listen_address *next;

	for (address = room->addresses; address != NULL; address = address->hh.next)
		address->wanted = false;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t j = 0; j < listener->listen_count; j++) {
			address = listen_find(room, listener->protocol, &listener->listen[j]);
			address->wanted = true;
			address->leaving_ms = 0;
			listen_address_set_options(address, listener);
		}
	}
	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		address->fresh = false;
		if (address->wanted)
			continue;
		if (address->key.protocol == CONF_PROTOCOL_UDP && address->leaving_ms == 0)
			address->leaving_ms = now_ms;
		if (address->key.protocol == CONF_PROTOCOL_TCP) {
			ledger_unref(address->ledger);
			address->ledger = NULL;
		}
	}
}

bool listen_leave(struct listen_room *room, int64_t until_ms)
{
	struct listen_address *address;
	struct listen_address *next;
	bool any = false;

	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (address->wanted || address->ledger == NULL || address->leaving_ms > until_ms)
			continue;
		ledger_unref(address->ledger);
		address->ledger = NULL;
		any = true;
	}
	return any;
}

void listen_close_unwanted(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (!address->wanted && address->ledger == NULL) {
			listen_address_forget(address, room->notify);
			close_address(room, address);
		}
	}
}

void listen_close_tcp(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (address->key.protocol == CONF_PROTOCOL_TCP)
			close_address(room, address);
	}
}

void listen_close_passed_on(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	HASH_ITER(hh, room->addresses, address, next)
	if (address->passed_on)
		close_address(room, address);
}
