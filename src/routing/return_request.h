/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel is asked to add or delete: one item of a plan as a message of rtnetlink(7). */
#ifndef MMPROXY_RETURN_REQUEST_H
#define MMPROXY_RETURN_REQUEST_H

#include <stdbool.h>

#include "routing/return_plan.h"

struct nl_msg;

/* The caller's to free or send; NULL when memory is out. */
struct nl_msg *return_request_new(const struct return_item *item, bool add)
    __attribute__((warn_unused_result));

#endif
