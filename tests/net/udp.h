/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams, as a load balancer and a backend send and see them. Every function either does what it
 * says within harness_patience_ms() or fails the test; sockets are closed after the test.
 */
#ifndef MMPROXY_TEST_UDP_H
#define MMPROXY_TEST_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* The longest payload over IPv4: 65535 less the headers of IP and UDP. */
#define UDP_PAYLOAD_MAX 65507

struct udp_datagram {
	struct addr from;
	size_t len;
	uint8_t bytes[65536];
};

/* A socket bound to an address such as "127.0.0.1:8000" or "127.0.0.1:0", with large buffers. */
int udp_open(const char *address);

/* Send one datagram, which may be empty (bytes NULL). */
void udp_send(int fd, const char *to, const void *bytes, size_t len);
void udp_send_text(int fd, const char *to, const char *text);

/* The same to an address as received. */
void udp_send_addr(int fd, const struct addr *to, const void *bytes, size_t len);

/*
 * Send bytes as many datagrams of segment bytes each (the last may be shorter) in one call, with
 * UDP_SEGMENT. Returns false, and says so on standard output, where the kernel has no such thing.
 */
bool udp_send_segments(int fd, const char *to, const void *bytes, size_t len, uint16_t segment);

/* The next datagram; valid until the next call. */
const struct udp_datagram *udp_receive(int fd);

/* The same if one is there or comes within ms, or NULL. */
const struct udp_datagram *udp_receive_within(int fd, int ms);

/* The next datagram is this one, from this address. */
const struct udp_datagram *udp_expect(int fd, const char *from, const void *bytes, size_t len);
const struct udp_datagram *udp_expect_text(int fd, const char *from, const char *text);

/* Take datagrams until one is this; earlier ones that were still on their way are left out. */
void udp_await_text(int fd, const char *text);

/* Send an answer to whom the datagram came from. */
void udp_answer(int fd, const struct udp_datagram *datagram, const void *bytes, size_t len);

/* Take whatever is there until nothing comes for quiet_ms; returns how many it were. */
unsigned udp_drain(int fd, int quiet_ms);

/* Bytes that differ from one place and from one seed to the next. */
void udp_fill(uint8_t *bytes, size_t len, unsigned seed);

#endif
