/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmproxy's own table in nftables, through libnftables; nothing outside it is touched. Main thread:
 * each call waits for the kernel's answer.
 */
#ifndef MMPROXY_NFT_TABLE_H
#define MMPROXY_NFT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "routing/return_plan.h"

/* Whether libnftables was built in. */
bool nft_table_is_built(void);

enum nft_table_state {
	NFT_TABLE_ABSENT,
	NFT_TABLE_OWN,	   /* each rule bears the comment of this routing table */
	NFT_TABLE_FOREIGN, /* there is something else in it */
	NFT_TABLE_UNKNOWN  /* the kernel could not be asked */
};

/* The most of an error that is kept, in one line. */
#define NFT_TABLE_ERROR_MAX 256

/*
 * Read the table: whose it is, as seen by whoever uses this routing table, and in *listing what is
 * in it, to be compared with another listing and freed; NULL where it is absent or unknown. With
 * NFT_TABLE_UNKNOWN error says why.
 */
enum nft_table_state nft_table_read(uint32_t routing_table, char **listing,
				    char error[static NFT_TABLE_ERROR_MAX]);

/* Put the plan's markings into the place of whatever is in the table, in one transaction. -1 with
 * error, and nothing has changed. */
int nft_table_replace(const struct return_plan *plan, char error[static NFT_TABLE_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Delete the table. -1 with error. */
int nft_table_delete(char error[static NFT_TABLE_ERROR_MAX]) __attribute__((warn_unused_result));

#endif
