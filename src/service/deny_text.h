/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The deny list as text, for the process that takes over in an upgrade: lines "NETWORK SECONDS\n",
 * SECONDS being what is left of the time, rounded up, or 0 for ever. The main thread.
 */
#ifndef MMPROXY_DENY_TEXT_H
#define MMPROXY_DENY_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "service/deny_list.h"

/* Write the whole list, and flush the stream. Returns 0, or -1 when that has failed. */
int deny_text_write(struct deny_list *list, FILE *out, int64_t now_ms)
    __attribute__((warn_unused_result));

/*
 * Add what deny_text_write() wrote. A line of another form, or that finds no room, is left out; the
 * others hold. Returns how many were left out.
 */
size_t deny_text_read(struct deny_list *list, FILE *in, int64_t now_ms)
    __attribute__((warn_unused_result));

#endif
