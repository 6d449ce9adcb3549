/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening addresses that get in each other's way. */
#ifndef MMPROXY_CONF_OVERLAP_H
#define MMPROXY_CONF_OVERLAP_H

#include "conf/conf_draft.h"

/*
 * Refuse a listening address that is there twice for one protocol, or beside its family's wildcard
 * with the same port; those of health and of the admin endpoint are TCP's. The draft has one
 * listener or more.
 */
void conf_overlap_check(const struct conf_draft *draft, struct conf_errors *errors);

#endif
