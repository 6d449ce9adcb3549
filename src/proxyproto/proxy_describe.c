/* SPDX-License-Identifier: BSD-2-Clause */
/* A PROXY header, or what is wrong with it, in words. */
#include "proxyproto/proxy_describe.h"

#include <string.h>

#include "base/show.h"
#include "proxyproto/proxy_describe_tlv.h"
#include "proxyproto/proxy_v2.h"

/* Bytes shown on either side of a fault. */
#define AROUND_MAX 24

/* What a value is made of, where the byte that is wrong does not say it; a row an error. */
static const char *const hints[PROXY_ERROR_COUNT] = {
    [PROXY_ERROR_V1_FAMILY] = "one space, then TCP4, TCP6 or UNKNOWN in upper case",
    [PROXY_ERROR_V1_SOURCE] = "a numeric address of the family named, then one space",
    [PROXY_ERROR_V1_DESTINATION] = "a numeric address of the family named, then one space",
    [PROXY_ERROR_V1_SOURCE_PORT] = "0 to 65535 without leading zeros, then one space",
    [PROXY_ERROR_V1_DESTINATION_PORT] = "0 to 65535 without leading zeros, then CR LF",
    [PROXY_ERROR_V1_LINE_END] = "CR LF; LF alone does not end the line, nor does a space",
    [PROXY_ERROR_V1_TOO_LONG] = "CR LF within the first 107 bytes",
    [PROXY_ERROR_V2_VERSION] = "version 2 in the upper half of this byte",
    [PROXY_ERROR_V2_COMMAND] = "LOCAL (0) or PROXY (1) in the lower half of this byte",
    [PROXY_ERROR_V2_FAMILY] = "UNSPEC (0), INET (1), INET6 (2) or UNIX (3) in the upper half",
    [PROXY_ERROR_V2_TRANSPORT] = "UNSPEC (0), STREAM (1) or DGRAM (2) in the lower half",
    [PROXY_ERROR_TRANSPORT_MISMATCH] = "UNSPEC (0) or STREAM (1) in the lower half",
    [PROXY_ERROR_V2_LENGTH] = "in bytes 14 and 15, 12 or more for INET, 36 for INET6, 216 for UNIX",
    [PROXY_ERROR_V2_TOO_LONG] = "in bytes 14 and 15, what header_max leaves beside the first 16",
    [PROXY_ERROR_V2_TLV] = "a type, a length of two bytes, and as many bytes as it says",
    [PROXY_ERROR_V2_CRC32C] = "one CRC32c of the whole header, taken with zeros in its place",
    [PROXY_ERROR_V1_DATAGRAM] = "version 2, as version 1 knows no datagrams",
};

/* ---- a header ---- */

static const char *family_name(enum proxy_family family)
{
	switch (family) {
	case PROXY_FAMILY_INET:
		return "INET";
	case PROXY_FAMILY_INET6:
		return "INET6";
	case PROXY_FAMILY_UNIX:
		return "UNIX";
	default:
		return "UNKNOWN";
	}
}

static void describe_addr(FILE *out, const char *key, const struct addr *addr)
{
	char text[ADDR_STRLEN];

	fprintf(out, "%s: %s\n", key, addr_format(addr, text));
}

/* A path is as long as its field, or ends with a NUL. */
static void describe_path(FILE *out, const char *key, const uint8_t *path, size_t len)
{
	fprintf(out, "%s: ", key);
	show_text(out, path, strnlen((const char *)path, len));
	fputc('\n', out);
}

/* The block behind the fixed bytes, up to the TLVs. */
static void describe_v2(FILE *out, const uint8_t *bytes, const struct proxy_header *header)
{
	const uint8_t *block = bytes + PROXY_V2_FIXED_LEN;

	fprintf(out, "command: %s\n", header->command == PROXY_COMMAND_LOCAL ? "LOCAL" : "PROXY");
	fprintf(out, "family: %s\n", proxy_v2_family_name(bytes));
	fprintf(out, "transport: %s\n", proxy_v2_transport_name(bytes));
	if (header->family == PROXY_FAMILY_UNIX) {
		size_t path_len = (size_t)(header->tlvs - block) / 2;

		describe_path(out, "source", block, path_len);
		describe_path(out, "destination", block + path_len, path_len);
	} else if (header->family == PROXY_FAMILY_UNKNOWN &&
		   header->header_len > PROXY_V2_FIXED_LEN) {
		fputs("skipped unread: ", out);
		show_hex(out, block, header->header_len - PROXY_V2_FIXED_LEN);
		fputc('\n', out);
	}
}

