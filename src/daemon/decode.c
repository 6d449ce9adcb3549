/* SPDX-License-Identifier: BSD-2-Clause */
/* What "mmproxy --decode" says about bytes. */
#include "daemon/decode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex_text.h"
#include "base/reason.h"
#include "base/show.h"
#include "daemon/decode_input.h"
#include "net/packet.h"
#include "proxyproto/proxy_describe.h"
#include "proxyproto/proxy_fault.h"
#include "proxyproto/proxy_lookalike.h"
#include "proxyproto/proxy_v2.h"

/* The default of the key header_max, and what it can be set to. */
#define HEADER_MAX     4096
#define HEADER_LONGEST (PROXY_V2_FIXED_LEN + UINT16_MAX)

/* Bytes from which on the magic number of the Simple Proxy Protocol is no chance: all of it. */
#define SPP_TOLD 2

/* Digits that a text has at its beginning before it is said to be hexadecimal with a mistake. */
#define DIGITS_TOLD 8

/* Bytes to be judged, and where they are from. */
struct subject {
	const uint8_t *bytes;
	size_t len;
	enum hex_text_form form;
	size_t run;	    /* of a dump with several, counted from 1; 0: there is one */
	bool in_packet;	    /* bytes is the payload of packet */
	size_t skipped_len; /* before it */
	struct packet packet;
};

struct judgement {
	enum proxy_status status;
	enum proxy_error error;
	struct proxy_header header;
};

static bool is_taken(const uint8_t *bytes, size_t len)
{
	enum proxy_error error;
	struct proxy_header header;

	for (size_t i = 0; i < PROXY_READER_COUNT; i++)
		if (proxy_reader_parse((enum proxy_reader)i, bytes, len, HEADER_MAX, &header,
				       &error) == PROXY_OK)
			return true;
	return false;
}

/* ---- the bytes to judge ---- */

static bool has_no_signature(const struct subject *subject)
{
	enum proxy_error error = PROXY_ERROR_NONE;
	struct proxy_header header;

	return proxy_header_parse(subject->bytes, subject->len, HEADER_MAX, &header, &error) ==
		   PROXY_ERROR &&
	       error == PROXY_ERROR_SIGNATURE;
}

/* If the bytes are a packet, turn to what it carries. Returns whether that is nothing. */
static bool unpack(struct subject *subject)
{
	if (!has_no_signature(subject) ||
	    !packet_find(subject->bytes, subject->len, &subject->packet))
		return false;
	subject->in_packet = true;
	subject->skipped_len = (size_t)(subject->packet.payload - subject->bytes);
	subject->bytes = subject->packet.payload;
	subject->len = subject->packet.payload_len;
	return subject->len == 0;
}

/*
 * Take the first run that may have been meant as a header, or the last one; buffer holds it.
 * Packets without payload are not, nor is what has neither a signature nor the form of a packet,
 * like ARP.
 */
static void read_text(struct hex_text *text, uint8_t *buffer, struct subject *subject)
{
	bool is_other = true;
	size_t run = 0;
	size_t len;

	while (is_other && hex_text_next(text, buffer, DECODE_INPUT_MAX, &len) == 1) {
		memset(subject, 0, sizeof(*subject));
		subject->form = text->form;
		subject->bytes = buffer;
		subject->len = len;
		subject->run = ++run;
		is_other = unpack(subject) || (!subject->in_packet && has_no_signature(subject) &&
					       !is_taken(subject->bytes, subject->len));
	}
	if (run == 1 && hex_text_next(text, buffer, 0, &len) == 0)
		subject->run = 0;
}

static void find_subject(const uint8_t *input, size_t len, uint8_t *buffer, struct subject *subject)
{
	struct hex_text text;

	memset(subject, 0, sizeof(*subject));
	subject->bytes = input;
	subject->len = len;
	if (is_taken(input, len))
		return;
	if (hex_text_open(&text, (const char *)input, len, buffer, DECODE_INPUT_MAX) !=
	    HEX_TEXT_NONE)
		read_text(&text, buffer, subject);
	else
		(void)unpack(subject);
}

static const char *form_name(enum hex_text_form form)
{
	switch (form) {
	case HEX_TEXT_DUMP:
		return "a hexadecimal dump";
	case HEX_TEXT_PLAIN:
		return "hexadecimal digits";
	case HEX_TEXT_ESCAPED:
		return "text with escapes";
	default:
		return "raw bytes";
	}
}

