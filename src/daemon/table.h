/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows and columns of text for people: columns are as wide as their longest cell, numbers stand to
 * the right. One thread.
 */
#ifndef MMPROXY_TABLE_H
#define MMPROXY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <event2/buffer.h>

#include "base/addr.h"

/* Columns that a table has at most. */
#define TABLE_COLUMNS_MAX 16

struct table;

/*
 * The heads of its columns, one word each, with spaces between them; those that begin with "<"
 * stand to the left. The first row holds them. NULL when memory is out.
 */
struct table *table_new(const char *heads) __attribute__((warn_unused_result));
void table_free(struct table *table);

/* The next cell, from left to right, a row after the other; what is no printable ASCII is escaped.
 */
void table_text(struct table *table, const char *text);
void table_addr(struct table *table, const struct addr *addr);
void table_u64(struct table *table, uint64_t value);

/* A number of bytes: "812 B", "1.5 KiB". */
void table_bytes(struct table *table, uint64_t bytes);

/* A time: "812ms", "42s", "3m12s", "5h03m", "12d4h". */
void table_duration(struct table *table, uint64_t ms);

/* Append the table to out. Returns 0, or -1 when memory was out at any time. */
int table_write(const struct table *table, struct evbuffer *out)
    __attribute__((warn_unused_result));

#define TABLE_UNIT_LEN 32

/* The texts of table_bytes() and table_duration(); both return buf. */
const char *table_format_bytes(uint64_t bytes, char buf[static TABLE_UNIT_LEN]);
const char *table_format_duration(uint64_t ms, char buf[static TABLE_UNIT_LEN]);

#endif
