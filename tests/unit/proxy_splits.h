/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold for any bytes given to proxy_header_parse(); shared by unit tests and fuzzers. */
#ifndef MMPROXY_TEST_PROXY_SPLITS_H
#define MMPROXY_TEST_PROXY_SPLITS_H

#include <stdlib.h>
#include <string.h>

#include "proxyproto/proxy_header.h"

/* The answer to some bytes; members that do not belong to its status stay zero. */
struct proxy_answer {
	enum proxy_status status;
	enum proxy_error error;
	struct proxy_header header;
	size_t tlvs_at; /* where header.tlvs starts in the bytes; the pointer itself is NULL here */
};

/* Parse a copy in a block of exactly len bytes, so that AddressSanitizer sees any overread. */
static inline struct proxy_answer proxy_parse_exact(const uint8_t *bytes, size_t len,
						    size_t header_max)
{
	struct proxy_answer answer;
	uint8_t *copy = calloc(1, len > 0 ? len : 1);

	memset(&answer, 0, sizeof(answer));
	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, bytes, len);
	answer.status = proxy_header_parse(copy, len, header_max, &answer.header, &answer.error);
	if (answer.header.tlvs != NULL) {
		answer.tlvs_at = (size_t)(answer.header.tlvs - copy);
		answer.header.tlvs = NULL;
	}
	free(copy);
	return answer;
}

static inline int proxy_answers_equal(const struct proxy_answer *a, const struct proxy_answer *b)
{
	return a->status == b->status && a->error == b->error &&
	       a->header.version == b->header.version && a->header.command == b->header.command &&
	       a->header.family == b->header.family && addr_equal(&a->header.src, &b->header.src) &&
	       addr_equal(&a->header.dst, &b->header.dst) &&
	       a->header.header_len == b->header.header_len && a->tlvs_at == b->tlvs_at &&
	       a->header.tlvs_len == b->header.tlvs_len;
}

/*
 * Check the answers to every prefix of bytes against that to all of them: NEED_MORE up to some
 * length, the final answer from there on, and a header whole exactly at its header_len. NULL when
 * that holds, else what does not.
 */
static inline const char *proxy_splits_differ(const uint8_t *bytes, size_t len, size_t header_max)
{
	struct proxy_answer whole = proxy_parse_exact(bytes, len, header_max);
	int decided = 0;

	for (size_t split = 0; split <= len; split++) {
		struct proxy_answer answer = proxy_parse_exact(bytes, split, header_max);

		if (answer.status == PROXY_NEED_MORE) {
			if (decided)
				return "more bytes made an answer uncertain again";
			continue;
		}
		if (!proxy_answers_equal(&answer, &whole))
			return "a split changes the answer";
		if (!decided && answer.status == PROXY_OK && answer.header.header_len != split)
			return "a header is not whole at its length";
		decided = 1;
	}
	if (whole.status == PROXY_ERROR &&
	    (whole.error <= PROXY_ERROR_NONE || whole.error >= PROXY_ERROR_COUNT))
		return "an error has no name";
	if (whole.status == PROXY_OK && whole.tlvs_at + whole.header.tlvs_len > len)
		return "TLVs reach beyond the bytes";
	return NULL;
}

#endif
