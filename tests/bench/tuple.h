/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Client addresses that no run before has used for some minutes, so that no connection meets the
 * TIME_WAIT of an earlier one, and the PROXY headers that name them.
 */
#ifndef MMPROXY_TEST_TUPLE_H
#define MMPROXY_TEST_TUPLE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest header that tuple_header() writes. */
#define TUPLE_HEADER_MAX 108

enum tuple_version { TUPLE_NONE, TUPLE_V1, TUPLE_V2 };

/* What is left of a thread's share of a run's addresses, and of those it connects from. */
struct tuples {
	uint32_t next, end;
	uint32_t local_net; /* host byte order */
	uint32_t opened;
};

/*
 * The share of one thread of a run. Runs have 131072 clients each and repeat after 4096 of them;
 * the clients are from 198.18.0.0/16, with ports from 20000 up. The addresses that are connected
 * from are of local_net.0.0.0/8.
 */
void tuples_init(struct tuples *tuples, unsigned local_net, unsigned run, unsigned thread,
		 unsigned threads);

/*
 * Take the next client, and an address of the local network (without port) to connect from, of
 * which each is good for 4096 connections. Returns false when the share is used up.
 */
bool tuples_take(struct tuples *tuples, struct sockaddr_in *client, struct sockaddr_in *local);

/* The header for a client over TCP or UDP (which version 1 cannot say). Returns its length, 0 for
 * TUPLE_NONE. */
size_t tuple_header(enum tuple_version version, bool datagrams, const struct sockaddr_in *client,
		    uint8_t header[TUPLE_HEADER_MAX]);

#endif
