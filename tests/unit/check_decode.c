/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of daemon/decode: what it says of the conformance cases, of each kind of TLV, of strangers.
 */
#include "daemon/decode.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "conf/conf.h"
#include "proxyproto/proxy_fault.h"

/* What the file must hold: a lost case is a failure, not a shorter test. */
#define CASES 227

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES "\xcb\x00\x71\x07\xc6\x33\x64\x02\x9c\x40\x00\x16"

enum field {
	FIELD_TRANSPORT,
	FIELD_MODE,
	FIELD_VERDICT,
	FIELD_VERSION,
	FIELD_FAMILY,
	FIELD_SRC,
	FIELD_DST,
	FIELD_HEADER_LEN,
	FIELD_TLVS,
	FIELD_DISPUTED,
	FIELD_HEX,
	FIELD_ID,
	FIELD_COUNT
};

static char *said;
static size_t said_len;

/* Decode a copy in a block of its own, so that AddressSanitizer sees an overread. */
static int decode(const void *bytes, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);
	FILE *out;
	int status;

	free(said);
	out = open_memstream(&said, &said_len);
	ck_assert(exact != NULL && out != NULL);
	memcpy(exact, bytes, len);
	status = decode_bytes(out, exact, len);
	fclose(out);
	free(exact);
	/* Whatever comes in, nothing but lines of printable ASCII comes out. */
	for (size_t i = 0; i < said_len; i++)
		ck_assert(said[i] == '\n' || (said[i] >= ' ' && said[i] <= '~'));
	ck_assert_uint_eq(strlen(said), said_len);
	return status;
}

#define DECODE(text) decode(text, sizeof(text) - 1)

/* Decode a header of INET with these TLVs. */
static int decode_tlvs(const char *tlvs, size_t len)
{
	char header[16 + 12 + UINT8_MAX] = SIGNATURE "\x21\x11\x00\x00" ADDRESSES;

	ck_assert_uint_le(12 + len, UINT8_MAX);
	header[15] = (char)(12 + len);
	memcpy(header + 28, tlvs, len);
	return decode(header, 28 + len);
}

#define DECODE_TLVS(text) decode_tlvs(text, sizeof(text) - 1)

