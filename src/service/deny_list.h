/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live deny list: networks whose clients are refused from now on, for a time or for ever. One a
 * process, for all listeners; a reload leaves it alone, and an upgrade hands it on as text
 * (service/deny_text).
 *
 * The main thread changes and lists it; any thread asks it, once for each new connection or flow,
 * and waits for nobody longer than a search takes (service/deny_table).
 *
 * Times are of deny_list_clock_ms().
 */
#ifndef MMPROXY_DENY_LIST_H
#define MMPROXY_DENY_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/network.h"

/* Networks that a list holds; more are refused. Each takes 80 bytes. */
#define DENY_LIST_MAX 65536

/* The longest time that a network is denied for without being denied for ever: ten years. */
#define DENY_LIST_SECONDS_MAX ((int64_t)10 * 366 * 24 * 3600)

struct deny_list;

/* NULL when memory is out. */
struct deny_list *deny_list_new(void) __attribute__((warn_unused_result));

/* Nobody asks it any more. NULL is fine. */
void deny_list_free(struct deny_list *list);

/* Milliseconds of CLOCK_BOOTTIME, which steps of the time of day do not move, and which goes on
 * while the host is suspended: a ban of ten minutes is over after ten minutes of everybody's. */
int64_t deny_list_clock_ms(void);

/* ---- the main thread ---- */

enum deny_list_result {
	DENY_LIST_DONE,
	DENY_LIST_REPLACED,  /* done; the same network was denied already, for another time */
	DENY_LIST_FULL,	     /* there are DENY_LIST_MAX of them */
	DENY_LIST_NO_MEMORY, /* nothing has changed */
	DENY_LIST_COVERED,   /* not removed: it is denied by a wider network, which stays */
	DENY_LIST_ABSENT,    /* not removed: the list has no such network */
};

/* What a failure, or a change, is in words. */
#define DENY_LIST_ANSWER_LEN 256

/*
 * Deny a network for so many seconds, at most DENY_LIST_SECONDS_MAX, or for ever (0). A network
 * that is denied already has this time from now on, and keeps its hits. answer gets one sentence,
 * such as "203.0.113.7 is denied for 600 s". Returns DONE, REPLACED, FULL or NO_MEMORY.
 */
enum deny_list_result deny_list_add(struct deny_list *list, const struct network *network,
				    int64_t seconds, int64_t now_ms,
				    char answer[static DENY_LIST_ANSWER_LEN])
    __attribute__((warn_unused_result));

/*
 * Deny a network no more. Only what was added is removed: neither an address out of a wider network
 * nor the narrower networks in a wide one. answer gets one sentence, such as "203.0.113.7 is denied
 * by 203.0.113.0/24: allow that". Returns DONE, COVERED or ABSENT.
 */
enum deny_list_result deny_list_remove(struct deny_list *list, const struct network *network,
				       char answer[static DENY_LIST_ANSWER_LEN])
    __attribute__((warn_unused_result));

/* Remove what is over by now. Call about once a second: until then it is denied. */
void deny_list_expire(struct deny_list *list, int64_t now_ms);

/* One network of the list. */
struct deny_list_row {
	struct network network;
	int64_t seconds; /* until it is over, rounded up; 0: never */
	uint64_t hits;	 /* connections and datagrams refused for it; the narrowest counts */
};

/* Number 0 ... count - 1, in no order, until the next change. */
size_t deny_list_count(const struct deny_list *list);
void deny_list_row(struct deny_list *list, size_t index, int64_t now_ms, struct deny_list_row *row);

/* ---- any thread ---- */

/* Whether a new connection or flow of this client is to be refused. Counts a hit if so. */
bool deny_list_denies(struct deny_list *list, const struct addr *client);

/* The same without counting, for what is open already. */
bool deny_list_has(struct deny_list *list, const struct addr *client);

#endif
