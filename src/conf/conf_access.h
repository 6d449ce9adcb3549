/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of who may and where to, and what they need to mean anything. */
#ifndef MMPROXY_CONF_ACCESS_H
#define MMPROXY_CONF_ACCESS_H

#include "conf/conf_draft.h"

/*
 * Refuse what a listener's lists promise and cannot keep: destinations without dynamic_destination
 * and the reverse, and what trusts headers (udp_header = "first", allowed_clients) without a list
 * of those who may send them.
 */
void conf_access_check(const struct conf_draft *draft, size_t index, struct conf_errors *errors);

#endif
