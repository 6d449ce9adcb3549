/* SPDX-License-Identifier: BSD-2-Clause */
/* A client is a number: its address and port are the quotient and the rest. */
#include "tuple.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PORT	  20000 /* the ports below are left to connect(2): see the script "run" */
#define PORTS		  (65536 - FIRST_PORT)
#define HOSTS_A_NETWORK	  254
#define HOSTS		  (2 * HOSTS_A_NETWORK)
#define CLIENTS_A_RUN	  131072
#define RUNS		  (HOSTS * PORTS / CLIENTS_A_RUN)
#define CLIENT_NETWORK_1  0xCB007100u /* 203.0.113.0, RFC 5737 */
#define CLIENT_NETWORK_2  0xC6336400u /* 198.51.100.0 */
#define DESTINATION	  0xC0000201u /* 192.0.2.1, whom the client is said to have called */
#define DESTINATION_PORT  443
#define CONNECTIONS_LOCAL 4096

static void client_of(uint32_t number, struct sockaddr_in *client)
{
	uint32_t host = number / PORTS;
	uint32_t network = host < HOSTS_A_NETWORK ? CLIENT_NETWORK_1 : CLIENT_NETWORK_2;

	memset(client, 0, sizeof(*client));
	client->sin_family = AF_INET;
	client->sin_addr.s_addr = htonl(network + 1 + host % HOSTS_A_NETWORK);
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
	tuples->local_net = (local_net << 24) + ((1 + run % RUNS) << 16) + ((thread & 0xFF) << 8);
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
