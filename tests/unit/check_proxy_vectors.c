/* SPDX-License-Identifier: BSD-2-Clause */
/* The conformance cases of tests/data/proxy_vectors.txt; those of a stream also split at every
 * byte. */
#include "proxyproto/proxy_header.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proxyproto/proxy_datagram.h"
#include "proxyproto/proxy_spp.h"
#include "proxyproto/proxy_tlv.h"

#include "proxy_splits.h"

/* What the file must hold: a lost case is a failure, not a shorter test. */
#define STREAM_CASES 152
#define DGRAM_CASES  75

/* The README of the cases: what a v2 header may have. */
#define HEADER_MAX 4096

/*
 * Prefixes are copied into blocks of their own up to here, where every header has ended or is known
 * to be too long; splits in the payload behind are made in place.
 */
#define EXACT_SPLITS_MAX (HEADER_MAX + 1)

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

/* Where implementations differ or the specification leaves it open: what is decided, and why. */
static const struct {
	const char *id;
	const char *verdict;
	const char *why;
} decisions[] = {
    {"stream v2 unspec len 0", "unknown",
     "the receiver is free to refuse; a balancer that cannot name the client still serves it"},
    {"stream v2 unspec len 0 with payload", "unknown", "the same"},
    {"stream v2 unix", "unknown",
     "a combination without support falls back to UNSPEC (section 2.2): the real endpoints"},
    {"stream v2 unix with payload", "unknown", "the same"},
    {"stream v2 bad tlv of 1 byte", "invalid",
     "bytes that are no TLV say that sender and receiver disagree on where the header ends"},
    {"stream v2 bad tlv ffff", "invalid", "the same"},
    {"stream v2 bad crc of 3 bytes", "invalid",
     "a checksum that cannot be verified is not a match"},
    {"stream v2 bad 65535 bytes", "invalid", "longer than header_max"},
    {"dgram v2 local inet short block", "local",
     "the block of LOCAL is skipped unread (section 2.2), whatever its length"},
    {"dgram v2 local inet short block with payload", "local", "the same"},
    {"dgram v2 unspec 20 bytes", "unknown",
     "the receiver is free to refuse; a balancer that cannot name the client still serves it"},
    {"dgram v2 unspec len 0 with payload", "unknown", "the same"},
    {"dgram v2 unix", "unknown",
     "a combination without support falls back to UNSPEC (section 2.2): the real endpoints"},
    {"dgram v2 unix with payload", "unknown", "the same"},
    {"dgram v2 bad tlv of 1 byte", "invalid",
     "bytes that are no TLV say that sender and receiver disagree on where the header ends"},
    {"dgram v2 bad tlv of 2 bytes", "invalid", "the same"},
    {"dgram v2 bad tlv ffff", "invalid", "the same"},
    {"dgram v2 bad 5000 bytes", "invalid", "longer than header_max"},
    {"dgram v2 bad 65535 bytes", "invalid", "the same, and longer than a datagram"},
    {"dgram v2 other transport inet6", "proxy",
     "senders that know streams only write STREAM for datagrams as well; nothing is at stake"},
};

static size_t streams;
static size_t dgrams;
static size_t disputed;

static FILE *open_cases(void)
{
#ifdef TEST_DATA_DIR
	const char *dir = TEST_DATA_DIR;
#else
	const char *dir = getenv("TEST_DATA_DIR");
#endif
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/proxy_vectors.txt", dir != NULL ? dir : "tests/data");
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	return file;
}

/* Write the bytes of text over text itself; returns how many there are. "-" is none. */
static size_t hex_decode(char *text)
{
	size_t len = strlen(text) / 2;

	if (strcmp(text, "-") == 0)
		return 0;
	ck_assert_uint_eq(strlen(text) % 2, 0);
	for (size_t i = 0; i < len; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

		ck_assert(isxdigit((unsigned char)pair[0]) && isxdigit((unsigned char)pair[1]));
		text[i] = (char)strtoul(pair, NULL, 16);
	}
	return len;
}

static enum proxy_status expected_status(const char *verdict)
{
	if (strcmp(verdict, "incomplete") == 0)
		return PROXY_NEED_MORE;
	if (strcmp(verdict, "invalid") == 0)
		return PROXY_ERROR;
	return PROXY_OK;
}

static const char *verdict_of(const struct proxy_header *header)
{
	if (header->command == PROXY_COMMAND_LOCAL)
		return "local";
	if (header->family == PROXY_FAMILY_INET || header->family == PROXY_FAMILY_INET6)
		return "proxy";
	return "unknown";
}

