/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the configuration again. What is wrong with it is logged, and then nothing changes. Main
 * thread.
 */
#ifndef MMPROXY_RELOAD_H
#define MMPROXY_RELOAD_H

#include "daemon/admin.h"
#include "daemon/serving.h"

/* Where the configuration comes from, each time. */
struct reload_source {
	struct conf *(*load)(void *arg, struct conf_errors *errors);
	void *arg;
};

/*
 * Read, check and use what the source has now; no change is under way. Returns 0, or -1 having
 * logged why the former configuration stays.
 */
int reload(struct serving *serving, struct admin *admin, const struct reload_source *source);

#endif
