/* SPDX-License-Identifier: BSD-2-Clause */
/* The bufferevent filter that takes a PROXY header off a stream. */
#include "tcp/header_filter.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

struct header_filter {
	size_t header_max;
	enum proxy_status status;
	enum proxy_error error;
	struct proxy_header header;
	uint8_t *tlvs; /* copy: the header's own bytes are drained */
};

static int keep_tlvs(struct header_filter *filter)
{
	struct proxy_header *header = &filter->header;

	if (header->tlvs_len == 0)
		return 0;
	filter->tlvs = malloc(header->tlvs_len);
	if (filter->tlvs == NULL)
		return -1;
	memcpy(filter->tlvs, header->tlvs, header->tlvs_len);
	header->tlvs = filter->tlvs;
	return 0;
}

static void parse(struct header_filter *filter, struct evbuffer *src)
{
	size_t longest = filter->header_max > PROXY_V1_MAX ? filter->header_max : PROXY_V1_MAX;
	size_t len = evbuffer_get_length(src);
	const uint8_t *bytes;

	if (len > longest)
		len = longest;
	bytes = evbuffer_pullup(src, (ev_ssize_t)len);
	if (bytes == NULL)
		return;
	filter->status =
	    proxy_header_parse(bytes, len, filter->header_max, &filter->header, &filter->error);
	if (filter->status != PROXY_OK)
		return;
	if (keep_tlvs(filter) < 0) {
		filter->header.tlvs = NULL;
		filter->header.tlvs_len = 0;
	}
	evbuffer_drain(src, filter->header.header_len);
}

static enum bufferevent_filter_result on_input(struct evbuffer *src, struct evbuffer *dst,
					       ev_ssize_t limit, enum bufferevent_flush_mode mode,
					       void *context)
{
	struct header_filter *filter = context;

	(void)limit;
	(void)mode;
	if (filter->status == PROXY_NEED_MORE)
		parse(filter, src);
	if (filter->status == PROXY_NEED_MORE)
		return BEV_NEED_MORE;
	if (filter->status == PROXY_ERROR) {
		/* libevent runs the read callback for BEV_OK only, and again while input is left.
		 */
		evbuffer_drain(src, evbuffer_get_length(src));
		return BEV_OK;
	}
	evbuffer_add_buffer(dst, src);
	return BEV_OK;
}

static enum bufferevent_filter_result on_output(struct evbuffer *src, struct evbuffer *dst,
						ev_ssize_t limit, enum bufferevent_flush_mode mode,
						void *context)
{
	(void)limit;
	(void)mode;
	(void)context;
	evbuffer_add_buffer(dst, src);
	return BEV_OK;
}

static void header_filter_free(void *context)
{
	struct header_filter *filter = context;

	free(filter->tlvs);
	free(filter);
}

struct bufferevent *header_filter_new(struct bufferevent *socket, size_t header_max,
				      struct header_filter **filter)
{
	struct header_filter *context = calloc(1, sizeof(*context));
	struct bufferevent *bev;

	if (context == NULL)
		return NULL;
	context->header_max = header_max;
	context->status = PROXY_NEED_MORE;
	bev = bufferevent_filter_new(socket, on_input, on_output, 0, header_filter_free, context);
	if (bev == NULL) {
		free(context);
		return NULL;
	}
	*filter = context;
	return bev;
}

enum proxy_status header_filter_status(const struct header_filter *filter)
{
	return filter->status;
}

const struct proxy_header *header_filter_header(const struct header_filter *filter)
{
	return &filter->header;
}

enum proxy_error header_filter_error(const struct header_filter *filter)
{
	return filter->error;
}
