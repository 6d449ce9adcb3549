/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows and columns of text for people. */
#include "daemon/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

/* Bytes between two columns. */
#define GAP 2

/* Longest cell; longer ones are cut. */
#define CELL_MAX 128

struct table {
	struct evbuffer *cells; /* each with its NUL behind it */
	size_t count;		/* of cells */
	size_t columns;
	size_t widths[TABLE_COLUMNS_MAX];
	bool left[TABLE_COLUMNS_MAX];
	bool failed;
};

static void add_cell(struct table *table, const char *text)
{
	size_t column = table->count++ % table->columns;
	size_t len = strlen(text);

	if (evbuffer_add(table->cells, text, len + 1) < 0)
		table->failed = true;
	if (table->widths[column] < len)
		table->widths[column] = len;
}

static void add_heads(struct table *table, const char *heads)
{
	const char *next = heads;
	char head[CELL_MAX];

	while (*next != '\0') {
		size_t len = strcspn(next, " ");

		table->left[table->columns++] = *next == '<';
		next += len + (next[len] == ' ');
	}
	for (size_t i = 0; i < table->columns; i++) {
		size_t len = strcspn(heads, " ");
		size_t mark = *heads == '<';

		snprintf(head, sizeof(head), "%.*s", (int)(len - mark), heads + mark);
		add_cell(table, head);
		heads += len + (heads[len] == ' ');
	}
}

struct table *table_new(const char *heads)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->cells = evbuffer_new();
	if (table->cells == NULL) {
		free(table);
		return NULL;
	}
	add_heads(table, heads);
	return table;
}

void table_free(struct table *table)
{
	if (table == NULL)
		return;
	evbuffer_free(table->cells);
	free(table);
}

void table_text(struct table *table, const char *text)
{
	char cell[CELL_MAX];
	size_t len = 0;

	for (; *text != '\0' && len + ESCAPE_MAX < sizeof(cell); text++)
		len += escape_byte((unsigned char)*text, false, cell + len);
	cell[len] = '\0';
	add_cell(table, cell);
}

void table_addr(struct table *table, const struct addr *addr)
{
	char text[ADDR_STRLEN];

	add_cell(table, addr_format(addr, text));
}

void table_u64(struct table *table, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	add_cell(table, digits);
}

void table_bytes(struct table *table, uint64_t bytes)
{
	char text[TABLE_UNIT_LEN];

	add_cell(table, table_format_bytes(bytes, text));
}

void table_duration(struct table *table, uint64_t ms)
{
	char text[TABLE_UNIT_LEN];

	add_cell(table, table_format_duration(ms, text));
}

/* One cell with what fills its column up; at the end of a row no space is left. */
static void write_cell(const struct table *table, struct evbuffer *out, size_t column,
		       const char *cell, bool *failed)
{
	int width = (int)table->widths[column];
	bool last = column + 1 == table->columns;
	int added;

	if (last && table->left[column])
		added = evbuffer_add_printf(out, "%s\n", cell);
	else
		added = evbuffer_add_printf(out, "%*s%*s", table->left[column] ? -width : width,
					    cell, last ? 1 : GAP, last ? "\n" : "");
	*failed |= added < 0;
}

int table_write(const struct table *table, struct evbuffer *out)
{
	const char *cell;
	bool failed = table->failed;

	if (failed)
		return -1;
	cell = (const char *)evbuffer_pullup(table->cells, -1);
	if (cell == NULL)
		return -1;
	for (size_t i = 0; i < table->count; i++) {
		write_cell(table, out, i % table->columns, cell, &failed);
		cell += strlen(cell) + 1;
	}
	return failed ? -1 : 0;
}

const char *table_format_bytes(uint64_t bytes, char buf[static TABLE_UNIT_LEN])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;

	/* What would be written as 1024.0 is 1.0 of the next one. */
	while (value >= 1023.95) {
		value /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, TABLE_UNIT_LEN, "%" PRIu64 " B", bytes);
	else
		snprintf(buf, TABLE_UNIT_LEN, "%.1f %s", value, units[unit]);
	return buf;
}

const char *table_format_duration(uint64_t ms, char buf[static TABLE_UNIT_LEN])
{
	uint64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(buf, TABLE_UNIT_LEN, "%" PRIu64 "ms", ms);
	else if (s < 60)
		snprintf(buf, TABLE_UNIT_LEN, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, TABLE_UNIT_LEN, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, TABLE_UNIT_LEN, "%" PRIu64 "h%02" PRIu64 "m", s / 3600,
			 s % 3600 / 60);
	else
		snprintf(buf, TABLE_UNIT_LEN, "%" PRIu64 "d%" PRIu64 "h", s / 86400,
			 s % 86400 / 3600);
	return buf;
}
