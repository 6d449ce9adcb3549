/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of 240.0.0.0/4 that stand for the /64s of IPv6 clients, towards servers without IPv6.
 *
 * Which address a /64 has follows from a key, so it is the same after a restart. There are 2^28
 * addresses for 2^64 networks, so two of these may have the same one: the table knows whose each
 * address is as long as connections or flows use it, and gives it to nobody else meanwhile.
 *
 * Any thread, unless stated. A lock is taken when a connection or flow begins or ends (one of many,
 * for a search of one chain). Nothing is allocated or freed under a lock.
 */
#ifndef MMPROXY_PSEUDO_IPV4_H
#define MMPROXY_PSEUDO_IPV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log_line.h"

struct pseudo_ipv4_table;

/* An address in use, shared by all connections and flows of its owner. */
struct pseudo_ipv4;

/*
 * The table of the process, which all listeners share and which is there until the process ends;
 * NULL when memory is out. Reads the machine's id when it is called for the first time, and warns
 * if there is none: addresses then are others after a restart. Main thread.
 */
struct pseudo_ipv4_table *pseudo_ipv4_shared(void) __attribute__((warn_unused_result));

/* A table of its own, NULL when memory is out; pseudo_ipv4_table_free() when nothing is in use. */
struct pseudo_ipv4_table *pseudo_ipv4_table_new(const uint64_t key[static 2])
    __attribute__((warn_unused_result));
void pseudo_ipv4_table_free(struct pseudo_ipv4_table *table);

/*
 * A key from the first of these files, a NULL-terminated list, that holds a machine's id (32
 * hexadecimal digits, machine-id(5)). The id itself cannot be told from it. Returns 0, or -1 when
 * none does. Reads files: main thread.
 */
int pseudo_ipv4_read_key(const char *const *paths, uint64_t key[static 2])
    __attribute__((warn_unused_result));

/* Where pseudo_ipv4_shared() looks. */
extern const char *const pseudo_ipv4_id_paths[];

/* The address for the client's /64, with the client's port; never 240.0.0.0 or 255.255.255.255. */
struct addr pseudo_ipv4_of(const struct pseudo_ipv4_table *table, const struct addr *client);

/* The address of an entry, with this port. */
struct addr pseudo_ipv4_address(const struct pseudo_ipv4 *entry, uint16_t port);

/* Append the field pseudo_ipv4, an entry's address, if it stands for an IPv6 client. NULL is fine.
 */
void pseudo_ipv4_log(const struct addr *client, const struct pseudo_ipv4 *entry,
		     struct log_line *line);

/* Whether the address is in 240.0.0.0/4. */
bool pseudo_ipv4_is_in_range(const struct addr *addr);

/*
 * Use the address for the client, which owns it by its /64 or, an IPv4 client that has such an
 * address itself, by that. Returns NULL with EADDRINUSE when it is another one's, or with ENOMEM.
 */
struct pseudo_ipv4 *pseudo_ipv4_enter(struct pseudo_ipv4_table *table, const struct addr *address,
				      const struct addr *client)
    __attribute__((warn_unused_result));

/* A connection or flow has ended; the last one frees the entry. NULL is fine. */
void pseudo_ipv4_leave(struct pseudo_ipv4 *entry);

#endif
