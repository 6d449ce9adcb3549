/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PROXY protocol header, versions 1 and 2: bytes in, a header or a named error out. This is the
 * parser of a stream; proxy_datagram.h and proxy_spp.h have those of datagrams.
 *
 * Source: HAProxy's doc/proxy-protocol.txt, revision 2026/04/27. No allocation, no I/O, no state:
 * callers keep the bytes and ask again when more have come. Any thread.
 */
#ifndef MMPROXY_PROXY_HEADER_H
#define MMPROXY_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* Section 2.1: the longest v1 line, CRLF included. */
#define PROXY_V1_MAX 107

/* Section 2.2: signature, version and command, family and transport, length. */
#define PROXY_V2_FIXED_LEN 16

/* The magic number of the Simple Proxy Protocol, which has no version. */
#define PROXY_VERSION_SPP 0x56EC

enum proxy_status {
	PROXY_NEED_MORE, /* a valid beginning; ask again with more bytes */
	PROXY_OK,
	PROXY_ERROR,
};

enum proxy_command {
	PROXY_COMMAND_PROXY,
	PROXY_COMMAND_LOCAL,
};

/*
 * What the header says the connection is. UNKNOWN: v1 UNKNOWN, v2 UNSPEC in family or transport,
 * and LOCAL, whatever family it names.
 */
enum proxy_family {
	PROXY_FAMILY_UNKNOWN,
	PROXY_FAMILY_INET,
	PROXY_FAMILY_INET6,
	PROXY_FAMILY_UNIX,
};

/* One row an error: enumerator, name in logs and metrics, sentence. */
#define PROXY_ERRORS(X)                                                                            \
	X(PROXY_ERROR_NONE, "none", "no error")                                                    \
	X(PROXY_ERROR_SIGNATURE, "signature", "neither a v1 nor a v2 PROXY signature")             \
	X(PROXY_ERROR_V1_FAMILY, "v1_family", "v1 protocol is not TCP4, TCP6 or UNKNOWN")          \
	X(PROXY_ERROR_V1_SOURCE, "v1_source",                                                      \
	  "v1 source address is not a canonical one of its family")                                \
	X(PROXY_ERROR_V1_DESTINATION, "v1_destination",                                            \
	  "v1 destination address is not a canonical one of its family")                           \
	X(PROXY_ERROR_V1_SOURCE_PORT, "v1_source_port",                                            \
	  "v1 source port is not a decimal number of 0 to 65535 without leading zeros")            \
	X(PROXY_ERROR_V1_DESTINATION_PORT, "v1_destination_port",                                  \
	  "v1 destination port is not a decimal number of 0 to 65535 without leading zeros")       \
	X(PROXY_ERROR_V1_LINE_END, "v1_line_end", "v1 line does not end with CR LF")               \
	X(PROXY_ERROR_V1_TOO_LONG, "v1_too_long", "v1 line is longer than 107 bytes")              \
	X(PROXY_ERROR_V2_VERSION, "v2_version", "binary header is not of version 2")               \
	X(PROXY_ERROR_V2_COMMAND, "v2_command", "v2 command is neither LOCAL nor PROXY")           \
	X(PROXY_ERROR_V2_FAMILY, "v2_family", "v2 address family is not a known one")              \
	X(PROXY_ERROR_V2_TRANSPORT, "v2_transport", "v2 transport is not a known one")             \
	X(PROXY_ERROR_TRANSPORT_MISMATCH, "transport_mismatch",                                    \
	  "v2 header names a datagram transport on a stream")                                      \
	X(PROXY_ERROR_V2_LENGTH, "v2_length", "v2 length does not cover the address block")        \
	X(PROXY_ERROR_V2_TOO_LONG, "v2_too_long", "v2 header is longer than header_max")           \
	X(PROXY_ERROR_V2_TLV, "v2_tlv", "v2 TLV vector is malformed")                              \
	X(PROXY_ERROR_V2_CRC32C, "v2_crc32c", "v2 CRC32c TLV is not the one of this header")       \
	X(PROXY_ERROR_V1_DATAGRAM, "v1_datagram", "a v1 line in a datagram")                       \
	X(PROXY_ERROR_SPP_MAGIC, "spp_magic", "not the magic number of the Simple Proxy Protocol") \
	X(PROXY_ERROR_TRUNCATED, "truncated", "the datagram ends within its header")

enum proxy_error {
#define X(id, name, sentence) id,
	PROXY_ERRORS(X) PROXY_ERROR_COUNT
#undef X
};

/*
 * A parsed header. src and dst are set for PROXY with INET or INET6 only. An IPv4-mapped IPv6
 * address comes out as the IPv4 address it stands for, src and dst each by itself; family is that
 * of src, and dst is of the other one in a header that mixes them. tlvs points into the caller's
 * bytes and lives as long as they do; it is empty for v1, and for LOCAL and UNSPEC, whose block is
 * skipped unread.
 */
struct proxy_header {
	int version; /* 1, 2 or PROXY_VERSION_SPP */
	enum proxy_command command;
	enum proxy_family family;
	struct addr src;
	struct addr dst;
	size_t header_len; /* bytes that belong to the header; payload starts behind them */
	const uint8_t *tlvs;
	size_t tlvs_len;
};

/*
 * Parse the header at the beginning of bytes. header_max bounds a v2 header in bytes, its 16 fixed
 * ones included. The answer is the same however the bytes were split: once it is not NEED_MORE,
 * further bytes do not change it. An error is reported at the first byte that makes one certain,
 * but for a v1 line's length (at byte 107) and a v2 header's TLVs (judged when it is whole).
 * *header is written on PROXY_OK, *error on PROXY_ERROR.
 */
enum proxy_status proxy_header_parse(const uint8_t *bytes, size_t len, size_t header_max,
				     struct proxy_header *header, enum proxy_error *error)
    __attribute__((warn_unused_result));

/* What logs call a version of proxy_header: "v1", "v2", "spp"; "none" for 0. */
const char *proxy_version_name(int version);

/* "v1_source_port" and its sentence, for logs and metrics. */
const char *proxy_error_name(enum proxy_error error);
const char *proxy_error_sentence(enum proxy_error error);

#endif
