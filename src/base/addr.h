/* SPDX-License-Identifier: BSD-2-Clause */
/* A socket address as a value: IPv4 or IPv6, with its port. */
#ifndef MMPROXY_ADDR_H
#define MMPROXY_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address and port, copied by assignment. All zero (AF_UNSPEC) means "none". */
struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

/* "[" + INET6_ADDRSTRLEN with its NUL + "]:65535", rounded up. */
#define ADDR_STRLEN 64

/* AF_INET, AF_INET6, or AF_UNSPEC for no address. */
static inline int addr_family(const struct addr *addr)
{
	return addr->sa.sa_family;
}

static inline bool addr_is_set(const struct addr *addr)
{
	return addr->sa.sa_family != AF_UNSPEC;
}

/* Bytes of the address as bind(2) and connect(2) want them; 0 for no address. */
socklen_t addr_len(const struct addr *addr);

/* Build an address from its raw bytes in network order (4 or 16 of them) and a port in host order.
 */
void addr_from_ipv4(struct addr *addr, const void *bytes, uint16_t port);
void addr_from_ipv6(struct addr *addr, const void *bytes, uint16_t port);

/*
 * Copy what the kernel gave (accept(2), getsockname(2)); an IPv4-mapped IPv6 address becomes IPv4
 * (RFC 4291, section 2.5.5.2). Returns 0, or -1 with EAFNOSUPPORT for another family.
 */
int addr_from_sockaddr(struct addr *addr, const struct sockaddr *sa, socklen_t len)
    __attribute__((warn_unused_result));

/* Bytes of an IPv6 address. */
#define ADDR_IP_LEN 16

/* Write the address, without its port, in network order; IPv4 as IPv4-mapped, none as zeros. */
void addr_write_ip(const struct addr *addr, uint8_t bytes[static ADDR_IP_LEN]);

/* Turn an IPv4 address into the IPv4-mapped IPv6 address; others stay as they are. */
void addr_map(struct addr *addr);

/* Turn an IPv4-mapped IPv6 address into the IPv4 address it stands for; others stay as they are. */
void addr_unmap(struct addr *addr);

/* Port in host order. */
uint16_t addr_port(const struct addr *addr);
void addr_set_port(struct addr *addr, uint16_t port);

/*
 * Read "192.0.2.1:80" or "[2001:db8::1]:80": a numeric address and a port of 0 to 65535, nothing
 * before or behind. Returns 0, or -1 (and *addr untouched) when text is not of that form.
 */
int addr_parse(struct addr *addr, const char *text) __attribute__((warn_unused_result));

/* Read a numeric address without a port ("192.0.2.1", "2001:db8::1"); the port becomes 0. */
int addr_parse_ip(struct addr *addr, const char *text) __attribute__((warn_unused_result));

/* Write the address as addr_parse() reads it ("-" for none); returns buf. */
const char *addr_format(const struct addr *addr, char buf[static ADDR_STRLEN]);

/* Write the address without port or brackets ("-" for none); returns buf. */
const char *addr_format_ip(const struct addr *addr, char buf[static ADDR_STRLEN]);

/* Same family, address and port. */
bool addr_equal(const struct addr *a, const struct addr *b);

/* Same family and address, whatever the ports. */
bool addr_equal_ip(const struct addr *a, const struct addr *b);

/* 0.0.0.0 or :: */
bool addr_is_wildcard(const struct addr *addr);

/* 127.0.0.0/8 or ::1 */
bool addr_is_loopback(const struct addr *addr);

/* fe80::/10, which means nothing without an interface (RFC 4007, section 6) */
bool addr_is_link_local(const struct addr *addr);

/*
 * Whether no host may send from this address: "this network" (0.0.0.0/8, RFC 1122 section 3.2.1.3;
 * ::), multicast, and limited broadcast.
 */
bool addr_is_martian_source(const struct addr *addr);

#endif
