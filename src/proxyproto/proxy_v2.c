/* SPDX-License-Identifier: BSD-2-Clause */
/* Version 2 of the PROXY header: fixed bytes, an address block, TLVs. */
#include "proxyproto/proxy_v2.h"

#include <stdbool.h>
#include <string.h>

#include "base/be16.h"
#include "proxyproto/crc32c.h"
#include "proxyproto/proxy_addr.h"
#include "proxyproto/proxy_tlv.h"

#define SIGNATURE     PROXY_V2_SIGNATURE
#define SIGNATURE_LEN PROXY_V2_SIGNATURE_LEN

/* Where the fixed bytes behind the signature are. */
#define VERSION_COMMAND_AT  SIGNATURE_LEN
#define FAMILY_TRANSPORT_AT (VERSION_COMMAND_AT + 1)
#define LENGTH_AT	    (FAMILY_TRANSPORT_AT + 1)

#define VERSION		 2
#define COMMAND_LOCAL	 0
#define COMMAND_PROXY	 1
#define FAMILY_UNSPEC	 0
#define FAMILY_INET	 1
#define FAMILY_INET6	 2
#define FAMILY_UNIX	 3
#define TRANSPORT_UNSPEC 0
#define TRANSPORT_STREAM 1
#define TRANSPORT_DGRAM	 2

/* crc32c(0, SIGNATURE, SIGNATURE_LEN): every sum starts with these bytes. */
#define SIGNATURE_CRC32C 0xCECA386Cu

/* Two addresses, and two ports where the family has them. */
static const uint8_t block_lens[] = {
    [FAMILY_UNSPEC] = 0,
    [FAMILY_INET] = 2 * 4 + 2 * 2,
    [FAMILY_INET6] = 2 * 16 + 2 * 2,
    [FAMILY_UNIX] = 2 * 108,
};

/*
 * What the parser of traffic is made of is inline in it: a call of each costs up to half of its
 * time, and compilers make calls where another function uses it, too.
 */
#define PART_OF_PARSER __attribute__((always_inline)) static inline

/* The fixed bytes, understood. */
struct fixed {
	unsigned command;
	unsigned family; /* UNSPEC when the transport is, too, and for LOCAL */
	size_t header_len;
};

static uint32_t read_be32(const uint8_t *bytes)
{
	return (uint32_t)be16_read(bytes) << 16 | be16_read(bytes + 2);
}

static enum proxy_status fail(enum proxy_error *error, enum proxy_error reason)
{
	*error = reason;
	return PROXY_ERROR;
}

/* Judge the byte of family and transport, which LOCAL does not use (section 2.2). */
PART_OF_PARSER enum proxy_status parse_family(uint8_t byte, enum proxy_carrier carrier,
					      struct fixed *fixed, enum proxy_error *error)
{
	unsigned family = byte >> 4;
	unsigned transport = byte & 0x0F;

	if (family > FAMILY_UNIX)
		return fail(error, PROXY_ERROR_V2_FAMILY);
	if (transport > TRANSPORT_DGRAM)
		return fail(error, PROXY_ERROR_V2_TRANSPORT);
	if (transport == TRANSPORT_DGRAM && carrier == PROXY_CARRIER_STREAM)
		return fail(error, PROXY_ERROR_TRANSPORT_MISMATCH);
	fixed->family = transport == TRANSPORT_UNSPEC ? FAMILY_UNSPEC : family;
	return PROXY_OK;
}

PART_OF_PARSER enum proxy_status parse_fixed(const uint8_t *bytes, size_t len, size_t header_max,
					     enum proxy_carrier carrier, struct fixed *fixed,
					     enum proxy_error *error)
{
	size_t block_len;

	if (len < SIGNATURE_LEN) {
		if (memcmp(bytes, SIGNATURE, len) != 0)
			return fail(error, PROXY_ERROR_SIGNATURE);
		return PROXY_NEED_MORE;
	}
	if (memcmp(bytes, SIGNATURE, SIGNATURE_LEN) != 0)
		return fail(error, PROXY_ERROR_SIGNATURE);

	if (len <= VERSION_COMMAND_AT)
		return PROXY_NEED_MORE;
	if (bytes[VERSION_COMMAND_AT] >> 4 != VERSION)
		return fail(error, PROXY_ERROR_V2_VERSION);
	fixed->command = bytes[VERSION_COMMAND_AT] & 0x0F;
	if (fixed->command > COMMAND_PROXY)
		return fail(error, PROXY_ERROR_V2_COMMAND);

	if (len <= FAMILY_TRANSPORT_AT)
		return PROXY_NEED_MORE;
	fixed->family = FAMILY_UNSPEC;
	if (fixed->command == COMMAND_PROXY &&
	    parse_family(bytes[FAMILY_TRANSPORT_AT], carrier, fixed, error) != PROXY_OK)
		return PROXY_ERROR;

	if (len <= LENGTH_AT)
		return PROXY_NEED_MORE;
	if (PROXY_V2_FIXED_LEN + ((size_t)bytes[LENGTH_AT] << 8) > header_max)
		return fail(error, PROXY_ERROR_V2_TOO_LONG);
	if (len < PROXY_V2_FIXED_LEN)
		return PROXY_NEED_MORE;
	block_len = be16_read(&bytes[LENGTH_AT]);
	fixed->header_len = PROXY_V2_FIXED_LEN + block_len;
	if (fixed->header_len > header_max)
		return fail(error, PROXY_ERROR_V2_TOO_LONG);
	if (block_len < block_lens[fixed->family])
		return fail(error, PROXY_ERROR_V2_LENGTH);
	return PROXY_OK;
}

