/* SPDX-License-Identifier: BSD-2-Clause */
/* Version 1 of the PROXY header: one pass over a line of text. */
#include "proxyproto/proxy_v1.h"

#include <stdbool.h>
#include <string.h>

#include "proxyproto/proxy_addr.h"

#define SIGNATURE "PROXY "

/* "TCP4" and "TCP6" differ in their last byte only. */
#define TCP	"TCP"
#define UNKNOWN "UNKNOWN"

#define OCTET_MAX	      255
#define PORT_MAX	      65535
#define IPV4_LEN	      4
#define IPV6_LEN	      16
#define IPV6_GROUP_LEN	      2
#define IPV6_GROUP_DIGITS_MAX 4

/* "::" stands for one group of zeros at least. */
#define IPV6_LEN_BESIDE_GAP (IPV6_LEN - IPV6_GROUP_LEN)
#define NO_GAP		    SIZE_MAX

/*
 * What is left of the bytes; at moves forward only. The small steps below are inline to keep it in
 * registers: through memory it doubles the time of a line.
 */
struct scan {
	const uint8_t *at;
	const uint8_t *end;
};

/* One more than the digit's value, so that 0 is "not a digit". */
static const uint8_t hex_digits[UINT8_MAX + 1] = {
    ['0'] = 1,	['1'] = 2,  ['2'] = 3,	['3'] = 4,  ['4'] = 5,	['5'] = 6,  ['6'] = 7,	['7'] = 8,
    ['8'] = 9,	['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static inline enum proxy_status scan_literal(struct scan *scan, const char *literal,
					     size_t literal_len)
{
	size_t left = (size_t)(scan->end - scan->at);

	if (left < literal_len)
		return memcmp(scan->at, literal, left) == 0 ? PROXY_NEED_MORE : PROXY_ERROR;
	if (memcmp(scan->at, literal, literal_len) != 0)
		return PROXY_ERROR;
	scan->at += literal_len;
	return PROXY_OK;
}

static inline enum proxy_status scan_byte(struct scan *scan, uint8_t byte)
{
	if (scan->at == scan->end)
		return PROXY_NEED_MORE;
	return *scan->at++ == byte ? PROXY_OK : PROXY_ERROR;
}

/*
 * The three below read a number or an address up to the first byte that cannot be a part of it, and
 * PROXY_OK says that this byte is there: without it, more digits could follow.
 */
static inline enum proxy_status scan_decimal(struct scan *scan, unsigned max, unsigned *value)
{
	const uint8_t *at = scan->at;
	unsigned number;

	if (at == scan->end)
		return PROXY_NEED_MORE;
	number = (unsigned)*at - '0';
	if (number > 9)
		return PROXY_ERROR;
	for (at++; at < scan->end; at++) {
		unsigned digit = (unsigned)*at - '0';

		if (digit > 9) {
			scan->at = at;
			*value = number;
			return PROXY_OK;
		}
		if (number == 0)
			return PROXY_ERROR;
		number = number * 10 + digit;
		if (number > max)
			return PROXY_ERROR;
	}
	return PROXY_NEED_MORE;
}

static enum proxy_status scan_ipv4(struct scan *scan, uint8_t ip[static IPV4_LEN])
{
	for (size_t i = 0;; i++) {
		unsigned octet;
		enum proxy_status status = scan_decimal(scan, OCTET_MAX, &octet);

		if (status != PROXY_OK)
			return status;
		ip[i] = (uint8_t)octet;
		if (i == IPV4_LEN - 1)
			return PROXY_OK;
		if (*scan->at++ != '.')
			return PROXY_ERROR;
	}
}

/* Move the groups behind "::" to the end of the address. */
static void fill_gap(uint8_t ip[static IPV6_LEN], size_t len, size_t gap)
{
	size_t behind_len = len - gap;

	memmove(&ip[IPV6_LEN - behind_len], &ip[gap], behind_len);
	memset(&ip[gap], 0, IPV6_LEN - len);
}

static enum proxy_status scan_ipv6(struct scan *scan, uint8_t ip[static IPV6_LEN])
{
	const uint8_t *end = scan->end;
	const uint8_t *at = scan->at;
	size_t room = IPV6_LEN;
	size_t gap = NO_GAP;
	size_t len = 0;

	if (at == end)
		return PROXY_NEED_MORE;
	if (*at == ':') {
		if (++at == end)
			return PROXY_NEED_MORE;
		if (*at++ != ':')
			return PROXY_ERROR;
		gap = 0;
		room = IPV6_LEN_BESIDE_GAP;
	}
	for (;;) {
		const uint8_t *group = at;
		unsigned value = 0;
		unsigned digit;

		while (at < end && (digit = hex_digits[*at]) != 0) {
			if (at - group == IPV6_GROUP_DIGITS_MAX)
				return PROXY_ERROR;
			value = value << 4 | (digit - 1);
			at++;
		}
		if (at > group && len == room)
			return PROXY_ERROR;
		if (at == end)
			return PROXY_NEED_MORE;
		if (at == group) {
			if (len != gap)
				return PROXY_ERROR;
			break;
		}
		if (*at == '.') {
			/* RFC 4291, section 2.2: dotted decimal stands for the last 32 bits. */
			bool last = gap == NO_GAP ? len == room - IPV4_LEN : len <= room - IPV4_LEN;
			enum proxy_status status;

			if (!last)
				return PROXY_ERROR;
			scan->at = group;
			status = scan_ipv4(scan, &ip[len]);
			if (status != PROXY_OK)
				return status;
			len += IPV4_LEN;
			at = scan->at;
			break;
		}
		ip[len] = (uint8_t)(value >> 8);
		ip[len + 1] = (uint8_t)value;
		len += IPV6_GROUP_LEN;
		if (*at != ':')
			break;
		if (len == room)
			return PROXY_ERROR;
		if (++at == end)
			return PROXY_NEED_MORE;
		if (*at == ':') {
			if (gap != NO_GAP)
				return PROXY_ERROR;
			gap = len;
			room = IPV6_LEN_BESIDE_GAP;
			at++;
		}
	}
	scan->at = at;
	if (gap != NO_GAP)
		fill_gap(ip, len, gap);
	else if (len != IPV6_LEN)
		return PROXY_ERROR;
	return PROXY_OK;
}

static enum proxy_status scan_address(struct scan *scan, enum proxy_family family,
				      uint8_t ip[static IPV6_LEN])
{
	enum proxy_status status =
	    family == PROXY_FAMILY_INET ? scan_ipv4(scan, ip) : scan_ipv6(scan, ip);

	return status == PROXY_OK ? scan_byte(scan, ' ') : status;
}

static enum proxy_status scan_source_port(struct scan *scan, unsigned *port)
{
	enum proxy_status status = scan_decimal(scan, PORT_MAX, port);

	return status == PROXY_OK ? scan_byte(scan, ' ') : status;
}

static enum proxy_status scan_family(struct scan *scan, enum proxy_family *family)
{
	enum proxy_status status;

	if (scan->at == scan->end)
		return PROXY_NEED_MORE;
	if (*scan->at == UNKNOWN[0]) {
		*family = PROXY_FAMILY_UNKNOWN;
		return scan_literal(scan, UNKNOWN, strlen(UNKNOWN));
	}
	status = scan_literal(scan, TCP, strlen(TCP));
	if (status != PROXY_OK)
		return status;
	if (scan->at == scan->end)
		return PROXY_NEED_MORE;
	switch (*scan->at++) {
	case '4':
		*family = PROXY_FAMILY_INET;
		break;
	case '6':
		*family = PROXY_FAMILY_INET6;
		break;
	default:
		return PROXY_ERROR;
	}
	return scan_byte(scan, ' ');
}

static enum proxy_status scan_line_end(struct scan *scan)
{
	return scan_literal(scan, "\r\n", 2);
}

/* Skip what follows UNKNOWN: nothing, or a space and anything up to the first CRLF. */
static enum proxy_status skip_unknown(struct scan *scan, enum proxy_error *error)
{
	if (scan->at == scan->end)
		return PROXY_NEED_MORE;
	if (*scan->at == '\r') {
		*error = PROXY_ERROR_V1_LINE_END;
		return scan_line_end(scan);
	}
	if (*scan->at != ' ') {
		*error = PROXY_ERROR_V1_FAMILY;
		return PROXY_ERROR;
	}
	for (scan->at++; scan->at < scan->end; scan->at++) {
		if (scan->at[0] == '\n' && scan->at[-1] == '\r') {
			scan->at++;
			return PROXY_OK;
		}
	}
	return PROXY_NEED_MORE;
}

/* Read the line after "PROXY "; *error is what a PROXY_ERROR means. */
static enum proxy_status parse_line(struct scan *scan, struct proxy_header *header,
				    enum proxy_error *error)
{
	uint8_t src_ip[IPV6_LEN];
	uint8_t dst_ip[IPV6_LEN];
	unsigned src_port;
	unsigned dst_port;
	enum proxy_family family;
	enum proxy_status status;

	*error = PROXY_ERROR_V1_FAMILY;
	status = scan_family(scan, &family);
	if (status != PROXY_OK)
		return status;
	if (family == PROXY_FAMILY_UNKNOWN) {
		status = skip_unknown(scan, error);
		if (status != PROXY_OK)
			return status;
		memset(&header->src, 0, sizeof(header->src));
		memset(&header->dst, 0, sizeof(header->dst));
		header->family = family;
		return PROXY_OK;
	}
	*error = PROXY_ERROR_V1_SOURCE;
	status = scan_address(scan, family, src_ip);
	if (status != PROXY_OK)
		return status;
	*error = PROXY_ERROR_V1_DESTINATION;
	status = scan_address(scan, family, dst_ip);
	if (status != PROXY_OK)
		return status;
	*error = PROXY_ERROR_V1_SOURCE_PORT;
	status = scan_source_port(scan, &src_port);
	if (status != PROXY_OK)
		return status;
	*error = PROXY_ERROR_V1_DESTINATION_PORT;
	status = scan_decimal(scan, PORT_MAX, &dst_port);
	if (status != PROXY_OK)
		return status;
	*error = PROXY_ERROR_V1_LINE_END;
	status = scan_line_end(scan);
	if (status != PROXY_OK)
		return status;

	if (family == PROXY_FAMILY_INET) {
		addr_from_ipv4(&header->src, src_ip, (uint16_t)src_port);
		addr_from_ipv4(&header->dst, dst_ip, (uint16_t)dst_port);
	} else {
		proxy_addr_from_ipv6(&header->src, src_ip, (uint16_t)src_port);
		proxy_addr_from_ipv6(&header->dst, dst_ip, (uint16_t)dst_port);
	}
	header->family = proxy_addr_family(&header->src);
	return PROXY_OK;
}

enum proxy_status proxy_v1_parse(const uint8_t *bytes, size_t len, struct proxy_header *header,
				 enum proxy_error *error)
{
	size_t line_len = len < PROXY_V1_MAX ? len : PROXY_V1_MAX;
	struct scan scan = {bytes, bytes + line_len};
	enum proxy_error line_error = PROXY_ERROR_SIGNATURE;
	enum proxy_status status = scan_literal(&scan, SIGNATURE, strlen(SIGNATURE));

	if (status == PROXY_OK)
		status = parse_line(&scan, header, &line_error);
	if (status == PROXY_OK) {
		header->version = 1;
		header->command = PROXY_COMMAND_PROXY;
		header->header_len = (size_t)(scan.at - bytes);
		header->tlvs = NULL;
		header->tlvs_len = 0;
	}
	if (status == PROXY_NEED_MORE && line_len == PROXY_V1_MAX) {
		status = PROXY_ERROR;
		line_error = PROXY_ERROR_V1_TOO_LONG;
	}
	if (status == PROXY_ERROR)
		*error = line_error;
	return status;
}
