/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLVs of a v2 header: a walk over the vector, and typed access to the known ones.
 *
 * Everything points into the header's own bytes; nothing is copied or allocated. Any thread.
 */
#ifndef MMPROXY_PROXY_TLV_H
#define MMPROXY_PROXY_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxyproto/proxy_header.h"

/* Types of section 2.2, and the clouds' own in the range for applications (0xE0 to 0xEF). */
enum proxy_tlv_type {
	PROXY_TLV_ALPN = 0x01,
	PROXY_TLV_AUTHORITY = 0x02,
	PROXY_TLV_CRC32C = 0x03,
	PROXY_TLV_NOOP = 0x04,
	PROXY_TLV_UNIQUE_ID = 0x05,
	PROXY_TLV_SSL = 0x20,
	PROXY_TLV_SSL_VERSION = 0x21,
	PROXY_TLV_SSL_CN = 0x22,
	PROXY_TLV_SSL_CIPHER = 0x23,
	PROXY_TLV_SSL_SIG_ALG = 0x24,
	PROXY_TLV_SSL_KEY_ALG = 0x25,
	PROXY_TLV_SSL_GROUP = 0x26,
	PROXY_TLV_SSL_SIG_SCHEME = 0x27,
	PROXY_TLV_SSL_CLIENT_CERT = 0x28,
	PROXY_TLV_NETNS = 0x30,
	PROXY_TLV_GCP = 0xE0,
	PROXY_TLV_AWS = 0xEA,
	PROXY_TLV_AZURE = 0xEE,
};

/* One vector: its type and value. */
struct proxy_tlv {
	uint8_t type;
	const uint8_t *value;
	size_t len;
};

/* A place in a vector of TLVs; start with proxy_tlv_walk(). */
struct proxy_tlv_walk {
	const uint8_t *at;
	size_t left;
};

/* Type and length (section 2.2). */
#define PROXY_TLV_FIXED_LEN 3

/* Start at the beginning of bytes (a header's tlvs, or the sub-TLVs of SSL). */
static inline struct proxy_tlv_walk proxy_tlv_walk(const uint8_t *bytes, size_t len)
{
	return (struct proxy_tlv_walk){.at = bytes, .left = len};
}

/*
 * The next TLV: 1 and *tlv, 0 at the end, -1 where the rest is not a whole TLV. Inline, since the
 * parser walks every header: the calls alone would cost it a third of its time.
 */
__attribute__((warn_unused_result)) static inline int proxy_tlv_next(struct proxy_tlv_walk *walk,
								     struct proxy_tlv *tlv)
{
	size_t len;

	if (walk->left == 0)
		return 0;
	if (walk->left < PROXY_TLV_FIXED_LEN)
		return -1;
	len = (size_t)walk->at[1] << 8 | walk->at[2];
	if (walk->left - PROXY_TLV_FIXED_LEN < len)
		return -1;
	tlv->type = walk->at[0];
	tlv->value = walk->at + PROXY_TLV_FIXED_LEN;
	tlv->len = len;
	walk->at += PROXY_TLV_FIXED_LEN + len;
	walk->left -= PROXY_TLV_FIXED_LEN + len;
	return 1;
}

/* The first TLV of a type; false when there is none. */
bool proxy_tlv_find(const struct proxy_header *header, uint8_t type, struct proxy_tlv *tlv);

/* The value of the CRC32C TLV (section 2.2.3). */
#define PROXY_TLV_CRC32C_LEN 4

/* The SSL TLV's byte of client bits, and verify; its sub-TLVs are behind them. */
#define PROXY_TLV_SSL_FIXED_LEN (1 + 4)

/* The SSL TLV (section 2.2.6) taken apart; a member that is not there has a NULL value. */
struct proxy_tlv_ssl {
	bool client_ssl;       /* PP2_CLIENT_SSL: the client came over TLS */
	bool client_cert_conn; /* PP2_CLIENT_CERT_CONN */
	bool client_cert_sess; /* PP2_CLIENT_CERT_SESS */
	uint32_t verify;       /* 0: the client's certificate was verified */
	struct proxy_tlv version, cn, cipher, sig_alg, key_alg, group, sig_scheme, client_cert;
};

/* False when the header has no SSL TLV or its sub-TLVs are malformed. */
bool proxy_tlv_ssl(const struct proxy_header *header, struct proxy_tlv_ssl *ssl);

/* The name of an AWS VPC endpoint (type 0xEA, subtype 0x01): text, not terminated. */
bool proxy_tlv_aws_vpce(const struct proxy_header *header, struct proxy_tlv *vpce);

/* The link id of an Azure private endpoint (type 0xEE, subtype 0x01, 4 bytes little-endian). */
bool proxy_tlv_azure_link(const struct proxy_header *header, uint32_t *link);

/* The connection id of Google's Private Service Connect (type 0xE0, 8 bytes, network order). */
bool proxy_tlv_gcp_psc(const struct proxy_header *header, uint64_t *connection);

#endif
