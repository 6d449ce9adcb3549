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
	const char *word;
	const char *name;
};

#define STARTS(text, one_word, what) STARTS_AND(text, 0, "", one_word, what)
#define STARTS_AND(text, at, also, one_word, what)                                               \
	{                                                                                        \
		.start = (text), .start_len = sizeof(text) - 1, .more_at = (at), .more = (also), \
		.more_len = sizeof(also) - 1, .word = (one_word), .name = (what)                 \
	}

#define HTTP_REQUEST "an HTTP request"

static const struct row rows[] = {
    STARTS("SSH-", "ssh", "the banner of SSH"),
    STARTS_AND("\x16\x03", 5, "\x01", "tls", "a TLS ClientHello"),
    STARTS_AND("\x16\x03", 5, "\x02", "tls", "a TLS ServerHello"),
    STARTS("\x16\x03", "tls", "a TLS handshake"),
    STARTS("\x15\x03", "tls", "a TLS alert"),
    STARTS("\x16\xfe", "dtls", "a DTLS handshake"),
    STARTS("GET ", "http", HTTP_REQUEST),
    STARTS("HEAD ", "http", HTTP_REQUEST),
    STARTS("POST ", "http", HTTP_REQUEST),
    STARTS("PUT ", "http", HTTP_REQUEST),
    STARTS("PATCH ", "http", HTTP_REQUEST),
    STARTS("DELETE ", "http", HTTP_REQUEST),
    STARTS("OPTIONS ", "http", HTTP_REQUEST),
    STARTS("TRACE ", "http", HTTP_REQUEST),
    STARTS("CONNECT ", "http", HTTP_REQUEST),
    STARTS("HTTP/", "http", "an HTTP response"),
    STARTS("PRI * HTTP/2", "http", "an HTTP/2 connection"),
    STARTS("EHLO ", "smtp", "an SMTP command"),
    STARTS("HELO ", "smtp", "an SMTP command"),
    STARTS("220 ", "smtp", "the greeting of an SMTP or FTP server"),
    STARTS("* OK", "imap", "the greeting of an IMAP server"),
    STARTS("+OK", "pop3", "the greeting of a POP3 server"),
    STARTS("NICK ", "irc", "an IRC command"),
    STARTS("CAP LS", "irc", "an IRC command"),
    STARTS("<?xml", "xml", "an XML stream"),
    STARTS("<stream:", "xml", "an XML stream"),
    STARTS("\x03\x00\x00", "rdp", "an RDP connection request"),
    STARTS("\x05\x01\x00", "socks", "a SOCKS5 greeting"),
    STARTS("\x00\x00\x00\x08\x04\xd2\x16\x2f", "postgresql", "a PostgreSQL SSLRequest"),
    STARTS_AND("\x00\x00", 4, "\x00\x03\x00\x00", "postgresql", "a PostgreSQL start"),
    STARTS_AND("\x10", 4, "MQTT", "mqtt", "an MQTT connect"),
    STARTS("\xff\xff\xff\xff", "game_query", "a query of a game server"),
    STARTS_AND("\x00\x01", 4, "\x21\x12\xa4\x42", "stun", "a STUN request"),
    STARTS_AND("\x01", 9, "\x00\xff\xff\x00\xfe\xfe\xfe\xfe", "raknet", "a ping of RakNet"),
    STARTS_AND("\x05", 1, "\x00\xff\xff\x00\xfe\xfe\xfe\xfe", "raknet",
	       "an open request of RakNet"),
    STARTS("proxy ", "proxy_v1", "a v1 header in lower case"),
    STARTS("Proxy ", "proxy_v1", "a v1 header not in upper case"),
    STARTS("PROXY\t", "proxy_v1", "a v1 header with a tab for a space"),
    STARTS(" PROXY ", "proxy_v1", "a v1 header behind a space"),
    STARTS("\x00\r\nQUIT\n", "proxy_v2", "a v2 header without its first five bytes"),
    STARTS("\n\r\n\r", "proxy_v2", "a v2 header whose bytes were swapped in pairs"),
    STARTS("\n\n\0\nQUIT\n", "proxy_v2",
	   "a v2 header that lost its carriage returns, as in text mode"),
    STARTS("\x0a\x0d\x0d\x0a", "pcap", "a capture file: print it with tcpdump -X -r"),
    STARTS("\xd4\xc3\xb2\xa1", "pcap", "a capture file: print it with tcpdump -X -r"),
    STARTS("\x4d\x3c\xb2\xa1", "pcap", "a capture file: print it with tcpdump -X -r"),
    STARTS("\xa1\xb2\xc3\xd4", "pcap", "a capture file: print it with tcpdump -X -r"),
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

static const struct row *find(const uint8_t *bytes, size_t len)
{
	static const struct row minecraft = {.word = "minecraft", .name = "a Minecraft handshake"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (has_at(bytes, len, 0, rows[i].start, rows[i].start_len) &&
		    has_at(bytes, len, rows[i].more_at, rows[i].more, rows[i].more_len))
			return &rows[i];
	return is_minecraft(bytes, len) ? &minecraft : NULL;
}

const char *proxy_lookalike(const uint8_t *bytes, size_t len)
{
	const struct row *row = find(bytes, len);

	return row != NULL ? row->name : NULL;
}

const char *proxy_lookalike_word(const uint8_t *bytes, size_t len)
{
	const struct row *row = find(bytes, len);

	return row != NULL ? row->word : NULL;
}

size_t proxy_lookalike_header_at(const uint8_t *bytes, size_t len)
{
	for (size_t at = 1; at < len; at++)
		if (has_at(bytes, len, at, V1_SIGNATURE, strlen(V1_SIGNATURE)) ||
		    has_at(bytes, len, at, PROXY_V2_SIGNATURE, PROXY_V2_SIGNATURE_LEN))
			return at;
	return 0;
}
