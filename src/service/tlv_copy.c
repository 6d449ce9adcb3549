/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log shows of a header's TLVs, kept beyond the header. */
#include "service/tlv_copy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proxyproto/proxy_tlv.h"

/*
 * Text from a header can be as long as header_max; a line shows this much of it. 255 is the longest
 * host name (RFC 1035, section 2.3.4); unique ids end at 128 (section 2.2.5 of the PROXY protocol).
 */
#define SHOWN_MAX 255

struct shown {
	size_t len;
	uint8_t bytes[SHOWN_MAX];
};

struct tlv_copy {
	struct shown authority;
	struct shown unique_id;
	struct shown vpce;
};

static bool show(struct shown *shown, bool found, const struct proxy_tlv *tlv)
{
	if (!found)
		return false;
	shown->len = tlv->len < SHOWN_MAX ? tlv->len : SHOWN_MAX;
	if (shown->len > 0)
		memcpy(shown->bytes, tlv->value, shown->len);
	return true;
}

int tlv_copy_new(const struct proxy_header *header, struct tlv_copy **copy)
{
	struct tlv_copy *shown;
	struct proxy_tlv tlv;
	bool any;

	*copy = NULL;
	if (header->tlvs_len == 0)
		return 0;
	shown = calloc(1, sizeof(*shown));
	if (shown == NULL)
		return -1;
	any = show(&shown->authority, proxy_tlv_find(header, PROXY_TLV_AUTHORITY, &tlv), &tlv);
	any |= show(&shown->unique_id, proxy_tlv_find(header, PROXY_TLV_UNIQUE_ID, &tlv), &tlv);
	any |= show(&shown->vpce, proxy_tlv_aws_vpce(header, &tlv), &tlv);
	if (any)
		*copy = shown;
	else
		free(shown);
	return 0;
}

void tlv_copy_free(struct tlv_copy *copy)
{
	free(copy);
}

static size_t write_shown(const struct shown *shown, uint8_t *bytes)
{
	bytes[0] = (uint8_t)shown->len;
	memcpy(bytes + 1, shown->bytes, shown->len);
	return 1 + shown->len;
}

size_t tlv_copy_write(const struct tlv_copy *copy, uint8_t bytes[static TLV_COPY_BYTES])
{
	size_t len = 0;

	if (copy == NULL)
		return 0;
	len += write_shown(&copy->authority, bytes + len);
	len += write_shown(&copy->unique_id, bytes + len);
	len += write_shown(&copy->vpce, bytes + len);
	return len;
}

/* Returns how many bytes it took, or 0 when they are too few. */
static size_t read_shown(struct shown *shown, const uint8_t *bytes, size_t len)
{
	if (len == 0 || len - 1 < bytes[0])
		return 0;
	shown->len = bytes[0];
	memcpy(shown->bytes, bytes + 1, shown->len);
	return 1 + shown->len;
}

int tlv_copy_read(const uint8_t *bytes, size_t len, struct tlv_copy **copy)
{
	struct tlv_copy *shown;
	struct shown *texts[3];
	size_t at = 0;

	*copy = NULL;
	if (len == 0)
		return 0;
	shown = calloc(1, sizeof(*shown));
	if (shown == NULL)
		return -1;
	texts[0] = &shown->authority;
	texts[1] = &shown->unique_id;
	texts[2] = &shown->vpce;
	for (size_t i = 0; i < 3; i++) {
		size_t took = read_shown(texts[i], bytes + at, len - at);

		if (took == 0) {
			free(shown);
			return -1;
		}
		at += took;
	}
	*copy = shown;
	return 0;
}

static void put_shown(struct log_line *line, const char *key, const struct shown *shown)
{
	if (shown->len > 0)
		log_line_bytes(line, key, shown->bytes, shown->len);
}

void tlv_copy_log(const struct tlv_copy *copy, struct log_line *line)
{
	if (copy == NULL)
		return;
	put_shown(line, "tlv_authority", &copy->authority);
	put_shown(line, "tlv_unique_id", &copy->unique_id);
	put_shown(line, "tlv_vpce", &copy->vpce);
}
