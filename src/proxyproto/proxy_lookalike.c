/* SPDX-License-Identifier: BSD-2-Clause */
/* What bytes look like that are no PROXY header: the first bytes of common protocols. */
#include "proxyproto/proxy_lookalike.h"

#include <stdbool.h>
#include <string.h>

#include "proxyproto/proxy_v2.h"

#define V1_SIGNATURE "PROXY "

/* A beginning, and at so many bytes behind it more of it, where the first alone says too little. */
struct row {
	const char *start;
	size_t start_len;
	size_t more_at;
	const char *more;
	size_t more_len;
	const char *name;
};

#define STARTS(text, what)                                                                 \
	{                                                                                  \
		.start = (text), .start_len = sizeof(text) - 1, .more = "", .name = (what) \
	}
#define STARTS_AND(text, at, also, what)                                                         \
	{                                                                                        \
		.start = (text), .start_len = sizeof(text) - 1, .more_at = (at), .more = (also), \
		.more_len = sizeof(also) - 1, .name = (what)                                     \
	}

#define HTTP_REQUEST "an HTTP request"

static const struct row rows[] = {
    STARTS("SSH-", "the banner of SSH"),
    STARTS_AND("\x16\x03", 5, "\x01", "a TLS ClientHello"),
    STARTS_AND("\x16\x03", 5, "\x02", "a TLS ServerHello"),
    STARTS("\x16\x03", "a TLS handshake"),
    STARTS("\x15\x03", "a TLS alert"),
    STARTS("\x16\xfe", "a DTLS handshake"),
    STARTS("GET ", HTTP_REQUEST),
    STARTS("HEAD ", HTTP_REQUEST),
    STARTS("POST ", HTTP_REQUEST),
    STARTS("PUT ", HTTP_REQUEST),
    STARTS("PATCH ", HTTP_REQUEST),
    STARTS("DELETE ", HTTP_REQUEST),
    STARTS("OPTIONS ", HTTP_REQUEST),
    STARTS("TRACE ", HTTP_REQUEST),
    STARTS("CONNECT ", HTTP_REQUEST),
    STARTS("HTTP/", "an HTTP response"),
    STARTS("PRI * HTTP/2", "an HTTP/2 connection"),
    STARTS("EHLO ", "an SMTP command"),
    STARTS("HELO ", "an SMTP command"),
    STARTS("220 ", "the greeting of an SMTP or FTP server"),
    STARTS("* OK", "the greeting of an IMAP server"),
    STARTS("+OK", "the greeting of a POP3 server"),
    STARTS("NICK ", "an IRC command"),
    STARTS("CAP LS", "an IRC command"),
    STARTS("<?xml", "an XML stream"),
    STARTS("<stream:", "an XML stream"),
    STARTS("\x03\x00\x00", "an RDP connection request"),
    STARTS("\x05\x01\x00", "a SOCKS5 greeting"),
    STARTS("\x00\x00\x00\x08\x04\xd2\x16\x2f", "a PostgreSQL SSLRequest"),
    STARTS_AND("\x00\x00", 4, "\x00\x03\x00\x00", "a PostgreSQL start"),
    STARTS_AND("\x10", 4, "MQTT", "an MQTT connect"),
    STARTS("\xff\xff\xff\xff", "a query of a game server"),
    STARTS_AND("\x00\x01", 4, "\x21\x12\xa4\x42", "a STUN request"),
    STARTS_AND("\x01", 9, "\x00\xff\xff\x00\xfe\xfe\xfe\xfe", "a ping of RakNet"),
    STARTS_AND("\x05", 1, "\x00\xff\xff\x00\xfe\xfe\xfe\xfe", "an open request of RakNet"),
    STARTS("proxy ", "a v1 header in lower case"),
    STARTS("Proxy ", "a v1 header not in upper case"),
    STARTS("PROXY\t", "a v1 header with a tab for a space"),
    STARTS(" PROXY ", "a v1 header behind a space"),
    STARTS("\x00\r\nQUIT\n", "a v2 header without its first five bytes"),
    STARTS("\n\r\n\r", "a v2 header whose bytes were swapped in pairs"),
    STARTS("\n\n\0\nQUIT\n", "a v2 header that lost its carriage returns, as in text mode"),
    STARTS("\x0a\x0d\x0d\x0a", "a capture file: print it with tcpdump -X -r"),
    STARTS("\xd4\xc3\xb2\xa1", "a capture file: print it with tcpdump -X -r"),
    STARTS("\x4d\x3c\xb2\xa1", "a capture file: print it with tcpdump -X -r"),
    STARTS("\xa1\xb2\xc3\xd4", "a capture file: print it with tcpdump -X -r"),
};

static bool has_at(const uint8_t *bytes, size_t len, size_t at, const char *part, size_t part_len)
{
	return len >= at && len - at >= part_len && memcmp(bytes + at, part, part_len) == 0;
}

/* Packet 0 of Minecraft: its length, its number, and at its end what the client wants next. */
static bool is_minecraft(const uint8_t *bytes, size_t len)
{
	return len > 1 && bytes[0] >= 7 && bytes[0] < 0x80 && bytes[0] < len && bytes[1] == 0 &&
	       bytes[bytes[0]] >= 1 && bytes[bytes[0]] <= 3;
}

const char *proxy_lookalike(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (has_at(bytes, len, 0, rows[i].start, rows[i].start_len) &&
		    has_at(bytes, len, rows[i].more_at, rows[i].more, rows[i].more_len))
			return rows[i].name;
	return is_minecraft(bytes, len) ? "a Minecraft handshake" : NULL;
}

size_t proxy_lookalike_header_at(const uint8_t *bytes, size_t len)
{
	for (size_t at = 1; at < len; at++)
		if (has_at(bytes, len, at, V1_SIGNATURE, strlen(V1_SIGNATURE)) ||
		    has_at(bytes, len, at, PROXY_V2_SIGNATURE, PROXY_V2_SIGNATURE_LEN))
			return at;
	return 0;
}
