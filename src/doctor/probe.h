/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether targets answer, from this host's own address or from a client's. Any thread. */
#ifndef MMPROXY_PROBE_H
#define MMPROXY_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* So many are under way at once, each with one descriptor. */
#define PROBE_IN_FLIGHT 48

enum probe_end {
	PROBE_NOT_TRIED, /* there was no time, no descriptor, or no need */
	PROBE_ANSWERED,
	PROBE_REFUSED,
	PROBE_SILENT, /* with UDP that is nothing bad */
	PROBE_UNREACHABLE,
	PROBE_FAILED /* in another way: "error" */
};

struct probe {
	struct addr target;
	struct addr source; /* AF_UNSPEC: this host's own; without a port */
	uint32_t mark;
	bool datagrams;
	/* What came of it. */
	enum probe_end end;
	int error;
	struct addr from; /* with the port that was used; AF_UNSPEC: it did not come so far */
	int fd;
	int64_t until_ms;
};

/*
 * Probe all of them at the same time, as far as descriptors allow, and be done by deadline_ms. With
 * TCP the handshake is held back at its last packet and then reset; with UDP an empty datagram is
 * sent. Those that have not ended when *stop becomes true (NULL: it never does) are not tried.
 */
void probe_all(struct probe *probes, size_t count, int64_t deadline_ms, const atomic_bool *stop);

/* Whether it has become true. */
bool probe_is_stopped(const atomic_bool *stop);

#endif
