/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a PROXY header, whole and split, and the TLVs of those that parse. */
#include "proxyproto/proxy_header.h"

#include <stdio.h>
#include <stdlib.h>

#include "../unit/proxy_splits.h"
#include "proxyproto/proxy_tlv.h"

/* The default of the configuration key, and one so small that the fuzzer finds it often. */
#define HEADER_MAX	 4096
#define HEADER_MAX_SMALL 64

/* Splitting takes time by the square of the length; longer inputs are parsed whole only. */
#define SPLIT_LEN_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_proxy_header: %s\n", what);
	abort();
}

/* Touch each byte, so that AddressSanitizer sees one outside. */
static void read_value(const struct proxy_tlv *tlv)
{
	volatile uint8_t sink = 0;

	for (size_t i = 0; i < tlv->len; i++)
		sink = (uint8_t)(sink ^ tlv->value[i]);
}

static void read_tlvs(const struct proxy_header *header)
{
	struct proxy_tlv_walk walk = proxy_tlv_walk(header->tlvs, header->tlvs_len);
	struct proxy_tlv_ssl ssl;
	struct proxy_tlv tlv;
	struct proxy_tlv found;
	uint64_t connection;
	uint32_t link;
	int more;

	while ((more = proxy_tlv_next(&walk, &tlv)) == 1) {
		read_value(&tlv);
		require(proxy_tlv_find(header, tlv.type, &found), "a TLV of the walk is not found");
		require(found.type == tlv.type && found.value <= tlv.value, "not the first TLV");
	}
	require(more == 0, "an accepted header has malformed TLVs");
	if (proxy_tlv_ssl(header, &ssl)) {
		read_value(&ssl.version);
		read_value(&ssl.cn);
		read_value(&ssl.cipher);
		read_value(&ssl.sig_alg);
		read_value(&ssl.key_alg);
		read_value(&ssl.group);
		read_value(&ssl.sig_scheme);
		read_value(&ssl.client_cert);
	}
	if (proxy_tlv_aws_vpce(header, &found))
		read_value(&found);
	(void)proxy_tlv_azure_link(header, &link);
	(void)proxy_tlv_gcp_psc(header, &connection);
}

static void check_header(const struct proxy_header *header, size_t size)
{
	bool addressed =
	    header->family == PROXY_FAMILY_INET || header->family == PROXY_FAMILY_INET6;

	require(header->header_len <= size, "a header longer than its bytes");
	require(header->version == 2 || header->header_len <= PROXY_V1_MAX, "a v1 line too long");
	require(addr_is_set(&header->src) == addressed, "src is set for INET and INET6 only");
	require(addr_is_set(&header->dst) == addressed, "dst is set for INET and INET6 only");
	require(!addressed ||
		    (addr_family(&header->src) == AF_INET) == (header->family == PROXY_FAMILY_INET),
		"family is that of src");
	require(!addressed || header->command == PROXY_COMMAND_PROXY, "LOCAL has no addresses");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t split_len = size < SPLIT_LEN_MAX ? size : SPLIT_LEN_MAX;
	struct proxy_header header;
	enum proxy_error error;
	const char *differs = proxy_splits_differ(data, split_len, HEADER_MAX);

	require(differs == NULL, differs);
	differs = proxy_splits_differ(data, split_len, HEADER_MAX_SMALL);
	require(differs == NULL, differs);
	if (proxy_header_parse(data, size, HEADER_MAX, &header, &error) == PROXY_OK) {
		check_header(&header, size);
		read_tlvs(&header);
	}
	return 0;
}
