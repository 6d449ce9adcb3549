/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as a configuration may name them. */
#ifndef MMPROXY_CONF_ADDR_H
#define MMPROXY_CONF_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Read "HOST:FIRST-LAST", or "HOST:PORT" as a range of one. Returns 0, or -1 for text of another
 * form; LAST may be below FIRST.
 */
int conf_addr_parse_range(const char *text, struct addr *first, uint16_t *last)
    __attribute__((warn_unused_result));

/*
 * What is wrong with an address that reads well, as words to be read behind it, or NULL when a
 * server can have it. wildcard_ok: it is for listening.
 */
const char *conf_addr_misuse(const struct addr *addr, bool wildcard_ok);

#endif
