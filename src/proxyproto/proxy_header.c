/* SPDX-License-Identifier: BSD-2-Clause */
/* The PROXY protocol header of a stream: which version it is, and the names of its errors. */
#include "proxyproto/proxy_header.h"

#include "proxyproto/proxy_v1.h"
#include "proxyproto/proxy_v2.h"

static const struct {
	const char *name;
	const char *sentence;
} errors[PROXY_ERROR_COUNT] = {
#define X(id, name, sentence) [id] = {name, sentence},
    PROXY_ERRORS(X)
#undef X
};

enum proxy_status proxy_header_parse(const uint8_t *bytes, size_t len, size_t header_max,
				     struct proxy_header *header, enum proxy_error *error)
{
	if (len == 0)
		return PROXY_NEED_MORE;
	if (bytes[0] == PROXY_V1_FIRST_BYTE)
		return proxy_v1_parse(bytes, len, header, error);
	return proxy_v2_parse(bytes, len, header_max, PROXY_CARRIER_STREAM, header, error);
}

const char *proxy_version_name(int version)
{
	switch (version) {
	case 1:
		return "v1";
	case 2:
		return "v2";
	case PROXY_VERSION_SPP:
		return "spp";
	default:
		return "none";
	}
}

const char *proxy_error_name(enum proxy_error error)
{
	return errors[error].name;
}

const char *proxy_error_sentence(enum proxy_error error)
{
	return errors[error].sentence;
}
