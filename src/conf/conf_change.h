/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a reload changes: two snapshots compared, both of which were checked.
 *
 * Every row of the option table is compared, by the type of its value; a listener is known by its
 * name and protocol. Keys that a listener's protocol has no use for are no difference, and neither
 * is the path of a file of networks: what counts is the networks in it.
 */
#ifndef MMPROXY_CONF_CHANGE_H
#define MMPROXY_CONF_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/conf_keys.h"

enum conf_change_kind {
	CONF_CHANGE_ADDED,
	CONF_CHANGE_REMOVED,
	CONF_CHANGE_CHANGED,
	CONF_CHANGE_UNCHANGED,
	CONF_CHANGE_KINDS
};

/* One listener; borrowed from the snapshots. */
struct conf_change_listener {
	enum conf_change_kind kind;
	const struct conf_listener *before; /* NULL: it was added */
	const struct conf_listener *after;  /* NULL: it was removed */
	uint64_t keys;			    /* whose values differ: bit i stands for conf_keys[i] */
};

struct conf_change {
	uint64_t keys; /* outside listeners, likewise */
	/* Those of the new snapshot in its order, then the removed ones in theirs. */
	struct conf_change_listener *listeners;
	size_t listeners_count;
	size_t counts[CONF_CHANGE_KINDS]; /* of listeners */
};

/*
 * Compare. Returns 0 with *change for conf_change_fini(), valid as long as both snapshots are; or
 * -1 when memory is out.
 */
int conf_change_init(struct conf_change *change, const struct conf *before,
		     const struct conf *after) __attribute__((warn_unused_result));
void conf_change_fini(struct conf_change *change);

/* Whether the set has the key, which must be in the table. */
bool conf_change_has(uint64_t keys, enum conf_scope scope, const char *name);

/* Room for what conf_change_text() writes; with it a line of log_msg() is not cut. */
#define CONF_CHANGE_TEXT_MAX 960

/*
 * Write what changed in one line, such as "log.level changed; 1 listener added (smtp), 2 changed
 * (ssh: mark, targets.ipv4; irc: denied_clients), 3 unchanged". Of long lists it names the first
 * few, and says how many more there are. Keys that need a restart are left out. Returns buf.
 */
const char *conf_change_text(const struct conf_change *change,
			     char buf[static CONF_CHANGE_TEXT_MAX]);

/*
 * Call say with a sentence for each key whose new value needs a restart. running is the snapshot
 * that the process was started with, so that each reload says it again until then. Returns how many
 * there are.
 */
size_t conf_change_restarts(const struct conf *running, const struct conf *after,
			    void (*say)(const char *sentence, void *arg), void *arg);

#endif
