/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where bytes stop being a PROXY header, found by asking the parsers about ever longer beginnings
 * of them: for people who look for the mistake of a sender, not for traffic. Any thread.
 */
#ifndef MMPROXY_PROXY_FAULT_H
#define MMPROXY_PROXY_FAULT_H

#include <stdbool.h>

#include "proxyproto/proxy_header.h"

/* How a listener reads: protocol = "tcp"; "udp" with udp_header = "each" or "first"; or "spp". */
enum proxy_reader { PROXY_READER_TCP, PROXY_READER_UDP, PROXY_READER_SPP, PROXY_READER_COUNT };

/* The parser of that reader. Bytes is not NULL, whatever len is. */
enum proxy_status proxy_reader_parse(enum proxy_reader reader, const uint8_t *bytes, size_t len,
				     size_t header_max, struct proxy_header *header,
				     enum proxy_error *error) __attribute__((warn_unused_result));

struct proxy_fault {
	enum proxy_error error; /* NONE: a stream that goes on is a header still */
	size_t at;		/* the first byte that is wrong; len: the next one, not there */
	bool has_accepted;	/* whether accepted is known, and not any byte would do */
	bool accepted[UINT8_MAX + 1]; /* the bytes that could stand there */
};

/*
 * Find the fault in bytes that the reader does not take as they are. For v2_tlv, at is the TLV that
 * does not fit; for v2_crc32c, the value of the checksum's TLV.
 */
void proxy_fault_find(enum proxy_reader reader, const uint8_t *bytes, size_t len, size_t header_max,
		      struct proxy_fault *fault);

#endif