/* The cases name a family where the header does; v1 UNKNOWN and LOCAL have none. */
static const char *family_of(const struct proxy_header *header)
{
	switch (header->family) {
	case PROXY_FAMILY_INET:
		return "inet";
	case PROXY_FAMILY_INET6:
		return "inet6";
	case PROXY_FAMILY_UNIX:
		return "unix";
	default:
		break;
	}
	return header->version == 1 || header->command == PROXY_COMMAND_LOCAL ? "-" : "unspec";
}

/* A wrong signature has no version; every other error is one of the version the case names. */
static void check_error(char *fields[], enum proxy_error error)
{
	const char *name = proxy_error_name(error);
	const char *version = "2";

	if (error == PROXY_ERROR_SIGNATURE || error == PROXY_ERROR_SPP_MAGIC)
		version = "-";
	else if (strncmp(name, "v1_", 3) == 0)
		version = "1";
	ck_assert_msg(strcmp(version, fields[FIELD_VERSION]) == 0, "%s: %s", fields[FIELD_ID],
		      name);
}

/* text is "TYPE=VALUE,..." in hex, in the order of the header, or "-". */
static void check_tlvs(const struct proxy_header *header, char *text, const char *id)
{
	struct proxy_tlv_walk walk = proxy_tlv_walk(header->tlvs, header->tlvs_len);
	struct proxy_tlv tlv;
	char *rest = strcmp(text, "-") == 0 ? NULL : text;

	while (rest != NULL) {
		char *one = strsep(&rest, ",");
		char *value = strchr(one, '=');
		size_t len;

		ck_assert_ptr_nonnull(value);
		*value++ = '\0';
		len = hex_decode(value);
		ck_assert_msg(proxy_tlv_next(&walk, &tlv) == 1, "%s: a TLV is missing", id);
		ck_assert_msg(tlv.type == strtoul(one, NULL, 16), "%s: type of a TLV", id);
		ck_assert_msg(tlv.len == len && memcmp(tlv.value, value, len) == 0,
			      "%s: value of a TLV", id);
	}
	ck_assert_msg(proxy_tlv_next(&walk, &tlv) == 0, "%s: more TLVs than expected", id);
}

static const char *version_of(const struct proxy_header *header)
{
	switch (header->version) {
	case 1:
		return "1";
	case 2:
		return "2";
	case PROXY_VERSION_SPP:
		return "spp";
	default:
		return "?";
	}
}

static void check_header(char *fields[], const struct proxy_header *header)
{
	char src[ADDR_STRLEN];
	char dst[ADDR_STRLEN];
	const char *id = fields[FIELD_ID];

	ck_assert_msg(strcmp(verdict_of(header), fields[FIELD_VERDICT]) == 0, "%s: verdict", id);
	ck_assert_msg(strcmp(version_of(header), fields[FIELD_VERSION]) == 0, "%s: version", id);
	ck_assert_msg(strcmp(family_of(header), fields[FIELD_FAMILY]) == 0, "%s: family", id);
	addr_format(&header->src, src);
	addr_format(&header->dst, dst);
	ck_assert_msg(strcmp(src, fields[FIELD_SRC]) == 0, "%s: src %s", id, src);
	ck_assert_msg(strcmp(dst, fields[FIELD_DST]) == 0, "%s: dst %s", id, dst);
	ck_assert_msg(strtoul(fields[FIELD_HEADER_LEN], NULL, 10) == header->header_len,
		      "%s: header_len %zu", id, header->header_len);
	check_tlvs(header, fields[FIELD_TLVS], id);
}

/* A disputed case must be decided above, as the case expects it. */
static void check_decision(char *fields[])
{
	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
		if (strcmp(decisions[i].id, fields[FIELD_ID]) == 0) {
			ck_assert_str_eq(decisions[i].verdict, fields[FIELD_VERDICT]);
			return;
		}
	}
	ck_abort_msg("%s: disputed, and not decided here", fields[FIELD_ID]);
}

static void check_stream(char *fields[])
{
	uint8_t *bytes = (uint8_t *)fields[FIELD_HEX];
	size_t len = hex_decode(fields[FIELD_HEX]);
	struct proxy_answer whole = proxy_parse_exact(bytes, len, HEADER_MAX);
	struct proxy_answer answer;
	const char *differs;

	ck_assert_msg(whole.status == expected_status(fields[FIELD_VERDICT]), "%s: status %d, %s",
		      fields[FIELD_ID], (int)whole.status, proxy_error_name(whole.error));
	differs =
	    proxy_splits_differ(bytes, len < EXACT_SPLITS_MAX ? len : EXACT_SPLITS_MAX, HEADER_MAX);
	ck_assert_msg(differs == NULL, "%s: %s", fields[FIELD_ID], differs);
	for (size_t split = EXACT_SPLITS_MAX; split <= len; split++) {
		memset(&answer, 0, sizeof(answer));
		answer.status =
		    proxy_header_parse(bytes, split, HEADER_MAX, &answer.header, &answer.error);
		if (whole.status == PROXY_OK && split < whole.header.header_len)
			ck_assert_int_eq(answer.status, PROXY_NEED_MORE);
		else
			ck_assert_int_eq(answer.status, whole.status);
		ck_assert_int_eq(answer.error, whole.error);
	}
	if (whole.status == PROXY_ERROR)
		check_error(fields, whole.error);
	if (whole.status != PROXY_OK)
		return;
	answer.status = proxy_header_parse(bytes, len, HEADER_MAX, &answer.header, &answer.error);
	ck_assert_int_eq(answer.status, PROXY_OK);
	check_header(fields, &answer.header);
}

