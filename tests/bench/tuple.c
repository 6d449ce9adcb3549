/* SPDX-License-Identifier: BSD-2-Clause */
/* A client is a number: its address and port are the quotient and the rest. */
#include "tuple.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PORT	  20000 /* the ports below are left to connect(2): see the script "run" */
#define PORTS		  (65536 - FIRST_PORT)
#define CLIENTS_A_RUN	  131072
#define RUNS		  4096
#define CLIENT_NETWORK	  0xC6120000u /* 198.18.0.0, RFC 2544, of which these take 11,790 hosts */
#define DESTINATION	  0xC0000201u /* 192.0.2.1, whom the client is said to have called */
#define DESTINATION_PORT  443
#define LOCAL_RUNS	  176 /* whose addresses to connect from differ */
#define CONNECTIONS_LOCAL 4096

static void client_of(uint32_t number, struct sockaddr_in *client)
{
	memset(client, 0, sizeof(*client));
	client->sin_family = AF_INET;
	client->sin_addr.s_addr = htonl(CLIENT_NETWORK + 1 + number / PORTS);
	client->sin_port = htons((uint16_t)(FIRST_PORT + number % PORTS));
}

void tuples_init(struct tuples *tuples, unsigned local_net, unsigned run, unsigned thread,
		 unsigned threads)
{
	uint32_t share = CLIENTS_A_RUN / threads;
	uint32_t first = run % RUNS * CLIENTS_A_RUN;

	tuples->next = first + thread * share;
	tuples->end = tuples->next + share;
	/* N.0.x.x stays free for who listens. */
	tuples->local_net =
	    (local_net << 24) + ((1 + run % LOCAL_RUNS) << 16) + ((thread & 0xFF) << 8);
	tuples->opened = 0;
}

bool tuples_take(struct tuples *tuples, struct sockaddr_in *client, struct sockaddr_in *local)
{
	if (tuples->next == tuples->end)
		return false;
	client_of(tuples->next++, client);
	memset(local, 0, sizeof(*local));
	local->sin_family = AF_INET;
	local->sin_addr.s_addr = htonl(tuples->local_net + 1 + tuples->opened / CONNECTIONS_LOCAL);
	tuples->opened++;
	return true;
}

static size_t header_v1(const struct sockaddr_in *client, uint8_t header[TUPLE_HEADER_MAX])
{
	char source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN];
	struct in_addr to = {htonl(DESTINATION)};
	int len;

	inet_ntop(AF_INET, &client->sin_addr, source, sizeof(source));
	inet_ntop(AF_INET, &to, destination, sizeof(destination));
	len = snprintf((char *)header, TUPLE_HEADER_MAX, "PROXY TCP4 %s %s %u %u\r\n", source,
		       destination, ntohs(client->sin_port), DESTINATION_PORT);
	return (size_t)len;
}

static size_t header_v2(const struct sockaddr_in *client, bool datagrams,
			uint8_t header[TUPLE_HEADER_MAX])
{
	/* The signature, version 2 and PROXY, TCP over IPv4, 12 bytes of addresses. */
	static const uint8_t start[16] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51,
					  0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0x00, 0x0C};
	uint32_t to = htonl(DESTINATION);
	uint16_t to_port = htons(DESTINATION_PORT);

	memcpy(header, start, 16);
	if (datagrams)
		header[13] = 0x12; /* UDP over IPv4 */
	memcpy(header + 16, &client->sin_addr, 4);
	memcpy(header + 20, &to, 4);
	memcpy(header + 24, &client->sin_port, 2);
	memcpy(header + 26, &to_port, 2);
	return 28;
}

size_t tuple_header(enum tuple_version version, bool datagrams, const struct sockaddr_in *client,
		    uint8_t header[TUPLE_HEADER_MAX])
{
	switch (version) {
	case TUPLE_NONE:
		return 0;
	case TUPLE_V1:
		return header_v1(client, header);
	case TUPLE_V2:
		return header_v2(client, datagrams, header);
	}
	return 0;
}