/* One of the lines is this, or starts with it where the last character is '*'. */
static void expect_line(const char *line)
{
	size_t len = strlen(line);
	bool starts = len > 0 && line[len - 1] == '*';
	const char *at = said;

	len -= starts ? 1 : 0;
	while (at != NULL && *at != '\0') {
		if (strncmp(at, line, len) == 0 && (starts || at[len] == '\n'))
			return;
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	ck_abort_msg("no line \"%s\" in:\n%s", line, said);
}

static void expect_no(const char *part)
{
	ck_assert_msg(strstr(said, part) == NULL, "\"%s\" in:\n%s", part, said);
}

/* ---- the conformance cases ---- */

/* Cases that are wrong for what their transport and mode read, and right for another reader. */
static bool is_right_elsewhere(const char *id)
{
	return strcmp(id, "dgram v1") == 0 || strcmp(id, "not a header: spp on tcp") == 0;
}

static size_t hex_decode(const char *text, uint8_t *bytes)
{
	size_t len = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;

	for (size_t i = 0; i < len; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return len;
}

static void expect_verdict(char *fields[], const uint8_t *bytes, size_t len)
{
	static const char *const names[] = {"TCP", "UDP", "UDP with udp_header = \"spp\""};
	enum proxy_reader reader = strcmp(fields[FIELD_MODE], "spp") == 0 ? PROXY_READER_SPP
				   : strcmp(fields[FIELD_TRANSPORT], "stream") == 0
				       ? PROXY_READER_TCP
				       : PROXY_READER_UDP;
	enum proxy_error error = PROXY_ERROR_NONE;
	struct proxy_header header;
	char line[256];

	if (strcmp(fields[FIELD_VERDICT], "invalid") == 0) {
		ck_assert_int_eq(proxy_reader_parse(reader, bytes, len, 4096, &header, &error),
				 PROXY_ERROR);
		snprintf(line, sizeof(line), "on %s: refused, reason=header_invalid error=%s",
			 names[reader], proxy_error_name(error));
	} else {
		snprintf(line, sizeof(line), "on %s: %s*", names[reader],
			 strcmp(fields[FIELD_VERDICT], "incomplete") == 0 ? "incomplete" : "taken");
	}
	expect_line(line);
}

static void expect_header(char *fields[])
{
	const char *rest = strcmp(fields[FIELD_TLVS], "-") == 0 ? NULL : fields[FIELD_TLVS];
	char line[256];

	snprintf(line, sizeof(line), "header: %s%s, %s bytes",
		 strcmp(fields[FIELD_VERSION], "spp") == 0 ? "Simple Proxy Protocol"
							   : "PROXY protocol version ",
		 strcmp(fields[FIELD_VERSION], "spp") == 0 ? "" : fields[FIELD_VERSION],
		 fields[FIELD_HEADER_LEN]);
	expect_line(line);
	if (strcmp(fields[FIELD_SRC], "-") != 0) {
		snprintf(line, sizeof(line), "source: %s", fields[FIELD_SRC]);
		expect_line(line);
		snprintf(line, sizeof(line), "destination: %s", fields[FIELD_DST]);
		expect_line(line);
	} else {
		expect_line("backend sees: mmproxy's own address; *");
	}
	while (rest != NULL) {
		snprintf(line, sizeof(line), "TLV 0x%.2s: *", rest);
		expect_line(line);
		rest = strchr(rest, ',');
		rest = rest != NULL ? rest + 1 : NULL;
	}
}

static void check_case(char *fields[])
{
	static uint8_t bytes[128 * 1024];
	const char *id = fields[FIELD_ID];
	bool taken = strcmp(fields[FIELD_VERDICT], "invalid") != 0 &&
		     strcmp(fields[FIELD_VERDICT], "incomplete") != 0;
	int expected = taken || is_right_elsewhere(id) ? 0 : 1;
	size_t len;
	char *raw;

	ck_assert_uint_le(strlen(fields[FIELD_HEX]) / 2, sizeof(bytes));
	len = hex_decode(fields[FIELD_HEX], bytes);
	ck_assert_msg(decode(bytes, len) == expected, "%s: not %d; it said:\n%s", id, expected,
		      said);
	expect_verdict(fields, bytes, len);
	if (taken)
		expect_header(fields);
	else if (expected != 0)
		expect_line("error: *");
	if (len == 0)
		return;
	/* The same bytes in hexadecimal mean the same. */
	ck_assert_ptr_nonnull(strchr(said, '\n'));
	raw = strdup(strchr(said, '\n'));
	ck_assert_int_eq(decode(fields[FIELD_HEX], strlen(fields[FIELD_HEX])), expected);
	ck_assert_str_eq(strchr(said, '\n'), raw);
	free(raw);
}

START_TEST(every_conformance_case)
{
#ifdef TEST_DATA_DIR
	const char *dir = TEST_DATA_DIR;
#else
	const char *dir = getenv("TEST_DATA_DIR");
#endif
	size_t count = 0;
	char path[4096];
	char *line = NULL;
	size_t size = 0;
	FILE *file;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/proxy_vectors.txt", dir != NULL ? dir : "tests/data");
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	while ((len = getline(&line, &size, file)) > 0) {
		char *fields[FIELD_COUNT];
		char *rest = line;

		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (line[0] == '#')
			continue;
		for (size_t i = 0; i < FIELD_COUNT; i++) {
			fields[i] = strsep(&rest, "\t");
			ck_assert_ptr_nonnull(fields[i]);
		}
		check_case(fields);
		count++;
	}
	free(line);
	fclose(file);
	ck_assert_uint_eq(count, CASES);
}
END_TEST

/* ---- headers ---- */

START_TEST(a_v1_line)
{
	ck_assert_int_eq(DECODE("PROXY TCP4 203.0.113.7 198.51.100.2 40000 22\r\nSSH-2.0\r\n"), 0);
	expect_line("input: 55 bytes, from raw bytes");
	expect_line("line: \"PROXY TCP4 203.0.113.7 198.51.100.2 40000 22\\r\\n\"");
	expect_line("family: INET");
	expect_line("payload: 9 bytes: \"SSH-2.0\\r\\n\"");
	expect_line("on TCP: taken");
	expect_line("on UDP: refused, reason=header_invalid error=v1_datagram");
	expect_line("backend sees: 203.0.113.7:40000");
	ck_assert_int_eq(DECODE("PROXY UNKNOWN\r\n"), 0);
	expect_line("family: UNKNOWN");
	expect_line("payload: 0 bytes");
	expect_line("backend sees: mmproxy's own address; the header names no client");
}
END_TEST

START_TEST(families_and_transports)
{
	static const char paths[216] = "/run/client.sock";
	char unix_header[16 + sizeof(paths)];

	ck_assert_int_eq(DECODE(SIGNATURE "\x21\x12\x00\x0c" ADDRESSES), 0);
	expect_line("command: PROXY");
	expect_line("transport: DGRAM");
	expect_line("on TCP: refused, reason=header_invalid error=transport_mismatch");
	expect_line("on UDP: taken");
	ck_assert_int_eq(DECODE(SIGNATURE "\x21\x11\x00\x0c" ADDRESSES), 0);
	expect_line("on UDP: taken, though it names STREAM");
	ck_assert_int_eq(DECODE(SIGNATURE "\x20\xff\x00\x03xyz"), 0);
	expect_line("command: LOCAL");
	expect_line("family: unknown");
	expect_line("skipped unread: 78 79 7a");
	expect_line("on UDP: taken");
	expect_line("backend sees: mmproxy's own address; LOCAL is the load balancer*");
	memcpy(unix_header, SIGNATURE "\x21\x31\x00\xd8", 16);
	memcpy(unix_header + 16, paths, sizeof(paths));
	memcpy(unix_header + 16 + 108, "/run/server.sock", 16);
	ck_assert_int_eq(decode(unix_header, sizeof(unix_header)), 0);
	expect_line("family: UNIX");
	expect_line("source: \"/run/client.sock\"");
	expect_line("destination: \"/run/server.sock\"");
	ck_assert_int_eq(DECODE(SIGNATURE
				"\x21\x21\x00\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\x00\x71\x07"
				"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02\x9c\x40\x00\x16"),
			 0);
	expect_line("family: INET6");
	expect_line("source: 203.0.113.7:40000");
	expect_line("note: the source is an IPv4-mapped IPv6 address*");
}
END_TEST

/* Addresses that no backend will see, or not as they are. */
START_TEST(sources_that_cannot_be_used)
{
	ck_assert_int_eq(DECODE("PROXY TCP4 224.0.0.1 198.51.100.2 40000 22\r\n"), 0);
	expect_line(
	    "backend sees: nothing, reason=source_invalid: no host may send from 224.0.0.1");
	ck_assert_int_eq(DECODE("PROXY TCP6 ::1 ::1 40000 22\r\n"), 0);
	expect_line("backend sees: [::1]:40000 if the load balancer is on loopback too; *");
	ck_assert_int_eq(DECODE("PROXY TCP4 203.0.113.7 198.51.100.2 0 22\r\n"), 0);
	expect_line("backend sees: 203.0.113.7, from a port that the kernel chooses");
}
END_TEST

START_TEST(tlvs_of_every_kind)
{
	ck_assert_int_eq(DECODE_TLVS("\x01\x00\x02h2"
				     "\x02\x00\x05\x1b[31m"
				     "\x04\x00\x00"
				     "\x05\x00\x02id"
				     "\x20\x00\x25\x03\x00\x00\x00\x01\x21\x00\x07TLSv1.3"
				     "\x22\x00\x06"
				     "client"
				     "\x23\x00\x03"
				     "AES"
				     "\x29\x00\x04"
				     "more"
				     "\x30\x00\x04"
				     "blue"
				     "\xe0\x00\x08\x00\x00\x00\x00\x00\x00\x01\x00"
				     "\xea\x00\x06\x01vpce-"
				     "\xee\x00\x05\x01\x01\x00\x00\x01"
				     "\xef\x00\x01x"
				     "\xf1\x00\x01y"
				     "\xff\x00\x01z"
				     "\x99\x00\x00"),
			 0);
	expect_line("TLV 0x01: PP2_TYPE_ALPN, 2 bytes from byte 31");
	expect_line("  text: \"h2\"");
	expect_line("  hex: 68 32");
	expect_line("TLV 0x02: PP2_TYPE_AUTHORITY, 5 bytes from byte 36");
	expect_line("  text: \"\\x1b[31m\"");
	expect_line("TLV 0x04: PP2_TYPE_NOOP, 0 bytes from byte 44");
	expect_line("TLV 0x05: PP2_TYPE_UNIQUE_ID, 2 bytes*");
	expect_line("TLV 0x20: PP2_TYPE_SSL, 37 bytes*");
	expect_line("  client: PP2_CLIENT_SSL PP2_CLIENT_CERT_CONN");
	expect_line("  verify: 1, no certificate of the client was verified");
	expect_line("  TLV 0x21: PP2_SUBTYPE_SSL_VERSION, 7 bytes*");
	expect_line("    text: \"TLSv1.3\"");
	expect_line("  TLV 0x22: PP2_SUBTYPE_SSL_CN, 6 bytes*");
	expect_line("  TLV 0x23: PP2_SUBTYPE_SSL_CIPHER, 3 bytes*");
	expect_line("  TLV 0x29: an unknown sub-type, 4 bytes*");
	expect_line("TLV 0x30: PP2_TYPE_NETNS, 4 bytes*");
	expect_line("  Private Service Connect's connection id: 256");
	expect_line("  VPC endpoint: \"vpce-\"");
	expect_line("  private endpoint's link id: 16777217");
	expect_line("TLV 0xef: a type of an application, 1 byte*");
	expect_line("TLV 0xf1: a type of an experiment, 1 byte*");
	expect_line("TLV 0xff: a type kept for the future, 1 byte*");
	expect_line("TLV 0x99: an unknown type, 0 bytes*");
}
END_TEST

/* The second of two TLVs is explained by its own value, not by the first one's. */
START_TEST(tlvs_twice)
{
	ck_assert_int_eq(DECODE_TLVS("\xee\x00\x05\x01\x01\x00\x00\x00"
				     "\xee\x00\x05\x01\x02\x00\x00\x00"
				     "\x20\x00\x05\x02\x00\x00\x00\x00"),
			 0);
	expect_line("  private endpoint's link id: 1");
	expect_line("  private endpoint's link id: 2");
	expect_line("  client: PP2_CLIENT_CERT_CONN");
	ck_assert_int_eq(DECODE_TLVS("\x20\x00\x08\x01\x00\x00\x00\x00\x21\x00\x09"), 0);
	expect_line("  malformed: no whole TLV in the last 3 bytes, from byte 36: 21 00 09");
}
END_TEST

START_TEST(checksums)
{
	/* The sum is that of the conformance case "stream v2 crc32c good first". */
	static const char right[] = SIGNATURE "\x21\x11\x00\x13\xcb\x00\x71\x0a\x7f\x00\x00\x01\x75"
					      "\x30\x01\xbb\x03\x00\x04";
	char header[sizeof(right) - 1 + 4];
	const char *computed;

	memcpy(header, right, sizeof(right) - 1);
	memset(header + sizeof(right) - 1, 0, 4);
	ck_assert_int_eq(decode(header, sizeof(header)), 1);
	expect_line("error: v2_crc32c: *");
	expect_line("wrong at: byte 31, counted from 0");
	/* What is wrong with the sum does not hide the rest. */
	expect_line("source: 203.0.113.10:30000");
	computed = strstr(said, "checksum: wrong: computed 0x");
	ck_assert_ptr_nonnull(computed);
	computed += strlen("checksum: wrong: computed 0x");
	for (size_t i = 0; i < 4; i++) {
		char pair[3] = {computed[2 * i], computed[2 * i + 1], '\0'};

		header[sizeof(right) - 1 + i] = (char)strtoul(pair, NULL, 16);
	}
	ck_assert_int_eq(decode(header, sizeof(header)), 0);
	expect_line("  checksum: correct");
	ck_assert_int_eq(DECODE(SIGNATURE "\x21\x11\x00\x12" ADDRESSES "\x03\x00\x03xyz"), 1);
	expect_line("  checksum: wrong: it has 4 bytes");
	ck_assert_int_eq(
	    DECODE(SIGNATURE "\x21\x11\x00\x1a" ADDRESSES "\x03\x00\x04zzzz\x03\x00\x04zzzz"), 1);
	expect_line("  checksum: wrong: it is the second one, *");
}
END_TEST

START_TEST(spectrum)
{
	static const char header[] = "\x56\xec\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\x00\x71\x07"
				     "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02\x9c\x40\x00\x35"
				     "query";

	ck_assert_int_eq(DECODE(header), 0);
	expect_line("header: Simple Proxy Protocol, 38 bytes");
	expect_line("source: 203.0.113.7:40000");
	expect_line("destination: 198.51.100.2:53");
	expect_line("payload: 5 bytes: \"query\"");
	expect_line("on TCP: refused, reason=header_invalid error=signature");
	expect_line("on UDP: refused, reason=header_invalid error=signature");
	expect_line("on UDP with udp_header = \"spp\": taken");
	ck_assert_int_eq(decode(header, 37), 1);
	expect_line("error: truncated: *");
	expect_line("on UDP with udp_header = \"spp\": refused, reason=header_invalid "
		    "error=truncated");
}
END_TEST

/* ---- what is wrong ---- */

START_TEST(a_fault_is_shown_where_it_is)
{
	ck_assert_int_eq(DECODE("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"), 1);
	expect_line("error: v1_family: v1 protocol is not TCP4, TCP6 or UNKNOWN");
	expect_line("wrong at: byte 9, counted from 0");
	expect_line("before it: \"PROXY TCP\"");
	expect_line("found there: \"5 192.0.2.1 192.0.2.2 1 \"");
	expect_line("accepted there: 0x34 (4), 0x36 (6)");
	expect_line("on TCP: refused, reason=header_invalid error=v1_family");
	expect_no("backend sees");
	ck_assert_int_eq(DECODE(SIGNATURE "\x21\x11\x00\x0b"), 1);
	expect_line("accepted there: 0x0c to 0xff");
	ck_assert_int_eq(DECODE(SIGNATURE "\x21\x12\x00\x0e" ADDRESSES "\x05\x00"), 1);
	expect_line("error: v2_tlv: *");
	expect_line("wrong at: byte 28, counted from 0");
	expect_line("source: 203.0.113.7:40000");
	expect_line("malformed: no whole TLV in the last 2 bytes, from byte 28: 05 00");
}
END_TEST

START_TEST(an_end_within_the_header)
{
	ck_assert_int_eq(DECODE(SIGNATURE "\x21\x11\x00\x0c\xcb"), 1);
	expect_line("error: the bytes end within the header; all of them are right");
	expect_line("incomplete at: byte 17, counted from 0");
	expect_line("note: by its length the header has 28 bytes, so 11 bytes are missing");
	expect_line("on TCP: incomplete*");
	expect_line("on UDP: refused, reason=header_invalid error=truncated");
	ck_assert_int_eq(DECODE("PROXY TCP4 1.1.1.1"), 1);
	expect_line("incomplete at: byte 18, counted from 0");
	expect_line("accepted there: 0x20, 0x30 (0) to 0x39 (9)");
	/* As an editor or echo leaves a line. */
	ck_assert_int_eq(DECODE("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n"), 1);
	expect_line("accepted there: 0x0d, 0x30 (0) to 0x39 (9)");
	expect_line("error: v1_line_end: *");
	ck_assert_int_eq(decode("", 0), 1);
	expect_line("input: 0 bytes, from raw bytes");
	expect_line("error: there are no bytes");
}
END_TEST

/* A header that only header_max stands against is shown, with what it would take. */
START_TEST(longer_than_header_max)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf;
	static char header[16 + 4081];
	char line[128];

	ck_assert_ptr_nonnull(errors);
	conf = conf_from_flags(NULL, 0, errors);
	ck_assert_ptr_nonnull(conf);
	memcpy(header, SIGNATURE "\x21\x11\x0f\xf1" ADDRESSES "\x04\x0f\xe2", 16 + 12 + 3);
	ck_assert_int_eq(decode(header, sizeof(header)), 1);
	expect_line("error: v2_too_long: *");
	expect_line("header: PROXY protocol version 2, 4097 bytes");
	expect_line("source: 203.0.113.7:40000");
	snprintf(line, sizeof(line), "note: it would take header_max = 4097; it is %zu unless set",
		 (size_t)conf->listeners[0].header_max);
	expect_line(line);
	header[15]--;
	header[30]--;
	ck_assert_int_eq(decode(header, sizeof(header) - 1), 0);
	conf_unref(conf);
	conf_errors_free(errors);
}
END_TEST

START_TEST(strangers_are_recognised)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *line;
	} cases[] = {
#define STRANGER(bytes, name) {bytes, sizeof(bytes) - 1, "looks like: " name "*"}
	    STRANGER("SSH-2.0-OpenSSH_9.2p1\r\n", "the banner of SSH"),
	    STRANGER("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "a TLS ClientHello"),
	    STRANGER("GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", "an HTTP request"),
	    STRANGER("PUT / HTTP/1.1\r\n", "an HTTP request"),
	    STRANGER("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "an HTTP/2 connection"),
	    STRANGER("EHLO mail.example.com\r\n", "an SMTP command"),
	    STRANGER("\x10\x00\x2f\x09localhost\x1f\x90\x01\x01\x00", "a Minecraft handshake"),
	    STRANGER("\xff\xff\xff\xffgetstatus\n", "a query of a game server"),
	    STRANGER("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "a v1 header in lower case"),
	    STRANGER("\n\n\0\nQUIT\n!\x11\x00\x0c", "a v2 header that lost its carriage returns"),
	    STRANGER("\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "a capture file"),
#undef STRANGER
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(decode(cases[i].bytes, cases[i].len), 1);
		expect_line("error: signature: *");
		expect_line(cases[i].line);
	}
	ck_assert_int_eq(DECODE("\0\0PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), 1);
	expect_line("note: a PROXY signature is at byte 2, *");
	ck_assert_int_eq(DECODE("0d0a0d0a000d0a515549540a2111000z"), 1);
	expect_line("note: hexadecimal digits up to byte 31, *");
	ck_assert_int_eq(DECODE("PROXY UNKNOWN\r\nPROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nx"), 0);
	expect_line("note: the payload begins with another PROXY header*");
}
END_TEST

/* ---- packets ---- */

#define IP_TCP                                                       \
	"\t0x0000:  4500 0050 0001 4000 4006 0000 c633 6401  E..P\n" \
	"\t0x0010:  c633 6402 9c40 1b58 0000 0001 0000 0001  .3d.\n" \
	"\t0x0020:  5018 0200 0000 0000 0d0a 0d0a 000d 0a51  P...\n" \
	"\t0x0030:  5549 540a 2111 000c cb00 7107 c633 6402  UIT.\n" \
	"\t0x0040:  9c40 0016 5353 482d 322e 300d 0a0d 0a0a  .@..\n"
#define SYN                                                          \
	"\t0x0000:  4500 0028 0001 4000 4006 0000 c633 6401  E..(\n" \
	"\t0x0010:  c633 6402 9c40 1b58 0000 0001 0000 0000  .3d.\n" \
	"\t0x0020:  5002 0200 0000 0000                      P...\n"

START_TEST(packets_are_unpacked)
{
	ck_assert_int_eq(DECODE("12:00:00 IP 198.51.100.1.40000 > 198.51.100.2.7000:\n" SYN
				"12:00:01 IP 198.51.100.1.40000 > 198.51.100.2.7000:\n" IP_TCP),
			 0);
	expect_line("input: 80 bytes, from a hexadecimal dump");
	expect_line("packet: number 2 of the dump; those before it carry nothing");
	expect_line("skipped: 40 bytes of headers: IP, TCP from 198.51.100.1:40000 to "
		    "198.51.100.2:7000");
	expect_line("header: PROXY protocol version 2, 28 bytes");
	expect_line("payload: 12 bytes: \"SSH-2.0\\r\\n\\r\\n\\n\"");
	ck_assert_int_eq(DECODE(SYN SYN), 1);
	expect_line("packet: number 2 of the dump; those before it carry nothing");
	expect_line("error: the packet carries no payload");
	ck_assert_int_eq(DECODE(SYN), 1);
	expect_no("packet: ");
	/* An ARP request is no packet of IP. */
	ck_assert_int_eq(DECODE("\t0x0000:  0001 0800 0604 0001 0202 0202 0202 c633  ...\n" IP_TCP),
			 0);
	expect_line("packet: number 2 of the dump; those before it carry nothing");
	ck_assert_int_eq(DECODE(IP_TCP SYN), 0);
	expect_line("packet: number 1 of the dump");
}
END_TEST

/* What a packet says of its transport decides: a v1 line in UDP is wrong, though right on TCP. */
START_TEST(a_packet_says_which_reader)
{
	ck_assert_int_eq(DECODE("4500 0039 0001 4000 4011 0000 c633 6401 c633 6402\n"
				"9c40 1b58 0025 0000\n"
				"50524f585920554e4b4e4f574e0d0a 31323334353637383930 61626364\n"),
			 1);
	expect_line("skipped: 28 bytes of headers: IP, UDP from 198.51.100.1:40000 to "
		    "198.51.100.2:7000");
	expect_line("error: v1_datagram: *");
	/* And a header for datagrams in TCP. */
	ck_assert_int_eq(DECODE("0000 0000 0000 0000 0000 0000 0800\n"
				"4500 0044 0001 4000 4006 0000 c633 6401 c633 6402\n"
				"9c40 1b58 0000 0001 0000 0001 5018 0200 0000 0000\n"
				"0d0a0d0a000d0a515549540a2112000ccb007107c63364029c400016\n"),
			 1);
	expect_line("skipped: 54 bytes of headers: Ethernet, IP, TCP from *");
	expect_line("error: transport_mismatch: *");
	expect_line("source: 203.0.113.7:40000");
	/* No packet, and no header either. */
	ck_assert_int_eq(DECODE("4500 0039 0001"), 1);
	expect_line("error: signature: *");
	expect_no("skipped");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decode");
	TCase *tcase = tcase_create("decode");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, every_conformance_case);
	tcase_add_test(tcase, a_v1_line);
	tcase_add_test(tcase, families_and_transports);
	tcase_add_test(tcase, sources_that_cannot_be_used);
	tcase_add_test(tcase, tlvs_of_every_kind);
	tcase_add_test(tcase, tlvs_twice);
	tcase_add_test(tcase, checksums);
	tcase_add_test(tcase, spectrum);
	tcase_add_test(tcase, a_fault_is_shown_where_it_is);
	tcase_add_test(tcase, an_end_within_the_header);
	tcase_add_test(tcase, longer_than_header_max);
	tcase_add_test(tcase, strangers_are_recognised);
	tcase_add_test(tcase, packets_are_unpacked);
	tcase_add_test(tcase, a_packet_says_which_reader);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
