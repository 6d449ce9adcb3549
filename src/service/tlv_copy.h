/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log shows of a header's TLVs, kept beyond the header. Any thread. */
#ifndef MMPROXY_TLV_COPY_H
#define MMPROXY_TLV_COPY_H

#include "base/log.h"
#include "proxyproto/proxy_header.h"

struct tlv_copy;

/* NULL when the header has none that the log shows, or memory is out. */
struct tlv_copy *tlv_copy_new(const struct proxy_header *header);

/* NULL is fine. */
void tlv_copy_free(struct tlv_copy *copy);

/* Add tlv_authority, tlv_unique_id and tlv_vpce to a line, those that there are. NULL: none. */
void tlv_copy_log(const struct tlv_copy *copy, struct log_line *line);

#endif