static void tell_subject(FILE *out, const struct subject *subject)
{
	const struct packet *packet = &subject->packet;
	char src[ADDR_STRLEN];
	char dst[ADDR_STRLEN];

	fputs("input: ", out);
	show_len(out, subject->skipped_len + subject->len);
	fprintf(out, ", from %s\n", form_name(subject->form));
	if (subject->run > 0)
		fprintf(out, "packet: number %zu of the dump%s\n", subject->run,
			subject->run > 1 ? "; those before it carry nothing" : "");
	if (!subject->in_packet)
		return;
	fputs("skipped: ", out);
	show_len(out, subject->skipped_len);
	fprintf(out, " of headers: %s%sIP, %s from %s to %s\n",
		packet->link != NULL ? packet->link : "", packet->link != NULL ? ", " : "",
		packet->is_udp ? "UDP" : "TCP", addr_format(&packet->src, src),
		addr_format(&packet->dst, dst));
	if (packet->missing_len > 0) {
		fputs("note: the capture left out ", out);
		show_len(out, packet->missing_len);
		fputs(" at the end of this packet\n", out);
	}
}

/* ---- what the readers say ---- */

/* The reader whose answer matters: that of the packet, or the one that takes most of the bytes. */
static enum proxy_reader main_reader(const struct subject *subject, const struct judgement *all)
{
	if (subject->in_packet && !subject->packet.is_udp)
		return PROXY_READER_TCP;
	if (all[PROXY_READER_SPP].error != PROXY_ERROR_SPP_MAGIC && subject->len >= SPP_TOLD)
		return PROXY_READER_SPP;
	if (subject->in_packet)
		return PROXY_READER_UDP;
	if (all[PROXY_READER_TCP].status == PROXY_ERROR &&
	    all[PROXY_READER_TCP].error == PROXY_ERROR_TRANSPORT_MISMATCH)
		return PROXY_READER_UDP;
	return PROXY_READER_TCP;
}

static void tell_payload(FILE *out, const struct subject *subject,
			 const struct proxy_header *header)
{
	const uint8_t *payload = subject->bytes + header->header_len;
	size_t len = subject->len - header->header_len;
	enum proxy_error error;
	struct proxy_header next;

	fputs("payload: ", out);
	show_len(out, len);
	if (len > 0) {
		fputs(": ", out);
		show_text(out, payload, len);
	}
	fputc('\n', out);
	if (proxy_header_parse(payload, len, HEADER_MAX, &next, &error) == PROXY_OK)
		fputs("note: the payload begins with another PROXY header, which the backend will "
		      "get; two load balancers write one each\n",
		      out);
}

/* A header may say much and be wrong by its TLVs, its length or its transport alone. */
static void tell_wrong_header(FILE *out, const struct subject *subject, enum proxy_error error)
{
	enum proxy_error ignored;
	struct proxy_header header;

	if (error != PROXY_ERROR_V2_TLV && error != PROXY_ERROR_V2_CRC32C &&
	    error != PROXY_ERROR_V2_TOO_LONG && error != PROXY_ERROR_TRANSPORT_MISMATCH)
		return;
	if (proxy_v2_parse_without_tlvs(subject->bytes, subject->len, HEADER_LONGEST, &header,
					&ignored) != PROXY_OK)
		return;
	proxy_describe(out, subject->bytes, &header);
	if (error == PROXY_ERROR_V2_TOO_LONG)
		fprintf(out, "note: it would take header_max = %zu; it is %d unless set\n",
			header.header_len, HEADER_MAX);
}

/* Where digits end that look as if they were meant to be hexadecimal. */
static size_t digits_len(const struct subject *subject)
{
	size_t digits = 0;

	for (size_t i = 0; i < subject->len; i++) {
		char c = (char)subject->bytes[i];

		if (c != '\0' && strchr("0123456789abcdefABCDEF", c) != NULL)
			digits++;
		else if (c == '\0' || strchr(" \t\r\n:,x", c) == NULL)
			return digits >= DIGITS_TOLD ? i : 0;
	}
	return digits >= DIGITS_TOLD ? subject->len : 0;
}

static void tell_guess(FILE *out, const struct subject *subject)
{
	const char *lookalike = proxy_lookalike(subject->bytes, subject->len);
	size_t header_at = proxy_lookalike_header_at(subject->bytes, subject->len);
	size_t digits = subject->form == HEX_TEXT_NONE ? digits_len(subject) : 0;

	if (lookalike != NULL)
		fprintf(out, "looks like: %s\n", lookalike);
	if (header_at > 0)
		fprintf(out, "note: a PROXY signature is at byte %zu, behind something else\n",
			header_at);
	else if (digits > 0)
		fprintf(out,
			"note: hexadecimal digits up to byte %zu, but the whole is none of the "
			"forms in mmproxy(8)\n",
			digits);
	else if (lookalike != NULL)
		fputs("note: who sends this sends no PROXY header: the load balancer is not set to "
		      "write one, or a client came without it\n",
		      out);
}

