/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon's log says of connections and datagrams that it refused. */
#ifndef MMPROXY_TEST_REFUSALS_H
#define MMPROXY_TEST_REFUSALS_H

/*
 * How many ended with this reason: those that have a line of their own, with a peer, and those that
 * were left out and are summed up in lines with suppressed=.
 */
unsigned refusals_logged(const char *reason);

#endif
