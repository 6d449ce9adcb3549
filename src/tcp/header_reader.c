/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a PROXY header off a connection, however it is split. */
#include "tcp/header_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proxyproto/proxy_v1.h"

/* Of an unfinished header so many bytes are made room for at least. */
#define SIZE_MIN 128

/* Where the length of a v2 header's address block and TLVs is: section 2.2. */
#define V2_LENGTH_AT 14

_Static_assert(HEADER_READER_FIRST_MAX >= PROXY_V1_MAX, "the longest line comes whole");

/*
 * How many bytes of the socket may belong to the header, as far as can be told from those that have
 * come. Of a v2 header, never more than belong to it; the parser has found its length allowed.
 */
static size_t most_bytes(const uint8_t *bytes, size_t len)
{
	if (bytes[0] == PROXY_V1_FIRST_BYTE)
		return PROXY_V1_MAX;
	if (len < PROXY_V2_FIXED_LEN)
		return PROXY_V2_FIXED_LEN;
	return PROXY_V2_FIXED_LEN + ((size_t)bytes[V2_LENGTH_AT] << 8 | bytes[V2_LENGTH_AT + 1]);
}

/* Room for another byte, at least. A peer that promises a long header has to send it. */
static int make_room(struct header_reader *reader, const uint8_t *bytes, size_t len)
{
	size_t most = most_bytes(bytes, len);
	size_t size = len * 2 > SIZE_MIN ? len * 2 : SIZE_MIN;
	uint8_t *grown;

	if (size > most)
		size = most;
	if (reader->bytes != NULL && size <= reader->size)
		return 0;
	grown = realloc(reader->bytes, size);
	if (grown == NULL)
		return -1;
	reader->bytes = grown;
	reader->size = size;
	return 0;
}

static enum header_status status_of_error(void)
{
	return errno == EAGAIN || errno == EINTR ? HEADER_UNFINISHED : HEADER_CLOSED;
}

static enum header_status parse(const uint8_t *bytes, size_t len, size_t header_max,
				struct header_reading *reading)
{
	switch (proxy_header_parse(bytes, len, header_max, &reading->header, &reading->error)) {
	case PROXY_OK:
		reading->payload = bytes + reading->header.header_len;
		reading->payload_len = len - reading->header.header_len;
		return HEADER_WHOLE;
	case PROXY_ERROR:
		reading->bytes = bytes;
		reading->len = len;
		return HEADER_INVALID;
	case PROXY_NEED_MORE:
		break;
	}
	return HEADER_UNFINISHED;
}

static enum header_status read_first(struct header_reader *reader, int fd, size_t header_max,
				     uint8_t *buffer, struct header_reading *reading)
{
	ssize_t got = recv(fd, buffer, HEADER_READER_FIRST_MAX, MSG_DONTWAIT);
	enum header_status status;

	if (got < 0)
		return status_of_error();
	if (got == 0)
		return HEADER_CLOSED;
	status = parse(buffer, (size_t)got, header_max, reading);
	if (status != HEADER_UNFINISHED)
		return status;
	if (make_room(reader, buffer, (size_t)got) < 0)
		return HEADER_NO_MEMORY;
	memcpy(reader->bytes, buffer, (size_t)got);
	reader->len = (size_t)got;
	return HEADER_UNFINISHED;
}

static enum header_status read_on(struct header_reader *reader, int fd, size_t header_max,
				  struct header_reading *reading)
{
	ssize_t got;

	if (reader->len == reader->size && make_room(reader, reader->bytes, reader->len) < 0)
		return HEADER_NO_MEMORY;
	got = recv(fd, reader->bytes + reader->len, reader->size - reader->len, MSG_DONTWAIT);
	if (got < 0)
		return status_of_error();
	if (got == 0)
		return HEADER_CLOSED;
	reader->len += (size_t)got;
	return parse(reader->bytes, reader->len, header_max, reading);
}

enum header_status header_reader_read(struct header_reader *reader, int fd, size_t header_max,
				      uint8_t *buffer, struct header_reading *reading)
{
	if (reader->bytes == NULL)
		return read_first(reader, fd, header_max, buffer, reading);
	return read_on(reader, fd, header_max, reading);
}

void header_reader_fini(struct header_reader *reader)
{
	free(reader->bytes);
	*reader = (struct header_reader){.bytes = NULL};
}
