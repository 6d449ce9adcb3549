/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listener of one worker, of either protocol: the sockets that it borrows, and its sessions or
 * flows. tcp/tcp_listener and udp/udp_listener are the two kinds.
 *
 * The worker's thread only, but for its ledger.
 */
#ifndef MMPROXY_LISTENER_H
#define MMPROXY_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/reason.h"
#include "base/stats.h"
#include "service/flow_batch.h"
#include "service/ledger.h"
#include "service/service.h"

/*
 * A listening socket's number is its own among those of its listener, and the same in every worker.
 * Reply paths name it, and may outlive the socket, so it has two parts: the low bits are a place,
 * of which there are never more than the listener had sockets at a time, and the high ones a
 * generation, another one for each use of that place. Both repeat after 4,096 reloads that gave
 * the listener an address; the last word of a socket that old has long been said.
 */
#define LISTENER_PLACE_BITS  20
#define LISTENER_GENERATIONS (1u << (32 - LISTENER_PLACE_BITS))

static inline uint32_t listener_place(uint32_t number)
{
	return number & ((1u << LISTENER_PLACE_BITS) - 1);
}

/* A listening socket, which is lent by daemon/listen. */
struct listener_socket {
	int fd;
	uint32_t number;
	struct addr addr;
	bool draining;	/* of UDP: opens no new flows, but those that it has go on */
	bool passed_on; /* another process has it: not to be touched, what waits there is its */
};

/* What a listener is to be. Sockets are in the order of their places. */
struct listener_setup {
	struct service *service;
	const struct listener_socket *sockets;
	size_t sockets_count;
};

/* What can be told of a session or flow. */
struct listener_view {
	const struct service *service; /* that it was opened under */
	const struct addr *peer;
	const struct addr *client; /* AF_UNSPEC: none is named */
	const struct addr *target; /* AF_UNSPEC: not known yet */
	uint64_t bytes[STATS_DIRECTIONS];
	int64_t opened_ms; /* CLOCK_MONOTONIC, as in base/clock.h */
	int64_t active_ms; /* the last byte or datagram */
	bool carried;	   /* by the kernel */
	bool relaying;	   /* false: it waits for its header or its backend */
};

/*
 * Called for each session or flow. Returns REASON_COUNT to let it go on, or the reason for which it
 * ends.
 */
typedef enum close_reason (*listener_visitor)(const struct listener_view *view, void *arg);

struct listener;

struct listener_kind {
	/*
	 * Serve what is to be served from now on: new connections and flows are the new service's,
	 * those that there are keep theirs. Sockets that are not listed are not touched again; a
	 * TCP one has been emptied before. Returns 0, or -1 when memory is out, and then it may be
	 * called again with the same.
	 */
	int (*configure)(struct listener *listener, const struct listener_setup *setup);
	/* Open nothing new. Sockets of TCP are not touched again. */
	void (*drain)(struct listener *listener);
	/* End every session and flow. */
	void (*close_all)(struct listener *listener, enum close_reason reason);
	bool (*is_idle)(const struct listener *listener);
	/* Another worker asks for room, or has made some. */
	void (*handle_room)(struct listener *listener);
	/*
	 * Visit some of those that were there when a round of visits began, at most max. restart
	 * begins a round. Returns whether there are more.
	 */
	bool (*visit)(struct listener *listener, bool restart, size_t max, listener_visitor visitor,
		      void *arg);
	/*
	 * Accept and read no more, from listening sockets and flows, until resume(): it all waits
	 * in the kernel. No flow ends meanwhile but by close_all().
	 */
	void (*pause)(struct listener *listener);
	void (*resume)(struct listener *listener);
	/*
	 * Of UDP alone, and paused; NULL for TCP. give() adds flows to a batch, each once since
	 * pause(), in the order in which they fell idle, and returns whether there are more. They
	 * stay as they are, until let_go() closes some of those that were given, without a word
	 * because they go on elsewhere, and returns whether there are more.
	 */
	bool (*give)(struct listener *listener, struct flow_batch *batch);
	bool (*let_go)(struct listener *listener);
	/* Whether it has this listening address. */
	bool (*has)(const struct listener *listener, const struct addr *address);
	/*
	 * Go on with a flow that another process gave: its record, and its socket, which becomes
	 * the flow's. When that cannot be it is closed and logged.
	 */
	void (*take)(struct listener *listener, const uint8_t *record, size_t len, int fd);
	/* End what is left, with REASON_SHUTDOWN, and free it. */
	void (*free)(struct listener *listener);
};

/* Embedded in both kinds. */
struct listener {
	const struct listener_kind *kind;
	struct service *service;	     /* of what is opened now; a reference */
	struct stats *stats;		     /* this worker's, of the service's ledger */
	atomic_uint_fast64_t *header_errors; /* likewise, by enum proxy_error */
	void (*on_idle)(void *arg);	     /* the last session or flow has ended */
	void *on_idle_arg;
};

#endif
