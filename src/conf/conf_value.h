/* SPDX-License-Identifier: BSD-2-Clause */
/* Values: from the text a user writes to a field of the snapshot. */
#ifndef MMPROXY_CONF_VALUE_H
#define MMPROXY_CONF_VALUE_H

#include "conf/conf_keys.h"

/* Room for why a value was refused. */
#define CONF_WHY_MAX 384

/*
 * Read text and put it into the key's field; for a list, add it as one more entry. base is the
 * struct conf or struct conf_listener. Strings lose the quotes they have in a file: 5s, true,
 * 127.0.0.1:443. Not for CONF_TYPE_SUBNETS_FILE, which conf_subnets_read() reads.
 *
 * Returns 0, or -1 with what is wrong in why, to be read behind the value: "is not ...". The field
 * is then as it was.
 */
int conf_value_set(const struct conf_key *key, const char *text, void *base,
		   char why[static CONF_WHY_MAX]) __attribute__((warn_unused_result));

/* Set every field of the scope to its default. Returns 0, or -1 when memory is out. */
int conf_value_set_defaults(enum conf_scope scope, void *base) __attribute__((warn_unused_result));

#endif
