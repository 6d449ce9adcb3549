/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as the input of --decode: headers, text of bytes, dumps of packets. */
#include "daemon/decode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proxyproto/proxy_fault.h"

/* The default of the configuration key. */
#define HEADER_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_decode: %s\n", what);
	abort();
}

static bool is_taken(const uint8_t *data, size_t size)
{
	enum proxy_error error;
	struct proxy_header header;

	for (size_t i = 0; i < PROXY_READER_COUNT; i++)
		if (proxy_reader_parse((enum proxy_reader)i, data, size, HEADER_MAX, &header,
				       &error) == PROXY_OK)
			return true;
	return false;
}

/* What is printed can neither break a line nor speak to a terminal. */
static void check_text(const char *text, size_t len)
{
	require(len > 0 && text[len - 1] == '\n', "the last line has no end");
	for (size_t i = 0; i < len; i++)
		require(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'),
			"something that cannot be printed");
}

/* A fault is within the bytes, and what could stand there instead is not what does. */
static void check_fault(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < PROXY_READER_COUNT; i++) {
		enum proxy_reader reader = (enum proxy_reader)i;
		enum proxy_error error = PROXY_ERROR_NONE;
		struct proxy_fault fault;
		struct proxy_header header;

		if (proxy_reader_parse(reader, data, size, HEADER_MAX, &header, &error) == PROXY_OK)
			continue;
		proxy_fault_find(reader, data, size, HEADER_MAX, &fault);
		require(fault.error == error, "another error");
		require(fault.at <= size, "a fault outside of the bytes");
		require(!fault.has_accepted || fault.at == size || !fault.accepted[data[fault.at]],
			"the wrong byte could stand there");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	/* A pointer to no bytes at all is one thing that a target may be given. */
	const uint8_t *bytes = data != NULL ? data : (const uint8_t *)"";
	int status;

	if (out == NULL)
		abort();
	status = decode_bytes(out, bytes, size);
	fclose(out);
	require(status == 0 || status == 1, "neither right nor wrong");
	require(status == 0 || !is_taken(bytes, size), "a header was not recognised");
	require(status == 1 || strstr(text, ": taken") != NULL, "right, and nobody takes it");
	require(status == 0 || strstr(text, "error: ") != NULL, "wrong, and no error");
	check_text(text, len);
	check_fault(bytes, size);
	free(text);
	return 0;
}