void proxy_describe(FILE *out, const uint8_t *bytes, const struct proxy_header *header)
{
	switch (header->version) {
	case PROXY_VERSION_SPP:
		fputs("header: Simple Proxy Protocol, ", out);
		break;
	default:
		fprintf(out, "header: PROXY protocol version %d, ", header->version);
		break;
	}
	show_len(out, header->header_len);
	fputc('\n', out);
	if (header->version == 1) {
		fputs("line: ", out);
		show_text(out, bytes, header->header_len);
		fputc('\n', out);
	}
	if (header->version == 2)
		describe_v2(out, bytes, header);
	else
		fprintf(out, "family: %s\n", family_name(header->family));
	if (addr_is_set(&header->src)) {
		describe_addr(out, "source", &header->src);
		describe_addr(out, "destination", &header->dst);
	}
	if (header->version == 2 && header->family == PROXY_FAMILY_INET &&
	    strcmp(proxy_v2_family_name(bytes), family_name(header->family)) != 0)
		fputs("note: the source is an IPv4-mapped IPv6 address, which is IPv4 here\n", out);
	proxy_describe_tlvs(out, bytes, header);
}

/* ---- what comes of it ---- */

void proxy_describe_effect(FILE *out, const struct proxy_header *header)
{
	char text[ADDR_STRLEN];

	fputs("backend sees: ", out);
	if (header->command == PROXY_COMMAND_LOCAL)
		fputs("mmproxy's own address; LOCAL is the load balancer itself, as for a health "
		      "check\n",
		      out);
	else if (header->family == PROXY_FAMILY_UNIX)
		fputs("mmproxy's own address; a UNIX socket has none to connect from\n", out);
	else if (!addr_is_set(&header->src))
		fputs("mmproxy's own address; the header names no client\n", out);
	else if (addr_is_martian_source(&header->src))
		fprintf(out, "nothing, reason=source_invalid: no host may send from %s\n",
			addr_format_ip(&header->src, text));
	else if (addr_is_loopback(&header->src))
		fprintf(out,
			"%s if the load balancer is on loopback too; else nothing, "
			"reason=source_invalid\n",
			addr_format(&header->src, text));
	else if (addr_port(&header->src) == 0)
		fprintf(out, "%s, from a port that the kernel chooses\n",
			addr_format_ip(&header->src, text));
	else
		fprintf(out, "%s\n", addr_format(&header->src, text));
}

/* ---- a fault ---- */

static void describe_byte(FILE *out, unsigned byte)
{
	if (byte > ' ' && byte <= '~')
		fprintf(out, "0x%02x (%c)", byte, (int)byte);
	else
		fprintf(out, "0x%02x", byte);
}

/* "0x30 (0) to 0x39 (9), 0x20": runs of values. */
static void describe_accepted(FILE *out, const struct proxy_fault *fault)
{
	bool any = false;

	fputs("accepted there: ", out);
	for (unsigned from = 0; from <= UINT8_MAX; from++) {
		unsigned to = from;

		if (!fault->accepted[from])
			continue;
		while (to < UINT8_MAX && fault->accepted[to + 1])
			to++;
		fputs(any ? ", " : "", out);
		describe_byte(out, from);
		if (to > from) {
			fputs(" to ", out);
			describe_byte(out, to);
		}
		any = true;
		from = to;
	}
	fputs(any ? "\n" : "nothing: the line would be too long\n", out);
}

void proxy_describe_fault(FILE *out, const uint8_t *bytes, size_t len,
			  const struct proxy_fault *fault)
{
	size_t before = fault->at < AROUND_MAX ? fault->at : AROUND_MAX;
	size_t there = len - fault->at < AROUND_MAX ? len - fault->at : AROUND_MAX;

	if (fault->error != PROXY_ERROR_NONE)
		fprintf(out, "error: %s: %s\n", proxy_error_name(fault->error),
			proxy_error_sentence(fault->error));
	fprintf(out, "%s at: byte %zu, counted from 0\n", there > 0 ? "wrong" : "incomplete",
		fault->at);
	if (before > 0) {
		fputs("before it: ", out);
		show_text(out, bytes + fault->at - before, before);
		fputc('\n', out);
	}
	fputs("found there: ", out);
	if (there > 0)
		show_text(out, bytes + fault->at, there);
	else
		fputs("the end", out);
	fputc('\n', out);
	if (fault->has_accepted)
		describe_accepted(out, fault);
	if (hints[fault->error] != NULL)
		fprintf(out, "expected: %s\n", hints[fault->error]);
}
