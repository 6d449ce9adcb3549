/* SPDX-License-Identifier: BSD-2-Clause */
/* The marks of a plan in the nft table. */
#include "routing/return_marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "routing/nft_table.h"
#include "routing/routing_say.h"

void return_marks_fini(struct return_marks *marks)
{
	free(marks->listing);
	marks->listing = NULL;
}

static void say_not_built(const struct return_plan *wanted)
{
	const char *to = wanted->markings[0].to;

	log_msg(LOG_LEVEL_ERROR,
		"routing: %s is not on loopback, so that its answers need marks by nftables, and "
		"this mmproxy was built without libnftables",
		to[0] != '\0' ? to : "a destination that a header may name");
}

bool return_marks_may_set(const struct return_marks *marks, const struct return_plan *wanted)
{
	char error[NFT_TABLE_ERROR_MAX];
	enum nft_table_state state;
	uint32_t table;
	char *listing;

	if (wanted->markings_count == 0 || marks->listing != NULL)
		return true;
	if (!nft_table_is_built()) {
		say_not_built(wanted);
		return false;
	}
	table = wanted->markings[0].table;
	state = nft_table_read(table, &listing, error);
	free(listing);
	if (state == NFT_TABLE_UNKNOWN)
		routing_say_nft("read", error);
	else if (state == NFT_TABLE_FOREIGN)
		routing_say_foreign_nft(table);
	return state == NFT_TABLE_ABSENT || state == NFT_TABLE_OWN;
}

int return_marks_set(struct return_marks *marks, const struct return_plan *wanted)
{
	char error[NFT_TABLE_ERROR_MAX];

	if (nft_table_replace(wanted, error) < 0) {
		routing_say_nft("set up", error);
		return -1;
	}
	return_marks_fini(marks);
	(void)nft_table_read(wanted->markings[0].table, &marks->listing, error);
	return 0;
}

/* Whether the table is as it was set up. */
static bool is_unchanged(const struct return_marks *marks, const char *listing)
{
	return listing != NULL && marks->listing != NULL && strcmp(listing, marks->listing) == 0;
}

int return_marks_restore(struct return_marks *marks, const struct return_plan *wanted)
{
	char error[NFT_TABLE_ERROR_MAX];
	bool unchanged;
	char *listing;

	if (wanted->markings_count == 0)
		return 0;
	(void)nft_table_read(wanted->markings[0].table, &listing, error);
	unchanged = is_unchanged(marks, listing);
	free(listing);
	if (unchanged)
		return 0;
	return return_marks_set(marks, wanted) < 0 ? -1 : 1;
}

bool return_marks_is_own(uint32_t table)
{
	char error[NFT_TABLE_ERROR_MAX];
	char *listing;
	bool own = nft_table_read(table, &listing, error) == NFT_TABLE_OWN;

	free(listing);
	return own;
}

int return_marks_remove(struct return_marks *marks, uint32_t table)
{
	char error[NFT_TABLE_ERROR_MAX] = "";
	char *listing;
	enum nft_table_state state = nft_table_read(table, &listing, error);
	int result = 0;

	if (state == NFT_TABLE_OWN || is_unchanged(marks, listing))
		result = nft_table_delete(error);
	else if (state == NFT_TABLE_FOREIGN)
		routing_say_foreign_nft(table);
	else if (state == NFT_TABLE_UNKNOWN)
		result = -1;
	if (result < 0)
		routing_say_nft("delete", error);
	free(listing);
	return_marks_fini(marks);
	return result;
}
