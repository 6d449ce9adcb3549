/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The health port of one listener: open, which is to say listening, as long as the targets accept.
 *
 * A connection to an open port has the targets probed, unless they just were. Where one does not
 * accept, those who asked by HTTP are told so, and the port closes: it stays bound, and connections
 * to it are refused. From then on the targets are probed by themselves, and the port opens when all
 * of them accept. So does it at the start. Main thread.
 */
#ifndef MMPROXY_HEALTH_PORT_H
#define MMPROXY_HEALTH_PORT_H

#include <sys/queue.h>

#include <event2/event_struct.h>

#include "conf/conf.h"
#include "daemon/health_client.h"
#include "daemon/health_probe.h"
#include "net/sock.h"

struct health_port {
	TAILQ_ENTRY(health_port) entry;
	struct event_base *base;
	const struct conf_listener *listener; /* borrowed, as long as health_port_set() says */
	const struct conf_listener *wanted;   /* by a configuration that is not in force yet */
	struct addr addr;
	struct sock_listen_options options;
	int fd;			  /* -1: it waits for its address, which is in use */
	int64_t waiting_since_ms; /* for that */
	struct event acceptable;
	bool is_open;
	bool is_paused;	 /* open, but not accepting until the next tick */
	bool is_known;	 /* there was a result, and it was logged */
	bool has_failed; /* to accept or to open, and that was logged */
	struct health_probe *probe;
	struct health_clients *clients; /* borrowed */
};

/*
 * Bind the address of wanted->health_listen, for health_port_set() to begin. If it may wait, an
 * address in use is no error: it is tried again until it is free. NULL with errno.
 */
struct health_port *health_port_new(struct event_base *base, struct health_clients *clients,
				    const struct conf_listener *wanted,
				    const struct sock_listen_options *options, bool may_wait)
    __attribute__((warn_unused_result));

/* Close it and all of its connections. NULL is fine. */
void health_port_free(struct health_port *port);

/*
 * It is this listener's from now on, which must stay until the next call or the port's end; if the
 * targets are other ones than before, find out about them.
 */
void health_port_set(struct health_port *port, const struct conf_listener *listener);

/* Answer by the targets as they are now, and open or close: somebody has asked. */
void health_port_check(struct health_port *port);

/* Do what is due. To be called every HEALTH_PORT_TICK_MS. */
#define HEALTH_PORT_TICK_MS 250
void health_port_tick(struct health_port *port);

#endif
