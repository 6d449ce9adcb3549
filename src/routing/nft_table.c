/* SPDX-License-Identifier: BSD-2-Clause */
/* mmproxy's own table in nftables. */
#include "routing/nft_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#ifdef HAVE_NFTABLES
#include <nftables/libnftables.h>
#endif

#include "routing/return_text.h"

#define TABLE "table inet " RETURN_TEXT_NFT_TABLE

#ifdef HAVE_NFTABLES

static const char no_memory[] = "memory is out";

/* The first line, without what the library puts around it: "Error: ... \n table inet ...". */
static void take_error(struct nft_ctx *nft, char error[static NFT_TABLE_ERROR_MAX])
{
	const char *text = nft_ctx_get_error_buffer(nft);
	const char *what = text != NULL ? strstr(text, "Error: ") : NULL;

	if (what != NULL)
		text = what + strlen("Error: ");
	snprintf(error, NFT_TABLE_ERROR_MAX, "%.*s", text != NULL ? (int)strcspn(text, "\n") : 0,
		 text != NULL ? text : "");
	if (error[0] == '\0')
		snprintf(error, NFT_TABLE_ERROR_MAX, "nftables gave no reason");
}

static struct nft_ctx *begin(char error[static NFT_TABLE_ERROR_MAX])
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	if (nft == NULL || nft_ctx_buffer_output(nft) != 0 || nft_ctx_buffer_error(nft) != 0) {
		snprintf(error, NFT_TABLE_ERROR_MAX, "%s", no_memory);
		if (nft != NULL)
			nft_ctx_free(nft);
		return NULL;
	}
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS);
	return nft;
}

/* Run commands as one transaction. */
static int run(const char *commands, char error[static NFT_TABLE_ERROR_MAX])
{
	struct nft_ctx *nft = begin(error);
	int result;

	if (nft == NULL)
		return -1;
	result = nft_run_cmd_from_buffer(nft, commands);
	if (result != 0)
		take_error(nft, error);
	nft_ctx_free(nft);
	return result == 0 ? 0 : -1;
}

/* Whether a line of a listing is no rule: the frame of table and chains. */
static bool is_frame(const char *line)
{
	static const char *const frames[] = {TABLE " {", "chain ", "type ", "}"};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		if (strncmp(line, frames[i], strlen(frames[i])) == 0)
			return true;
	return *line == '\0';
}

/* A set, a map or a rule of somebody else's has no such comment. */
static bool is_own(const char *listing, uint32_t routing_table)
{
	char comment[RETURN_TEXT_COMMENT_MAX];
	char mine[RETURN_TEXT_COMMENT_MAX + 16];
	char line[1024];

	snprintf(mine, sizeof(mine), "comment \"%s\"", return_text_comment(routing_table, comment));
	while (*listing != '\0') {
		size_t len = strcspn(listing, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, listing);
		if (!is_frame(line + strspn(line, " \t")) && strstr(line, mine) == NULL)
			return false;
		listing += len + (listing[len] == '\n');
	}
	return true;
}

bool nft_table_is_built(void)
{
	return true;
}

enum nft_table_state nft_table_read(uint32_t routing_table, char **listing,
				    char error[static NFT_TABLE_ERROR_MAX])
{
	struct nft_ctx *nft = begin(error);
	enum nft_table_state state = NFT_TABLE_UNKNOWN;

	*listing = NULL;
	if (nft == NULL)
		return NFT_TABLE_UNKNOWN;
	if (nft_run_cmd_from_buffer(nft, "list " TABLE) != 0) {
		take_error(nft, error);
		if (strstr(error, strerror(ENOENT)) != NULL)
			state = NFT_TABLE_ABSENT;
	} else {
		*listing = strdup(nft_ctx_get_output_buffer(nft));
		if (*listing != NULL)
			state = is_own(*listing, routing_table) ? NFT_TABLE_OWN : NFT_TABLE_FOREIGN;
		else
			snprintf(error, NFT_TABLE_ERROR_MAX, "%s", no_memory);
	}
	nft_ctx_free(nft);
	return state;
}

int nft_table_replace(const struct return_plan *plan, char error[static NFT_TABLE_ERROR_MAX])
{
	char *commands = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&commands, &len);
	bool failed;
	int result = -1;

	snprintf(error, NFT_TABLE_ERROR_MAX, "%s", no_memory);
	if (out == NULL)
		return -1;
	/* Adding what may be there makes deleting it succeed in any case. */
	fputs("add " TABLE "\ndelete " TABLE "\n", out);
	return_text_nft(plan, out);
	failed = ferror(out) != 0;
	if (fclose(out) == 0 && !failed)
		result = run(commands, error);
	free(commands);
	return result;
}

int nft_table_delete(char error[static NFT_TABLE_ERROR_MAX])
{
	return run("delete " TABLE, error);
}

#else

bool nft_table_is_built(void)
{
	return false;
}

enum nft_table_state nft_table_read(uint32_t routing_table, char **listing,
				    char error[static NFT_TABLE_ERROR_MAX])
{
	(void)routing_table;
	*listing = NULL;
	snprintf(error, NFT_TABLE_ERROR_MAX, "this mmproxy was built without libnftables");
	return NFT_TABLE_UNKNOWN;
}

int nft_table_replace(const struct return_plan *plan, char error[static NFT_TABLE_ERROR_MAX])
{
	(void)plan;
	snprintf(error, NFT_TABLE_ERROR_MAX, "this mmproxy was built without libnftables");
	return -1;
}

int nft_table_delete(char error[static NFT_TABLE_ERROR_MAX])
{
	snprintf(error, NFT_TABLE_ERROR_MAX, "this mmproxy was built without libnftables");
	return -1;
}

#endif