/* Walk the TLVs that end a whole header, which starts at bytes. */
PART_OF_PARSER enum proxy_status check_tlvs(const uint8_t *bytes, const uint8_t *tlvs,
					    size_t tlvs_len, enum proxy_error *error)
{
	struct proxy_tlv_walk walk = proxy_tlv_walk(tlvs, tlvs_len);
	const uint8_t *behind_signature = bytes + SIGNATURE_LEN;
	const uint8_t *sum = NULL;
	struct proxy_tlv tlv;
	uint32_t crc;
	int more;

	while ((more = proxy_tlv_next(&walk, &tlv)) == 1) {
		if (tlv.type != PROXY_TLV_CRC32C)
			continue;
		/* Whether each of two sums took the other as zero is undefined. */
		if (tlv.len != PROXY_TLV_CRC32C_LEN || sum != NULL)
			return fail(error, PROXY_ERROR_V2_CRC32C);
		sum = tlv.value;
	}
	if (more < 0)
		return fail(error, PROXY_ERROR_V2_TLV);
	if (sum == NULL)
		return PROXY_OK;
	crc = crc32c_zeroed(SIGNATURE_CRC32C, behind_signature,
			    (size_t)(tlvs + tlvs_len - behind_signature),
			    (size_t)(sum - behind_signature));
	if (crc != read_be32(sum))
		return fail(error, PROXY_ERROR_V2_CRC32C);
	return PROXY_OK;
}

PART_OF_PARSER void read_addresses(const uint8_t *block, unsigned family,
				   struct proxy_header *header)
{
	switch (family) {
	case FAMILY_INET:
		header->family = PROXY_FAMILY_INET;
		addr_from_ipv4(&header->src, &block[0], be16_read(&block[8]));
		addr_from_ipv4(&header->dst, &block[4], be16_read(&block[10]));
		return;
	case FAMILY_INET6:
		proxy_addr_from_ipv6(&header->src, &block[0], be16_read(&block[32]));
		proxy_addr_from_ipv6(&header->dst, &block[16], be16_read(&block[34]));
		header->family = proxy_addr_family(&header->src);
		return;
	case FAMILY_UNIX:
		header->family = PROXY_FAMILY_UNIX;
		break;
	default:
		header->family = PROXY_FAMILY_UNKNOWN;
		break;
	}
	memset(&header->src, 0, sizeof(header->src));
	memset(&header->dst, 0, sizeof(header->dst));
}

/* Both parsers, neither of which asks at run time which one it is. */
PART_OF_PARSER enum proxy_status parse(const uint8_t *bytes, size_t len, size_t header_max,
				       enum proxy_carrier carrier, bool with_tlvs,
				       struct proxy_header *header, enum proxy_error *error)
{
	const uint8_t *block;
	const uint8_t *tlvs = NULL;
	size_t tlvs_len = 0;
	enum proxy_status status;
	struct fixed fixed;

	status = parse_fixed(bytes, len, header_max, carrier, &fixed, error);
	if (status != PROXY_OK)
		return status;
	if (len < fixed.header_len)
		return PROXY_NEED_MORE;
	block = bytes + PROXY_V2_FIXED_LEN;
	if (fixed.family != FAMILY_UNSPEC) {
		tlvs = block + block_lens[fixed.family];
		tlvs_len = (size_t)(bytes + fixed.header_len - tlvs);
		if (with_tlvs && tlvs_len > 0 &&
		    check_tlvs(bytes, tlvs, tlvs_len, error) != PROXY_OK)
			return PROXY_ERROR;
	}

	/* Member by member: compilers clear a whole struct at once by a slower instruction. */
	header->version = VERSION;
	header->command =
	    fixed.command == COMMAND_LOCAL ? PROXY_COMMAND_LOCAL : PROXY_COMMAND_PROXY;
	read_addresses(block, fixed.family, header);
	header->header_len = fixed.header_len;
	header->tlvs = tlvs;
	header->tlvs_len = tlvs_len;
	return PROXY_OK;
}

enum proxy_status proxy_v2_parse(const uint8_t *bytes, size_t len, size_t header_max,
				 enum proxy_carrier carrier, struct proxy_header *header,
				 enum proxy_error *error)
{
	return parse(bytes, len, header_max, carrier, true, header, error);
}

enum proxy_status proxy_v2_parse_without_tlvs(const uint8_t *bytes, size_t len, size_t header_max,
					      struct proxy_header *header, enum proxy_error *error)
{
	return parse(bytes, len, header_max, PROXY_CARRIER_DGRAM, false, header, error);
}

size_t proxy_v2_header_len(const uint8_t *bytes, size_t len)
{
	enum proxy_error ignored;
	struct fixed fixed;

	if (parse_fixed(bytes, len, SIZE_MAX, PROXY_CARRIER_DGRAM, &fixed, &ignored) != PROXY_OK)
		return 0;
	return fixed.header_len;
}

const char *proxy_v2_family_name(const uint8_t *bytes)
{
	static const char *const names[] = {
	    [FAMILY_UNSPEC] = "UNSPEC",
	    [FAMILY_INET] = "INET",
	    [FAMILY_INET6] = "INET6",
	    [FAMILY_UNIX] = "UNIX",
	};
	unsigned family = bytes[FAMILY_TRANSPORT_AT] >> 4;

	return family <= FAMILY_UNIX ? names[family] : "unknown";
}

const char *proxy_v2_transport_name(const uint8_t *bytes)
{
	static const char *const names[] = {
	    [TRANSPORT_UNSPEC] = "UNSPEC",
	    [TRANSPORT_STREAM] = "STREAM",
	    [TRANSPORT_DGRAM] = "DGRAM",
	};
	unsigned transport = bytes[FAMILY_TRANSPORT_AT] & 0x0F;

	return transport <= TRANSPORT_DGRAM ? names[transport] : "unknown";
}
