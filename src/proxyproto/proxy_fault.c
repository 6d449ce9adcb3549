/* SPDX-License-Identifier: BSD-2-Clause */
/* Where bytes stop being a PROXY header. */
#include "proxyproto/proxy_fault.h"

#include <string.h>

#include "proxyproto/proxy_datagram.h"
#include "proxyproto/proxy_spp.h"
#include "proxyproto/proxy_tlv.h"
#include "proxyproto/proxy_v2.h"

/* Within these bytes a single one can be wrong: a v1 line, or the fixed bytes of v2. */
#define JUDGED_MAX PROXY_V1_MAX

_Static_assert(JUDGED_MAX >= PROXY_V2_FIXED_LEN, "the longer of the two");

/* The error of the first len bytes; NONE when they are a header, or could be the beginning of one.
 */
static enum proxy_error judge(enum proxy_reader reader, const uint8_t *bytes, size_t len,
			      size_t header_max)
{
	enum proxy_error error = PROXY_ERROR_NONE;
	struct proxy_header header;

	if (proxy_reader_parse(reader, bytes, len, header_max, &header, &error) != PROXY_ERROR ||
	    error == PROXY_ERROR_TRUNCATED)
		return PROXY_ERROR_NONE;
	return error;
}

/* The length of the shortest wrong beginning; the whole is wrong, and what is wrong stays so. */
static size_t shortest_wrong(enum proxy_reader reader, const uint8_t *bytes, size_t len,
			     size_t header_max)
{
	size_t good = 0;
	size_t wrong = len;

	while (wrong - good > 1) {
		size_t middle = good + (wrong - good) / 2;

		if (judge(reader, bytes, middle, header_max) == PROXY_ERROR_NONE)
			good = middle;
		else
			wrong = middle;
	}
	return wrong;
}

static void find_accepted(enum proxy_reader reader, const uint8_t *bytes, size_t header_max,
			  struct proxy_fault *fault)
{
	uint8_t tried[JUDGED_MAX];
	size_t count = 0;

	if (fault->at >= JUDGED_MAX)
		return;
	memcpy(tried, bytes, fault->at);
	for (unsigned value = 0; value <= UINT8_MAX; value++) {
		tried[fault->at] = (uint8_t)value;
		fault->accepted[value] =
		    judge(reader, tried, fault->at + 1, header_max) == PROXY_ERROR_NONE;
		count += fault->accepted[value] ? 1 : 0;
	}
	fault->has_accepted = count <= UINT8_MAX;
}

/* TLVs are judged together, once the header is whole: find the one that is to blame. */
static void find_tlv(const uint8_t *bytes, size_t len, size_t header_max, struct proxy_fault *fault)
{
	enum proxy_error ignored;
	struct proxy_header header;
	struct proxy_tlv_walk walk;
	struct proxy_tlv tlv;
	size_t sums = 0;

	if (proxy_v2_parse_without_tlvs(bytes, len, header_max, &header, &ignored) != PROXY_OK)
		return;
	walk = proxy_tlv_walk(header.tlvs, header.tlvs_len);
	while (proxy_tlv_next(&walk, &tlv) == 1) {
		if (tlv.type != PROXY_TLV_CRC32C || fault->error != PROXY_ERROR_V2_CRC32C)
			continue;
		fault->at = (size_t)(tlv.value - bytes);
		if (tlv.len != PROXY_TLV_CRC32C_LEN || ++sums > 1)
			break;
	}
	if (fault->error == PROXY_ERROR_V2_TLV)
		fault->at = (size_t)(walk.at - bytes);
}

enum proxy_status proxy_reader_parse(enum proxy_reader reader, const uint8_t *bytes, size_t len,
				     size_t header_max, struct proxy_header *header,
				     enum proxy_error *error)
{
	switch (reader) {
	case PROXY_READER_UDP:
		return proxy_datagram_parse(bytes, len, header_max, header, error);
	case PROXY_READER_SPP:
		return proxy_spp_parse(bytes, len, header, error);
	default:
		return proxy_header_parse(bytes, len, header_max, header, error);
	}
}

void proxy_fault_find(enum proxy_reader reader, const uint8_t *bytes, size_t len, size_t header_max,
		      struct proxy_fault *fault)
{
	struct proxy_header header;
	enum proxy_error error = PROXY_ERROR_NONE;

	memset(fault, 0, sizeof(*fault));
	(void)!proxy_reader_parse(reader, bytes, len, header_max, &header, &error);
	fault->error = error;
	fault->at = len;
	if (error != PROXY_ERROR_NONE && error != PROXY_ERROR_TRUNCATED)
		fault->at = shortest_wrong(reader, bytes, len, header_max) - 1;
	if (error == PROXY_ERROR_V2_TLV || error == PROXY_ERROR_V2_CRC32C)
		find_tlv(bytes, len, header_max, fault);
	else
		find_accepted(reader, bytes, header_max, fault);
}
