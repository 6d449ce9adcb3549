/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks across keys and across listeners. */
#ifndef MMPROXY_CONF_CHECK_H
#define MMPROXY_CONF_CHECK_H

#include "conf/conf_draft.h"

/*
 * Give nameless listeners their names, check what no single value shows, and make the sets ready
 * for look-ups. What was refused before is left out of the checks, so that one mistake is one line.
 */
void conf_check(struct conf_draft *draft, struct conf_errors *errors);

#endif
