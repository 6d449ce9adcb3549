/* SPDX-License-Identifier: BSD-2-Clause */
/* The Simple Proxy Protocol of Cloudflare Spectrum. */
#include "proxyproto/proxy_spp.h"

#include <string.h>

#include "base/be16.h"
#include "proxyproto/proxy_addr.h"

#define MAGIC_LEN 2
#define IP_LEN	  16

/* Where the fields are. */
#define CLIENT_IP_AT   MAGIC_LEN
#define PROXY_IP_AT    (CLIENT_IP_AT + IP_LEN)
#define CLIENT_PORT_AT (PROXY_IP_AT + IP_LEN)
#define PROXY_PORT_AT  (CLIENT_PORT_AT + 2)

_Static_assert(PROXY_PORT_AT + 2 == PROXY_SPP_LEN, "two addresses, two ports");

static const uint8_t magic[MAGIC_LEN] = {PROXY_VERSION_SPP >> 8, PROXY_VERSION_SPP & 0xFF};

enum proxy_status proxy_spp_parse(const uint8_t *bytes, size_t len, struct proxy_header *header,
				  enum proxy_error *error)
{
	if (memcmp(bytes, magic, len < MAGIC_LEN ? len : MAGIC_LEN) != 0) {
		*error = PROXY_ERROR_SPP_MAGIC;
		return PROXY_ERROR;
	}
	if (len < PROXY_SPP_LEN) {
		*error = PROXY_ERROR_TRUNCATED;
		return PROXY_ERROR;
	}
	header->version = PROXY_VERSION_SPP;
	header->command = PROXY_COMMAND_PROXY;
	proxy_addr_from_ipv6(&header->src, &bytes[CLIENT_IP_AT], be16_read(&bytes[CLIENT_PORT_AT]));
	proxy_addr_from_ipv6(&header->dst, &bytes[PROXY_IP_AT], be16_read(&bytes[PROXY_PORT_AT]));
	header->family = proxy_addr_family(&header->src);
	header->header_len = PROXY_SPP_LEN;
	header->tlvs = NULL;
	header->tlvs_len = 0;
	return PROXY_OK;
}

void proxy_spp_write(uint8_t bytes[static PROXY_SPP_LEN], const struct addr *client,
		     const struct addr *proxy)
{
	memcpy(bytes, magic, MAGIC_LEN);
	addr_write_ip(client, &bytes[CLIENT_IP_AT]);
	addr_write_ip(proxy, &bytes[PROXY_IP_AT]);
	be16_write(&bytes[CLIENT_PORT_AT], addr_port(client));
	be16_write(&bytes[PROXY_PORT_AT], addr_port(proxy));
}
