/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log shows of a header's TLVs, kept beyond the header. Any thread. */
#ifndef MMPROXY_TLV_COPY_H
#define MMPROXY_TLV_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "proxyproto/proxy_header.h"

struct tlv_copy;

/*
 * Copy a header's into *copy, which is NULL where it has none that the log shows. Returns 0, or -1
 * when memory is out.
 */
int tlv_copy_new(const struct proxy_header *header, struct tlv_copy **copy)
    __attribute__((warn_unused_result));

/* NULL is fine. */
void tlv_copy_free(struct tlv_copy *copy);

/* Room for what tlv_copy_write() writes at most: three texts and their lengths. */
#define TLV_COPY_BYTES (3 * (1 + 255))

/* Write it down for tlv_copy_read(). Returns how many bytes it took; none for NULL. */
size_t tlv_copy_write(const struct tlv_copy *copy, uint8_t bytes[static TLV_COPY_BYTES]);

/*
 * Make the copy again that was written; NULL of no bytes. Returns 0, or -1 when memory is out or
 * the bytes are not such a copy.
 */
int tlv_copy_read(const uint8_t *bytes, size_t len, struct tlv_copy **copy)
    __attribute__((warn_unused_result));

/* Add tlv_authority, tlv_unique_id and tlv_vpce to a line, those that there are. NULL: none. */
void tlv_copy_log(const struct tlv_copy *copy, struct log_line *line);

#endif
