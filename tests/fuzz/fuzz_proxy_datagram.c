/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a datagram with a PROXY header, version 2 and Spectrum's. */
#include "proxyproto/proxy_datagram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxyproto/proxy_spp.h"

/* The default of the configuration key. */
#define HEADER_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_proxy_datagram: %s\n", what);
	abort();
}

static void check_header(const struct proxy_header *header, size_t size)
{
	bool addressed =
	    header->family == PROXY_FAMILY_INET || header->family == PROXY_FAMILY_INET6;

	require(header->header_len <= size, "a header longer than its datagram");
	require(addr_is_set(&header->src) == addressed, "src is set for INET and INET6 only");
	require(addr_is_set(&header->dst) == addressed, "dst is set for INET and INET6 only");
	require(!addressed || header->command == PROXY_COMMAND_PROXY, "LOCAL has no addresses");
}

static void check_v2(const uint8_t *data, size_t size)
{
	enum proxy_error error = PROXY_ERROR_NONE;
	struct proxy_header header;
	struct proxy_header alone;

	switch (proxy_datagram_parse(data, size, HEADER_MAX, &header, &error)) {
	case PROXY_OK:
		check_header(&header, size);
		require(proxy_datagram_is_signed(data, size), "a header without its signature");
		require(proxy_datagram_parse(data, header.header_len, HEADER_MAX, &alone, &error) ==
			    PROXY_OK,
			"a header that needs its payload");
		require(proxy_datagram_parse(data, header.header_len - 1, HEADER_MAX, &alone,
					     &error) == PROXY_ERROR,
			"a header that does not need its last byte");
		break;
	case PROXY_ERROR:
		require(error != PROXY_ERROR_NONE, "an error without a name");
		break;
	case PROXY_NEED_MORE:
		require(false, "a datagram that waits for more");
	}
}

static void check_spp(const uint8_t *data, size_t size)
{
	enum proxy_error error = PROXY_ERROR_NONE;
	uint8_t written[PROXY_SPP_LEN];
	struct proxy_header header;

	switch (proxy_spp_parse(data, size, &header, &error)) {
	case PROXY_OK:
		check_header(&header, size);
		proxy_spp_write(written, &header.src, &header.dst);
		require(memcmp(written, data, sizeof(written)) == 0, "another header goes back");
		break;
	case PROXY_ERROR:
		require(error != PROXY_ERROR_NONE, "an error without a name");
		break;
	case PROXY_NEED_MORE:
		require(false, "a datagram that waits for more");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_v2(data, size);
	check_spp(data, size);
	return 0;
}
