/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways to targets that a configuration has: those that are the same once. */
#ifndef MMPROXY_LEG_LIST_H
#define MMPROXY_LEG_LIST_H

#include <stddef.h>

#include "conf/conf.h"
#include "doctor/case.h"

/* Of one listener at most: both families, of its targets and of destinations in headers. */
#define LEG_LIST_EACH 4

struct leg_list {
	struct case_leg *legs;
	size_t count;
	/* For each listener LEG_LIST_EACH indexes; those that it has not are SIZE_MAX. */
	size_t *of;
};

/* -1 when memory is out. leg_list_fini() is right in any case. */
int leg_list_init(struct leg_list *list, const struct conf *conf)
    __attribute__((warn_unused_result));
void leg_list_fini(struct leg_list *list);

#endif
