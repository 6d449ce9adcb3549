/* SPDX-License-Identifier: BSD-2-Clause */
/* TLVs of a v2 header. */
#include "proxyproto/proxy_tlv.h"

/* PP2_CLIENT_* of section 2.2.6. */
#define CLIENT_SSL	 0x01
#define CLIENT_CERT_CONN 0x02
#define CLIENT_CERT_SESS 0x04

/* The clouds' values start with a byte of their own subtype; Google's have none. */
#define AWS_VPCE       0x01
#define AZURE_LINK     0x01
#define AZURE_LINK_LEN (1 + 4)
#define GCP_PSC_LEN    8

/* An unsigned integer of len bytes in network order. */
static uint64_t read_be(const uint8_t *bytes, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

static struct proxy_tlv *ssl_member(struct proxy_tlv_ssl *ssl, uint8_t type)
{
	switch (type) {
	case PROXY_TLV_SSL_VERSION:
		return &ssl->version;
	case PROXY_TLV_SSL_CN:
		return &ssl->cn;
	case PROXY_TLV_SSL_CIPHER:
		return &ssl->cipher;
	case PROXY_TLV_SSL_SIG_ALG:
		return &ssl->sig_alg;
	case PROXY_TLV_SSL_KEY_ALG:
		return &ssl->key_alg;
	case PROXY_TLV_SSL_GROUP:
		return &ssl->group;
	case PROXY_TLV_SSL_SIG_SCHEME:
		return &ssl->sig_scheme;
	case PROXY_TLV_SSL_CLIENT_CERT:
		return &ssl->client_cert;
	default:
		return NULL;
	}
}

bool proxy_tlv_find(const struct proxy_header *header, uint8_t type, struct proxy_tlv *tlv)
{
	struct proxy_tlv_walk walk = proxy_tlv_walk(header->tlvs, header->tlvs_len);
	struct proxy_tlv found;

	while (proxy_tlv_next(&walk, &found) == 1) {
		if (found.type == type) {
			*tlv = found;
			return true;
		}
	}
	return false;
}

bool proxy_tlv_ssl(const struct proxy_header *header, struct proxy_tlv_ssl *ssl)
{
	struct proxy_tlv_ssl parsed = {.client_ssl = false};
	struct proxy_tlv_walk walk;
	struct proxy_tlv tlv;
	int more;

	if (!proxy_tlv_find(header, PROXY_TLV_SSL, &tlv) || tlv.len < PROXY_TLV_SSL_FIXED_LEN)
		return false;
	parsed.client_ssl = (tlv.value[0] & CLIENT_SSL) != 0;
	parsed.client_cert_conn = (tlv.value[0] & CLIENT_CERT_CONN) != 0;
	parsed.client_cert_sess = (tlv.value[0] & CLIENT_CERT_SESS) != 0;
	parsed.verify = (uint32_t)read_be(&tlv.value[1], sizeof(parsed.verify));

	walk =
	    proxy_tlv_walk(tlv.value + PROXY_TLV_SSL_FIXED_LEN, tlv.len - PROXY_TLV_SSL_FIXED_LEN);
	while ((more = proxy_tlv_next(&walk, &tlv)) == 1) {
		struct proxy_tlv *member = ssl_member(&parsed, tlv.type);

		if (member != NULL && member->value == NULL)
			*member = tlv;
	}
	if (more < 0)
		return false;
	*ssl = parsed;
	return true;
}

bool proxy_tlv_aws_vpce(const struct proxy_header *header, struct proxy_tlv *vpce)
{
	struct proxy_tlv tlv;

	if (!proxy_tlv_find(header, PROXY_TLV_AWS, &tlv) || tlv.len < 1 || tlv.value[0] != AWS_VPCE)
		return false;
	*vpce = tlv;
	vpce->value++;
	vpce->len--;
	return true;
}

bool proxy_tlv_azure_link(const struct proxy_header *header, uint32_t *link)
{
	struct proxy_tlv tlv;

	if (!proxy_tlv_find(header, PROXY_TLV_AZURE, &tlv) || tlv.len != AZURE_LINK_LEN ||
	    tlv.value[0] != AZURE_LINK)
		return false;
	*link = (uint32_t)tlv.value[1] | (uint32_t)tlv.value[2] << 8 |
		(uint32_t)tlv.value[3] << 16 | (uint32_t)tlv.value[4] << 24;
	return true;
}

bool proxy_tlv_gcp_psc(const struct proxy_header *header, uint64_t *connection)
{
	struct proxy_tlv tlv;

	if (!proxy_tlv_find(header, PROXY_TLV_GCP, &tlv) || tlv.len != GCP_PSC_LEN)
		return false;
	*connection = read_be(tlv.value, GCP_PSC_LEN);
	return true;
}
