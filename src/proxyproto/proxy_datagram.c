/* SPDX-License-Identifier: BSD-2-Clause */
/* The PROXY protocol header at the beginning of a datagram. */
#include "proxyproto/proxy_datagram.h"

#include <string.h>

#include "proxyproto/proxy_v2.h"

#define V1_SIGNATURE "PROXY "

enum proxy_status proxy_datagram_parse(const uint8_t *bytes, size_t len, size_t header_max,
				       struct proxy_header *header, enum proxy_error *error)
{
	enum proxy_status status = PROXY_NEED_MORE;

	if (len > 0)
		status = proxy_v2_parse(bytes, len, header_max, PROXY_CARRIER_DGRAM, header, error);
	if (status == PROXY_OK)
		return status;
	if (status == PROXY_NEED_MORE)
		*error = PROXY_ERROR_TRUNCATED;
	else if (*error == PROXY_ERROR_SIGNATURE && len >= strlen(V1_SIGNATURE) &&
		 memcmp(bytes, V1_SIGNATURE, strlen(V1_SIGNATURE)) == 0)
		*error = PROXY_ERROR_V1_DATAGRAM;
	return PROXY_ERROR;
}

bool proxy_datagram_is_signed(const uint8_t *bytes, size_t len)
{
	return len >= PROXY_V2_SIGNATURE_LEN &&
	       memcmp(bytes, PROXY_V2_SIGNATURE, PROXY_V2_SIGNATURE_LEN) == 0;
}
