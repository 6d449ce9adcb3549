/* SPDX-License-Identifier: BSD-2-Clause */
/* A socket address as a value. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "65535" */
#define PORT_DIGITS_MAX 5

static int parse_port(const char *text, uint16_t *port)
{
	unsigned long value = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > PORT_DIGITS_MAX || text[digits] != '\0')
		return -1;
	value = strtoul(text, NULL, 10);
	if (value > UINT16_MAX)
		return -1;
	*port = (uint16_t)value;
	return 0;
}

socklen_t addr_len(const struct addr *addr)
{
	switch (addr_family(addr)) {
	case AF_INET:
		return sizeof(addr->in);
	case AF_INET6:
		return sizeof(addr->in6);
	default:
		return 0;
	}
}

void addr_from_ipv4(struct addr *addr, const void *bytes, uint16_t port)
{
	memset(addr, 0, sizeof(*addr));
	addr->in.sin_family = AF_INET;
	addr->in.sin_port = htons(port);
	memcpy(&addr->in.sin_addr, bytes, sizeof(addr->in.sin_addr));
}

void addr_from_ipv6(struct addr *addr, const void *bytes, uint16_t port)
{
	memset(addr, 0, sizeof(*addr));
	addr->in6.sin6_family = AF_INET6;
	addr->in6.sin6_port = htons(port);
	memcpy(&addr->in6.sin6_addr, bytes, sizeof(addr->in6.sin6_addr));
}

int addr_from_sockaddr(struct addr *addr, const struct sockaddr *sa, socklen_t len)
{
	memset(addr, 0, sizeof(*addr));
	if (sa->sa_family == AF_INET && len >= sizeof(addr->in)) {
		memcpy(&addr->in, sa, sizeof(addr->in));
	} else if (sa->sa_family == AF_INET6 && len >= sizeof(addr->in6)) {
		memcpy(&addr->in6, sa, sizeof(addr->in6));
		addr_unmap(addr);
	} else {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return 0;
}

void addr_write_ip(const struct addr *addr, uint8_t bytes[static ADDR_IP_LEN])
{
	memset(bytes, 0, ADDR_IP_LEN);
	if (addr_family(addr) == AF_INET6) {
		memcpy(bytes, &addr->in6.sin6_addr, ADDR_IP_LEN);
	} else if (addr_family(addr) == AF_INET) {
		bytes[10] = bytes[11] = 0xFF;
		memcpy(bytes + 12, &addr->in.sin_addr, sizeof(addr->in.sin_addr));
	}
}

void addr_map(struct addr *addr)
{
	uint8_t bytes[ADDR_IP_LEN];

	if (addr_family(addr) != AF_INET)
		return;
	addr_write_ip(addr, bytes);
	addr_from_ipv6(addr, bytes, addr_port(addr));
}

void addr_unmap(struct addr *addr)
{
	uint8_t ipv4[4];

	if (addr_family(addr) != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
		return;
	memcpy(ipv4, &addr->in6.sin6_addr.s6_addr[12], sizeof(ipv4));
	addr_from_ipv4(addr, ipv4, addr_port(addr));
}

uint16_t addr_port(const struct addr *addr)
{
	switch (addr_family(addr)) {
	case AF_INET:
		return ntohs(addr->in.sin_port);
	case AF_INET6:
		return ntohs(addr->in6.sin6_port);
	default:
		return 0;
	}
}

void addr_set_port(struct addr *addr, uint16_t port)
{
	if (addr_family(addr) == AF_INET)
		addr->in.sin_port = htons(port);
	else if (addr_family(addr) == AF_INET6)
		addr->in6.sin6_port = htons(port);
}

int addr_parse(struct addr *addr, const char *text)
{
	char host[INET6_ADDRSTRLEN + 1];
	const char *host_start = text;
	const char *host_end;
	const char *colon;
	struct addr parsed;
	uint16_t port;
	size_t host_len;
	int family = AF_INET;

	if (text[0] == '[') {
		family = AF_INET6;
		host_start = text + 1;
		host_end = strchr(host_start, ']');
		if (host_end == NULL || host_end[1] != ':')
			return -1;
		colon = host_end + 1;
	} else {
		host_end = colon = strchr(text, ':');
		if (colon == NULL)
			return -1;
	}
	host_len = (size_t)(host_end - host_start);
	if (host_len >= sizeof(host))
		return -1;
	memcpy(host, host_start, host_len);
	host[host_len] = '\0';
	if (addr_parse_ip(&parsed, host) < 0 || addr_family(&parsed) != family ||
	    parse_port(colon + 1, &port) < 0)
		return -1;
	addr_set_port(&parsed, port);
	*addr = parsed;
	return 0;
}

int addr_parse_ip(struct addr *addr, const char *text)
{
	uint8_t bytes[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, text, bytes) == 1)
		addr_from_ipv4(addr, bytes, 0);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		addr_from_ipv6(addr, bytes, 0);
	else
		return -1;
	return 0;
}

const char *addr_format(const struct addr *addr, char buf[static ADDR_STRLEN])
{
	char ip[ADDR_STRLEN];
	bool bracket = addr_family(addr) == AF_INET6;

	if (!addr_is_set(addr))
		return addr_format_ip(addr, buf);
	snprintf(buf, ADDR_STRLEN, "%s%.45s%s:%u", bracket ? "[" : "", addr_format_ip(addr, ip),
		 bracket ? "]" : "", (unsigned)addr_port(addr));
	return buf;
}

const char *addr_format_ip(const struct addr *addr, char buf[static ADDR_STRLEN])
{
	const void *bytes = &addr->in.sin_addr;

	if (addr_family(addr) == AF_INET6)
		bytes = &addr->in6.sin6_addr;
	if (!addr_is_set(addr) || inet_ntop(addr_family(addr), bytes, buf, ADDR_STRLEN) == NULL) {
		buf[0] = '-';
		buf[1] = '\0';
	}
	return buf;
}

bool addr_equal_ip(const struct addr *a, const struct addr *b)
{
	if (addr_family(a) != addr_family(b))
		return false;
	switch (addr_family(a)) {
	case AF_INET:
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	case AF_INET6:
		return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
	default:
		return true;
	}
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_equal_ip(a, b) && addr_port(a) == addr_port(b);
}

bool addr_is_wildcard(const struct addr *addr)
{
	if (addr_family(addr) == AF_INET)
		return addr->in.sin_addr.s_addr == htonl(INADDR_ANY);
	return addr_family(addr) == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
}

bool addr_is_loopback(const struct addr *addr)
{
	if (addr_family(addr) == AF_INET)
		return ntohl(addr->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return addr_family(addr) == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr);
}

bool addr_is_link_local(const struct addr *addr)
{
	return addr_family(addr) == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr->in6.sin6_addr);
}

bool addr_is_martian_source(const struct addr *addr)
{
	if (addr_family(addr) == AF_INET) {
		uint32_t ip = ntohl(addr->in.sin_addr.s_addr);

		return ip >> 24 == 0 || IN_MULTICAST(ip) || ip == INADDR_BROADCAST;
	}
	return addr_family(addr) == AF_INET6 && (IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr) ||
						 IN6_IS_ADDR_MULTICAST(&addr->in6.sin6_addr));
}
