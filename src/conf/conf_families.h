/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 clients of listeners that only have an IPv4 target. */
#ifndef MMPROXY_CONF_FAMILIES_H
#define MMPROXY_CONF_FAMILIES_H

#include "conf/conf_draft.h"

/*
 * Refuse ipv6_clients where it would have no effect, because there is an IPv6 target or a dynamic
 * destination. Inherited from "defaults" it is refused only when it has an effect nowhere, and set
 * back to the default where it has none.
 */
void conf_families_check(const struct conf_draft *draft, struct conf_errors *errors);

#endif
