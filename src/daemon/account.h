/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom the process becomes when it is started as root. Main thread, before others are started. */
#ifndef MMPROXY_ACCOUNT_H
#define MMPROXY_ACCOUNT_H

#include <sys/types.h>

#include "conf/conf.h"

enum account_state {
	ACCOUNT_SAME,	 /* the process is no root, or the configuration says "root" */
	ACCOUNT_OTHER,	 /* it becomes uid and gid */
	ACCOUNT_NONE,	 /* there is no such default user, or it cannot be had: it stays root */
	ACCOUNT_REFUSED, /* the configuration names somebody whom it cannot become */
};

#define ACCOUNT_WHY_MAX 256

struct account {
	enum account_state state;
	const char *user; /* borrowed from the configuration */
	uid_t uid;
	gid_t gid;
	/* Sentences: why it stays root, or what is wrong with a key; "" where nothing is. */
	char user_why[ACCOUNT_WHY_MAX];
	char group_why[ACCOUNT_WHY_MAX];
};

/*
 * Find it. The keys are judged even if the process is no root, and then has no use for them: that
 * what they name exists, and nothing else.
 */
void account_find(const struct conf *conf, struct account *account);

/*
 * Of ACCOUNT_OTHER: open and look for files as that user, without root's supplementary groups,
 * which are gone from then on, until account_leave(). Returns 0, or -1 with errno and nothing
 * changed.
 */
int account_enter(const struct account *account) __attribute__((warn_unused_result));
void account_leave(void);

#endif
