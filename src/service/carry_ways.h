/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the kernel carries a listener's flows, told apart by what may make a difference: the device
 * that datagrams come by, and the family. What one of its workers learns of a way the others need
 * not learn again, and the log hears of each trouble once.
 *
 * Any thread.
 */
#ifndef MMPROXY_CARRY_WAYS_H
#define MMPROXY_CARRY_WAYS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ways that are told apart; what comes by further devices shares the last one. */
#define CARRY_WAYS_MAX 16

/*
 * When so many flows in a row had no answer while the kernel carried them, and none of the others
 * had one meanwhile, the way carries nothing for a while.
 */
#define CARRY_WAYS_SILENT_MAX 3
#define CARRY_WAYS_CLOSED_MS  60000

/* What may be wrong with a way. */
enum carry_trouble {
	CARRY_TROUBLE_TARGET, /* the target is not on this host */
	CARRY_TROUBLE_BACK,   /* its answers do not come back over lo */
	CARRY_TROUBLE_DEVICE, /* the fast path fails there */
	CARRY_TROUBLE_SILENT, /* a flow had no answer */
	CARRY_TROUBLE_CLOSED, /* several had none: the way is closed */
};

struct carry_way {
	uint32_t device;
	int family;
	unsigned logged; /* bits of enum carry_trouble */
	unsigned silent; /* flows in a row that had no answer */
	int64_t closed_until_ms;
};

struct carry_ways {
	pthread_mutex_t lock;
	struct carry_way ways[CARRY_WAYS_MAX];
	size_t count;
};

void carry_ways_init(struct carry_ways *ways);
void carry_ways_fini(struct carry_ways *ways);

/* Whether the way carries flows now; else *closed_until_ms is when to ask again. */
bool carry_ways_is_open(struct carry_ways *ways, uint32_t device, int family, int64_t now_ms,
			int64_t *closed_until_ms);

/* Whether the log has still to hear of this, which it has then. */
bool carry_ways_may_log(struct carry_ways *ways, uint32_t device, int family,
			enum carry_trouble trouble);

/* A flow that was carried had no answer. Returns whether that has closed the way. */
bool carry_ways_note_silent(struct carry_ways *ways, uint32_t device, int family, int64_t now_ms);

/* A flow that is carried had its first answer. */
void carry_ways_note_answered(struct carry_ways *ways, uint32_t device, int family);

#endif