static void tell_fault(FILE *out, const struct subject *subject, enum proxy_reader reader,
		       const struct judgement *judgement)
{
	struct proxy_fault fault;
	size_t header_len;

	proxy_fault_find(reader, subject->bytes, subject->len, HEADER_MAX, &fault);
	tell_wrong_header(out, subject, fault.error);
	if (subject->len == 0) {
		fputs(subject->in_packet ? "error: the packet carries no payload\n"
					 : "error: there are no bytes\n",
		      out);
		return;
	}
	if (judgement->status == PROXY_NEED_MORE)
		fputs("error: the bytes end within the header; all of them are right\n", out);
	proxy_describe_fault(out, subject->bytes, subject->len, &fault);
	header_len = proxy_v2_header_len(subject->bytes, subject->len);
	if (fault.at == subject->len && header_len > subject->len) {
		fprintf(out, "note: by its length the header has %zu bytes, so ", header_len);
		show_len(out, header_len - subject->len);
		fputs(header_len - subject->len == 1 ? " is missing\n" : " are missing\n", out);
	}
	if (fault.error == PROXY_ERROR_SIGNATURE || fault.error == PROXY_ERROR_SPP_MAGIC)
		tell_guess(out, subject);
}

static void tell_verdict(FILE *out, enum proxy_reader reader, const struct subject *subject,
			 const struct judgement *judgement)
{
	static const char *const names[] = {
	    [PROXY_READER_TCP] = "TCP",
	    [PROXY_READER_UDP] = "UDP",
	    [PROXY_READER_SPP] = "UDP with udp_header = \"spp\"",
	};

	fprintf(out, "on %s: ", names[reader]);
	switch (judgement->status) {
	case PROXY_OK:
		fputs("taken", out);
		if (reader == PROXY_READER_UDP &&
		    judgement->header.command == PROXY_COMMAND_PROXY &&
		    strcmp(proxy_v2_transport_name(subject->bytes), "STREAM") == 0)
			fputs(", though it names STREAM", out);
		break;
	case PROXY_NEED_MORE:
		fprintf(out,
			"incomplete, reason=header_timeout unless more follows, %s if the peer "
			"closes",
			reason_name(subject->len == 0 ? REASON_HEALTH_CHECK
						      : REASON_CLIENT_CLOSED_EARLY));
		break;
	case PROXY_ERROR:
		fprintf(out, "refused, reason=header_invalid error=%s",
			proxy_error_name(judgement->error));
		break;
	}
	fputc('\n', out);
}

static int tell(FILE *out, const struct subject *subject)
{
	struct judgement all[PROXY_READER_COUNT];
	const struct judgement *best;
	enum proxy_reader reader;
	bool valid = false;

	for (size_t i = 0; i < PROXY_READER_COUNT; i++) {
		all[i].error = PROXY_ERROR_NONE;
		all[i].status =
		    proxy_reader_parse((enum proxy_reader)i, subject->bytes, subject->len,
				       HEADER_MAX, &all[i].header, &all[i].error);
	}
	reader = main_reader(subject, all);
	best = &all[reader];
	valid = best->status == PROXY_OK;
	if (valid) {
		proxy_describe(out, subject->bytes, &best->header);
		tell_payload(out, subject, &best->header);
	} else {
		tell_fault(out, subject, reader, best);
	}
	for (size_t i = 0; i < PROXY_READER_COUNT; i++)
		if (i != PROXY_READER_SPP || reader == PROXY_READER_SPP)
			tell_verdict(out, (enum proxy_reader)i, subject, &all[i]);
	if (valid)
		proxy_describe_effect(out, &best->header);
	return valid ? 0 : 1;
}

int decode_bytes(FILE *out, const uint8_t *input, size_t len)
{
	uint8_t *buffer = malloc(DECODE_INPUT_MAX);
	struct subject subject;
	int status;

	if (buffer == NULL)
		return -1;
	find_subject(input, len, buffer, &subject);
	tell_subject(out, &subject);
	status = tell(out, &subject);
	free(buffer);
	return status;
}

int decode_file(const char *file)
{
	uint8_t *input = malloc(DECODE_INPUT_MAX);
	int status = -1;
	size_t len;

	if (input != NULL && decode_input_read(file, input, DECODE_INPUT_MAX, &len) < 0) {
		free(input);
		return -1;
	}
	if (input != NULL)
		status = decode_bytes(stdout, input, len);
	if (status < 0)
		fprintf(stderr, "mmproxy: --decode: out of memory\n");
	free(input);
	return status;
}
