/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a PROXY header off a connection, however it is split.
 *
 * A header that comes whole, as nearly all do, is parsed where it was read and allocates nothing.
 * Of one that does not, the bytes that have come are kept until it is whole, and nothing is read
 * from the socket that there is no room for. One worker thread.
 */
#ifndef MMPROXY_HEADER_READER_H
#define MMPROXY_HEADER_READER_H

#include <stddef.h>
#include <stdint.h>

#include "proxyproto/proxy_header.h"

/* Payload behind a header is read together with it, up to so many bytes in all. */
#define HEADER_READER_FIRST_MAX 4096

/* What has come of a header that is not whole yet; all zero at the beginning. */
struct header_reader {
	uint8_t *bytes; /* NULL: nothing has come */
	size_t len;
	size_t size; /* bytes allocated; grows with what comes, to the header's length at most */
};

enum header_status {
	HEADER_WHOLE,
	HEADER_UNFINISHED, /* read again when the socket is readable */
	HEADER_INVALID,
	HEADER_CLOSED,	  /* the peer has finished or reset before it was whole */
	HEADER_NO_MEMORY, /* bytes that were taken off the socket may be lost */
};

/* What a read has found: valid until the reader or the buffer is used for something else. */
struct header_reading {
	struct proxy_header header; /* HEADER_WHOLE */
	enum proxy_error error;	    /* HEADER_INVALID */
	const uint8_t *bytes; /* HEADER_INVALID: all that has come, up to where it was found */
	size_t len;
	const uint8_t *payload; /* HEADER_WHOLE: what came behind the header */
	size_t payload_len;
};

/*
 * Read from a non-blocking socket, once. header_max: bytes of a v2 header accepted. buffer has
 * HEADER_READER_FIRST_MAX bytes or more, for this call and for what *reading points to. A
 * read ends before an urgent byte (SO_OOBINLINE): one within the header is part of it, and the
 * first one behind it stays in the socket, as what came after it does.
 */
enum header_status header_reader_read(struct header_reader *reader, int fd, size_t header_max,
				      uint8_t *buffer, struct header_reading *reading)
    __attribute__((warn_unused_result));

/* Free what is kept; the reader is as at the beginning. */
void header_reader_fini(struct header_reader *reader);

#endif
