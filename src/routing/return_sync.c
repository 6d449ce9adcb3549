/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has of a plan. */
#include "routing/return_sync.h"

#include <errno.h>
#include <string.h>

static bool has_route(const struct return_plan *plan, uint32_t table, int family)
{
	const struct return_item route = {.kind = RETURN_ROUTE, .family = family, .table = table};

	return return_plan_has_item(plan, &route);
}

static int read_family(struct return_sync *sync, struct return_kernel *kernel,
		       const struct return_plan *wanted, uint32_t table, int family)
{
	char foreign[RETURN_KERNEL_TEXT_MAX];
	int error = return_kernel_read(kernel, table, family, wanted, &sync->own, foreign);

	/* A kernel without IPv6 has nothing of it. */
	if (family == AF_INET6 && (error == EAFNOSUPPORT || error == EOPNOTSUPP))
		return 0;
	if (error == 0 && foreign[0] != '\0' && sync->foreign[0] == '\0' &&
	    has_route(wanted, table, family)) {
		memcpy(sync->foreign, foreign, sizeof(foreign));
		sync->foreign_table = table;
		sync->foreign_family = family;
	}
	return error;
}

static int read_table(struct return_sync *sync, struct return_kernel *kernel,
		      const struct return_plan *wanted, uint32_t table)
{
	int error = read_family(sync, kernel, wanted, table, AF_INET);

	return error != 0 ? error : read_family(sync, kernel, wanted, table, AF_INET6);
}

/* Whether an earlier item is in the same table, or it is the one that is read in any case. */
static bool is_read(const struct return_plan *wanted, size_t index, uint32_t table)
{
	if (wanted->items[index].table == table)
		return true;
	for (size_t i = 0; i < index; i++)
		if (wanted->items[i].table == wanted->items[index].table)
			return true;
	return false;
}

int return_sync_read(struct return_sync *sync, struct return_kernel *kernel,
		     const struct return_plan *wanted, uint32_t table)
{
	int error = 0;

	memset(sync, 0, sizeof(*sync));
	if (table != 0)
		error = read_table(sync, kernel, wanted, table);
	for (size_t i = 0; i < wanted->items_count && error == 0; i++)
		if (!is_read(wanted, i, table))
			error = read_table(sync, kernel, wanted, wanted->items[i].table);
	return error;
}

void return_sync_fini(struct return_sync *sync)
{
	return_plan_fini(&sync->own);
}

/* ---- changing ---- */

/* Note one as added. */
static int note(struct return_plan *added, const struct return_item *item)
{
	struct return_item copy = *item;
	const struct return_plan one = {.items = &copy, .items_count = 1};

	return return_plan_add(added, &one) < 0 ? ENOMEM : 0;
}

static int add_one(struct return_kernel *kernel, const struct return_item *item,
		   struct return_plan *added)
{
	int error = return_kernel_add(kernel, item);

	if (error == EEXIST && item->kind == RETURN_RULE)
		return 0;
	return error != 0 ? error : note(added, item);
}

int return_sync_add(const struct return_sync *sync, struct return_kernel *kernel,
		    const struct return_plan *wanted, struct return_plan *added,
		    struct return_item *failed)
{
	static const enum return_kind order[] = {RETURN_ROUTE, RETURN_RULE};
	bool has_ipv6 = return_kernel_has_ipv6();

	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < wanted->items_count; i++) {
			const struct return_item *item = &wanted->items[i];
			int error;

			if (item->kind != order[pass] || return_plan_has_item(&sync->own, item) ||
			    (item->family == AF_INET6 && !has_ipv6))
				continue;
			error = add_one(kernel, item, added);
			if (error == 0)
				continue;
			*failed = *item;
			return error;
		}
	}
	return 0;
}

int return_sync_remove(struct return_kernel *kernel, const struct return_plan *gone,
		       const struct return_plan *kept, struct return_item *failed)
{
	static const enum return_kind order[] = {RETURN_RULE, RETURN_ROUTE};
	int first = 0;

	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < gone->items_count; i++) {
			const struct return_item *item = &gone->items[i];
			int error;

			if (item->kind != order[pass] ||
			    (kept != NULL && return_plan_has_item(kept, item)))
				continue;
			error = return_kernel_delete(kernel, item);
			if (error == 0 || first != 0)
				continue;
			first = error;
			*failed = *item;
		}
	}
	return first;
}
