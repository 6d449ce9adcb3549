/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a receiver may take over what the other side sent before it reset.
 *
 * The bytes stay in the kernel's buffers meanwhile, and the connection in max_connections; a
 * receiver that takes nothing would keep both for ever. One worker thread.
 */
#ifndef MMPROXY_RELAY_DELIVERY_H
#define MMPROXY_RELAY_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>

/* The time without a byte taken, and the time for all of them, after which the rest is given up. */
#define RELAY_DELIVERY_STALL_MS 1000
#define RELAY_DELIVERY_TOTAL_MS 30000

/* One receiver, part of its relay; all zeros before it is begun. */
struct relay_delivery {
	TAILQ_ENTRY(relay_delivery) entry;
	int64_t began_ms;
	int64_t moved_ms;
	bool waiting; /* in the list */

	/* It has been given up, and is out of the list. May free its relay, and no other one. */
	void (*on_given_up)(struct relay_delivery *delivery);
};

/* Those of a worker, the one that moved longest ago first. */
struct relay_deliveries {
	TAILQ_HEAD(, relay_delivery) waiting;
	struct event *timer;
};

/* Returns 0, or -1 when memory is out, after which relay_deliveries_fini() is safe. */
int relay_deliveries_init(struct relay_deliveries *deliveries, struct event_base *base)
    __attribute__((warn_unused_result));

/* After the last delivery has ended. */
void relay_deliveries_fini(struct relay_deliveries *deliveries);

/*
 * The receiver has taken bytes just now, or this is the beginning. Returns false when it is over:
 * the time for all is up, or there is no memory for a timer.
 */
bool relay_delivery_moved(struct relay_deliveries *deliveries, struct relay_delivery *delivery)
    __attribute__((warn_unused_result));

/* Forget it, if it was begun. */
void relay_delivery_end(struct relay_deliveries *deliveries, struct relay_delivery *delivery);

#endif
