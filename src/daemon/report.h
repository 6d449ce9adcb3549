/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon says of itself when it starts and when it ends. Main thread. */
#ifndef MMPROXY_REPORT_H
#define MMPROXY_REPORT_H

#include <stddef.h>

#include "conf/conf.h"
#include "daemon/roster.h"
#include "worker/worker.h"

/*
 * Call say with a sentence for each listener that lets every peer name any client: it has no
 * allowed_subnets, and others than this host can reach it. And one for an admin endpoint that they
 * can reach.
 */
void report_open_listeners(const struct conf *conf, void (*say)(const char *text, void *arg),
			   void *arg);

/*
 * Call say with a sentence for each listener whose backend_buffer is more than a socket can get
 * here (net.core.rmem_max, net.core.wmem_max).
 */
void report_buffers(const struct conf *conf, void (*say)(const char *text, void *arg), void *arg);

/*
 * Log which limits and addresses need more descriptors than the process may have; before the
 * listening sockets are opened, and after the limit was raised.
 */
void report_descriptors(const struct conf *conf, size_t workers);

/* Log the addresses and that the daemon is ready. */
void report_start(const struct conf *conf, size_t workers);

/* Log what the workers have counted of one listener. */
void report_ledger(const struct ledger *ledger);

/* The same of all, and what they have counted otherwise, once their threads have ended. */
void report_totals(const struct roster *roster, struct worker *const *workers, size_t count);

#endif
