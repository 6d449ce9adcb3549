/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the running daemon by its admin endpoint, from another process. Blocks. */
#ifndef MMPROXY_ADMIN_CLIENT_H
#define MMPROXY_ADMIN_CLIENT_H

#include <stdio.h>

#include "conf/conf.h"

/* How long a step (connecting, sending, the next bytes of the answer) may take. */
#define ADMIN_CLIENT_PATIENCE_S 20

/*
 * Send a request, such as "GET", "/status", to admin.listen of a configuration, which was read from
 * source, and write the answer to out. Returns 0, or -1 having written a sentence to standard
 * error: the daemon cannot be asked, has refused, or its answer is not whole.
 */
int admin_client_ask(const struct conf *conf, const char *source, const char *method,
		     const char *target, FILE *out) __attribute__((warn_unused_result));

#endif
