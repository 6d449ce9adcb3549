/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of networks: one CIDR a line, "#" comments, blank lines. */
#ifndef MMPROXY_CONF_SUBNETS_H
#define MMPROXY_CONF_SUBNETS_H

#include "conf/conf_errors.h"

/*
 * Read the file into the field of a CONF_TYPE_SUBNETS_FILE key, and keep its path. Returns 0, or -1
 * with every bad line, or one line at the place that named the file when it cannot be read, or
 * holds nothing and must.
 */
int conf_subnets_read(const struct conf_key *key, const char *path, void *base,
		      const struct conf_place *place, struct conf_errors *errors)
    __attribute__((warn_unused_result));

#endif
