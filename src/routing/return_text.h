/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans as commands: of ip(8) for routes and rules, of nft(8) for marks. */
#ifndef MMPROXY_RETURN_TEXT_H
#define MMPROXY_RETURN_TEXT_H

#include <stdio.h>

#include "routing/return_plan.h"

/* The table of inet that mmproxy has in nftables. */
#define RETURN_TEXT_NFT_TABLE "mmproxy"

/* The longest command of ip(8), without a newline. */
#define RETURN_TEXT_MAX 256

/* Write "ip rule add ...", or "ip rule del ..." with the verb "del"; returns buf. */
const char *return_text_item(const struct return_item *item, const char *verb,
			     char buf[static RETURN_TEXT_MAX]);

/* The comment that each rule of the nft table bears, by which mmproxy knows its own. */
#define RETURN_TEXT_COMMENT_MAX 64
const char *return_text_comment(uint32_t table, char buf[static RETURN_TEXT_COMMENT_MAX]);

/* Write the nft table as nft(8) reads it; the plan has markings. */
void return_text_nft(const struct return_plan *plan, FILE *out);

/* Write all commands that do what the plan says on a host where nothing of it is there. */
void return_text_commands(const struct return_plan *plan, FILE *out);

#endif
