/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One address that is listened on, with a socket for each worker. daemon/listen has all of them.
 * Main thread.
 */
#ifndef MMPROXY_LISTEN_ADDRESS_H
#define MMPROXY_LISTEN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "conf/conf.h"
#include "daemon/activation.h"
#include "daemon/notify.h"
#include "service/ledger.h"

/* What an address is known by; without padding, compared as bytes. */
struct listen_key {
	struct addr addr;
	uint32_t protocol; /* enum conf_protocol */
};

struct listen_address {
	struct listen_key key;
	UT_hash_handle hh;
	bool transparent;
	bool v6only;
	enum conf_udp_header steered_by; /* of UDP, and of several workers */
	/* Whose it is, by which number that one's workers know it; NULL: nobody's yet. */
	struct ledger *ledger;
	uint32_t number;
	bool fresh;	    /* opened by the last listen_open() */
	bool adopted;	    /* at least one was open before this process */
	bool from_unit;	    /* and is one that the service manager opens itself */
	bool shared;	    /* workers other than 0 have duplicates of its socket */
	bool kept;	    /* the service manager has been given duplicates */
	bool passed_on;	    /* another process has it now, or is about to */
	bool wanted;	    /* in the configuration that was opened last */
	int64_t leaving_ms; /* of UDP, not wanted: since when; 0: not yet */
	size_t workers;
	int fds[]; /* of each worker */
};

struct listen_key listen_key_of(enum conf_protocol protocol, const struct addr *addr);

/* Whether the address takes IPv6 alone, since another one of the snapshot has its IPv4 port. */
bool listen_address_is_v6only(const struct conf *conf, enum conf_protocol protocol,
			      const struct addr *addr);

/* One of this block's, without sockets yet. NULL when memory is out. */
struct listen_address *listen_address_new(const struct conf *conf,
					  const struct conf_listener *listener,
					  const struct addr *addr, size_t workers)
    __attribute__((warn_unused_result));

/* Close its sockets, and free it; it is in no table. */
void listen_address_free(struct listen_address *address);

/*
 * Bind a socket for each worker, and for TCP listen, or take what activation has. Returns 0, or -1
 * with errno, and then some may be open.
 */
int listen_address_open(struct listen_address *address, struct activation *activation)
    __attribute__((warn_unused_result));

/* Have its sockets be as the block says. */
void listen_address_set_options(struct listen_address *address,
				const struct conf_listener *listener);

/* Have the service manager keep its sockets. Returns 0, or -1 with errno. */
int listen_address_keep(struct listen_address *address, struct notify *notify)
    __attribute__((warn_unused_result));

/* Have it forget what it keeps of them. */
void listen_address_forget(const struct listen_address *address, struct notify *notify);

#endif
