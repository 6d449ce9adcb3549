/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client asks of the backend, by the first byte that it sends. The backend answers with the
 * same byte, so a client that has it knows that the whole way is open; then it does its role.
 */
#ifndef MMPROXY_TEST_BACKEND_ROLE_H
#define MMPROXY_TEST_BACKEND_ROLE_H

#include <stdint.h>

#define BACKEND_ECHO	'E' /* send back what comes */
#define BACKEND_SOURCE	'S' /* send without end */
#define BACKEND_SINK	'K' /* read without end */
#define BACKEND_STAMPED 'T' /* send blocks without end, each with the time when it was sent */
#define BACKEND_WHO	'W' /* tell whom it sees: "ADDRESS:PORT\n" */

/* A block of BACKEND_STAMPED: eight bytes of CLOCK_MONOTONIC in nanoseconds, and filler. */
#define BACKEND_BLOCK_LEN 16384

/*
 * Over UDP every datagram has its role, in a message of this beginning. One of the role alone, a
 * single byte, is answered by that byte; to BACKEND_WHO, by the role and the text.
 *
 * echo: the same datagram. source: count datagrams of size bytes, each with the request's number,
 * cut by the kernel where it can (UDP_SEGMENT). sink: with wants_count, an answer of this alone,
 * whose count is of all that came from this client's port since the backend started.
 */
struct backend_message {
	uint8_t role;
	uint8_t wants_count;
	uint16_t size;
	uint32_t count;
	uint64_t number;
};

/* What one request may ask for, so that it is one run for the kernel to cut. */
#define BACKEND_RUN_MAX 65000

#endif
