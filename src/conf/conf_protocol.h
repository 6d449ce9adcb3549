/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys that only listeners of the other protocol have a use for. */
#ifndef MMPROXY_CONF_PROTOCOL_H
#define MMPROXY_CONF_PROTOCOL_H

#include "conf/conf_draft.h"

/*
 * Refuse a key that a listener of its protocol does not read. In "defaults" it may stand as long as
 * the file has a listener that does.
 */
void conf_protocol_check(const struct conf_draft *draft, struct conf_errors *errors);

#endif