/* What Spectrum sent is what goes back before each reply. */
static void check_spp_written(const uint8_t *bytes, const struct proxy_header *header)
{
	uint8_t written[PROXY_SPP_LEN];

	proxy_spp_write(written, &header->src, &header->dst);
	ck_assert_mem_eq(written, bytes, sizeof(written));
}

static enum proxy_status parse_dgram(bool spp, const uint8_t *bytes, size_t len,
				     struct proxy_header *header, enum proxy_error *error)
{
	return spp ? proxy_spp_parse(bytes, len, header, error)
		   : proxy_datagram_parse(bytes, len, HEADER_MAX, header, error);
}

/* A datagram that ends within its header, or that was wrong already, is an error however it is cut.
 */
static void check_cut_dgrams(bool spp, const uint8_t *bytes, size_t whole_len, const char *id)
{
	for (size_t len = 0; len < whole_len && len < EXACT_SPLITS_MAX; len++) {
		struct proxy_header header;
		enum proxy_error error;
		/* The last byte of the block is the last of the datagram, even when that is empty.
		 */
		uint8_t *block = malloc(len + 1);

		ck_assert_ptr_nonnull(block);
		memcpy(block + 1, bytes, len);
		ck_assert_msg(parse_dgram(spp, block + 1, len, &header, &error) == PROXY_ERROR,
			      "%s: cut to %zu bytes", id, len);
		free(block);
	}
}

static void check_dgram(char *fields[])
{
	bool spp = strcmp(fields[FIELD_MODE], "spp") == 0;
	uint8_t *bytes = (uint8_t *)fields[FIELD_HEX];
	size_t len = hex_decode(fields[FIELD_HEX]);
	enum proxy_error error = PROXY_ERROR_NONE;
	/* A block of its own, so that AddressSanitizer sees an overread. */
	uint8_t *exact = malloc(len > 0 ? len : 1);
	struct proxy_header header;
	enum proxy_status status;

	ck_assert_ptr_nonnull(exact);
	ck_assert(spp || strcmp(fields[FIELD_MODE], "each") == 0);
	memcpy(exact, bytes, len);
	status = parse_dgram(spp, exact, len, &header, &error);
	ck_assert_msg(status == expected_status(fields[FIELD_VERDICT]), "%s: status %d, %s",
		      fields[FIELD_ID], (int)status, proxy_error_name(error));
	if (status == PROXY_ERROR)
		check_error(fields, error);
	else
		check_header(fields, &header);
	check_cut_dgrams(spp, exact, status == PROXY_OK ? header.header_len : len,
			 fields[FIELD_ID]);
	if (status == PROXY_OK && spp)
		check_spp_written(exact, &header);
	free(exact);
}

static void check_line(char *line)
{
	char *fields[FIELD_COUNT];

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		fields[i] = strsep(&line, "\t");
		ck_assert_ptr_nonnull(fields[i]);
	}
	ck_assert_ptr_null(line);
	if (strcmp(fields[FIELD_DISPUTED], "disputed") == 0) {
		disputed++;
		check_decision(fields);
	}
	if (strcmp(fields[FIELD_TRANSPORT], "dgram") == 0) {
		dgrams++;
		check_dgram(fields);
		return;
	}
	ck_assert_str_eq(fields[FIELD_TRANSPORT], "stream");
	streams++;
	check_stream(fields);
}

START_TEST(every_case)
{
	FILE *file = open_cases();
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, file)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (line[0] != '#')
			check_line(line);
	}
	free(line);
	fclose(file);
	ck_assert_uint_eq(streams, STREAM_CASES);
	ck_assert_uint_eq(dgrams, DGRAM_CASES);
	ck_assert_uint_eq(disputed, sizeof(decisions) / sizeof(decisions[0]));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_vectors");
	TCase *tcase = tcase_create("proxy_vectors");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_case);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
